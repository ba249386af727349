//! Where somebody is: which user, which conversation, which thread. It stands in the address, so that two tabs can be
//! two users; forms carry it along.

use super::html::hidden;
use super::reader::{DM, address};
use crate::slack::World;

/// Where somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// User id.
    pub(super) user: String,
    /// Channel id; none for the direct message with the bot while there is none.
    pub(super) channel: Option<String>,
    /// In the direct message with the bot.
    pub(super) dm: bool,
    /// The thread beside it.
    pub(super) thread: Option<String>,
    /// Old messages too.
    pub(super) all: bool,
}

impl Place {
    /// The place of a query or a form; what isn't known there is replaced by where a newcomer starts.
    pub(super) fn of(world: &World, value: impl Fn(&str) -> Option<String>) -> Self {
        let is_person = |id: &String| world.users.get(id).is_some_and(|user| !user.is_bot && !user.deleted);
        let first = || world.users.keys().find(|id| is_person(id)).cloned();
        let user = value("as").filter(is_person).or_else(first).unwrap_or_default();
        let wanted = value("in").unwrap_or_default();
        let dm = wanted == DM || world.dm(&user) == Some(wanted.as_str());
        let is_in = |id: &str| world.channels.get(id).is_some_and(|c| c.user.is_none() && c.members.contains(&user));
        let channel = if dm {
            world.dm(&user).map(str::to_owned)
        } else if is_in(&wanted) {
            Some(wanted)
        } else {
            let start = world.channel_named("tickets").map(|channel| channel.id.clone()).filter(|id| is_in(id));
            start.or_else(|| world.channels.keys().find(|id| is_in(id)).cloned())
        };
        let there = |ts: &String| channel.as_ref().is_some_and(|channel| world.message(channel, ts).is_some());
        let thread = value("thread").filter(there);
        Self { user, channel, dm, thread, all: value("all").is_some() }
    }

    /// The conversation as it stands in addresses.
    pub(super) fn key(&self) -> &str {
        if self.dm { DM } else { self.channel.as_deref().unwrap_or_default() }
    }

    /// The address.
    pub(super) fn address(&self) -> String {
        let address = address(&self.user, self.key(), self.thread.as_deref());
        if self.all { address + "&all=1" } else { address }
    }

    /// The place as hidden fields of a form.
    pub(super) fn fields(&self) -> String {
        let mut fields = hidden("as", &self.user) + &hidden("in", self.key());
        fields += &self.thread.as_ref().map(|thread| hidden("thread", thread)).unwrap_or_default();
        if self.all {
            fields += &hidden("all", "1");
        }
        fields
    }
}
