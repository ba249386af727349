//! Inputs and interactive elements of blocks: which there are, and what `state.values` holds of them.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::views::Inputs;

/// Which input or element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field<'a> {
    /// By action id, else block id, else label or button text (whole, else a part).
    Any(&'a str),
    /// By block id and action id.
    Element(&'a str, &'a str),
}

impl<'a> From<&'a str> for Field<'a> {
    fn from(name: &'a str) -> Self {
        Self::Any(name)
    }
}

impl<'a> From<(&'a str, &'a str)> for Field<'a> {
    fn from((block_id, action_id): (&'a str, &'a str)) -> Self {
        Self::Element(block_id, action_id)
    }
}

/// An element that was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its block.
    pub block_id: String,
    /// Its action id.
    pub action_id: String,
    /// The element.
    pub element: Value,
    /// The block around it.
    pub block: Value,
}

/// All interactive elements of blocks, in order.
pub fn elements(blocks: &[Value]) -> Vec<Found> {
    let mut all = Vec::new();
    for block in blocks {
        let single = [&block["element"], &block["accessory"]].into_iter();
        let lists = [&block["elements"], &block["actions"]].into_iter();
        let listed = lists.filter_map(Value::as_array).flatten();
        for element in single.chain(listed) {
            let (Some(block_id), Some(action_id)) = (block["block_id"].as_str(), element["action_id"].as_str()) else {
                continue;
            };
            all.push(Found {
                block_id: block_id.into(),
                action_id: action_id.into(),
                element: element.clone(),
                block: block.clone(),
            });
        }
        if let Some(children) = block["child_blocks"].as_array() {
            all.extend(elements(children));
        }
    }
    all
}

/// The one element that a field means.
///
/// # Errors
/// None fits; the message lists what there is.
pub fn find(blocks: &[Value], field: &Field<'_>) -> Result<Found> {
    let all = elements(blocks);
    let found = match field {
        Field::Element(block_id, action_id) => {
            all.iter().find(|found| found.block_id == *block_id && found.action_id == *action_id)
        }
        Field::Any(name) => all
            .iter()
            .find(|found| found.action_id == *name)
            .or_else(|| all.iter().find(|found| found.block_id == *name))
            .or_else(|| all.iter().find(|found| label(found) == *name))
            .or_else(|| all.iter().find(|found| label(found).contains(name))),
    };
    found.cloned().with_context(|| {
        let there: Vec<String> =
            all.iter().map(|found| format!("{}/{} ({})", found.block_id, found.action_id, label(found))).collect();
        format!("no element {field:?}; there are: {}", there.join(", "))
    })
}

/// What a person reads at an element: the input's label or the button's text.
pub fn label(found: &Found) -> &str {
    let texts = [&found.block["label"]["text"], &found.element["text"]["text"], &found.element["placeholder"]["text"]];
    texts.into_iter().find_map(Value::as_str).unwrap_or_default()
}

/// `state.values` of blocks: what was typed before where block id, action id and type are the same, else what the
/// element starts with.
pub fn initial(blocks: &[Value], before: &Inputs) -> Inputs {
    let mut inputs = Inputs::new();
    for found in elements(blocks) {
        let Some(empty) = start_value(&found.element) else {
            continue;
        };
        let typed = before.get(&found.block_id).and_then(|inputs| inputs.get(&found.action_id));
        let value = typed.filter(|typed| typed["type"] == empty["type"]).cloned().unwrap_or(empty);
        inputs.entry(found.block_id).or_default().insert(found.action_id, value);
    }
    inputs
}

/// What an element starts with; none for elements without state.
pub(crate) fn start_value(element: &Value) -> Option<Value> {
    let kind = element["type"].as_str()?;
    let (name, start) = match kind {
        "plain_text_input" | "number_input" | "email_text_input" | "url_text_input" => ("value", "initial_value"),
        "rich_text_input" => ("rich_text_value", "initial_value"),
        "static_select" | "external_select" | "radio_buttons" => ("selected_option", "initial_option"),
        "multi_static_select" | "multi_external_select" | "checkboxes" => ("selected_options", "initial_options"),
        "users_select" => ("selected_user", "initial_user"),
        "multi_users_select" => ("selected_users", "initial_users"),
        "conversations_select" => ("selected_conversation", "initial_conversation"),
        "multi_conversations_select" => ("selected_conversations", "initial_conversations"),
        "channels_select" => ("selected_channel", "initial_channel"),
        "multi_channels_select" => ("selected_channels", "initial_channels"),
        "datepicker" => ("selected_date", "initial_date"),
        "timepicker" => ("selected_time", "initial_time"),
        "datetimepicker" => ("selected_date_time", "initial_date_time"),
        "file_input" => ("files", "initial_files"),
        _ => return None,
    };
    let many = name.ends_with('s');
    let value = match &element[start] {
        Value::Null if many => json!([]),
        value => value.clone(),
    };
    Some(json!({"type": kind, name: value}))
}
