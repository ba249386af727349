//! Triggers and response URLs: the short-lived rights that an interaction hands to the app.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::model::{ApiError, World};

/// How long a trigger lives (docs.slack.dev, "Handling user interaction").
pub const TRIGGER_LIFE: TimeDelta = TimeDelta::seconds(3);
/// How long a response URL lives.
pub const RESPONSE_URL_LIFE: TimeDelta = TimeDelta::minutes(30);
/// How often a response URL may be used.
pub const RESPONSE_URL_USES: u32 = 5;

/// A right to open one modal for one user within three seconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trigger {
    /// `trigger_id`.
    pub id: String,
    /// Whose screen it is for.
    pub user: String,
    /// When it was handed out, in the workspace's time.
    pub issued_at: DateTime<Utc>,
    /// Used already.
    pub exchanged: bool,
    /// The view the interaction came from.
    pub view: Option<String>,
    /// When a call tried to use it too late, in the workspace's time.
    pub used_late: Option<DateTime<Utc>>,
}

/// Where a response URL came from, so what it may replace or delete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "from")]
pub enum ResponseUrlSource {
    /// A slash command: there is no original message.
    Command,
    /// An element in a message.
    Message {
        /// The message.
        ts: String,
    },
    /// An element in an ephemeral message.
    Ephemeral {
        /// The ephemeral message.
        ts: String,
    },
}

/// A right to answer an interaction, without a token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ResponseUrl {
    /// The last part of the URL.
    pub secret: String,
    /// Who interacted.
    pub user: String,
    /// Where.
    pub channel: String,
    /// What with.
    pub source: ResponseUrlSource,
    /// When it was handed out, in the workspace's time.
    pub issued_at: DateTime<Utc>,
    /// How often it was used.
    pub uses: u32,
}

impl World {
    /// Hands out a trigger.
    pub fn issue_trigger(&mut self, user: &str, view: Option<&str>) -> String {
        let number = self.mint_id("");
        let id = format!("{}.{}.{}", self.now().timestamp_millis(), number, uuid::Uuid::new_v4().simple());
        let trigger = Trigger {
            id: id.clone(),
            user: user.into(),
            issued_at: self.now(),
            exchanged: false,
            view: view.map(Into::into),
            used_late: None,
        };
        self.triggers.insert(id.clone(), trigger);
        id
    }

    /// Uses a trigger up.
    ///
    /// # Errors
    /// `invalid_trigger_id`, `expired_trigger_id`, `exchanged_trigger_id`.
    pub(crate) fn exchange_trigger(&mut self, id: &str) -> Result<Trigger, ApiError> {
        let now = self.now();
        let trigger = self.triggers.get_mut(id).ok_or("invalid_trigger_id")?;
        if now - trigger.issued_at > TRIGGER_LIFE {
            trigger.used_late = Some(now);
            return Err("expired_trigger_id".into());
        }
        if trigger.exchanged {
            return Err("exchanged_trigger_id".into());
        }
        trigger.exchanged = true;
        Ok(trigger.clone())
    }

    /// Triggers that some call used later than three seconds after they were handed out.
    pub fn late_triggers(&self) -> Vec<&Trigger> {
        self.triggers.values().filter(|trigger| trigger.used_late.is_some()).collect()
    }

    /// Hands out a response URL; answers the whole URL.
    pub fn issue_response_url(&mut self, user: &str, channel: &str, source: ResponseUrlSource) -> String {
        let secret = uuid::Uuid::new_v4().simple().to_string();
        let url = ResponseUrl {
            secret: secret.clone(),
            user: user.into(),
            channel: channel.into(),
            source,
            issued_at: self.now(),
            uses: 0,
        };
        self.response_urls.insert(secret.clone(), url);
        format!("{}/response/{secret}", self.base_url)
    }

    /// Counts one use of a response URL.
    ///
    /// # Errors
    /// `invalid_url`, `expired_url`, `used_url`.
    pub(crate) fn use_response_url(&mut self, secret: &str) -> Result<ResponseUrl, ApiError> {
        let now = self.now();
        let url = self.response_urls.get_mut(secret).ok_or("invalid_url")?;
        if now - url.issued_at > RESPONSE_URL_LIFE {
            return Err("expired_url".into());
        }
        if url.uses >= RESPONSE_URL_USES {
            return Err("used_url".into());
        }
        url.uses += 1;
        Ok(url.clone())
    }
}
