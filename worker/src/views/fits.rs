//! Slack's limits as the tests of the views check them, whatever the views themselves do to keep them.

use std::collections::HashSet;

use serde_json::Value;
use slack_morphism::prelude::SlackView;

use super::limits;
use crate::slack::client::Content;

/// Slack's limits, counted in UTF-16 units.
fn check(blocks: &[Value], most: usize) {
    assert!((1..=most).contains(&blocks.len()), "{} blocks", blocks.len());
    let mut block_ids = HashSet::new();
    for block in blocks {
        let (kind, text) = (block["type"].as_str().unwrap_or_default(), length(&block["text"]["text"]));
        if let Some(id) = block["block_id"].as_str() {
            assert!(block_ids.insert(id) && (1..=255).contains(&id.len()), "block id {id}");
        }
        match kind {
            "section" => {
                assert!(text <= limits::SECTION_TEXT && (text > 0 || block["fields"].is_array()), "section of {text}");
                let fields = block["fields"].as_array().into_iter().flatten();
                assert!(
                    fields.clone().count() <= 10 && fields.clone().all(|f| length(&f["text"]) <= limits::FIELD_TEXT)
                );
                if block["accessory"].is_object() {
                    check_element(&block["accessory"]);
                }
            }
            "header" => assert!((1..=limits::HEADER_TEXT).contains(&text)),
            "context" => {
                let elements = block["elements"].as_array().unwrap();
                assert!((1..=10).contains(&elements.len()));
                assert!(elements.iter().all(|e| (1..=limits::FIELD_TEXT).contains(&length(&e["text"]))));
            }
            "actions" => {
                let elements = block["elements"].as_array().unwrap();
                assert!((1..=25).contains(&elements.len()));
                elements.iter().for_each(check_element);
                let ids: HashSet<_> = elements.iter().map(|e| e["action_id"].as_str()).collect();
                assert_eq!(ids.len(), elements.len(), "action ids are told apart");
            }
            "image" => assert!((1..=limits::ALT_TEXT).contains(&length(&block["alt_text"]))),
            "input" => {
                assert!((1..=2000).contains(&length(&block["label"]["text"])));
                check_element(&block["element"]);
            }
            "divider" => {}
            other => panic!("{other}"),
        }
    }
    // Nothing a person typed is alive in mrkdwn.
    let mut mrkdwn = Vec::new();
    let mut stack: Vec<&Value> = blocks.iter().collect();
    while let Some(value) = stack.pop() {
        if value["type"] == "mrkdwn" {
            mrkdwn.push(value["text"].as_str().unwrap_or_default());
        }
        match value {
            Value::Array(values) => stack.extend(values),
            Value::Object(map) => stack.extend(map.values()),
            _ => {}
        }
    }
    for text in mrkdwn {
        for token in text.split('<').skip(1) {
            let ours = ["@U", "!date^", "https://desk.slack.com", "#C"].iter().any(|start| token.starts_with(start));
            assert!(ours, "<{token}");
        }
    }
}

fn length(value: &Value) -> usize {
    value.as_str().unwrap_or_default().encode_utf16().count()
}

/// An interactive element: its id, texts and options, and that what it shows as chosen is offered.
fn check_element(element: &Value) {
    assert!((1..=255).contains(&length(&element["action_id"])), "{element}");
    assert!(length(&element["placeholder"]["text"]) <= 150);
    let options_fit = |options: &Value| {
        let options = options.as_array().unwrap();
        assert!((1..=limits::SELECT_OPTIONS).contains(&options.len()), "{} options", options.len());
        for option in options {
            assert!((1..=limits::OPTION_TEXT).contains(&length(&option["text"]["text"])), "{option}");
            assert!((1..=150).contains(&length(&option["value"])), "{option}");
        }
        options.clone()
    };
    let kind = element["type"].as_str().unwrap_or_default();
    let offered: Vec<Value> = match kind {
        "button" => {
            assert!((1..=75).contains(&length(&element["text"]["text"])) && length(&element["value"]) <= 2000);
            Vec::new()
        }
        "static_select" | "multi_static_select" | "checkboxes" => match element["option_groups"].as_array() {
            Some(groups) => {
                assert!((1..=100).contains(&groups.len()) && !element["options"].is_array());
                assert!(groups.iter().all(|group| (1..=75).contains(&length(&group["label"]["text"]))));
                groups.iter().flat_map(|group| options_fit(&group["options"])).collect()
            }
            None => options_fit(&element["options"]),
        },
        "plain_text_input" => {
            let most = usize::try_from(element["max_length"].as_u64().unwrap()).unwrap();
            assert!(most <= 3000 && length(&element["initial_value"]) <= most);
            Vec::new()
        }
        "users_select" | "datepicker" | "file_input" => Vec::new(),
        other => panic!("{other}"),
    };
    if kind == "checkboxes" {
        assert!(offered.len() <= 10);
    }
    let values: HashSet<String> = offered.iter().map(|option| option["value"].to_string()).collect();
    assert_eq!(values.len(), offered.len(), "values are told apart");
    let many = element["initial_options"].as_array().cloned().unwrap_or_default();
    for chosen in many.iter().chain(element["initial_option"].is_object().then_some(&element["initial_option"])) {
        assert!(offered.contains(chosen), "{chosen} isn't offered");
    }
}

/// All of Slack's limits of a modal.
pub(super) fn view_fits(view: &SlackView) {
    let view = serde_json::to_value(view).unwrap();
    assert!((1..=24).contains(&length(&view["title"]["text"])), "{}", view["title"]);
    assert!(length(&view["submit"]["text"]) <= 24 && length(&view["close"]["text"]) <= 24);
    assert!(length(&view["private_metadata"]) <= 3000 && length(&view["external_id"]) <= 255);
    assert!(view.to_string().len() < 250_000);
    check(view["blocks"].as_array().unwrap(), limits::MODAL_BLOCKS);
}

/// All of Slack's limits of a message.
pub(super) fn messages_fit(content: &Content) {
    let blocks: Vec<Value> = content.blocks.iter().map(|block| serde_json::to_value(block).unwrap()).collect();
    check(&blocks, limits::MESSAGE_BLOCKS);
    assert!(content.text.encode_utf16().count() <= 40_000 && !content.text.trim().is_empty());
    assert!(!content.text.contains("<!"), "{}", content.text);
}
