//! The Slack app's manifest against Slack's schema, and against what the code does.

use std::collections::BTreeSet;

use serde_json::Value;
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

#[test]
fn the_manifest_keeps_to_slacks_schema() {
    // From Slack's published schema (slackapi/manifest-schema, version 1): the keys that we use, and their longest texts.
    let allowed: &[(&str, &[&str])] = &[
        ("", &["_metadata", "display_information", "features", "oauth_config", "settings"]),
        ("/_metadata", &["major_version", "minor_version"]),
        ("/display_information", &["name", "description", "background_color", "long_description"]),
        ("/features", &["app_home", "bot_user", "slash_commands"]),
        ("/features/app_home", &["home_tab_enabled", "messages_tab_enabled", "messages_tab_read_only_enabled"]),
        ("/features/bot_user", &["display_name", "always_online"]),
        ("/oauth_config", &["scopes"]),
        ("/oauth_config/scopes", &["bot"]),
        (
            "/settings",
            &[
                "event_subscriptions",
                "interactivity",
                "org_deploy_enabled",
                "socket_mode_enabled",
                "token_rotation_enabled",
            ],
        ),
        ("/settings/event_subscriptions", &["request_url", "bot_events"]),
        ("/settings/interactivity", &["is_enabled", "request_url"]),
    ];
    let manifest = parsed();
    for (place, keys) in allowed {
        for key in manifest.pointer(place).and_then(Value::as_object).expect(place).keys() {
            assert!(keys.contains(&key.as_str()), "{place}/{key}");
        }
    }
    for (place, most) in [
        ("/display_information/name", 35),
        ("/display_information/description", 140),
        ("/features/bot_user/display_name", 80),
    ] {
        let text = manifest.pointer(place).and_then(Value::as_str).expect(place);
        assert!((1..=most).contains(&text.chars().count()), "{place}");
    }
    for command in manifest["features"]["slash_commands"].as_array().expect("a list") {
        let keys: BTreeSet<&str> = command.as_object().expect("a command").keys().map(String::as_str).collect();
        assert_eq!(keys, BTreeSet::from(["command", "description", "should_escape", "url"]));
        let length = |key: &str| command[key].as_str().expect("a text").chars().count();
        assert!((2..=32).contains(&length("command")) && (1..=2000).contains(&length("description")));
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
    // The pinned list is part of the schedule.
    needed.insert("pins:write");
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
