//! Blocks as Slack keeps them: ids filled in, text objects completed.

use serde_json::{Value, json};

use super::model::World;

/// A text object with the fields Slack fills in; anything else as it is.
pub(crate) fn text(sent: &Value) -> Value {
    let mut text = sent.clone();
    match sent["type"].as_str() {
        Some("plain_text") if sent["emoji"].is_null() => text["emoji"] = json!(true),
        Some("mrkdwn") if sent["verbatim"].is_null() => text["verbatim"] = json!(false),
        _ => {}
    }
    text
}

/// Blocks with a block id each, an action id for each interactive element, and complete text objects.
pub(crate) fn blocks(sent: &[Value], world: &mut World) -> Vec<Value> {
    sent.iter().map(|block| normalised_block(block, world)).collect()
}

fn normalised_block(sent: &Value, world: &mut World) -> Value {
    let mut block = completed(sent);
    if block["block_id"].as_str().is_none_or(str::is_empty) {
        block["block_id"] = json!(short_id(world));
    }
    for key in ["element", "accessory"] {
        if block[key].is_object() {
            give_action_id(&mut block[key], world);
        } else if block[key].is_null()
            && let Some(fields) = block.as_object_mut()
        {
            fields.remove(key);
        }
    }
    for key in ["elements", "actions"] {
        if let Some(elements) = block.get_mut(key).and_then(Value::as_array_mut) {
            for element in elements {
                give_action_id(element, world);
            }
        }
    }
    if let Some(children) = block.get("child_blocks").and_then(Value::as_array).cloned() {
        block["child_blocks"] = json!(blocks(&children, world));
    }
    block
}

fn give_action_id(element: &mut Value, world: &mut World) {
    const WITHOUT: [&str; 8] = [
        "image",
        "plain_text",
        "mrkdwn",
        "rich_text_section",
        "rich_text_list",
        "rich_text_preformatted",
        "rich_text_quote",
        "card",
    ];
    let kind = element["type"].as_str().unwrap_or_default();
    if !WITHOUT.contains(&kind) && element["action_id"].as_str().is_none_or(str::is_empty) {
        element["action_id"] = json!(short_id(world));
    }
}

fn short_id(world: &mut World) -> String {
    world.mint_id("x").to_lowercase()
}

/// Completes text objects at any depth.
fn completed(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let inner = fields.iter().map(|(key, value)| (key.clone(), completed(value)));
            text(&Value::Object(inner.collect()))
        }
        Value::Array(items) => Value::Array(items.iter().map(completed).collect()),
        other => other.clone(),
    }
}
