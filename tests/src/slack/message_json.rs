//! A message as the Web API and events show it.

use serde_json::{Value, json};

use super::messages::Message;
use super::model::World;

impl World {
    /// The message as history and events show it, with its metadata.
    pub fn message_json(&self, message: &Message) -> Value {
        let mut shown = json!({
            "type": "message", "user": message.user, "text": message.text, "ts": message.ts, "team": self.app.team_id,
        });
        if let Some(subtype) = &message.subtype {
            shown["subtype"] = json!(subtype);
        }
        if let Some(bot_id) = &message.bot_id {
            shown["bot_id"] = json!(bot_id);
            shown["app_id"] = json!(self.app.app_id);
            shown["bot_profile"] = json!({
                "id": bot_id, "app_id": self.app.app_id, "user_id": self.app.bot_user_id, "name": "Ticket Desk",
                "deleted": false, "updated": 1_700_000_000, "team_id": self.app.team_id,
            });
        }
        if let Some(id) = &message.client_msg_id {
            shown["client_msg_id"] = json!(id);
        }
        if !message.blocks.is_empty() {
            shown["blocks"] = json!(message.blocks);
        }
        if !message.attachments.is_empty() {
            shown["attachments"] = json!(message.attachments);
        }
        if let Some(edited) = &message.edited {
            shown["edited"] = json!({"user": edited.user, "ts": edited.ts});
        }
        if message.pinned.is_some() {
            shown["pinned_to"] = json!([message.channel]);
        }
        if let Some(metadata) = &message.metadata {
            shown["metadata"] = metadata.clone();
        }
        if !message.files.is_empty() {
            let files = message.files.iter().filter_map(|id| self.files.get(id));
            shown["files"] = files.map(|file| self.file_json(file)).collect();
            shown["upload"] = json!(false);
        }
        self.add_thread_fields(message, &mut shown);
        self.add_reactions(message, &mut shown);
        shown
    }

    fn add_thread_fields(&self, message: &Message, shown: &mut Value) {
        let Some(thread) = &message.thread_ts else {
            return;
        };
        shown["thread_ts"] = json!(thread);
        if message.is_reply() {
            if let Some(parent) = self.message(&message.channel, thread) {
                shown["parent_user_id"] = json!(parent.user);
            }
            return;
        }
        let replies = self.replies_to(&message.channel, thread);
        let mut users: Vec<&str> = replies.iter().map(|reply| reply.user.as_str()).collect();
        users.dedup();
        shown["reply_count"] = json!(replies.len());
        shown["reply_users_count"] = json!(users.len());
        shown["reply_users"] = json!(users);
        shown["latest_reply"] = json!(replies.last().map(|reply| reply.ts.clone()));
        shown["subscribed"] = json!(false);
        shown["is_locked"] = json!(false);
    }

    fn add_reactions(&self, message: &Message, shown: &mut Value) {
        let mut reactions: Vec<Value> = Vec::new();
        for (name, user) in &message.reactions {
            match reactions.iter_mut().find(|reaction| reaction["name"] == json!(name)) {
                Some(reaction) => {
                    let count = reaction["count"].as_u64().unwrap_or(0) + 1;
                    reaction["count"] = json!(count);
                    if let Some(users) = reaction["users"].as_array_mut() {
                        users.push(json!(user));
                    }
                }
                None => reactions.push(json!({"name": name, "users": [user], "count": 1})),
            }
        }
        if !reactions.is_empty() {
            shown["reactions"] = json!(reactions);
        }
    }
}
