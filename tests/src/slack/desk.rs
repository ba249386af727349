//! The workspace that tests start with.

use std::collections::{BTreeMap, BTreeSet};

use super::clock::Clock;
use super::model::{App, Settings, World};

/// The scopes the desk asks for: exactly those of its manifest, so that whatever the tests do can be done with them.
pub const DEFAULT_SCOPES: [&str; 12] = [
    "channels:history",
    "channels:read",
    "chat:write",
    "commands",
    "files:read",
    "files:write",
    "groups:history",
    "groups:read",
    "im:history",
    "im:write",
    "pins:write",
    "users:read",
];

impl World {
    /// The default workspace: team `T0DESK`, app `A0DESK`, bot `U0BOT`/`B0BOT`, agents Ana, Ben and Cleo (`U0AGENT1`
    /// to `3`), system users Sam, Sue and Sol (`U0SYS1` to `3`), channels #tickets (`C0TICKETS`), #ticket-admin
    /// (`C0ADMIN`) and #general (`C0GENERAL`), the bot a member of the first two.
    pub fn desk() -> Self {
        let app = App {
            team_id: "T0DESK".into(),
            team_domain: "desk".into(),
            app_id: "A0DESK".into(),
            bot_user_id: "U0BOT".into(),
            bot_id: "B0BOT".into(),
            token: "xoxb-0000000000-stand-in-bot-token".into(),
            token_valid: true,
            signing_secret: "5a17b0c4d2e96f3881c0ffee00dd1e5e".into(),
            verification_token: "standinverificationtoken".into(),
            scopes: DEFAULT_SCOPES.iter().map(|scope| (*scope).to_owned()).collect(),
        };
        let mut world = Self {
            app,
            clock: Clock::default(),
            settings: Settings {
                history_lag_ms: 0,
                file_processing_ms: 0,
                files_get_ready: true,
                pin_notices: true,
                unknown_blocks: BTreeSet::new(),
            },
            base_url: String::new(),
            users: BTreeMap::new(),
            channels: BTreeMap::new(),
            messages: BTreeMap::new(),
            ephemerals: Vec::new(),
            views: BTreeMap::new(),
            stacks: BTreeMap::new(),
            homes: BTreeMap::new(),
            triggers: BTreeMap::new(),
            response_urls: BTreeMap::new(),
            files: BTreeMap::new(),
            pending_uploads: BTreeMap::new(),
            notes: Vec::new(),
            violations: Vec::new(),
            last_ts: 0,
            last_id: 0,
            events: Vec::new(),
        };
        world.populate();
        world
    }

    fn populate(&mut self) {
        let people = [
            ("U0AGENT1", "ana", "Ana Agent"),
            ("U0AGENT2", "ben", "Ben Agent"),
            ("U0AGENT3", "cleo", "Cleo Agent"),
            ("U0SYS1", "sam", "Sam Systems"),
            ("U0SYS2", "sue", "Sue Systems"),
            ("U0SYS3", "sol", "Sol Systems"),
        ];
        for (id, name, real_name) in people {
            self.add_user(id, name, real_name);
        }
        let bot = self.app.bot_user_id.clone();
        self.add_user(&bot, "desk", "Ticket Desk");
        if let Some(user) = self.users.get_mut(&bot) {
            user.is_bot = true;
        }
        let everyone: Vec<&str> = people.iter().map(|(id, _, _)| *id).collect();
        for (id, name) in [("C0TICKETS", "tickets"), ("C0ADMIN", "ticket-admin"), ("C0GENERAL", "general")] {
            self.add_channel(id, name, &everyone);
        }
        self.add_bot("C0TICKETS");
        self.add_bot("C0ADMIN");
    }
}
