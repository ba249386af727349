//! The Web API's methods: what each knows, needs and does.

mod auth;
mod chat;
mod conversations;
mod files;
mod pins;
mod users;
mod views;

use serde_json::{Map, Value, json};

use super::arguments::{Arg, Args};
use super::model::{ApiError, ApiResult, World};
use super::people::Channel;

/// A method of the Web API.
pub(crate) struct Method {
    pub(crate) name: &'static str,
    /// One of these scopes is needed; none: any token will do.
    pub(crate) scopes: &'static [&'static str],
    /// A JSON body isn't read.
    pub(crate) form_only: bool,
    pub(crate) args: &'static [Arg],
    pub(crate) run: fn(&mut World, &Args) -> ApiResult,
}

/// The method of a name.
pub(crate) fn find(name: &str) -> Option<&'static Method> {
    let all = [
        auth::METHODS,
        chat::METHODS,
        conversations::METHODS,
        files::METHODS,
        pins::METHODS,
        users::METHODS,
        views::METHODS,
    ];
    all.into_iter().flatten().find(|method| method.name == name)
}

/// Checks that the token has one of these scopes.
///
/// # Errors
/// `missing_scope` with `needed` and `provided`.
pub(crate) fn need_scope(world: &World, scopes: &[&str]) -> Result<(), ApiError> {
    if scopes.is_empty() || scopes.iter().any(|scope| world.app.scopes.contains(*scope)) {
        return Ok(());
    }
    let provided: Vec<&str> = world.app.scopes.iter().map(String::as_str).collect();
    let mut error = ApiError::new("missing_scope");
    error.extra.insert("needed".into(), json!(scopes.join(",")));
    error.extra.insert("provided".into(), json!(provided.join(",")));
    Err(error)
}

/// The fields of a JSON object.
fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// A conversation that the bot may see.
///
/// # Errors
/// `channel_not_found`, also for private channels the bot isn't in.
fn seen<'world>(world: &'world World, id: &str) -> Result<&'world Channel, ApiError> {
    let channel = world.channels.get(id).ok_or("channel_not_found")?;
    let hidden = channel.kind != super::people::ChannelKind::Public;
    if hidden && !channel.members.contains(&world.app.bot_user_id) {
        return Err("channel_not_found".into());
    }
    Ok(channel)
}

/// A conversation that the bot is in.
///
/// # Errors
/// `channel_not_found`, `not_in_channel`.
fn joined<'world>(world: &'world World, id: &str) -> Result<&'world Channel, ApiError> {
    let channel = seen(world, id)?;
    if channel.members.contains(&world.app.bot_user_id) { Ok(channel) } else { Err("not_in_channel".into()) }
}

/// A conversation that the bot may write in.
///
/// # Errors
/// `channel_not_found`, `not_in_channel`, `is_archived`.
fn writable<'world>(world: &'world World, id: &str) -> Result<&'world Channel, ApiError> {
    let channel = joined(world, id)?;
    if channel.archived { Err("is_archived".into()) } else { Ok(channel) }
}

/// One page of a list, and the cursor of the next; empty at the end.
fn page<T>(args: &Args, items: Vec<T>, most: i64, usual: i64) -> Result<(Vec<T>, String), ApiError> {
    let limit = args.number("limit").unwrap_or(usual);
    if !(1..=most).contains(&limit) {
        return Err("invalid_limit".into());
    }
    let start = match args.some_text("cursor") {
        None => 0,
        Some(cursor) => {
            let offset = cursor.strip_prefix("offset:").and_then(|offset| offset.parse::<usize>().ok());
            offset.ok_or_else(|| ApiError::new("invalid_cursor"))?
        }
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let next = if start + limit < items.len() { format!("offset:{}", start + limit) } else { String::new() };
    Ok((items.into_iter().skip(start).take(limit).collect(), next))
}
