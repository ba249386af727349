//! What every job and every delivery works with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use chrono_tz::Tz;
use common::slack_id::{ChannelId, TeamId, UserId};
use common::ticket::Priority;
use sqlx::PgPool;
use tokio::sync::{Notify, OnceCell};

use crate::config::{Channel, Config, Waits};
use crate::db::{self, installation};
use crate::form::Form;
use crate::slack::client::Identity;
use crate::slack::transfer::{FILE_HOST, Transfer, TransferError};
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
    ticket_channel: Configured,
    admin_channel: Configured,
    identity: OnceCell<Identity>,
    delivery_due: Notify,
}

/// A channel as it is configured, with its id once that is known.
struct Configured {
    channel: Channel,
    id: OnceCell<ChannelId>,
    /// When Slack was last asked for it in vain.
    missed: Mutex<Option<Instant>>,
}

impl Configured {
    fn new(channel: &Channel) -> Self {
        Self { channel: channel.clone(), id: OnceCell::new(), missed: Mutex::default() }
    }

    fn missed(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.missed.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
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
            ticket_channel: Configured::new(&config.ticket_channel),
            admin_channel: Configured::new(&config.admin_channel),
            identity: OnceCell::new(),
            delivery_due: Notify::new(),
        }))
    }

    /// Who we are at Slack; asked once.
    ///
    /// # Errors
    /// Why Slack didn't say.
    pub async fn identity(&self) -> Result<&Identity, SlackError> {
        self.identity
            .get_or_try_init(async || {
                let identity = self.slack.identity().await?;
                let stored = async { installation::insert(&mut *self.db.acquire().await?, &identity.team).await };
                if let Err(error) = stored.await {
                    tracing::warn!(%error, "which workspace this is can't be remembered");
                }
                Ok(identity)
            })
            .await
    }

    /// Whether this is our workspace. Slack is asked only where it isn't known to be: what people do must not wait until a
    /// refused token is replaced.
    ///
    /// # Errors
    /// When PostgreSQL is away, or only Slack could tell and doesn't.
    pub async fn is_ours(&self, team: &TeamId) -> anyhow::Result<bool> {
        if self.identity.get().is_none()
            && installation::find_team(&mut *self.db.acquire().await?).await?.as_ref() == Some(team)
        {
            return Ok(true);
        }
        Ok(self.identity().await?.team == *team)
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

    async fn resolve<'a>(&self, configured: &'a Configured) -> Result<&'a ChannelId, ChannelError> {
        let find = async || match &configured.channel {
            Channel::Id(id) => Ok(id.clone()),
            Channel::Name(name) => {
                // All that belongs there asks; Slack is asked once a while.
                if configured.missed().is_some_and(|missed| missed.elapsed() < self.waits.trouble_pause) {
                    return Err(ChannelError::NotFound(name.clone()));
                }
                let found = self.slack.find_channel(name).await?;
                found.ok_or_else(|| {
                    *configured.missed() = Some(Instant::now());
                    ChannelError::NotFound(name.clone())
                })
            }
        };
        configured.id.get_or_try_init(find).await
    }

    /// Moves a file unless its host asked for a pause, and pauses for all workers where it asks for one.
    ///
    /// # Errors
    /// [`TransferError::Busy`] while it is paused; what the transfer says.
    pub async fn move_file(
        &self,
        transfer: impl Future<Output = Result<(), TransferError>>,
    ) -> Result<(), TransferError> {
        let pace = self.slack.pace();
        let turn = pace.turn(FILE_HOST).await.map_err(TransferError::Busy)?;
        let moved = transfer.await;
        if let Err(TransferError::Busy(wait)) = &moved {
            pace.pause(FILE_HOST, *wait, "a file host said 429").await;
        }
        drop(turn);
        moved
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

    /// The desk's time zone.
    pub fn timezone(&self) -> Tz {
        self.timezone
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
