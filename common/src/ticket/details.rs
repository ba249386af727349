/// Most characters a ticket's details can have (also Slack's limit for a `plain_text_input`).
pub const MAX_DETAILS_CHARS: usize = 3000;

/// What the submitter wrote: 1 to [`MAX_DETAILS_CHARS`] characters, trimmed, without control characters other than line
/// breaks and tabs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details(String);

/// Why a text can't be a ticket's details.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DetailsError {
    /// Nothing but blanks.
    #[error("the details are blank")]
    Blank,
    /// More than [`MAX_DETAILS_CHARS`] characters.
    #[error("the details have {0} characters, {MAX_DETAILS_CHARS} at most")]
    TooLong(usize),
}

impl Details {
    /// Takes what somebody typed.
    ///
    /// # Errors
    /// [`DetailsError`] for blank and for too long texts.
    pub fn parse(text: &str) -> Result<Self, DetailsError> {
        let shown: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
        let trimmed = shown.trim();
        match trimmed.chars().count() {
            _ if !trimmed.chars().any(is_visible) => Err(DetailsError::Blank),
            n if n > MAX_DETAILS_CHARS => Err(DetailsError::TooLong(n)),
            _ => Ok(Self(trimmed.to_owned())),
        }
    }

    /// The text, not escaped for any surface.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Zero-width and direction marks alone make a text that looks blank.
fn is_visible(c: char) -> bool {
    !c.is_whitespace()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn blank_in_every_way_is_refused() {
        for blank in ["", "  \n\t ", "\u{200b}\u{feff}", "\0\u{7}"] {
            assert_eq!(Details::parse(blank), Err(DetailsError::Blank), "{blank:?}");
        }
    }

    #[test]
    fn the_limit_counts_characters_not_bytes() {
        assert!(Details::parse(&"🎧".repeat(3000)).is_ok());
        assert_eq!(Details::parse(&"x".repeat(3001)), Err(DetailsError::TooLong(3001)));
    }

    proptest! {
        #[test]
        fn what_was_taken_is_taken_again_unchanged(text in "\\PC{1,200}") {
            if let Ok(details) = Details::parse(&text) {
                prop_assert_eq!(Details::parse(details.as_str()), Ok(details));
            }
        }
    }
}
