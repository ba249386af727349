//! The Slack app's manifest against Slack's schema, and against what the code does.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use worker::lists::{List, Words, parse_words};
use worker::manifest;

use crate::repository::{read, rust_sources};

/// What a Web API method needs, from its page in Slack's reference. Methods without a scope are here too, so that nobody
/// forgets one.
const SCOPES: &[(&str, &[&str])] = &[
    ("auth.test", &[]),
    ("chat.delete", &["chat:write"]),
    ("chat.getPermalink", &[]),
    ("chat.postMessage", &["chat:write"]),
    ("chat.update", &["chat:write"]),
    ("conversations.history", &["channels:history", "groups:history", "im:history"]),
    ("conversations.info", &["channels:read", "groups:read"]),
    ("conversations.list", &["channels:read", "groups:read"]),
    ("conversations.open", &["im:write"]),
    ("conversations.replies", &["channels:history", "groups:history", "im:history"]),
    ("files.completeUploadExternal", &["files:write"]),
    ("files.getUploadURLExternal", &["files:write"]),
    ("files.info", &["files:read"]),
    ("pins.add", &["pins:write"]),
    ("users.info", &["users:read"]),
    ("views.open", &[]),
    ("views.push", &[]),
    ("views.update", &[]),
];
/// What an event needs.
const EVENTS: &[(&str, &str)] =
    &[("message.channels", "channels:history"), ("message.groups", "groups:history"), ("message.im", "im:history")];

fn parsed() -> Value {
    let text = manifest::for_address("https://tickets.example.com").expect("an https address");
    serde_yaml_ng::from_str(&text).expect("the manifest is YAML")
}

fn texts(value: &Value) -> BTreeSet<&str> {
    value.as_array().expect("a list").iter().map(|text| text.as_str().expect("a text")).collect()
}

/// The parts of Slack's published schema (slackapi/manifest-schema, version 1) in which the manifest has anything.
fn schema() -> Value {
    let text = |least: u64, most: u64| json!({ "type": "string", "minLength": least, "maxLength": most });
    let url = |most: u64| json!({ "type": "string", "prefix": ["http://", "https://"], "maxLength": most });
    let list =
        |item: Value, most: u64| json!({ "type": "array", "items": item, "maxItems": most, "uniqueItems": true });
    let object = |required: &[&str], properties: Value| json!({ "type": "object", "required": required, "properties": properties });
    let flag = || json!({ "type": "boolean" });
    let number = || json!({ "type": "integer" });
    let command = object(
        &["command", "description"],
        json!({
            "command": { "type": "string", "prefix": ["/"], "minLength": 2, "maxLength": 32 },
            "url": url(3000), "description": text(1, 2000), "usage_hint": text(1, 1000), "should_escape": flag(),
        }),
    );
    let scopes = list(text(0, 50), 255);
    object(
        &["display_information"],
        json!({
            "_metadata": object(&[], json!({
                "schema_version": number(), "min_version": number(), "major_version": number(), "minor_version": number(),
            })),
            "display_information": object(&["name"], json!({
                "name": text(1, 35), "description": text(1, 140), "long_description": text(175, 4000),
                "background_color": { "type": "string", "prefix": ["#"], "minLength": 4, "maxLength": 7 },
            })),
            "features": object(&[], json!({
                "app_home": object(&[], json!({
                    "home_tab_enabled": flag(), "messages_tab_enabled": flag(), "messages_tab_read_only_enabled": flag(),
                })),
                "bot_user": object(&["display_name"], json!({ "display_name": text(1, 80), "always_online": flag() })),
                "slash_commands": { "type": "array", "items": command, "minItems": 1, "maxItems": 50 },
            })),
            "oauth_config": object(&[], json!({
                "redirect_urls": list(text(0, 2500), 1000),
                "scopes": object(&[], json!({ "bot": scopes, "user": scopes })),
            })),
            "settings": object(&[], json!({
                "event_subscriptions": object(&[], json!({
                    "request_url": url(3500), "bot_events": list(text(0, 50), 100), "user_events": list(text(0, 50), 100),
                })),
                "interactivity": object(&["is_enabled"], json!({
                    "is_enabled": flag(), "request_url": url(3500), "message_menu_options_url": url(3500),
                })),
                "org_deploy_enabled": flag(), "socket_mode_enabled": flag(), "token_rotation_enabled": flag(),
            })),
        }),
    )
}

/// Where and how a value doesn't keep to a schema.
fn violations(place: &str, value: &Value, schema: &Value) -> Vec<String> {
    let number = |name: &str| schema[name].as_u64().and_then(|n| usize::try_from(n).ok());
    let outside = |length: usize, least: &str, most: &str| {
        number(least).is_some_and(|least| length < least) || number(most).is_some_and(|most| length > most)
    };
    let mut found = Vec::new();
    match (schema["type"].as_str().expect("a type"), value) {
        ("object", Value::Object(fields)) => {
            for name in schema["required"].as_array().expect("a list").iter().filter_map(Value::as_str) {
                if !fields.contains_key(name) {
                    found.push(format!("{place}/{name} is missing"));
                }
            }
            for (name, field) in fields {
                match schema["properties"].get(name) {
                    Some(schema) => found.extend(violations(&format!("{place}/{name}"), field, schema)),
                    None => found.push(format!("{place}/{name} is unknown")),
                }
            }
        }
        ("array", Value::Array(items)) => {
            let doubled = items.iter().collect::<std::collections::HashSet<_>>().len() < items.len();
            if outside(items.len(), "minItems", "maxItems") || (schema["uniqueItems"] == true && doubled) {
                found.push(format!("{place} has too few, too many or doubled items"));
            }
            for (n, item) in items.iter().enumerate() {
                found.extend(violations(&format!("{place}/{n}"), item, &schema["items"]));
            }
        }
        ("string", Value::String(text)) => {
            let prefixes = schema["prefix"].as_array();
            let begins = |prefix: &Value| prefix.as_str().is_some_and(|prefix| text.starts_with(prefix));
            if outside(text.chars().count(), "minLength", "maxLength") || !prefixes.is_none_or(|p| p.iter().any(begins))
            {
                found.push(format!("{place} is too short, too long or begins otherwise"));
            }
        }
        ("boolean", Value::Bool(_)) => {}
        ("integer", Value::Number(number)) if number.is_i64() => {}
        (wanted, _) => found.push(format!("{place} is no {wanted}")),
    }
    found
}

#[test]
fn the_manifest_keeps_to_slacks_schema() {
    assert_eq!(violations("", &parsed(), &schema()), Vec::<String>::new());
}

#[test]
fn what_slacks_schema_forbids_is_found_out() {
    for (place, wrong, expected) in [
        ("/display_information/name", json!("x".repeat(36)), "/display_information/name is too short"),
        ("/display_information", json!({}), "/display_information/name is missing"),
        ("/features/slash_commands/0/command", json!("new-ticket"), "/features/slash_commands/0/command is too short"),
        ("/features/slash_commands", json!([]), "/features/slash_commands has too few"),
        ("/features/bot_user", json!({ "display_name": "x", "colour": 1 }), "/features/bot_user/colour is unknown"),
        ("/settings/socket_mode_enabled", json!("no"), "/settings/socket_mode_enabled is no boolean"),
        ("/oauth_config/scopes/bot", json!(["commands", "commands"]), "/oauth_config/scopes/bot has too few"),
    ] {
        let mut manifest = parsed();
        *manifest.pointer_mut(place).expect(place) = wrong;
        let found = violations("", &manifest, &schema());
        assert!(found.len() == 1 && found[0].starts_with(expected), "{place}: {found:?}");
    }
}

/// Whoever types a command sees what words it takes.
#[test]
fn commands_that_take_words_say_which() {
    let manifest = parsed();
    for command in manifest["features"]["slash_commands"].as_array().expect("a list") {
        let hint = command["usage_hint"].as_str();
        assert_eq!(hint.is_none(), command["command"] == "/new-ticket", "{command}");
        let list = if command["command"] == "/agent-tickets" { List::Own } else { List::All };
        let words = hint.unwrap_or_default().split(['[', ']', '|', ' ']).filter(|word| !word.is_empty());
        for word in words.filter(|word| !["any", "word", "help", "week", "month"].contains(word)) {
            match parse_words(word, list, &[]) {
                Words::Filter { filter, note } => {
                    assert!(filter.search.is_none() && note.is_none(), "{word} in {hint:?}");
                }
                Words::Wrong(why) => panic!("{word} in {hint:?}: {why}"),
                Words::Nothing | Words::Help | Words::Ticket(_) => {}
            }
        }
    }
}

#[test]
fn the_manifest_names_the_four_commands_and_the_gateways_addresses() {
    let manifest = parsed();
    let commands: BTreeSet<(String, String)> = manifest["features"]["slash_commands"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|c| (c["command"].as_str().unwrap().to_owned(), c["url"].as_str().unwrap().to_owned()))
        .collect();
    let expected = ["new-ticket", "agent-tickets", "system-tickets", "ticket-summary"]
        .map(|name| (format!("/{name}"), format!("https://tickets.example.com/api/tickets/{name}")));
    assert_eq!(commands, BTreeSet::from(expected));
    let routes: String = rust_sources("gateway/src").into_iter().map(|(_, text)| text).collect();
    for (_, address) in &commands {
        let path = address.trim_start_matches("https://tickets.example.com");
        assert!(routes.contains(&format!("\"{path}\"")), "the gateway has no route {path}");
    }
    let events = "https://tickets.example.com/api/tickets/slack/events";
    assert_eq!(manifest["settings"]["event_subscriptions"]["request_url"], events);
    assert_eq!(manifest["settings"]["interactivity"]["request_url"], events);
    assert_eq!(manifest["settings"]["interactivity"]["is_enabled"], true);
    assert_eq!(manifest["features"]["app_home"]["messages_tab_enabled"], true);
    assert_eq!(manifest["features"]["app_home"]["messages_tab_read_only_enabled"], false);
}

#[test]
fn the_manifest_asks_for_the_events_that_the_gateway_uses() {
    let manifest = parsed();
    let asked = texts(&manifest["settings"]["event_subscriptions"]["bot_events"]);
    assert_eq!(asked, EVENTS.iter().map(|(event, _)| *event).collect());
    let events = read("gateway/src/slack/events.rs");
    let kinds: Vec<&str> = events
        .split("match event.kind.as_deref()")
        .nth(1)
        .and_then(|arms| arms.split('}').next())
        .into_iter()
        .collect();
    assert!(
        kinds.iter().any(|arms| arms.contains("Some(\"message\")")),
        "the gateway hears other events now: {kinds:?}"
    );
}

#[test]
fn the_manifest_asks_for_the_scopes_of_every_call_and_no_others() {
    let manifest = parsed();
    let asked = texts(&manifest["oauth_config"]["scopes"]["bot"]);
    assert_eq!(asked, manifest::scopes().into_iter().collect(), "what `worker doctor` compares with");
    let mut needed = BTreeSet::from(["commands"]);
    needed.extend(EVENTS.iter().map(|(_, scope)| *scope));
    for method in methods_called() {
        let known = SCOPES.iter().find(|(name, _)| *name == method);
        let (_, scopes) = known.unwrap_or_else(|| panic!("{method}: which scopes does it need? Add it to the table"));
        for scope in *scopes {
            assert!(asked.contains(scope), "{method} needs {scope}");
        }
        needed.extend(*scopes);
    }
    assert_eq!(asked, needed, "the least set");
    let stand_in = harness::slack::model::World::desk().app.scopes;
    assert_eq!(asked, stand_in.iter().map(String::as_str).collect(), "what all tests get along with");
}

/// The Web API methods named in the worker's source.
fn methods_called() -> BTreeSet<String> {
    const FAMILIES: [&str; 12] = [
        "auth",
        "bookmarks",
        "bots",
        "chat",
        "conversations",
        "files",
        "pins",
        "reactions",
        "team",
        "usergroups",
        "users",
        "views",
    ];
    let mut methods = BTreeSet::new();
    for (_, text) in rust_sources("worker/src") {
        for quoted in text.split('"').skip(1).step_by(2) {
            let Some((family, rest)) = quoted.split_once('.') else { continue };
            let is_method = rest.chars().all(|c| c.is_ascii_alphabetic() || c == '.') && !rest.is_empty();
            if FAMILIES.contains(&family) && is_method && !rest.contains("com") | rest.starts_with("complete") {
                methods.insert(quoted.to_owned());
            }
        }
    }
    assert!(methods.len() > 10, "{methods:?}");
    methods
}
