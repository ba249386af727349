//! Input blocks: a label, one element, a hint and an error, tied together for assistive technology.

use serde_json::Value;

use super::blocks::Canvas;
use super::elements::{Control, confirmed};
use super::html::esc;

/// An input block.
pub(super) fn input(canvas: &Canvas<'_>, block: &Value) -> String {
    let element = &block["element"];
    let block_id = block["block_id"].as_str().unwrap_or_default();
    let id = canvas.id(block_id, element["action_id"].as_str().unwrap_or_default());
    let optional = block["optional"] == true;
    let error = canvas.errors.get(block_id);
    let mut describes = Vec::new();
    let mut notes = String::new();
    if let Some(error) = error {
        describes.push(format!("{id}-error"));
        notes += &format!("<p class=\"error\" id=\"{id}-error\" role=\"alert\">⚠ {}</p>", esc(error));
    }
    if let Some(hint) = block["hint"]["text"].as_str() {
        describes.push(format!("{id}-hint"));
        notes += &format!("<p class=\"hint\" id=\"{id}-hint\">{}</p>", super::mrkdwn::plain(hint));
    }
    let mut more = format!("data-input aria-describedby=\"{}\"", describes.join(" "));
    if !optional {
        more += " required";
    }
    if error.is_some() {
        more += " aria-invalid=\"true\"";
    }
    let control = Control::new(canvas, block, element, block["dispatch_action"] == true, more);
    let body = confirmed(&control, control.draw());
    let label = canvas.text(&block["label"]);
    let optional = if optional { " <small>(optional)</small>" } else { "" };
    let class = if error.is_some() { "b-input wrong" } else { "b-input" };
    let group = matches!(control.kind(), "radio_buttons" | "checkboxes") || control.kind().starts_with("multi_");
    if group {
        let describe = describes.join(" ");
        return format!(
            r#"<fieldset class="{class}" aria-describedby="{describe}"><legend>{label}{optional}</legend>{body}{notes}</fieldset>"#
        );
    }
    format!(r#"<div class="{class}"><label for="{id}">{label}{optional}</label>{body}{notes}</div>"#)
}
