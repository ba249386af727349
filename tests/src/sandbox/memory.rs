//! What the sandbox remembers beside the workspace: who read what, and whether the hint was put away.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::slack::World;

/// What the sandbox remembers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Memory {
    /// Latest ts that was read, by user and channel.
    #[serde(default)]
    reads: BTreeMap<String, BTreeMap<String, String>>,
    /// The hint was put away.
    #[serde(default)]
    pub(super) hint_gone: bool,
}

impl Memory {
    /// How many messages of others came since this user read the channel, replies in threads left out.
    pub(super) fn unread(&self, world: &World, user: &str, channel: &str) -> usize {
        let read = self.reads.get(user).and_then(|reads| reads.get(channel)).map_or("", String::as_str);
        let fresh = world.messages_in(channel).into_iter().filter(|message| {
            let is_notice = message.subtype.as_deref() == Some("pinned_item");
            !message.is_reply() && message.user != user && !is_notice && message.ts.as_str() > read
        });
        fresh.count()
    }

    /// This user read the channel up to now.
    pub(super) fn read(&mut self, world: &World, user: &str, channel: &str) {
        if let Some(last) = world.messages_in(channel).last() {
            self.reads.entry(user.to_owned()).or_default().insert(channel.to_owned(), last.ts.clone());
        }
    }
}
