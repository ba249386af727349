//! Ephemeral messages: those that one person sees.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::model::World;
use super::{mrkdwn, normalise};

/// What made an ephemeral message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EphemeralSource {
    /// The body of the answer to a slash command.
    CommandAnswer,
    /// A POST to a response URL.
    ResponseUrl,
    /// `chat.postEphemeral`.
    PostEphemeral,
}

/// A message that one person sees.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ephemeral {
    /// Conversation it shows in.
    pub channel: String,
    /// Who sees it.
    pub user: String,
    /// Its name.
    pub ts: String,
    /// Thread it shows in.
    pub thread_ts: Option<String>,
    /// Text.
    pub text: String,
    /// Blocks.
    pub blocks: Vec<Value>,
    /// Where it came from.
    pub source: EphemeralSource,
    /// Deleted by `delete_original`.
    pub deleted: bool,
}

impl Ephemeral {
    /// All texts that the reader sees.
    pub fn all_text(&self) -> String {
        let mut texts = vec![self.text.clone()];
        texts.extend(mrkdwn::texts_of(&self.blocks));
        texts.join("\n")
    }
}

impl World {
    /// The ephemeral messages that a user sees, oldest first.
    pub fn ephemerals_of(&self, user: &str) -> Vec<&Ephemeral> {
        self.ephemerals.iter().filter(|message| message.user == user && !message.deleted).collect()
    }

    /// Shows an ephemeral message.
    pub(crate) fn show_ephemeral(
        &mut self,
        source: EphemeralSource,
        channel: &str,
        user: &str,
        body: &Value,
    ) -> String {
        let ts = self.mint_ts();
        let blocks = normalise::blocks(body["blocks"].as_array().map_or(&[][..], Vec::as_slice), self);
        let message = Ephemeral {
            channel: channel.into(),
            user: user.into(),
            ts: ts.clone(),
            thread_ts: body["thread_ts"].as_str().map(Into::into),
            text: body["text"].as_str().unwrap_or_default().into(),
            blocks,
            source,
            deleted: false,
        };
        self.ephemerals.push(message);
        ts
    }
}
