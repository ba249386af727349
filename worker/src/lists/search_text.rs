//! A text to search for.

/// Longest search text, in UTF-16 units, which Slack may count in the modal's input.
pub const MAX_SEARCH: usize = 200;

/// What was typed, without control characters and with single blanks, cut after a word where it is too long; and whether
/// it was cut. `None` where nothing is left.
pub fn search_text(typed: &str) -> Option<(String, bool)> {
    let shown: String = typed.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let whole = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    if whole.is_empty() {
        return None;
    }
    let mut units = 0;
    let end = whole
        .char_indices()
        .find(|(_, c)| {
            units += c.len_utf16();
            units > MAX_SEARCH
        })
        .map_or(whole.len(), |(at, _)| at);
    if end == whole.len() {
        return Some((whole, false));
    }
    let cut = &whole[..end];
    // A single endless word is cut where it must be.
    let cut = if whole[end..].starts_with(' ') { cut } else { cut.rsplit_once(' ').map_or(cut, |(words, _)| words) };
    Some((cut.to_owned(), true))
}

/// What somebody is told whose text was cut.
pub fn cut_note() -> String {
    format!("⚠️ Only the first {MAX_SEARCH} characters are searched.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cleaned_and_cut_after_a_word() {
        assert_eq!(search_text(" a\u{0}b\n c "), Some(("a b c".to_owned(), false)));
        assert_eq!(search_text("\u{0}\u{7} \n"), None);
        let words = "word ".repeat(60);
        let (cut, was_cut) = search_text(&words).unwrap();
        assert!(was_cut && cut.ends_with("word") && cut.len() <= MAX_SEARCH && cut.len() > MAX_SEARCH - 6, "{cut}");
        let (emoji, was_cut) = search_text(&"🎧".repeat(150)).unwrap();
        assert_eq!((emoji.encode_utf16().count(), was_cut), (200, true));
    }
}
