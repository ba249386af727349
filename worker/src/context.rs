//! What every job and every delivery works with.

use std::collections::HashMap;
use std::sync::Arc;

use chrono_tz::Tz;
use common::slack_id::{ChannelId, UserId};
use common::ticket::Priority;
use sqlx::PgPool;
use tokio::sync::{Notify, OnceCell};

use crate::config::{Channel, Config, Waits};
use crate::db;
use crate::form::Form;
use crate::slack::client::Identity;
use crate::slack::transfer::Transfer;
use crate::slack::{Slack, SlackError};
use crate::views::Look;

/// Names asked of Slack at once at most; the rest is asked for the next time.
const MAX_NAMES_ASKED: usize = 50;

/// The worker's clients and settings.
pub struct Context {
    /// PostgreSQL.
    pub db: PgPool,
    /// Slack's Web API.
    pub slack: Slack,
    /// Response URLs and files.
    pub transfer: Transfer,
    /// What the form offers.
    pub form: Form,
    /// Who may work on tickets.
    pub system_users: Vec<UserId>,
    /// How long things wait.
    pub waits: Waits,
    timezone: Tz,
    ticket_channel: (Channel, OnceCell<ChannelId>),
    admin_channel: (Channel, OnceCell<ChannelId>),
    identity: OnceCell<Identity>,
    delivery_due: Notify,
}

/// Why a channel's id isn't known.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// Slack can't be asked now.
    #[error(transparent)]
    Slack(#[from] SlackError),
    /// There is none of this name that the bot can see.
    #[error("the bot sees no channel #{0}: is it a member?")]
    NotFound(String),
}

impl Context {
    /// Prepares all clients; nothing is connected yet.
    ///
    /// # Errors
    /// When an address is unusable or the machine's trusted certificates can't be read.
    pub fn new(config: &Config) -> anyhow::Result<Arc<Self>> {
        let db = db::pool(&config.database_url)?;
        Ok(Arc::new(Self {
            slack: Slack::new(&config.slack_api_url, &config.bot_token, db.clone(), &config.waits)?,
            transfer: Transfer::new(&config.slack_api_url, &config.bot_token, config.waits.file_copy)?,
            db,
            form: config.form.clone(),
            system_users: config.system_users.clone(),
            waits: config.waits.clone(),
            timezone: config.timezone,
            ticket_channel: (config.ticket_channel.clone(), OnceCell::new()),
            admin_channel: (config.admin_channel.clone(), OnceCell::new()),
            identity: OnceCell::new(),
            delivery_due: Notify::new(),
        }))
    }

    /// Who we are at Slack; asked once.
    ///
    /// # Errors
    /// Why Slack didn't say.
    pub async fn identity(&self) -> Result<&Identity, SlackError> {
        self.identity.get_or_try_init(|| self.slack.identity()).await
    }

    /// The channel of the cards.
    ///
    /// # Errors
    /// When it is given by a name that can't be resolved now.
    pub async fn ticket_channel(&self) -> Result<&ChannelId, ChannelError> {
        self.resolve(&self.ticket_channel).await
    }

    /// The administrators' channel.
    ///
    /// # Errors
    /// When it is given by a name that can't be resolved now.
    pub async fn admin_channel(&self) -> Result<&ChannelId, ChannelError> {
        self.resolve(&self.admin_channel).await
    }

    async fn resolve<'a>(
        &self,
        (channel, id): &'a (Channel, OnceCell<ChannelId>),
    ) -> Result<&'a ChannelId, ChannelError> {
        id.get_or_try_init(|| async {
            match channel {
                Channel::Id(id) => Ok(id.clone()),
                Channel::Name(name) => {
                    self.slack.find_channel(name).await?.ok_or_else(|| ChannelError::NotFound(name.clone()))
                }
            }
        })
        .await
    }

    /// The names of these people (by user id), asked of Slack where they aren't known or are old; who can't be asked for
    /// is left out.
    pub async fn names(&self, ids: &[&str]) -> HashMap<String, String> {
        let users: Vec<UserId> = ids.iter().filter_map(|id| UserId::parse(id)).collect();
        if users.is_empty() {
            return HashMap::new();
        }
        let known = async { db::people::list(&mut *self.db.acquire().await?, &users).await }.await.unwrap_or_default();
        let mut names: HashMap<String, String> = known.iter().map(|(id, name, _)| (id.clone(), name.clone())).collect();
        let due = |user: &&UserId| !known.iter().any(|(id, _, old)| id == user.as_str() && !old);
        for user in users.iter().filter(due).take(MAX_NAMES_ASKED) {
            if let Ok(name) = self.slack.user_name(user).await {
                let stored = async { db::people::insert(&mut *self.db.acquire().await?, user, &name).await };
                if let Err(error) = stored.await {
                    tracing::debug!(%error, "a name can't be remembered");
                }
                names.insert(user.to_string(), name);
            }
        }
        names
    }

    /// Asks Slack for the names of system users that aren't known or are old, as many as there are.
    pub async fn learn_system_users(&self) {
        let users: Vec<&str> = self.system_users.iter().map(UserId::as_str).collect();
        for some in users.chunks(MAX_NAMES_ASKED) {
            self.names(some).await;
        }
    }

    /// The system users with the names that are known, without asking Slack: a modal's trigger doesn't wait.
    ///
    /// # Errors
    /// When PostgreSQL is away.
    pub async fn system_users_by_name(&self) -> sqlx::Result<Vec<(UserId, String)>> {
        let known = db::people::list(&mut *self.db.acquire().await?, &self.system_users).await?;
        let name = |user: &UserId| known.iter().find(|(id, ..)| id == user.as_str()).map(|(_, name, _)| name.clone());
        let mut users: Vec<_> = self
            .system_users
            .iter()
            .map(|user| (user.clone(), name(user).unwrap_or_else(|| user.to_string())))
            .collect();
        users.sort_by_key(|(_, name)| name.to_lowercase());
        Ok(users)
    }

    /// Days to resolution by priority, most urgent first.
    pub fn days_to_resolution(&self) -> [i32; 3] {
        Priority::ALL.map(|priority| i32::try_from(self.form.days_to_resolution(priority)).unwrap_or(i32::MAX))
    }

    /// How things are shown, with images.
    pub fn look(&self) -> Look {
        Look { timezone: self.timezone, previews: true }
    }

    /// Tells this worker's delivery that the outbox has changed.
    pub fn wake_delivery(&self) {
        self.delivery_due.notify_one();
    }

    /// Completes when [`Context::wake_delivery`] was called.
    pub async fn delivery_woken(&self) {
        self.delivery_due.notified().await;
    }
}
