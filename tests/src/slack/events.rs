//! What happens in the workspace, as the Events API tells it to the app.

use serde_json::{Value, json};

use super::entries::Upload;
use super::messages::Message;
use super::model::World;

impl World {
    /// Tells the app of something in a conversation, where the bot is a member and the scope is granted.
    pub(crate) fn emit_in(&mut self, channel: &str, mut event: Value) {
        let Some(place) = self.channels.get(channel) else {
            return;
        };
        let heard = place.members.contains(&self.app.bot_user_id) && self.app.scopes.contains(place.history_scope());
        if heard {
            event["channel_type"] = json!(place.channel_type());
            self.events.push(event);
        }
    }
}

/// A person writes a message; answers its ts.
pub fn say(
    world: &mut World,
    user: &str,
    channel: &str,
    thread_ts: Option<&str>,
    text: &str,
    files: &[Upload],
) -> String {
    let ts = world.mint_ts();
    let mut message = Message::blank(channel, ts, user);
    message.text = text.to_owned();
    message.thread_ts = thread_ts.map(Into::into);
    message.client_msg_id = Some(uuid::Uuid::new_v4().to_string());
    message.blocks = vec![json!({
        "type": "rich_text", "block_id": world.mint_id("b"),
        "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}],
    })];
    message.files = files.iter().map(|file| world.store_file(user, &file.name, file.bytes.clone())).collect();
    if !files.is_empty() {
        message.subtype = Some("file_share".into());
    }
    world.insert_message(message)
}

/// A person reacts to a message.
pub fn react(world: &mut World, user: &str, channel: &str, ts: &str, emoji: &str) {
    let at = world.mint_ts();
    let found = world.messages.get_mut(channel).and_then(|messages| messages.get_mut(ts));
    let Some(message) = found.filter(|message| !message.deleted) else {
        return;
    };
    message.reactions.push((emoji.to_owned(), user.to_owned()));
    let event = json!({
        "type": "reaction_added", "user": user, "reaction": emoji, "item_user": message.user,
        "item": {"type": "message", "channel": channel, "ts": ts}, "event_ts": at,
    });
    if world.bot_is_in(channel) && world.app.scopes.contains("reactions:read") {
        world.events.push(event);
    }
}

/// A person opens the app's home tab.
pub fn open_home(world: &mut World, user: &str) {
    let channel = world.open_dm(user);
    let mut event = json!({
        "type": "app_home_opened", "user": user, "channel": channel, "tab": "home", "event_ts": world.mint_ts(),
    });
    if let Some(view) = world.home_view(user) {
        event["view"] = view.to_json(world);
    }
    world.events.push(event);
}
