//! Slack's limits for what we render, each with the reference page it stands on, and clipping to them.
//!
//! Slack doesn't say whether it counts characters or UTF-16 units; we count UTF-16 units, which are never fewer.

/// Blocks in a message ("Blocks").
pub const MESSAGE_BLOCKS: usize = 50;
/// Blocks in a modal ("Views").
pub const MODAL_BLOCKS: usize = 100;
/// Title of a modal ("Views").
pub const TITLE: usize = 24;
/// Text of a section ("Section block").
pub const SECTION_TEXT: usize = 3000;
/// Text of a section's field ("Section block").
pub const FIELD_TEXT: usize = 2000;
/// Text of a header ("Header block").
pub const HEADER_TEXT: usize = 150;
/// Alternative text of an image ("Image block").
pub const ALT_TEXT: usize = 2000;
/// Title of a chart ("Data visualization block").
pub const CHART_TITLE: usize = 50;
/// Label of a category, a series or a segment of a chart ("Data visualization block").
pub const CHART_LABEL: usize = 20;
/// Segments of a pie chart ("Data visualization block").
pub const CHART_SEGMENTS: usize = 6;
/// Options of a select, or of one of its groups ("Select menu element").
pub const SELECT_OPTIONS: usize = 100;
/// Text of an option ("Option object").
pub const OPTION_TEXT: usize = 75;
/// A message's `text` should stay below this ("chat.postMessage").
pub const MESSAGE_TEXT: usize = 4000;

/// `text`, cut with an ellipsis where it has more than `limit` UTF-16 units.
pub fn clip(text: &str, limit: usize) -> String {
    if text.encode_utf16().count() <= limit {
        return text.to_owned();
    }
    let mut units = 0;
    let mut clipped: String = text
        .chars()
        .take_while(|c| {
            units += c.len_utf16();
            units < limit
        })
        .collect();
    clipped.push('…');
    clipped
}

/// `text` in pieces of at most `limit` UTF-16 units, cut at line breaks or blanks where there are any nearby.
pub fn pieces(text: &str, limit: usize) -> Vec<&str> {
    let mut rest = text;
    let mut pieces = Vec::new();
    while rest.encode_utf16().count() > limit {
        let mut units = 0;
        let hard = rest
            .char_indices()
            .find(|(_, c)| {
                units += c.len_utf16();
                units > limit
            })
            .map_or(rest.len(), |(at, _)| at);
        let soft = rest[..hard].rfind(['\n', ' ']).map(|at| at + 1).filter(|at| *at > hard / 2);
        let (piece, remaining) = rest.split_at(soft.unwrap_or(hard));
        pieces.push(piece);
        rest = remaining;
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_fit_and_lose_nothing(text in "[\\PC\\n]{0,300}", limit in 2usize..40) {
            let pieces = pieces(&text, limit);
            prop_assert_eq!(pieces.concat(), text.clone());
            prop_assert!(pieces.iter().all(|piece| piece.encode_utf16().count() <= limit));
            prop_assert!(clip(&text, limit).encode_utf16().count() <= limit);
        }
    }
}
