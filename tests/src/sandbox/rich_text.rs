//! `rich_text` blocks and cells.

use serde_json::Value;

use super::blocks::{Canvas, items};
use super::emoji;
use super::html::esc;
use super::mrkdwn::{link, mention, plain};
use super::reader::time_or;

/// The elements of a `rich_text`: sections, lists, code, quotes.
pub(super) fn all(canvas: &Canvas<'_>, elements: &Value) -> String {
    items(elements).iter().map(|element| group(canvas, element)).collect()
}

fn group(canvas: &Canvas<'_>, element: &Value) -> String {
    let inner = || items(&element["elements"]).iter().map(|piece| piece_of(canvas, piece)).collect::<String>();
    match element["type"].as_str().unwrap_or_default() {
        "rich_text_list" => {
            let tag = if element["style"] == "ordered" { "ol" } else { "ul" };
            let rows: String =
                items(&element["elements"]).iter().map(|row| format!("<li>{}</li>", group(canvas, row))).collect();
            format!("<{tag}>{rows}</{tag}>")
        }
        "rich_text_preformatted" => format!("<pre>{}</pre>", inner()),
        "rich_text_quote" => format!("<blockquote>{}</blockquote>", inner()),
        _ => format!("<span>{}</span>", inner()),
    }
}

fn piece_of(canvas: &Canvas<'_>, piece: &Value) -> String {
    let text = |key: &str| piece[key].as_str().unwrap_or_default();
    let mut html = match piece["type"].as_str().unwrap_or_default() {
        "text" => plain(text("text")),
        "link" => {
            let shown = if text("text").is_empty() { text("url") } else { text("text") };
            let shown = esc(shown).to_string();
            link(text("url"), &shown, canvas.reader).unwrap_or(shown)
        }
        "user" => mention(text("user_id"), canvas.reader),
        "channel" => {
            let id = text("channel_id");
            let name = canvas.reader.channel_name(id);
            format!(r#"<a class="mention" href="{}">{}</a>"#, esc(&canvas.reader.href(id, None)), esc(&name))
        }
        "broadcast" => format!(r#"<span class="mention crowd">@{}</span>"#, esc(text("range"))),
        "emoji" => match emoji::of(text("name")) {
            Some(emoji) => emoji.to_owned(),
            None => format!(":{}:", esc(text("name"))),
        },
        "date" => match piece["timestamp"].as_i64().and_then(|at| chrono::DateTime::from_timestamp(at, 0)) {
            Some(at) => time_or(at, text("format"), text("fallback")),
            None => esc(text("fallback")).to_string(),
        },
        other => format!("[{}]", esc(other)),
    };
    for (style, tag) in [("bold", "strong"), ("italic", "em"), ("strike", "s"), ("code", "code")] {
        if piece["style"][style] == true {
            html = format!("<{tag}>{html}</{tag}>");
        }
    }
    html
}
