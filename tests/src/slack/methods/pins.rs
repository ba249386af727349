//! `pins.*`.

use serde_json::{Value, json};

use super::{Method, fields, joined, writable};
use crate::slack::arguments::{Args, Kind, req};
use crate::slack::model::{ApiResult, World};

/// How many messages a channel can pin (docs.slack.dev, pins.add).
const PINS: usize = 100;

pub(super) const METHODS: &[Method] = &[
    Method {
        name: "pins.add",
        scopes: &["pins:write"],
        form_only: false,
        args: &[req("channel", Kind::Text), req("timestamp", Kind::Text)],
        run: add,
    },
    Method {
        name: "pins.remove",
        scopes: &["pins:write"],
        form_only: false,
        args: &[req("channel", Kind::Text), req("timestamp", Kind::Text)],
        run: remove,
    },
    Method {
        name: "pins.list",
        scopes: &["pins:read"],
        form_only: true,
        args: &[req("channel", Kind::Text)],
        run: list,
    },
];

fn add(world: &mut World, args: &Args) -> ApiResult {
    let (channel, ts) = (args.text("channel"), args.text("timestamp"));
    writable(world, channel)?;
    let message = world.message(channel, ts).ok_or("message_not_found")?;
    if message.pinned.is_some() {
        return Err("already_pinned".into());
    }
    if world.pinned_in(channel).len() >= PINS {
        return Err("too_many_pins".into());
    }
    let bot = world.app.bot_user_id.clone();
    world.pin(channel, ts, &bot);
    Ok(fields(json!({})))
}

fn remove(world: &mut World, args: &Args) -> ApiResult {
    let (channel, ts) = (args.text("channel"), args.text("timestamp"));
    writable(world, channel)?;
    world.message(channel, ts).ok_or("message_not_found")?;
    if world.unpin(channel, ts) { Ok(fields(json!({}))) } else { Err("no_pin".into()) }
}

fn list(world: &mut World, args: &Args) -> ApiResult {
    let id = args.text("channel");
    joined(world, id)?;
    let mut pinned = world.pinned_in(id);
    pinned.sort_by_key(|message| message.pinned.as_ref().map(|pin| std::cmp::Reverse(pin.at)));
    let items = pinned.into_iter().filter_map(|message| {
        let pin = message.pinned.as_ref()?;
        let mut shown = world.message_json(message);
        shown["permalink"] = json!(format!(
            "https://{}.slack.com/archives/{id}/p{}",
            world.app.team_domain,
            message.ts.replace('.', "")
        ));
        Some(json!({
            "type": "message", "channel": id, "created": pin.at.timestamp(), "created_by": pin.user, "message": shown,
        }))
    });
    Ok(fields(json!({"items": items.collect::<Vec<Value>>()})))
}
