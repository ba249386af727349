//! The workspace as data: everything Slack remembers, serializable as a whole.
//!
//! Owns the shape of the state; the rules that change it live beside it, one file for each kind of thing (`messages`,
//! `views`, `files`, `people`, `triggers`). Invariants: every `ts` is minted once and later ones are greater; a view
//! in a stack exists in `views`; ids are never reused. The model does no I/O and reads only its own [`Clock`].

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::clock::Clock;
pub use super::ephemeral::{Ephemeral, EphemeralSource};
pub use super::files::{PendingUpload, Share, StoredFile};
pub use super::messages::{Edited, Message, Pin};
pub use super::people::{Channel, ChannelKind, User};
pub use super::triggers::{ResponseUrl, ResponseUrlSource, Trigger};
pub use super::views::{View, ViewEnd, ViewKind};

/// The app as Slack knows it: who it is and how it proves that.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct App {
    /// Workspace id (`T…`).
    pub team_id: String,
    /// Subdomain of the workspace.
    pub team_domain: String,
    /// App id (`A…`).
    pub app_id: String,
    /// The app's bot user (`U…`).
    pub bot_user_id: String,
    /// The app's bot (`B…`), named in messages it posts.
    pub bot_id: String,
    /// Bot token (`xoxb-…`).
    pub token: String,
    /// False after [`World::revoke_token`].
    pub token_valid: bool,
    /// What requests are signed with.
    pub signing_secret: String,
    /// The deprecated verification token that payloads still carry.
    pub verification_token: String,
    /// Granted bot scopes.
    pub scopes: BTreeSet<String>,
}

/// How this workspace behaves beyond what it stores.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Settings {
    /// Messages younger than this do not show in `conversations.history` and `conversations.replies`, in milliseconds.
    pub history_lag_ms: u64,
    /// How long a file is processed before blocks may show it, in milliseconds.
    pub file_processing_ms: u64,
    /// False: uploaded files never become ready.
    pub files_get_ready: bool,
    /// True: pinning posts Slack's "pinned a message" notice.
    pub pin_notices: bool,
    /// Block types this workspace does not know yet (a phased rollout): they answer `invalid_blocks`.
    pub unknown_blocks: BTreeSet<String>,
}

/// A note that Slack shows to one person only, such as a command that failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Note {
    /// Who sees it.
    pub user: String,
    /// Where it shows.
    pub channel: Option<String>,
    /// What it says, in Slack's words.
    pub text: String,
    /// When, in the workspace's time.
    pub at: DateTime<Utc>,
}

/// Something a real Slack would have refused or warned of. A test asserts that there are none.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Violation {
    /// The method or the answer it happened in.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// When, in the workspace's time.
    pub at: DateTime<Utc>,
}

/// The whole workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct World {
    /// The one app.
    pub app: App,
    /// The workspace's time.
    pub clock: Clock,
    /// How it behaves.
    pub settings: Settings,
    /// Where this Slack is reached (`http://127.0.0.1:PORT`), the prefix of the URLs it hands out.
    pub base_url: String,
    /// Users by id, the bot user included.
    pub users: BTreeMap<String, User>,
    /// Channels and direct messages by id.
    pub channels: BTreeMap<String, Channel>,
    /// Messages by channel and ts; deleted ones stay, marked.
    pub messages: BTreeMap<String, BTreeMap<String, Message>>,
    /// Ephemeral messages, oldest first.
    pub ephemerals: Vec<Ephemeral>,
    /// Views by id, closed ones included.
    pub views: BTreeMap<String, View>,
    /// Open modals by user id, the root first.
    pub stacks: BTreeMap<String, Vec<String>>,
    /// Published home view by user id.
    pub homes: BTreeMap<String, String>,
    /// Triggers by id.
    pub triggers: BTreeMap<String, Trigger>,
    /// Response URLs by their secret.
    pub response_urls: BTreeMap<String, ResponseUrl>,
    /// Files by id.
    pub files: BTreeMap<String, StoredFile>,
    /// Uploads that have a URL and are not completed, by file id.
    pub pending_uploads: BTreeMap<String, PendingUpload>,
    /// What single people were told by Slack itself.
    pub notes: Vec<Note>,
    /// What a real Slack would have refused or warned of.
    pub violations: Vec<Violation>,
    /// Last minted ts, in microseconds.
    pub last_ts: i64,
    /// Last minted number of an id.
    pub last_id: u64,
    /// Events that happened and have not been handed to the delivery yet.
    #[serde(skip)]
    pub(crate) events: Vec<Value>,
}

/// A refusal of the Web API: HTTP 200 with `ok:false`.
#[derive(Debug, Clone)]
pub struct ApiError {
    /// The `error` code.
    pub code: String,
    /// `response_metadata.messages`.
    pub messages: Vec<String>,
    /// Further fields of the answer.
    pub extra: Map<String, Value>,
}

impl ApiError {
    /// A refusal that says only its code.
    pub fn new(code: impl Into<String>) -> Self {
        Self { code: code.into(), messages: Vec::new(), extra: Map::new() }
    }

    /// A refusal that says where in `response_metadata.messages`.
    pub fn with_messages(code: impl Into<String>, messages: Vec<String>) -> Self {
        Self { code: code.into(), messages, extra: Map::new() }
    }

    /// True for refusals that a well-formed request never gets, whatever happened before it.
    pub(crate) fn is_malformed(&self) -> bool {
        const MALFORMED: [&str; 14] = [
            "invalid_arguments",
            "invalid_blocks",
            "invalid_blocks_format",
            "invalid_message",
            "invalid_view",
            "invalid_metadata_format",
            "metadata_too_large",
            "msg_too_long",
            "msg_blocks_too_long",
            "no_text",
            "view_too_large",
            "unknown_method",
            "invalid_form_data",
            "method_not_supported_for_channel_type",
        ];
        // A file that isn't processed yet, or not any more to be seen, is nothing that a caller could have known.
        let of_file = |message: &String| message.contains("invalid slack file");
        let only_files = !self.messages.is_empty() && self.messages.iter().all(of_file);
        MALFORMED.contains(&self.code.as_str()) && !only_files
    }
}

impl From<&str> for ApiError {
    fn from(code: &str) -> Self {
        Self::new(code)
    }
}

/// What a method answers: the fields beside `ok:true`, or a refusal.
pub type ApiResult = Result<Map<String, Value>, ApiError>;

impl World {
    /// Now, in the workspace's time.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Mints a message timestamp: unique, and greater than all before it.
    pub fn mint_ts(&mut self) -> String {
        self.last_ts = self.now().timestamp_micros().max(self.last_ts + 1);
        format!("{}.{:06}", self.last_ts / 1_000_000, self.last_ts % 1_000_000)
    }

    /// Mints an id with the given prefix, never minted before.
    pub fn mint_id(&mut self, prefix: &str) -> String {
        self.last_id += 1;
        format!("{prefix}0{:07}", self.last_id)
    }

    /// Notes something a real Slack would have refused or warned of.
    pub fn violation(&mut self, place: impl Into<String>, what: impl Into<String>) {
        let at = self.now();
        self.violations.push(Violation { place: place.into(), what: what.into(), at });
    }

    /// Shows a note of Slack's own to one person.
    pub fn note(&mut self, user: &str, channel: Option<&str>, text: impl Into<String>) {
        let at = self.now();
        self.notes.push(Note { user: user.into(), channel: channel.map(Into::into), text: text.into(), at });
    }

    /// Makes the bot token invalid: calls answer `token_revoked`.
    pub fn revoke_token(&mut self) {
        self.app.token_valid = false;
    }

    /// Makes the bot token valid again.
    pub fn restore_token(&mut self) {
        self.app.token_valid = true;
    }

    /// Takes a scope away: methods that need it answer `missing_scope`.
    pub fn remove_scope(&mut self, scope: &str) {
        self.app.scopes.remove(scope);
    }

    /// Grants a scope.
    pub fn add_scope(&mut self, scope: &str) {
        self.app.scopes.insert(scope.to_owned());
    }
}
