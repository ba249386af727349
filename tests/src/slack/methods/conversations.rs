//! `conversations.*`: what is in a conversation, and which there are.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{Method, fields, joined, need_scope, page, seen};
use crate::slack::arguments::{Arg, Args, Kind, opt, req};
use crate::slack::messages::Message;
use crate::slack::model::{ApiError, ApiResult, World};
use crate::slack::people::ChannelKind;

const HISTORY: &[Arg] = &[
    req("channel", Kind::Text),
    opt("cursor", Kind::Text),
    opt("include_all_metadata", Kind::Flag),
    opt("inclusive", Kind::Flag),
    opt("latest", Kind::Text),
    opt("limit", Kind::Number),
    opt("oldest", Kind::Text),
];

const REPLIES: &[Arg] = &[
    req("channel", Kind::Text),
    req("ts", Kind::Text),
    opt("cursor", Kind::Text),
    opt("include_all_metadata", Kind::Flag),
    opt("inclusive", Kind::Flag),
    opt("latest", Kind::Text),
    opt("limit", Kind::Number),
    opt("oldest", Kind::Text),
];

const LIST: &[Arg] = &[
    opt("cursor", Kind::Text),
    opt("exclude_archived", Kind::Flag),
    opt("limit", Kind::Number),
    opt("team_id", Kind::Text),
    opt("types", Kind::List),
];

const INFO: &[Arg] =
    &[req("channel", Kind::Text), opt("include_locale", Kind::Flag), opt("include_num_members", Kind::Flag)];

const OPEN: &[Arg] = &[
    opt("channel", Kind::Text),
    opt("users", Kind::List),
    opt("return_im", Kind::Flag),
    opt("prevent_creation", Kind::Flag),
];

const MEMBERS: &[Arg] = &[req("channel", Kind::Text), opt("cursor", Kind::Text), opt("limit", Kind::Number)];

pub(super) const METHODS: &[Method] = &[
    Method { name: "conversations.history", scopes: &[], form_only: true, args: HISTORY, run: history },
    Method { name: "conversations.replies", scopes: &[], form_only: true, args: REPLIES, run: replies },
    Method { name: "conversations.info", scopes: &[], form_only: true, args: INFO, run: info },
    Method { name: "conversations.list", scopes: &[], form_only: true, args: LIST, run: list },
    Method { name: "conversations.members", scopes: &[], form_only: true, args: MEMBERS, run: members },
    Method { name: "conversations.open", scopes: &["im:write"], form_only: false, args: OPEN, run: open },
];

fn read_scope(kind: ChannelKind) -> &'static str {
    match kind {
        ChannelKind::Public => "channels:read",
        ChannelKind::Private => "groups:read",
        ChannelKind::Im => "im:read",
    }
}

/// The messages that show yet: in the time range, and older than the lag.
fn shown(world: &World, args: &Args, messages: Vec<&Message>) -> Result<Vec<Value>, ApiError> {
    let micros = |name: &str| -> Result<Option<i64>, ApiError> {
        let Some(text) = args.some_text(name) else {
            return Ok(None);
        };
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let fraction = format!("{fraction:0<6}");
        match (seconds.parse::<i64>(), fraction.get(..6).unwrap_or_default().parse::<i64>()) {
            (Ok(seconds), Ok(micros)) => Ok(Some(seconds * 1_000_000 + micros)),
            _ if name == "oldest" => Err("invalid_ts_oldest".into()),
            _ => Err("invalid_ts_latest".into()),
        }
    };
    let (oldest, latest, inclusive) = (micros("oldest")?, micros("latest")?, args.flag("inclusive"));
    let lag = TimeDelta::milliseconds(i64::try_from(world.settings.history_lag_ms).unwrap_or(i64::MAX));
    let horizon = (world.now() - lag).timestamp_micros();
    let fits = |message: &&Message| {
        let at = message.ts.replace('.', "").parse::<i64>().unwrap_or(0);
        let after = oldest.is_none_or(|oldest| at > oldest || inclusive && at == oldest);
        let before = latest.is_none_or(|latest| at < latest || inclusive && at == latest);
        after && before && at <= horizon
    };
    let with_metadata = args.flag("include_all_metadata");
    let messages = messages.into_iter().filter(fits).map(|message| {
        let mut json = world.message_json(message);
        if !with_metadata && let Some(fields) = json.as_object_mut() {
            fields.remove("metadata");
        }
        json
    });
    Ok(messages.collect())
}

fn history(world: &mut World, args: &Args) -> ApiResult {
    let id = args.text("channel");
    let channel = seen(world, id)?;
    need_scope(world, &[channel.history_scope()])?;
    joined(world, id)?;
    let mut messages = world.messages_in(id);
    messages.retain(|message| !message.is_reply() || message.subtype.as_deref() == Some("thread_broadcast"));
    messages.reverse();
    let messages = shown(world, args, messages)?;
    let (messages, next) = page(args, messages, 999, 100)?;
    let pins = world.pinned_in(id).len();
    Ok(fields(json!({
        "messages": messages, "has_more": !next.is_empty(), "pin_count": pins, "channel_actions_ts": null,
        "channel_actions_count": 0, "response_metadata": {"next_cursor": next},
    })))
}

fn replies(world: &mut World, args: &Args) -> ApiResult {
    let (id, ts) = (args.text("channel"), args.text("ts"));
    let channel = seen(world, id)?;
    need_scope(world, &[channel.history_scope()])?;
    joined(world, id)?;
    let asked = world.message(id, ts).ok_or("thread_not_found")?;
    let root = asked.thread_ts.clone().unwrap_or_else(|| ts.to_owned());
    let mut messages: Vec<&Message> = world.message(id, &root).into_iter().collect();
    messages.extend(world.replies_to(id, &root));
    let messages = shown(world, args, messages)?;
    let (messages, next) = page(args, messages, 1000, 1000)?;
    Ok(fields(json!({
        "messages": messages, "has_more": !next.is_empty(), "response_metadata": {"next_cursor": next},
    })))
}

fn info(world: &mut World, args: &Args) -> ApiResult {
    let channel = seen(world, args.text("channel"))?;
    need_scope(world, &[read_scope(channel.kind)])?;
    Ok(fields(json!({"channel": channel.to_json(&world.app.bot_user_id)})))
}

fn list(world: &mut World, args: &Args) -> ApiResult {
    let mut types = args.list("types");
    if types.is_empty() {
        types.push("public_channel".into());
    }
    let mut kinds = Vec::new();
    for name in &types {
        let kind = match name.as_str() {
            "public_channel" => ChannelKind::Public,
            "private_channel" => ChannelKind::Private,
            "im" => ChannelKind::Im,
            "mpim" => continue,
            _ => return Err("invalid_types".into()),
        };
        need_scope(world, &[read_scope(kind)])?;
        kinds.push(kind);
    }
    let bot = &world.app.bot_user_id;
    let listed = world.channels.values().filter(|channel| {
        let mine = channel.kind == ChannelKind::Public || channel.members.contains(bot);
        kinds.contains(&channel.kind) && mine && !(args.flag("exclude_archived") && channel.archived)
    });
    let (channels, next) = page(args, listed.map(|channel| channel.to_json(bot)).collect(), 999, 100)?;
    Ok(fields(json!({"channels": channels, "response_metadata": {"next_cursor": next}})))
}

fn members(world: &mut World, args: &Args) -> ApiResult {
    let channel = seen(world, args.text("channel"))?;
    need_scope(world, &[read_scope(channel.kind)])?;
    let (members, next) = page(args, channel.members.iter().cloned().collect(), 999, 100)?;
    Ok(fields(json!({"members": members, "response_metadata": {"next_cursor": next}})))
}

fn open(world: &mut World, args: &Args) -> ApiResult {
    if let Some(id) = args.some_text("channel") {
        let channel = seen(world, id)?;
        return Ok(fields(json!({"no_op": true, "already_open": true, "channel": {"id": channel.id}})));
    }
    let users = args.list("users");
    let [user] = users.as_slice() else {
        let code = if users.is_empty() { "users_list_not_supplied" } else { "method_not_supported_for_channel_type" };
        return Err(code.into());
    };
    let person = world.users.get(user).ok_or("user_not_found")?;
    if person.is_bot {
        return Err("cannot_dm_bot".into());
    }
    if person.deleted {
        return Err("user_disabled".into());
    }
    let already_open = world.dm(user).is_some();
    let id = world.open_dm(user);
    let mut channel = json!({"id": id});
    if args.flag("return_im") {
        channel = world.channels[&id].to_json(&world.app.bot_user_id);
    }
    let mut answer = fields(json!({"channel": channel}));
    if already_open {
        answer.insert("no_op".into(), json!(true));
        answer.insert("already_open".into(), json!(true));
    }
    Ok(answer)
}
