//! Block Kit as HTML, one function for each kind of block; what isn't known is a box with its type.

use std::collections::BTreeMap;

use serde_json::Value;

use super::html::esc;
use super::mrkdwn::{mrkdwn, plain};
use super::reader::{Reader, is_picture};
use super::{charts, elements, inputs, rich_text, tables};
use crate::slack::views::Inputs;

/// What blocks are drawn on: a message's form or a view's.
pub(super) struct Canvas<'a> {
    pub(super) reader: Reader<'a>,
    /// Makes ids unique on the page.
    pub(super) scope: String,
    /// What was typed and chosen so far.
    pub(super) inputs: &'a Inputs,
    /// Errors by block id.
    pub(super) errors: &'a BTreeMap<String, String>,
}

impl Canvas<'_> {
    /// The id of an element on the page.
    pub(super) fn id(&self, block_id: &str, action_id: &str) -> String {
        let raw = format!("e-{}-{block_id}-{action_id}", self.scope);
        let word = |letter: char| if letter.is_ascii_alphanumeric() || "-_".contains(letter) { letter } else { '-' };
        raw.chars().map(word).collect()
    }

    /// The value object of an element.
    pub(super) fn value(&self, block_id: &str, action_id: &str) -> &Value {
        self.inputs.get(block_id).and_then(|inputs| inputs.get(action_id)).unwrap_or(&Value::Null)
    }

    /// A text object.
    pub(super) fn text(&self, text: &Value) -> String {
        let content = text["text"].as_str().unwrap_or_default();
        if text["type"] == "mrkdwn" { mrkdwn(content, self.reader) } else { plain(content) }
    }

    /// All blocks, in order.
    pub(super) fn draw(&self, blocks: &[Value]) -> String {
        blocks.iter().map(|block| self.block(block)).collect()
    }

    fn block(&self, block: &Value) -> String {
        match block["type"].as_str().unwrap_or_default() {
            "section" => self.section(block),
            "header" => format!("<h3 class=\"b-header\">{}</h3>", self.text(&block["text"])),
            "divider" => "<hr>".to_owned(),
            "context" => self.context(block),
            "actions" => {
                let all: String = items(&block["elements"]).iter().map(|e| elements::element(self, block, e)).collect();
                format!("<div class=\"b-actions\">{all}</div>")
            }
            "image" => self.picture_block(block),
            "input" => inputs::input(self, block),
            "alert" => self.alert(block),
            "rich_text" => format!("<div class=\"b-rich\">{}</div>", rich_text::all(self, &block["elements"])),
            "markdown" => {
                format!("<div class=\"b-section\">{}</div>", plain(block["text"].as_str().unwrap_or_default()))
            }
            "card" => self.card(block),
            "container" => self.container(block),
            "data_visualization" => charts::figure(block),
            "data_table" => tables::data_table(self, block),
            "table" => tables::table(self, block),
            other => unknown(if other.is_empty() { "block without a type" } else { other }, block),
        }
    }

    fn section(&self, block: &Value) -> String {
        let mut body = String::new();
        if !block["text"].is_null() {
            body += &format!("<div>{}</div>", self.text(&block["text"]));
        }
        let fields = items(&block["fields"]);
        if !fields.is_empty() {
            let fields: String = fields.iter().map(|field| format!("<div>{}</div>", self.text(field))).collect();
            body += &format!("<div class=\"b-fields\">{fields}</div>");
        }
        let accessory = match &block["accessory"] {
            Value::Null => String::new(),
            image if image["type"] == "image" => self.picture(image, "thumb"),
            element => elements::element(self, block, element),
        };
        let accessory =
            if accessory.is_empty() { accessory } else { format!("<div class=\"b-accessory\">{accessory}</div>") };
        format!("<div class=\"b-section\"><div class=\"b-text\">{body}</div>{accessory}</div>")
    }

    fn context(&self, block: &Value) -> String {
        let one = |element: &Value| match element["type"].as_str() {
            Some("image") => self.picture(element, "tiny"),
            _ => format!("<span>{}</span>", self.text(element)),
        };
        let all: String = items(&block["elements"]).iter().map(one).collect();
        format!("<div class=\"b-context\">{all}</div>")
    }

    fn picture_block(&self, block: &Value) -> String {
        let caption = match &block["title"] {
            Value::Null => String::new(),
            title => format!("<figcaption>{}</figcaption>", self.text(title)),
        };
        format!("<figure class=\"b-image\">{caption}{}</figure>", self.picture(block, "wide"))
    }

    /// An image, or why this person doesn't see it.
    pub(super) fn picture(&self, image: &Value, class: &str) -> String {
        let alt = esc(image["alt_text"].as_str().unwrap_or_default());
        if let Some(url) = image["image_url"].as_str() {
            return format!(
                r#"<img class="{class}" src="{}" alt="{alt}" loading="lazy" referrerpolicy="no-referrer">"#,
                esc(url)
            );
        }
        match self.reader.file_of(&image["slack_file"]) {
            Some(file) if self.reader.may_open(file) && is_picture(file) => {
                let href = self.reader.file_href(&file.id);
                format!(
                    r#"<a href="{href}" target="_blank"><img class="{class}" src="{href}" alt="{alt}" loading="lazy"></a>"#
                )
            }
            Some(_) => format!("<span class=\"missing\">🔒 You can't see this image: {alt}</span>"),
            None => format!("<span class=\"missing\">This image is gone: {alt}</span>"),
        }
    }

    fn alert(&self, block: &Value) -> String {
        let level = block["level"].as_str().filter(|level| ["info", "warning", "error", "success"].contains(level));
        let level = level.unwrap_or_default();
        format!("<div class=\"b-alert {level}\" role=\"note\">{}</div>", self.text(&block["text"]))
    }

    fn card(&self, block: &Value) -> String {
        let mut body = String::new();
        for key in ["hero_image", "icon"] {
            if !block[key].is_null() {
                body += &self.picture(&block[key], if key == "icon" { "tiny" } else { "wide" });
            }
        }
        for (key, tag) in [("title", "strong"), ("subtitle", "small"), ("body", "div")] {
            if !block[key].is_null() {
                body += &format!("<{tag} class=\"row\">{}</{tag}>", self.text(&block[key]));
            }
        }
        let actions: String = items(&block["actions"]).iter().map(|e| elements::element(self, block, e)).collect();
        format!("<div class=\"b-box\">{body}<div class=\"b-actions\">{actions}</div></div>")
    }

    fn container(&self, block: &Value) -> String {
        let title = match &block["title"] {
            Value::Null => rich_text::all(self, &block["rich_text_title"]["elements"]),
            title => self.text(title),
        };
        let inner = self.draw(items(&block["child_blocks"]));
        if block["is_collapsible"] == true {
            let open = if block["default_collapsed"] == true { "" } else { " open" };
            return format!("<details class=\"b-box\"{open}><summary>{title}</summary>{inner}</details>");
        }
        format!("<div class=\"b-box\"><strong class=\"row\">{title}</strong>{inner}</div>")
    }
}

/// A block or element that isn't drawn.
pub(super) fn unknown(kind: &str, value: &Value) -> String {
    let source = serde_json::to_string_pretty(value).unwrap_or_default();
    format!("<details class=\"unknown\"><summary>{}</summary><pre>{}</pre></details>", esc(kind), esc(&source))
}

/// The items of an array; none where it is no array.
pub(super) fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
