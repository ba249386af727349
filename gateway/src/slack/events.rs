//! The Events API. The bot hears every conversation that it is in; only people's messages in threads and in direct
//! messages to the bot are passed on. Its own messages and those of other bots are dropped, so that there are no loops; only
//! that somebody deleted one of its own is passed on, since it may have been a card.

use common::job::{Envelope, HearMessage, Job, MessageChange};
use common::slack_id::{ChannelId, TeamId, UserId};
use serde::de::IgnoredAny;

use super::interactions::ignore;
use super::payload::{Event, EventRequest, Message, is_plain};
use super::reply;
use super::translate::Translation;
use super::verify::SignedBody;
use crate::producer::NewJob;

/// Translates the JSON body.
pub(super) fn translate(body: &SignedBody) -> Translation {
    let Ok(text) = std::str::from_utf8(body.bytes()) else { return Translation::NeitherFormNorJson };
    match serde_json::from_str(text) {
        Ok(request) => translate_request(request),
        // Fields that stand there twice, something that is no object, nested deeper than the parser goes: JSON all the same.
        Err(_) if serde_json::from_str::<IgnoredAny>(text).is_ok() => {
            Translation::Unreadable("an event request whose JSON has another shape")
        }
        Err(_) => Translation::NeitherFormNorJson,
    }
}

fn translate_request(request: EventRequest) -> Translation {
    match request.kind.as_deref() {
        Some("url_verification") => match &request.challenge {
            Some(challenge) => Translation::Answer(reply::challenge(challenge)),
            None => Translation::Unreadable("a url_verification without a challenge"),
        },
        Some("event_callback") => translate_event(request),
        Some(other) => ignore("event request", other),
        None => Translation::Unreadable("an event request without a type"),
    }
}

fn translate_event(request: EventRequest) -> Translation {
    let Some(event_id) = request.event_id.as_deref().filter(|id| is_plain(id, 100)) else {
        return Translation::Unreadable("an event without an event_id");
    };
    let Some(team) = request.team_id.as_deref().and_then(TeamId::parse) else {
        return Translation::Unreadable("an event without a team_id");
    };
    let Some(event) = &request.event else {
        return Translation::Unreadable("an event_callback without an event");
    };
    match event.kind.as_deref() {
        Some("message") => {}
        Some(other) => return ignore("event", other),
        None => return Translation::Unreadable("an event without a type"),
    }
    let own_user =
        request.authorizations.iter().flatten().find(|a| a.is_bot == Some(true)).and_then(|a| a.user_id.as_deref());
    match heard(event, own_user) {
        Some(message) => {
            let envelope =
                Envelope { id: format!("event:{event_id}"), team: Some(team), job: Job::HearMessage(message) };
            Translation::append(NewJob { envelope, uses_trigger: false, needs_worker: false }, reply::empty())
        }
        None => Translation::Answer(reply::empty()),
    }
}

/// The person's message in a thread or a direct message that this event tells of.
fn heard(event: &Event, own_user: Option<&str>) -> Option<HearMessage> {
    let direct = event.channel_type.as_deref() == Some("im");
    let channel = ChannelId::parse(event.channel.as_deref()?)?;
    let by_person = |user: Option<&str>, bot_id: Option<&str>| bot_id.is_none() && user.is_some() && user != own_user;
    match event.subtype.as_deref() {
        None | Some("file_share" | "thread_broadcast") => {
            let thread_ts = event.thread_ts.clone().filter(|root| Some(root) != event.ts.as_ref());
            if !by_person(event.user.as_deref(), event.bot_id.as_deref()) || (thread_ts.is_none() && !direct) {
                return None;
            }
            Some(HearMessage {
                change: MessageChange::Posted,
                user: UserId::parse(event.user.as_deref()?),
                channel,
                thread_ts,
                ts: event.ts.clone()?,
                text: event.text.clone().unwrap_or_default(),
                edited_ts: String::new(),
                earlier_text: None,
            })
        }
        Some("message_changed") => {
            let (now, before) = (event.message.as_ref()?, event.previous_message.as_ref());
            let deleted = now.subtype.as_deref() == Some("tombstone");
            if deleted && before.is_some_and(|before| is_own(before, own_user)) {
                return Some(deletion_of_own(channel, now.ts.clone()?));
            }
            let same_text = before.is_some_and(|before| before.text == now.text);
            if !deleted && (same_text || !by_person(now.user.as_deref(), now.bot_id.as_deref())) {
                return None;
            }
            let change = if deleted { MessageChange::Deleted } else { MessageChange::Edited };
            let heard = changed(change, channel, now, now.ts.clone()?)?;
            let edited_ts = now.edited.as_ref().and_then(|edited| edited.ts.clone());
            Some(HearMessage {
                edited_ts: edited_ts
                    .or_else(|| event.event_ts.clone())
                    .or_else(|| event.ts.clone())
                    .unwrap_or_default(),
                earlier_text: before.and_then(|before| before.text.clone()).filter(|_| !deleted),
                ..heard
            })
        }
        Some("message_deleted") => {
            let before = event.previous_message.as_ref()?;
            if is_own(before, own_user) {
                return Some(deletion_of_own(channel, event.deleted_ts.clone().or_else(|| before.ts.clone())?));
            }
            if !by_person(before.user.as_deref(), before.bot_id.as_deref()) {
                return None;
            }
            changed(MessageChange::Deleted, channel, before, event.deleted_ts.clone().or_else(|| before.ts.clone())?)
        }
        Some(_) => None,
    }
}

/// Whether a message is the bot's own; other bots' have another user, or none.
fn is_own(message: &Message, own_user: Option<&str>) -> bool {
    own_user.is_some() && message.user.as_deref() == own_user
}

/// Somebody deleted a message of the bot's.
fn deletion_of_own(channel: ChannelId, ts: String) -> HearMessage {
    HearMessage {
        change: MessageChange::Deleted,
        user: None,
        channel,
        thread_ts: None,
        ts,
        text: String::new(),
        edited_ts: String::new(),
        earlier_text: None,
    }
}

fn changed(change: MessageChange, channel: ChannelId, message: &Message, ts: String) -> Option<HearMessage> {
    Some(HearMessage {
        change,
        user: message.user.as_deref().and_then(UserId::parse),
        channel,
        thread_ts: Some(message.thread_ts.clone()?),
        ts,
        text: if change == MessageChange::Deleted { String::new() } else { message.text.clone().unwrap_or_default() },
        edited_ts: String::new(),
        earlier_text: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn hear(event: Value) -> Option<MessageChange> {
        heard(&serde_json::from_value(event).unwrap(), Some("U0BOT")).map(|message| message.change)
    }

    #[test]
    fn only_people_in_threads_and_direct_messages_are_heard() {
        let reply =
            json!({ "type": "message", "channel": "C1", "user": "U1", "ts": "2.0", "thread_ts": "1.0", "text": "hi" });
        assert!(hear(reply.clone()) == Some(MessageChange::Posted));
        let with = |field: &str, value: Value| {
            let mut event = reply.clone();
            event[field] = value;
            hear(event)
        };
        assert!(with("bot_id", json!("B1")).is_none());
        assert!(with("user", json!("U0BOT")).is_none());
        assert!(with("thread_ts", json!("2.0")).is_none(), "the root itself");
        assert!(with("thread_ts", Value::Null).is_none(), "outside of threads");
        assert!(with("subtype", json!("channel_join")).is_none());
        let direct = json!({ "type": "message", "channel": "D1", "channel_type": "im", "user": "U1", "ts": "2.0" });
        assert!(hear(direct).is_some());
    }

    #[test]
    fn edits_count_when_the_text_changed() {
        let edit = |before: &str| {
            let message = json!({ "user": "U1", "ts": "2.0", "thread_ts": "1.0", "text": "new" });
            let previous = json!({ "user": "U1", "ts": "2.0", "thread_ts": "1.0", "text": before });
            json!({ "type": "message", "subtype": "message_changed", "channel": "C1", "message": message, "previous_message": previous })
        };
        assert!(hear(edit("old")) == Some(MessageChange::Edited));
        assert!(hear(edit("new")).is_none(), "only metadata or an unfurled link changed");
        let deletion = json!({ "type": "message", "subtype": "message_deleted", "channel": "C1", "deleted_ts": "2.0",
            "previous_message": { "user": "U1", "ts": "2.0", "thread_ts": "1.0" } });
        assert!(hear(deletion.clone()) == Some(MessageChange::Deleted));
        let of = |previous: Value| {
            let mut event = deletion.clone();
            event["previous_message"] = previous;
            hear(event)
        };
        assert!(of(json!({ "user": "U0BOT", "bot_id": "B0BOT", "ts": "2.0" })).is_some(), "it may be a card");
        assert!(of(json!({ "user": "U0OTHER", "bot_id": "B0OTHER", "ts": "2.0", "thread_ts": "1.0" })).is_none());
        assert!(of(json!({ "bot_id": "B0OTHER", "ts": "2.0" })).is_none());
    }
}
