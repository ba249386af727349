//! What Slack sends: complete payloads of commands, interactions and events, in the shapes that real ones have.

use serde_json::{Value, json};
use uuid::Uuid;

use super::model::{Ephemeral, ResponseUrlSource, View, World};

/// Content type of forms.
pub const FORM: &str = "application/x-www-form-urlencoded";
/// Content type of JSON.
pub const JSON: &str = "application/json";
/// Where interactions and events go.
pub const EVENTS_PATH: &str = "/api/tickets/slack/events";

/// Where a slash command goes.
pub fn command_path(command: &str) -> String {
    format!("/api/tickets/{}", command.trim_start_matches('/'))
}

/// A form body.
pub fn form(fields: &[(&str, &str)]) -> String {
    serde_urlencoded::to_string(fields).expect("pairs of strings are a form")
}

fn user(world: &World, id: &str) -> Value {
    let name = world.users.get(id).map_or("unknown", |user| user.name.as_str());
    json!({"id": id, "username": name, "name": name, "team_id": world.app.team_id})
}

fn channel(world: &World, id: &str) -> Value {
    let name = match world.channels.get(id) {
        Some(channel) if channel.user.is_some() => "directmessage",
        Some(channel) => channel.name.as_str(),
        None => "unknown",
    };
    json!({"id": id, "name": name})
}

/// The fields that every interaction has.
fn interaction(world: &World, kind: &str, by: &str) -> Value {
    json!({
        "type": kind, "user": user(world, by), "api_app_id": world.app.app_id,
        "token": world.app.verification_token, "team": {"id": world.app.team_id, "domain": world.app.team_domain},
        "enterprise": null, "is_enterprise_install": false,
    })
}

/// The form body of a slash command; hands out a trigger and a response URL.
pub fn command(world: &mut World, by: &str, channel_id: &str, command: &str, text: &str) -> String {
    let trigger = world.issue_trigger(by, None);
    let response_url = world.issue_response_url(by, channel_id, ResponseUrlSource::Command);
    let place = channel(world, channel_id);
    let name = world.users.get(by).map_or("unknown", |user| user.name.as_str());
    form(&[
        ("token", &world.app.verification_token),
        ("team_id", &world.app.team_id),
        ("team_domain", &world.app.team_domain),
        ("channel_id", channel_id),
        ("channel_name", place["name"].as_str().unwrap_or_default()),
        ("user_id", by),
        ("user_name", name),
        ("command", command),
        ("text", text),
        ("api_app_id", &world.app.app_id),
        ("is_enterprise_install", "false"),
        ("response_url", &response_url),
        ("trigger_id", &trigger),
    ])
}

fn actions_of(world: &mut World, action: &Value) -> Value {
    let mut action = action.clone();
    action["action_ts"] = json!(world.mint_ts());
    json!([action])
}

/// An action in a view; none where the view isn't open.
pub fn view_action(world: &mut World, view_id: &str, action: &Value) -> Option<Value> {
    let view = world.open_view(view_id)?.clone();
    let mut payload = interaction(world, "block_actions", &view.user);
    payload["container"] = json!({"type": "view", "view_id": view.id});
    payload["trigger_id"] = json!(world.issue_trigger(&view.user, Some(&view.id)));
    payload["view"] = view.to_json(world);
    payload["actions"] = actions_of(world, action);
    Some(payload)
}

/// An action in a message; none where it is gone.
pub fn message_action(world: &mut World, by: &str, channel_id: &str, ts: &str, action: &Value) -> Option<Value> {
    let message = world.message(channel_id, ts)?.clone();
    let mut payload = interaction(world, "block_actions", by);
    payload["container"] =
        json!({"type": "message", "message_ts": ts, "channel_id": channel_id, "is_ephemeral": false});
    if let Some(thread) = message.thread_ts.as_ref().filter(|_| message.is_reply()) {
        payload["container"]["thread_ts"] = json!(thread);
    }
    payload["trigger_id"] = json!(world.issue_trigger(by, None));
    payload["channel"] = channel(world, channel_id);
    payload["message"] = world.message_json(&message);
    payload["state"] = json!({"values": super::inputs::initial(&message.blocks, &Default::default())});
    let source = ResponseUrlSource::Message { ts: ts.to_owned() };
    payload["response_url"] = json!(world.issue_response_url(by, channel_id, source));
    payload["actions"] = actions_of(world, action);
    Some(payload)
}

/// An action in an ephemeral message.
pub fn ephemeral_action(world: &mut World, shown: &Ephemeral, action: &Value) -> Value {
    let mut payload = interaction(world, "block_actions", &shown.user);
    payload["container"] =
        json!({"type": "message", "message_ts": shown.ts, "channel_id": shown.channel, "is_ephemeral": true});
    payload["trigger_id"] = json!(world.issue_trigger(&shown.user, None));
    payload["channel"] = channel(world, &shown.channel);
    payload["state"] = json!({"values": {}});
    let source = ResponseUrlSource::Ephemeral { ts: shown.ts.clone() };
    payload["response_url"] = json!(world.issue_response_url(&shown.user, &shown.channel, source));
    payload["actions"] = actions_of(world, action);
    payload
}

/// The submission of a view; the app learns of its files. None where the view isn't open.
pub fn submission(world: &mut World, view_id: &str) -> Option<Value> {
    let open = world.views.get_mut(view_id).filter(|view| view.end.is_none())?;
    open.submissions += 1;
    open.errors.clear();
    let view = open.clone();
    for file in view.inputs.values().flat_map(|inputs| inputs.values()).flat_map(|input| {
        let files = input["files"].as_array().map_or(&[][..], Vec::as_slice);
        files.iter().filter_map(|file| file["id"].as_str())
    }) {
        if let Some(file) = world.files.get_mut(file) {
            file.app_knows = true;
        }
    }
    let mut payload = interaction(world, "view_submission", &view.user);
    payload["trigger_id"] = json!(world.issue_trigger(&view.user, Some(view_id)));
    payload["view"] = view.to_json(world);
    payload["response_urls"] = json!([]);
    Some(payload)
}

/// The closing of a view.
pub fn closed(world: &World, view: &View, cleared: bool) -> Value {
    let mut payload = interaction(world, "view_closed", &view.user);
    payload["view"] = view.to_json(world);
    payload["is_cleared"] = json!(cleared);
    payload
}

/// An event in its envelope.
pub fn event(world: &mut World, event: &Value) -> Value {
    let app = &world.app;
    json!({
        "token": app.verification_token, "team_id": app.team_id, "context_team_id": app.team_id,
        "context_enterprise_id": null, "api_app_id": app.app_id, "event": event, "type": "event_callback",
        "event_id": format!("Ev{}", Uuid::new_v4().simple().to_string().to_uppercase()),
        "event_time": world.now().timestamp(),
        "authorizations": [{
            "enterprise_id": null, "team_id": app.team_id, "user_id": app.bot_user_id, "is_bot": true,
            "is_enterprise_install": false,
        }],
        "is_ext_shared_channel": false, "event_context": format!("4-{}", Uuid::new_v4().simple()),
    })
}
