//! Messages: posted, edited, deleted, pinned.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::model::World;

/// A message in a conversation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Message {
    /// Conversation it is in.
    pub channel: String,
    /// Its name within the conversation.
    pub ts: String,
    /// The parent's ts, for a reply and for a parent that has replies.
    pub thread_ts: Option<String>,
    /// Who posted it; the bot user for the app's own.
    pub user: String,
    /// Set where the app posted it.
    pub bot_id: Option<String>,
    /// `file_share`, `pinned_item`, `thread_broadcast`, …
    pub subtype: Option<String>,
    /// Text, or the fallback of blocks.
    pub text: String,
    /// Blocks as Slack keeps them (ids filled in).
    pub blocks: Vec<Value>,
    /// Legacy attachments.
    pub attachments: Vec<Value>,
    /// Message metadata (`event_type`, `event_payload`).
    pub metadata: Option<Value>,
    /// Files by id.
    pub files: Vec<String>,
    /// Who pinned it and when.
    pub pinned: Option<Pin>,
    /// Last edit.
    pub edited: Option<Edited>,
    /// Deleted: nobody sees it any more.
    pub deleted: bool,
    /// Reactions as (emoji name, user).
    pub reactions: Vec<(String, String)>,
    /// A person's message is identified by their client.
    pub client_msg_id: Option<String>,
    /// Arguments that change how it is shown (`unfurl_links`, `parse`, …), as they came.
    pub options: Value,
    /// How often it was edited.
    pub edits: u32,
}

/// A pin on a message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pin {
    /// Who pinned.
    pub user: String,
    /// When, in the workspace's time.
    pub at: DateTime<Utc>,
}

/// An edit of a message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Edited {
    /// Who edited.
    pub user: String,
    /// When, as a ts.
    pub ts: String,
}

impl Message {
    /// An empty message by someone, not yet in the model.
    pub(crate) fn blank(channel: &str, ts: String, user: &str) -> Self {
        Self {
            channel: channel.into(),
            ts,
            thread_ts: None,
            user: user.into(),
            bot_id: None,
            subtype: None,
            text: String::new(),
            blocks: Vec::new(),
            attachments: Vec::new(),
            metadata: None,
            files: Vec::new(),
            pinned: None,
            edited: None,
            deleted: false,
            reactions: Vec::new(),
            client_msg_id: None,
            options: Value::Null,
            edits: 0,
        }
    }

    /// True for a reply in a thread (a parent names itself in `thread_ts`).
    pub fn is_reply(&self) -> bool {
        self.thread_ts.as_deref().is_some_and(|thread| thread != self.ts)
    }

    /// All texts that a reader sees: the text and every text in the blocks, in order.
    pub fn all_text(&self) -> String {
        let mut texts = vec![self.text.clone()];
        texts.extend(super::mrkdwn::texts_of(&self.blocks));
        texts.join("\n")
    }
}

impl World {
    /// A message that is not deleted.
    pub fn message(&self, channel: &str, ts: &str) -> Option<&Message> {
        self.messages.get(channel)?.get(ts).filter(|message| !message.deleted)
    }

    /// The messages of a conversation that are not deleted, oldest first, replies included.
    pub fn messages_in(&self, channel: &str) -> Vec<&Message> {
        let all = self.messages.get(channel).into_iter().flat_map(|messages| messages.values());
        all.filter(|message| !message.deleted).collect()
    }

    /// The replies in a thread that are not deleted, oldest first, without the parent.
    pub fn replies_to(&self, channel: &str, thread_ts: &str) -> Vec<&Message> {
        let mut messages = self.messages_in(channel);
        messages.retain(|message| message.is_reply() && message.thread_ts.as_deref() == Some(thread_ts));
        messages
    }

    /// The messages in the direct message between the bot and a user, oldest first.
    pub fn direct_messages(&self, user: &str) -> Vec<&Message> {
        self.dm(user).map(|channel| self.messages_in(channel)).unwrap_or_default()
    }

    /// The pinned messages of a conversation, oldest first.
    pub fn pinned_in(&self, channel: &str) -> Vec<&Message> {
        let mut messages = self.messages_in(channel);
        messages.retain(|message| message.pinned.is_some());
        messages
    }

    /// Puts a message into its conversation and tells the app (an event) where the bot is a member.
    pub(crate) fn insert_message(&mut self, message: Message) -> String {
        let (channel, ts) = (message.channel.clone(), message.ts.clone());
        if let Some(thread) = message.thread_ts.clone() {
            let parent = self.messages.entry(channel.clone()).or_default().get_mut(&thread);
            if let Some(parent) = parent {
                parent.thread_ts = Some(thread);
            }
        }
        for id in &message.files {
            if let Some(file) = self.files.get_mut(id) {
                file.shares.push(super::files::Share { channel: channel.clone(), ts: ts.clone() });
            }
        }
        let mut event = self.message_json(&message);
        self.messages.entry(channel.clone()).or_default().insert(ts.clone(), message);
        event["channel"] = json!(channel);
        event["event_ts"] = json!(ts);
        self.emit_in(&channel, event);
        ts
    }

    /// Changes a message and tells the app. Answers false where there is none.
    pub(crate) fn edit_message(
        &mut self,
        channel: &str,
        ts: &str,
        by: &str,
        change: impl FnOnce(&mut Message),
    ) -> bool {
        let Some(before) = self.message(channel, ts).cloned() else {
            return false;
        };
        let edited = Edited { user: by.to_owned(), ts: self.mint_ts() };
        let mut after = before.clone();
        change(&mut after);
        after.edited = Some(edited.clone());
        after.edits += 1;
        let event = json!({
            "type": "message", "subtype": "message_changed", "hidden": true, "channel": channel, "ts": edited.ts,
            "event_ts": edited.ts, "message": self.message_json(&after), "previous_message": self.message_json(&before),
        });
        self.messages.entry(channel.to_owned()).or_default().insert(ts.to_owned(), after);
        self.emit_in(channel, event);
        true
    }

    /// Deletes a message and tells the app. Answers false where there is none.
    pub fn delete_message(&mut self, channel: &str, ts: &str) -> bool {
        let Some(before) = self.message(channel, ts).cloned() else {
            return false;
        };
        let deleted_at = self.mint_ts();
        let event = json!({
            "type": "message", "subtype": "message_deleted", "hidden": true, "channel": channel, "ts": deleted_at,
            "event_ts": deleted_at, "deleted_ts": ts, "previous_message": self.message_json(&before),
        });
        if let Some(message) = self.messages.get_mut(channel).and_then(|messages| messages.get_mut(ts)) {
            message.deleted = true;
            message.pinned = None;
        }
        self.emit_in(channel, event);
        true
    }

    /// Pins a message; answers false where it is pinned already or not there.
    pub fn pin(&mut self, channel: &str, ts: &str, by: &str) -> bool {
        let pin = Pin { user: by.to_owned(), at: self.now() };
        let found = self.messages.get_mut(channel).and_then(|messages| messages.get_mut(ts));
        let Some(message) = found.filter(|message| !message.deleted && message.pinned.is_none()) else {
            return false;
        };
        message.pinned = Some(pin);
        if self.settings.pin_notices {
            let at = self.mint_ts();
            let mut notice = Message::blank(channel, at, by);
            notice.subtype = Some("pinned_item".into());
            notice.text = format!("<@{by}> pinned a message to this channel.");
            self.insert_message(notice);
        }
        true
    }

    /// Takes a pin off; answers false where there is none.
    pub fn unpin(&mut self, channel: &str, ts: &str) -> bool {
        let found = self.messages.get_mut(channel).and_then(|messages| messages.get_mut(ts));
        found.is_some_and(|message| message.pinned.take().is_some())
    }
}
