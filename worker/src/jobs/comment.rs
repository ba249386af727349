//! A comment's text, from a modal or from a message.

use std::collections::HashMap;

/// Longest comment that is kept; the message itself stays in Slack.
const MAX_CHARS: usize = 3000;

/// The text without control characters and blanks around it, clipped; `None` where nothing is left.
pub(crate) fn clean(text: &str) -> Option<String> {
    let shown: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    let trimmed = shown.trim();
    if trimmed.is_empty() {
        return None;
    }
    if trimmed.chars().count() <= MAX_CHARS {
        return Some(trimmed.to_owned());
    }
    let mut clipped: String = trimmed.chars().take(MAX_CHARS - 1).collect();
    clipped.push('…');
    Some(clipped)
}

/// A text that begins with a lock never reaches the submitter; nor where the lock is bold, quoted, an item of a list, or
/// behind signs that can't be seen. In doubt it is internal.
pub(super) fn is_internal(text: &str) -> bool {
    let before_lock = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '*' | '_' | '~' | '`' | '>' | '•' | '◦' | '▪' | '-' | '–' | '.' | ')' | '0'..='9')
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
            || matches!(c, '\u{feff}' | '\u{fe00}'..='\u{fe0f}')
    };
    let text = text.trim_start_matches("&gt;").trim_start_matches(before_lock);
    text.starts_with('🔒') || text.starts_with(":lock:")
}

/// The people that a message mentions.
pub(super) fn mentioned(message: &str) -> Vec<&str> {
    let ids = message.split("<@").skip(1).filter_map(|rest| rest.split(['>', '|']).next());
    ids.filter(|id| !id.is_empty()).collect()
}

/// A message's mrkdwn as the text that was typed: mentions by name, links by their address, entities undone.
pub(super) fn plain_text(message: &str, names: &HashMap<String, String>) -> String {
    let mut text = String::with_capacity(message.len());
    let mut rest = message;
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        let Some((token, remaining)) = after.split_once('>') else {
            text.push('<');
            rest = after;
            break;
        };
        let (target, label) = token.split_once('|').map_or((token, None), |(target, label)| (target, Some(label)));
        match target.chars().next() {
            Some('@') => {
                text.push('@');
                text.push_str(names.get(&target[1..]).map(String::as_str).or(label).unwrap_or(&target[1..]));
            }
            Some('#') => {
                text.push('#');
                text.push_str(label.unwrap_or(&target[1..]));
            }
            Some('!') => text.push_str(label.unwrap_or(&target.replacen('!', "@", 1))),
            _ => match label {
                Some(label) if label != target => text.push_str(&format!("{label} ({target})")),
                _ => text.push_str(target),
            },
        }
        rest = remaining;
    }
    text.push_str(rest);
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_becomes_the_text_that_was_typed() {
        let names = HashMap::from([("U1".to_owned(), "Ana".to_owned())]);
        let plain = |message| plain_text(message, &names);
        assert_eq!(plain("hi <@U1> and <@U2|ben>"), "hi @Ana and @ben");
        assert_eq!(
            plain("<https://x.y/z> <https://x.y|the page> <mailto:a@b.c|a@b.c>"),
            "https://x.y/z the page (https://x.y) a@b.c (mailto:a@b.c)"
        );
        assert_eq!(
            plain("<!here> <!subteam^S1|@team> <#C1|general> &lt;b&gt; &amp;amp;"),
            "@here @team #general <b> &amp;"
        );
        assert_eq!(plain("a <b"), "a <b");
        assert_eq!(mentioned("<@U1> <@U2|x> <@>"), ["U1", "U2"]);
    }

    #[test]
    fn a_lock_makes_it_internal() {
        for internal in ["🔒 x", ":lock: x", "*:lock: x*", "> :lock: x", "&gt; :lock: x", "• 🔒 x", "1. 🔒 x"] {
            assert!(is_internal(internal), "{internal}");
        }
        assert!(is_internal("\u{200b}🔒 x") && is_internal("_*🔒*_") && is_internal("```:lock:```"));
        for public in ["x 🔒", "lock: x", "", "*important* 🔒", "🔓 x"] {
            assert!(!is_internal(public), "{public}");
        }
        assert_eq!(clean(" \u{0} \n"), None);
        assert_eq!(clean(&"x".repeat(4000)).map(|text| text.chars().count()), Some(3000));
    }
}
