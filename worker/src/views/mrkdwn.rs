//! Slack's text format: user text is escaped here, and everything that may not be escaped is made here.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use common::slack_id::UserId;

/// User text inside mrkdwn, so that it can neither mention, link, nor fake an entity.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A short user text inside a line of ours: escaped, and without the signs that format.
pub fn inline(text: &str) -> String {
    escape(text).replace(['*', '_', '~', '`'], "\u{2009}")
}

/// User text inside a code span or block, where nothing formats but the sign that ends it.
pub fn code(text: &str) -> String {
    escape(text).replace('`', "'")
}

/// A mention, which shows the person's name.
pub fn mention(user: &UserId) -> String {
    format!("<@{user}>")
}

/// A link; an address that could end it early is left out.
pub fn link(address: &str, text: &str) -> String {
    if address.starts_with("http") && !address.contains(['<', '>', '|', ' ']) {
        format!("<{}|{}>", address.replace('&', "&amp;"), inline(text).replace('|', "/"))
    } else {
        inline(text)
    }
}

/// A time with its weekday: each reader sees it in own time, clients that can't show it in `timezone`.
pub fn date(at: DateTime<Utc>, timezone: Tz) -> String {
    format!("<!date^{}^{{date_long}} at {{time}}|{}>", at.timestamp(), plain_date(at, timezone))
}

/// A time with its weekday in `timezone`.
pub fn plain_date(at: DateTime<Utc>, timezone: Tz) -> String {
    at.with_timezone(&timezone).format("%A, %B %-d, %Y at %-I:%M %p %Z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_in_user_text_stays_alive() {
        assert_eq!(escape("<!channel> & <@U1>"), "&lt;!channel&gt; &amp; &lt;@U1&gt;");
        assert_eq!(code("user_disabled `<!here>` *b*"), "user_disabled '&lt;!here&gt;' *b*");
        assert_eq!(link("https://x/?a=1&b", "a|b>"), "<https://x/?a=1&amp;b|a/b&gt;>");
        assert_eq!(link("https://x|evil", "t"), "t");
        assert_eq!(link("javascript:1", "t"), "t");
    }

    #[test]
    fn dates_carry_the_weekday() {
        let at = DateTime::from_timestamp(1_795_460_580, 0).unwrap();
        assert_eq!(
            date(at, Tz::America__New_York),
            "<!date^1795460580^{date_long} at {time}|Monday, November 23, 2026 at 2:03 PM EST>"
        );
    }

    proptest! {
        #[test]
        fn escaped_text_has_no_angle_bracket(text in "\\PC{0,200}") {
            let escaped = escape(&text);
            prop_assert!(!escaped.contains(['<', '>']));
            let back = escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
            prop_assert_eq!(back, text);
        }
    }
}
