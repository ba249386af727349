//! `chat.*`: posting, changing and deleting messages.

use serde_json::{Map, Value, json};

use super::{Method, fields, seen, writable};
use crate::slack::arguments::{Arg, Args, Kind, opt, req};
use crate::slack::ephemeral::EphemeralSource;
use crate::slack::messages::Message;
use crate::slack::model::{ApiError, ApiResult, World};
use crate::slack::{blocks, normalise};

const WRITE: &[&str] = &["chat:write"];

const POST: &[Arg] = &[
    req("channel", Kind::Text),
    opt("text", Kind::Text),
    opt("blocks", Kind::Json),
    opt("attachments", Kind::Json),
    opt("markdown_text", Kind::Text),
    opt("metadata", Kind::Json),
    opt("thread_ts", Kind::Text),
    opt("reply_broadcast", Kind::Flag),
    opt("mrkdwn", Kind::Flag),
    opt("parse", Kind::Text),
    opt("link_names", Kind::Flag),
    opt("unfurl_links", Kind::Flag),
    opt("unfurl_media", Kind::Flag),
    opt("as_user", Kind::Flag),
    opt("client_msg_id", Kind::Text),
];

const UPDATE: &[Arg] = &[
    req("channel", Kind::Text),
    req("ts", Kind::Text),
    opt("text", Kind::Text),
    opt("blocks", Kind::Json),
    opt("attachments", Kind::Json),
    opt("markdown_text", Kind::Text),
    opt("metadata", Kind::Json),
    opt("reply_broadcast", Kind::Flag),
    opt("file_ids", Kind::List),
    opt("parse", Kind::Text),
    opt("link_names", Kind::Flag),
    opt("as_user", Kind::Flag),
];

const EPHEMERAL: &[Arg] = &[
    req("channel", Kind::Text),
    req("user", Kind::Text),
    opt("text", Kind::Text),
    opt("blocks", Kind::Json),
    opt("attachments", Kind::Json),
    opt("thread_ts", Kind::Text),
    opt("parse", Kind::Text),
    opt("link_names", Kind::Flag),
    opt("as_user", Kind::Flag),
];

pub(super) const METHODS: &[Method] = &[
    Method { name: "chat.postMessage", scopes: WRITE, form_only: false, args: POST, run: post },
    Method { name: "chat.update", scopes: WRITE, form_only: false, args: UPDATE, run: update },
    Method {
        name: "chat.delete",
        scopes: WRITE,
        form_only: false,
        args: &[req("channel", Kind::Text), req("ts", Kind::Text), opt("as_user", Kind::Flag)],
        run: delete,
    },
    Method { name: "chat.postEphemeral", scopes: WRITE, form_only: false, args: EPHEMERAL, run: post_ephemeral },
    Method {
        name: "chat.getPermalink",
        scopes: &[],
        form_only: true,
        args: &[req("channel", Kind::Text), req("message_ts", Kind::Text)],
        run: permalink,
    },
];

/// The conversation of a channel or user id; a user's direct message is opened.
fn target(world: &mut World, id: &str) -> Result<String, ApiError> {
    if !id.starts_with(['U', 'W']) {
        return Ok(id.to_owned());
    }
    let user = world.users.get(id).ok_or("channel_not_found")?;
    if user.is_bot {
        return Err("cannot_dm_bot".into());
    }
    if user.deleted {
        return Err("user_disabled".into());
    }
    Ok(world.open_dm(id))
}

/// The parent of a thread that a message goes into.
fn thread(world: &mut World, place: &str, channel: &str, ts: Option<&str>) -> Result<Option<String>, ApiError> {
    let Some(ts) = ts else {
        return Ok(None);
    };
    let parent = world.message(channel, ts).ok_or("message_not_found")?;
    let (is_reply, root) = (parent.is_reply(), parent.thread_ts.clone());
    if is_reply {
        world.violation(place, format!("thread_ts {ts} is a reply's: use its parent's"));
        return Ok(root);
    }
    Ok(Some(ts.to_owned()))
}

/// Message metadata, checked.
fn metadata(args: &Args) -> Result<Option<Value>, ApiError> {
    let metadata = args.json("metadata");
    let Some(given) = metadata.as_object() else {
        return if metadata.is_null() { Ok(None) } else { Err("invalid_metadata_format".into()) };
    };
    let known = given.keys().all(|key| ["event_type", "event_payload", "entities"].contains(&key.as_str()));
    let typed = given.get("event_type").is_some_and(|kind| kind.as_str().is_some_and(|kind| !kind.is_empty()));
    let loaded = given.get("event_payload").is_some_and(Value::is_object);
    if !known || !typed || !loaded {
        return Err("invalid_metadata_format".into());
    }
    if metadata.to_string().len() > 8000 {
        return Err("metadata_too_large".into());
    }
    Ok(Some(metadata.clone()))
}

fn block_list(args: &Args, world: &mut World) -> Vec<Value> {
    normalise::blocks(args.json("blocks").as_array().map_or(&[][..], Vec::as_slice), world)
}

fn post(world: &mut World, args: &Args) -> ApiResult {
    const PLACE: &str = "chat.postMessage";
    let channel = target(world, args.text("channel"))?;
    let place = writable(world, &channel)?;
    let other = place.user.as_ref().and_then(|id| world.users.get(id));
    if other.is_some_and(|user| user.deleted) {
        return Err("user_disabled".into());
    }
    blocks::check_content(world, PLACE, &args.object())?;
    let metadata = metadata(args)?;
    let thread_ts = thread(world, PLACE, &channel, args.some_text("thread_ts"))?;
    let (ts, bot) = (world.mint_ts(), world.app.bot_user_id.clone());
    let mut message = Message::blank(&channel, ts, &bot);
    message.bot_id = Some(world.app.bot_id.clone());
    args.text("text").clone_into(&mut message.text);
    message.blocks = block_list(args, world);
    message.attachments = args.json("attachments").as_array().cloned().unwrap_or_default();
    message.metadata = metadata;
    message.thread_ts = thread_ts;
    if args.flag("reply_broadcast") && message.thread_ts.is_some() {
        message.subtype = Some("thread_broadcast".into());
    }
    let mut options = Map::new();
    for name in ["parse", "link_names", "unfurl_links", "unfurl_media", "mrkdwn", "reply_broadcast"] {
        options.insert(name.into(), args.json(name).clone());
    }
    message.options = Value::Object(options);
    let ts = world.insert_message(message);
    Ok(shown(world, &channel, &ts))
}

/// The answer of a method that posts or changes a message.
fn shown(world: &World, channel: &str, ts: &str) -> Map<String, Value> {
    let message = world.message(channel, ts);
    let message = message.map_or(Value::Null, |message| world.message_json(message));
    fields(json!({"channel": channel, "ts": ts, "message": message}))
}

fn update(world: &mut World, args: &Args) -> ApiResult {
    let (channel, ts) = (args.text("channel"), args.text("ts"));
    if !channel.starts_with(['C', 'D', 'G']) {
        return Err("channel_not_found".into());
    }
    seen(world, channel)?;
    let message = world.message(channel, ts).ok_or("message_not_found")?.clone();
    if message.bot_id.as_deref() != Some(world.app.bot_id.as_str()) {
        return Err("cant_update_message".into());
    }
    writable(world, channel)?;
    let keeps_blocks = args.json("blocks").is_null();
    let mut content = args.object();
    if keeps_blocks {
        content["blocks"] = if message.blocks.is_empty() { Value::Null } else { json!([{"type": "divider"}]) };
    }
    if args.json("blocks").as_array().is_some_and(Vec::is_empty) {
        // Documented for this method: an empty array takes the blocks away.
        content["blocks"] = Value::Null;
    }
    blocks::check_content(world, "chat.update", &content)?;
    let metadata = metadata(args)?;
    let blocks = block_list(args, world);
    let bot = world.app.bot_user_id.clone();
    world.edit_message(channel, ts, &bot, |message| {
        if !args.json("text").is_null() || !keeps_blocks {
            args.text("text").clone_into(&mut message.text);
        }
        if !keeps_blocks {
            message.blocks = blocks;
        }
        if metadata.is_some() {
            message.metadata = metadata;
        }
        if let Some(attachments) = args.json("attachments").as_array() {
            message.attachments.clone_from(attachments);
        }
    });
    let mut answer = shown(world, channel, ts);
    answer.insert("text".into(), json!(args.text("text")));
    Ok(answer)
}

fn delete(world: &mut World, args: &Args) -> ApiResult {
    let (channel, ts) = (args.text("channel"), args.text("ts"));
    seen(world, channel)?;
    let message = world.message(channel, ts).ok_or("message_not_found")?;
    if message.bot_id.as_deref() != Some(world.app.bot_id.as_str()) {
        return Err("cant_delete_message".into());
    }
    world.delete_message(channel, ts);
    Ok(fields(json!({"channel": channel, "ts": ts})))
}

fn post_ephemeral(world: &mut World, args: &Args) -> ApiResult {
    let (channel, user) = (args.text("channel"), args.text("user"));
    let place = writable(world, channel)?;
    if !place.members.contains(user) {
        return Err("user_not_in_channel".into());
    }
    blocks::check_content(world, "chat.postEphemeral", &args.object())?;
    let ts = world.show_ephemeral(EphemeralSource::PostEphemeral, channel, user, &args.object());
    Ok(fields(json!({"message_ts": ts})))
}

fn permalink(world: &mut World, args: &Args) -> ApiResult {
    let (channel, ts) = (args.text("channel"), args.text("message_ts"));
    seen(world, channel)?;
    let message = world.message(channel, ts).ok_or("message_not_found")?;
    let mut link = format!("https://{}.slack.com/archives/{channel}/p{}", world.app.team_domain, ts.replace('.', ""));
    if let Some(thread) = message.thread_ts.as_ref().filter(|_| message.is_reply()) {
        link.push_str(&format!("?thread_ts={thread}&cid={channel}"));
    }
    Ok(fields(json!({"channel": channel, "permalink": link})))
}
