//! Escaping: nothing that a person or the app wrote becomes markup.

use std::fmt::{self, Display, Formatter, Write as _};

/// A text that displays itself escaped, for element content and for attributes in double quotes.
pub(super) struct Escaped<'a>(&'a str);

/// The text, escaped when it is written.
pub(super) fn esc(text: &str) -> Escaped<'_> {
    Escaped(text)
}

impl Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => formatter.write_str("&amp;")?,
                '<' => formatter.write_str("&lt;")?,
                '>' => formatter.write_str("&gt;")?,
                '"' => formatter.write_str("&quot;")?,
                '\'' => formatter.write_str("&#39;")?,
                // A control character is no text; HTML allows only these three.
                letter if letter.is_control() && !matches!(letter, '\n' | '\t' | '\r') => {}
                letter => formatter.write_char(letter)?,
            }
        }
        Ok(())
    }
}

/// What a button or an element does when it is used, as the value of the form field `do`.
pub(super) fn deed(parts: &[&str]) -> String {
    esc(&serde_json::json!(parts).to_string()).to_string()
}

/// Name of the form field that holds an element's value; percent-encoded, since browsers alter quotes in names.
pub(super) fn field_name(block_id: &str, action_id: &str) -> String {
    format!("in:{}", serde_urlencoded::to_string([(block_id, action_id)]).unwrap_or_default())
}

/// A hidden form field.
pub(super) fn hidden(name: &str, value: &str) -> String {
    format!(r#"<input type="hidden" name="{}" value="{}">"#, esc(name), esc(value))
}

/// An address that may stand in `href`: http, https, mailto, tel; none for `javascript:` and the like.
pub(super) fn safe_href(address: &str) -> Option<&str> {
    let lower = address.to_ascii_lowercase();
    let known = ["https://", "http://", "mailto:", "tel:"].iter().any(|scheme| lower.starts_with(scheme));
    known.then_some(address)
}
