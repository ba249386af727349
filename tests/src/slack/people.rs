//! Users and the conversations they are in.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::model::World;

/// A user of the workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct User {
    /// `U…`.
    pub id: String,
    /// Handle.
    pub name: String,
    /// Name as shown.
    pub real_name: String,
    /// Deactivated: direct messages answer `user_disabled`.
    pub deleted: bool,
    /// A bot: direct messages answer `cannot_dm_bot`.
    pub is_bot: bool,
    /// IANA time zone.
    pub tz: String,
}

/// What kind of conversation it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// A public channel.
    Public,
    /// A private channel.
    Private,
    /// A direct message with the bot.
    Im,
}

/// A channel or a direct message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Channel {
    /// `C…`, or `D…` for a direct message.
    pub id: String,
    /// Name without `#`; empty for a direct message.
    pub name: String,
    /// What kind.
    pub kind: ChannelKind,
    /// Posting answers `is_archived`.
    pub archived: bool,
    /// Members, the bot user included where it is one.
    pub members: BTreeSet<String>,
    /// The other person of a direct message.
    pub user: Option<String>,
    /// When it was made, in seconds of the Unix epoch.
    pub created: i64,
}

impl Channel {
    /// Slack's word for it in events (`channel_type`).
    pub fn channel_type(&self) -> &'static str {
        match self.kind {
            ChannelKind::Public => "channel",
            ChannelKind::Private => "group",
            ChannelKind::Im => "im",
        }
    }

    /// The scope that reading its history needs.
    pub(crate) fn history_scope(&self) -> &'static str {
        match self.kind {
            ChannelKind::Public => "channels:history",
            ChannelKind::Private => "groups:history",
            ChannelKind::Im => "im:history",
        }
    }

    /// The channel as the Web API shows it.
    pub fn to_json(&self, bot_user: &str) -> Value {
        let is_member = self.members.contains(bot_user);
        if self.kind == ChannelKind::Im {
            return json!({
                "id": self.id, "created": self.created, "is_archived": self.archived, "is_im": true,
                "is_org_shared": false, "user": self.user, "is_user_deleted": false, "priority": 0,
            });
        }
        let private = self.kind == ChannelKind::Private;
        json!({
            "id": self.id, "name": self.name, "name_normalized": self.name, "created": self.created,
            "is_channel": !private, "is_group": private, "is_im": false, "is_mpim": false, "is_private": private,
            "is_archived": self.archived, "is_general": self.name == "general", "is_shared": false,
            "is_org_shared": false, "is_ext_shared": false, "is_member": is_member,
            "num_members": self.members.len(), "creator": "U0AGENT1", "unlinked": 0, "pending_shared": [],
            "topic": {"value": "", "creator": "", "last_set": 0},
            "purpose": {"value": "", "creator": "", "last_set": 0},
        })
    }
}

impl User {
    /// The user as `users.info` shows it.
    pub fn to_json(&self, team_id: &str) -> Value {
        json!({
            "id": self.id, "team_id": team_id, "name": self.name, "deleted": self.deleted,
            "real_name": self.real_name, "tz": self.tz, "tz_label": self.tz, "tz_offset": 0, "color": "9f69e7",
            "profile": {
                "title": "", "phone": "", "skype": "", "real_name": self.real_name,
                "real_name_normalized": self.real_name, "display_name": self.name,
                "display_name_normalized": self.name, "status_text": "", "status_emoji": "",
                "avatar_hash": "g000", "team": team_id,
            },
            "is_admin": false, "is_owner": false, "is_primary_owner": false, "is_restricted": false,
            "is_ultra_restricted": false, "is_bot": self.is_bot, "is_app_user": false, "updated": 1_700_000_000,
            "has_2fa": false,
        })
    }
}

impl World {
    /// Adds a user, or renames the one with that id.
    pub fn add_user(&mut self, id: &str, name: &str, real_name: &str) {
        let user = User {
            id: id.into(),
            name: name.into(),
            real_name: real_name.into(),
            deleted: false,
            is_bot: false,
            tz: "America/New_York".into(),
        };
        self.users.insert(id.into(), user);
    }

    /// Deactivates a user.
    pub fn deactivate_user(&mut self, id: &str) {
        if let Some(user) = self.users.get_mut(id) {
            user.deleted = true;
        }
    }

    /// Adds a public channel with these members (the bot is not one: [`World::add_bot`]).
    pub fn add_channel(&mut self, id: &str, name: &str, members: &[&str]) {
        let channel = Channel {
            id: id.into(),
            name: name.into(),
            kind: ChannelKind::Public,
            archived: false,
            members: members.iter().map(|member| (*member).to_owned()).collect(),
            user: None,
            created: self.now().timestamp(),
        };
        self.channels.insert(id.into(), channel);
    }

    /// Adds a private channel with these members.
    pub fn add_private_channel(&mut self, id: &str, name: &str, members: &[&str]) {
        self.add_channel(id, name, members);
        if let Some(channel) = self.channels.get_mut(id) {
            channel.kind = ChannelKind::Private;
        }
    }

    /// The direct message between the bot and a user, opened where it is not yet.
    pub fn open_dm(&mut self, user: &str) -> String {
        if let Some(channel) = self.dm(user) {
            return channel.to_owned();
        }
        let id = self.mint_id("D");
        let channel = Channel {
            id: id.clone(),
            name: String::new(),
            kind: ChannelKind::Im,
            archived: false,
            members: [user.to_owned(), self.app.bot_user_id.clone()].into(),
            user: Some(user.to_owned()),
            created: self.now().timestamp(),
        };
        self.channels.insert(id.clone(), channel);
        id
    }

    /// The open direct message between the bot and a user.
    pub fn dm(&self, user: &str) -> Option<&str> {
        let is_theirs = |channel: &&Channel| channel.user.as_deref() == Some(user);
        self.channels.values().find(is_theirs).map(|channel| channel.id.as_str())
    }

    /// The channel of a name, with or without `#`.
    pub fn channel_named(&self, name: &str) -> Option<&Channel> {
        let name = name.trim_start_matches('#');
        self.channels.values().find(|channel| !channel.name.is_empty() && channel.name == name)
    }

    /// Makes the bot a member of a channel.
    pub fn add_bot(&mut self, channel: &str) {
        let bot = self.app.bot_user_id.clone();
        if let Some(channel) = self.channels.get_mut(channel) {
            channel.members.insert(bot);
        }
    }

    /// Takes the bot out of a channel: posting answers `not_in_channel`, a private channel `channel_not_found`.
    pub fn remove_bot(&mut self, channel: &str) {
        let bot = self.app.bot_user_id.clone();
        if let Some(channel) = self.channels.get_mut(channel) {
            channel.members.remove(&bot);
        }
    }

    /// Archives a channel, or takes it out of the archive.
    pub fn archive(&mut self, channel: &str, archived: bool) {
        if let Some(channel) = self.channels.get_mut(channel) {
            channel.archived = archived;
        }
    }

    /// True where the bot is a member.
    pub fn bot_is_in(&self, channel: &str) -> bool {
        self.channels.get(channel).is_some_and(|channel| channel.members.contains(&self.app.bot_user_id))
    }
}
