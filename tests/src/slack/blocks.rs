//! Block Kit as Slack checks it: every limit, every required and every unknown field, by surface.
//!
//! Source of the limits: docs.slack.dev, "Block Kit" reference pages. Where the reference is silent, unknown is
//! refused. Pieces: `composition` (texts, options), `elements`, `data_blocks` (charts, tables, cards).

use serde_json::{Value, json};

use super::checker::Checker;
use super::model::{ApiError, World};
use super::mrkdwn;

/// Where blocks are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// A message.
    Message,
    /// A modal.
    Modal,
    /// An App Home tab.
    Home,
}

/// Most bytes of a view's JSON.
pub const VIEW_BYTES: usize = 250 * 1024;
/// Most characters of a message's text.
pub const MESSAGE_TEXT: usize = 40_000;

/// What was found: what Slack refuses, and what it only warns of.
#[derive(Debug, Default)]
pub struct Findings {
    /// `[ERROR] … [json-pointer:…]`.
    pub errors: Vec<String>,
    /// Shown or read wrongly, though accepted.
    pub warnings: Vec<String>,
}

/// Checks the blocks of a message.
pub fn check_message_blocks(blocks: &Value, world: &World) -> Findings {
    let mut checker = Checker::new(world, Surface::Message);
    checker.blocks(blocks, "/blocks", 50);
    checker.findings
}

/// Checks a whole view, modal or home.
pub fn check_view(view: &Value, world: &World) -> Findings {
    let kind = view["type"].as_str().unwrap_or_default();
    let surface = if kind == "home" { Surface::Home } else { Surface::Modal };
    let mut checker = Checker::new(world, surface);
    match kind {
        "modal" => checker.modal(view),
        "home" => {
            let optional = ["private_metadata", "callback_id", "external_id"];
            checker.keys(view, "/view", &["type", "blocks"], &optional);
        }
        _ => checker.error("/view/type", "must be modal or home"),
    }
    checker.optional_string(view, "/view", "private_metadata", 3000);
    checker.optional_string(view, "/view", "callback_id", 255);
    checker.optional_string(view, "/view", "external_id", 255);
    checker.blocks(&view["blocks"], "/view/blocks", 100);
    checker.findings
}

/// Checks `text` and `blocks` of a message, answer or ephemeral message, and notes what Slack warns of.
///
/// # Errors
/// `no_text`, `msg_too_long`, `invalid_blocks`.
pub fn check_content(world: &mut World, place: &str, content: &Value) -> Result<(), ApiError> {
    let text = content["text"].as_str().unwrap_or_default();
    let has_blocks = content["blocks"].as_array().is_some_and(|blocks| !blocks.is_empty());
    let has_attachments = content["attachments"].as_array().is_some_and(|list| !list.is_empty());
    let deletes = content["delete_original"] == json!(true);
    if text.trim().is_empty() && !has_blocks && !has_attachments && !deletes {
        return Err("no_text".into());
    }
    if text.chars().count() > MESSAGE_TEXT {
        return Err("msg_too_long".into());
    }
    if text.trim().is_empty() && has_blocks {
        world.violation(place, "blocks without text: the text is the notification and the accessible fallback");
    }
    let mut findings = Findings::default();
    if !content["blocks"].is_null() {
        findings = check_message_blocks(&content["blocks"], world);
    }
    for warning in mrkdwn::warnings(text).into_iter().chain(findings.warnings) {
        world.violation(place, warning);
    }
    if findings.errors.is_empty() { Ok(()) } else { Err(ApiError::with_messages("invalid_blocks", findings.errors)) }
}

impl Checker<'_> {
    fn modal(&mut self, view: &Value) {
        let optional = [
            "close",
            "submit",
            "private_metadata",
            "callback_id",
            "clear_on_close",
            "notify_on_close",
            "external_id",
            "submit_disabled",
        ];
        self.keys(view, "/view", &["type", "title", "blocks"], &optional);
        for key in ["title", "submit", "close"] {
            if !view[key].is_null() {
                self.plain_text(&view[key], &format!("/view/{key}"), 24);
            }
        }
        for key in ["clear_on_close", "notify_on_close", "submit_disabled"] {
            self.optional_bool(view, "/view", key);
        }
        let inputs = view["blocks"].as_array().is_some_and(|blocks| blocks.iter().any(|b| b["type"] == "input"));
        if inputs && view["submit"].is_null() {
            self.error("/view/submit", "missing required field: submit (the view has inputs)");
        }
    }

    fn blocks(&mut self, blocks: &Value, path: &str, most: usize) {
        let items = self.items(blocks, path, 1, most);
        for (index, block) in items.iter().enumerate() {
            self.block(block, &format!("{path}/{index}"));
        }
    }

    pub(crate) fn block(&mut self, block: &Value, path: &str) {
        let kind = block["type"].as_str().unwrap_or_default();
        if self.world.settings.unknown_blocks.contains(kind) {
            return self.error(&format!("{path}/type"), format!("unsupported type: {kind}"));
        }
        self.block_id(block, path);
        let in_message = self.surface == Surface::Message;
        match kind {
            "divider" => drop(self.keys(block, path, &["type"], &["block_id"])),
            "header" => {
                self.keys(block, path, &["type", "text"], &["block_id", "level"]);
                self.plain_text(&block["text"], &format!("{path}/text"), 150);
            }
            "section" => self.section(block, path),
            "context" => self.context(block, path),
            "actions" => self.actions(block, path),
            "image" => {
                let optional = ["block_id", "image_url", "slack_file", "title"];
                self.keys(block, path, &["type", "alt_text"], &optional);
                self.image_source(block, path);
                if !block["title"].is_null() {
                    self.plain_text(&block["title"], &format!("{path}/title"), 2000);
                }
            }
            "input" => self.input(block, path),
            "rich_text" => {
                self.keys(block, path, &["type", "elements"], &["block_id"]);
                self.items(&block["elements"], &format!("{path}/elements"), 1, 100);
            }
            "markdown" if in_message => {
                self.keys(block, path, &["type", "text"], &["block_id"]);
                self.markdown += block["text"].as_str().map_or(0, |text| text.chars().count());
                self.string(&block["text"], &format!("{path}/text"), 12_000);
                if self.markdown > 12_000 {
                    self.error(path, "all markdown blocks together must be less than 12001 characters");
                }
            }
            "alert" if self.surface == Surface::Modal => self.alert(block, path),
            "card" => self.card(block, path),
            "container" if in_message => self.container(block, path),
            "data_visualization" if in_message => self.chart_block(block, path),
            "data_table" if in_message => self.data_table(block, path),
            "table" if in_message => self.table(block, path),
            "" => self.error(path, "missing required field: type"),
            _ => self.error(&format!("{path}/type"), format!("unsupported type: {kind}")),
        }
    }

    fn section(&mut self, block: &Value, path: &str) {
        self.keys(block, path, &["type"], &["block_id", "text", "fields", "accessory", "expand"]);
        self.optional_bool(block, path, "expand");
        if block["text"].is_null() && block["fields"].is_null() {
            self.error(path, "missing required field: text or fields");
        }
        if !block["text"].is_null() {
            self.text(&block["text"], &format!("{path}/text"), 3000);
        }
        if !block["fields"].is_null() {
            let fields = self.items(&block["fields"], &format!("{path}/fields"), 1, 10);
            for (index, field) in fields.iter().enumerate() {
                self.text(field, &format!("{path}/fields/{index}"), 2000);
            }
        }
        if !block["accessory"].is_null() {
            self.accessory(&block["accessory"], &format!("{path}/accessory"));
        }
    }

    fn context(&mut self, block: &Value, path: &str) {
        self.keys(block, path, &["type", "elements"], &["block_id"]);
        let elements = self.items(&block["elements"], &format!("{path}/elements"), 1, 10);
        for (index, element) in elements.iter().enumerate() {
            let path = format!("{path}/elements/{index}");
            if element["type"] == "image" {
                self.keys(element, &path, &["type", "alt_text"], &["image_url", "slack_file"]);
                self.image_source(element, &path);
            } else {
                self.text(element, &path, 2000);
            }
        }
    }

    fn actions(&mut self, block: &Value, path: &str) {
        self.keys(block, path, &["type", "elements"], &["block_id"]);
        let elements = self.items(&block["elements"], &format!("{path}/elements"), 1, 25);
        for (index, element) in elements.iter().enumerate() {
            self.action_element(element, &format!("{path}/elements/{index}"));
        }
    }

    fn input(&mut self, block: &Value, path: &str) {
        let optional = ["block_id", "hint", "optional", "dispatch_action"];
        self.keys(block, path, &["type", "label", "element"], &optional);
        self.plain_text(&block["label"], &format!("{path}/label"), 2000);
        if !block["hint"].is_null() {
            self.plain_text(&block["hint"], &format!("{path}/hint"), 2000);
        }
        self.optional_bool(block, path, "optional");
        self.optional_bool(block, path, "dispatch_action");
        self.input_element(&block["element"], &format!("{path}/element"));
    }

    /// Checks alt_text and that there is exactly one of image_url and slack_file, and that the file may be shown.
    pub(crate) fn image_source(&mut self, image: &Value, path: &str) {
        self.string(&image["alt_text"], &format!("{path}/alt_text"), 2000);
        match (image["image_url"].is_null(), image["slack_file"].is_null()) {
            (false, true) => {
                self.string(&image["image_url"], &format!("{path}/image_url"), 3000);
                let url = image["image_url"].as_str().unwrap_or_default();
                if !url.starts_with("https://") && !url.starts_with("http://") {
                    self.error(&format!("{path}/image_url"), "must be a valid URL");
                }
            }
            (true, false) => {
                if let Some(why) = self.world.why_not_shown(&image["slack_file"]) {
                    self.error(&format!("{path}/slack_file"), format!("invalid slack file: {why}"));
                }
            }
            _ => self.error(path, "must have exactly one of image_url and slack_file"),
        }
    }
}
