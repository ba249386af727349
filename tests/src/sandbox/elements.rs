//! Interactive elements as form controls. One form surrounds all elements of a message or a view: a button submits it
//! with what it does in the field `do`; a control that sends at once carries that in `data-send` for the page's script,
//! and has a button beside it where there is no script.

use serde_json::Value;

use super::blocks::{Canvas, items, unknown};
use super::html::{deed, esc, field_name, safe_href};

/// An element in a block, with what it needs of its surroundings.
pub(super) struct Control<'a> {
    pub(super) canvas: &'a Canvas<'a>,
    pub(super) element: &'a Value,
    pub(super) block_id: &'a str,
    pub(super) action_id: &'a str,
    /// Sends by itself when it is used.
    pub(super) sends: bool,
    /// `required`, `aria-describedby`, … of an input block.
    pub(super) more: String,
}

/// An element of an actions block or an accessory.
pub(super) fn element(canvas: &Canvas<'_>, block: &Value, element: &Value) -> String {
    let control = Control::new(canvas, block, element, true, String::new());
    let html = control.draw();
    confirmed(&control, html)
}

impl<'a> Control<'a> {
    pub(super) fn new(canvas: &'a Canvas<'a>, block: &'a Value, element: &'a Value, sends: bool, more: String) -> Self {
        let block_id = block["block_id"].as_str().unwrap_or_default();
        let action_id = element["action_id"].as_str().unwrap_or_default();
        Self { canvas, element, block_id, action_id, sends, more }
    }

    pub(super) fn kind(&self) -> &'a str {
        self.element["type"].as_str().unwrap_or_default()
    }

    /// Its id on the page. A button's doesn't hold the block's id, which is another one after each edit of a message:
    /// so the focus stays on it.
    pub(super) fn id(&self) -> String {
        if self.kind() != "button" {
            return self.canvas.id(self.block_id, self.action_id);
        }
        let value: String = self.element["value"].as_str().unwrap_or_default().chars().take(40).collect();
        self.canvas.id(&value, self.action_id)
    }

    /// Escaped name of its form field.
    pub(super) fn name(&self) -> String {
        esc(&field_name(self.block_id, self.action_id)).to_string()
    }

    pub(super) fn value(&self) -> &Value {
        self.canvas.value(self.block_id, self.action_id)
    }

    pub(super) fn placeholder(&self) -> &'a str {
        self.element["placeholder"]["text"].as_str().unwrap_or_default()
    }

    /// Its deed, as an attribute value.
    pub(super) fn deed(&self, what: &str) -> String {
        deed(&[what, self.block_id, self.action_id])
    }

    /// Attributes that most controls have: id, name, what it sends, its name where no label is there.
    pub(super) fn attributes(&self) -> String {
        let mut out = format!(r#"id="{}" name="{}" {}"#, self.id(), self.name(), self.more);
        if self.sends {
            out += &format!(r#" data-send="{}""#, self.deed("choose"));
        }
        if self.more.is_empty() {
            let name = if self.placeholder().is_empty() { self.kind() } else { self.placeholder() };
            out += &format!(r#" aria-label="{}""#, esc(name));
        }
        if self.element["focus_on_load"] == true {
            out += " data-focus";
        }
        out
    }

    /// The button of a control that sends, where no script does it.
    pub(super) fn without_script(&self) -> String {
        if !self.sends {
            return String::new();
        }
        format!(
            "<noscript><button class=\"button\" name=\"do\" value=\"{}\" formnovalidate>Send</button></noscript>",
            self.deed("choose")
        )
    }

    /// The control.
    pub(super) fn draw(&self) -> String {
        match self.kind() {
            "button" => self.button(),
            "overflow" => self.overflow(),
            "plain_text_input" if self.element["multiline"] == true => self.textarea(),
            "plain_text_input" => self.line("text"),
            "number_input" => self.line("number"),
            "email_text_input" => self.line("email"),
            "url_text_input" => self.line("url"),
            "datepicker" => self.line("date"),
            "timepicker" => self.line("time"),
            "static_select" | "users_select" | "channels_select" | "conversations_select" => self.select(),
            "radio_buttons" => self.ticks("radio"),
            "checkboxes" => self.ticks("checkbox"),
            "multi_static_select" | "multi_users_select" | "multi_channels_select" | "multi_conversations_select" => {
                self.multi()
            }
            "file_input" => self.files(),
            other => unknown(other, self.element),
        }
    }

    fn button(&self) -> String {
        let class = match self.element["style"].as_str() {
            Some("primary") => "button primary",
            Some("danger") => "button danger",
            _ => "button",
        };
        let text = self.canvas.text(&self.element["text"]);
        let label = self.element["accessibility_label"].as_str();
        let label = label.map(|label| format!(r#" aria-label="{}""#, esc(label))).unwrap_or_default();
        let confirm = self.confirm_attribute();
        if let Some(url) = self.element["url"].as_str() {
            let (href, target) = match self.canvas.reader.local(url) {
                Some(local) => (local, ""),
                None => (safe_href(url).unwrap_or("#").to_owned(), " target=\"_blank\" rel=\"noopener noreferrer\""),
            };
            let deed = self.deed("press");
            return format!(r#"<a class="{class}" href="{}"{target}{label} data-also="{deed}">{text}</a>"#, esc(&href));
        }
        let deed = self.deed("press");
        format!(
            r#"<button class="{class}" id="{}" name="do" value="{deed}" formnovalidate{label}{confirm}>{text}</button>"#,
            self.id()
        )
    }

    fn overflow(&self) -> String {
        let one = |option: &Value| {
            let text = self.canvas.text(&option["text"]);
            let value = option["value"].as_str().unwrap_or_default();
            let deed = deed(&["option", self.block_id, self.action_id, value]);
            if let Some(url) = option["url"].as_str().and_then(safe_href) {
                let target = "target=\"_blank\" rel=\"noopener noreferrer\"";
                return format!(r#"<a href="{}" {target} data-also="{deed}">{text}</a>"#, esc(url));
            }
            let confirm = self.confirm_attribute();
            format!(r#"<button name="do" value="{deed}" formnovalidate{confirm}>{text}</button>"#)
        };
        let options: String = items(&self.element["options"]).iter().map(one).collect();
        format!(
            r#"<details class="menu" id="{}"><summary class="button" aria-label="More">⋯</summary><div>{options}</div></details>"#,
            self.id()
        )
    }

    fn confirm_attribute(&self) -> String {
        if self.element["confirm"].is_null() {
            String::new()
        } else {
            format!(r#" data-confirm="{}-confirm""#, self.id())
        }
    }
}

/// An element with its confirmation dialog.
pub(super) fn confirmed(control: &Control<'_>, html: String) -> String {
    let confirm = &control.element["confirm"];
    if confirm.is_null() {
        return html;
    }
    let style = if confirm["style"] == "danger" { "button danger" } else { "button primary" };
    let id = control.id();
    let [title, text, yes, no] = ["title", "text", "confirm", "deny"].map(|key| control.canvas.text(&confirm[key]));
    format!(
        r#"{html}<dialog id="{id}-confirm" aria-labelledby="{id}-title"><h2 id="{id}-title">{title}</h2><p>{text}</p>
<div class="b-actions"><button type="button" class="button" data-no>{no}</button>
<button type="button" class="{style}" data-yes>{yes}</button></div></dialog>"#
    )
}
