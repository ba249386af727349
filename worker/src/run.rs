//! The worker's life: read, run, settle, deliver, and stop without losing anything.
//!
//! Each lane has permits of its own, so that a slow lane never delays another, and a dedicated connection for its blocking
//! reads. An entry that must be tried again stays with this worker, its lease renewed; it gives its permit back while it
//! waits, unless it waits for what all jobs need, in which case reading more would only pile up work.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use common::job::{Envelope, Lane};
use common::stream::Keys;
use futures_util::FutureExt;
use sqlx::migrate::MigrateError;
use tokio::sync::{OwnedSemaphorePermit, RwLock, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::consumer::{Consumer, Entry, is_group_missing};
use crate::context::Context;
use crate::db::{self, attempts};
use crate::delivery::Deliverer;
use crate::gauges;
use crate::jobs::{self, Run};
use crate::obstacle::Teller;
use crate::postgres;
use crate::request;
use crate::schedule;
use crate::settle::{self, MAX_DEATHS, Verdict};
use crate::slack::client::Identity;

/// Entries that wait for their next try, per lane, beyond which they keep their permits.
const MAX_WAITING: usize = 1000;
/// How often old rows are forgotten.
const HOUSEKEEPING: Duration = Duration::from_secs(3600);
/// A process of which nothing was heard for so long is gone.
const DEAD_FOR_SURE: Duration = Duration::from_secs(24 * 3600);
/// How often the gauges of /metrics are brought up to date.
const SAMPLING: Duration = Duration::from_secs(15);

/// One worker process.
pub struct Worker {
    context: Arc<Context>,
    consumer: Arc<Consumer>,
    deliverer: Arc<Deliverer>,
    lanes: Vec<Arc<LaneState>>,
    /// Jobs hold it for reading; a job suspected of killing its process holds it for writing, and so runs alone.
    alone: Arc<RwLock<()>>,
}

struct LaneState {
    lane: Lane,
    permits: Arc<Semaphore>,
    concurrency: usize,
    held: Mutex<HashSet<String>>,
    cursor: Mutex<String>,
}

impl Worker {
    /// Migrates the database, connects to Redis, and prepares everything; waits for both servers as long as it takes.
    ///
    /// # Errors
    /// When the configuration can't be used.
    pub async fn start(config: &Config) -> anyhow::Result<Self> {
        migrate(config).await?;
        let context = Context::new(config)?;
        let keys = Keys::new(&config.stream_prefix);
        let consumer = Consumer::connect(&config.redis, keys, config.waits.lease, config.waits.block).await?;
        let lanes = Lane::ALL.map(|lane| {
            Arc::new(LaneState {
                lane,
                permits: Arc::new(Semaphore::new(config.concurrency)),
                concurrency: config.concurrency,
                held: Mutex::default(),
                cursor: Mutex::new("0-0".to_owned()),
            })
        });
        Ok(Self {
            deliverer: Arc::new(Deliverer::new(Arc::clone(&context))),
            context,
            consumer: Arc::new(consumer),
            lanes: lanes.to_vec(),
            alone: Arc::default(),
        })
    }

    /// What jobs and deliveries work with.
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// Redis.
    pub fn consumer(&self) -> &Arc<Consumer> {
        &self.consumer
    }

    /// Works until `stop`; then finishes what it has begun, within the grace period, and hands back the rest.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        tracing::info!("worker started");
        let deliverer_stop = CancellationToken::new();
        let delivery = tokio::spawn(Arc::clone(&self.deliverer).run(deliverer_stop.clone()));
        let mut upkeep = JoinSet::new();
        upkeep.spawn(Arc::clone(&self).beat());
        upkeep.spawn(Arc::clone(&self).introduce_itself());
        upkeep.spawn(Arc::clone(&self).keep_house());
        upkeep.spawn(Arc::clone(&self).show_what_waits());
        upkeep.spawn(schedule::ticking::keep(Arc::clone(&self.context)));
        let mut lanes = JoinSet::new();
        for lane in &self.lanes {
            upkeep.spawn(Arc::clone(&self).keep_leases(Arc::clone(lane)));
            lanes.spawn(Arc::clone(&self).take_over(Arc::clone(lane)));
            lanes.spawn(Arc::clone(&self).read(Arc::clone(lane)));
        }
        stop.cancelled().await;
        let deadline = Instant::now() + self.context.waits.grace;
        // Nothing new from Redis. What was on its way, or waited for a permit, others take up at once.
        lanes.shutdown().await;
        self.consumer.stop_reading().await;
        self.hand_back().await;
        self.wait_for_jobs(deadline).await;
        deliverer_stop.cancel();
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(100));
        if tokio::time::timeout(left, delivery).await.is_err() {
            tracing::warn!("some deliveries did not finish in time; other workers take them up");
        }
        upkeep.shutdown().await;
        if let Err(error) = self.consumer.leave().await {
            tracing::warn!(error = error.details(), "the rest can't be handed back; it is taken over after the lease");
        }
        tracing::info!("worker stopped");
    }

    /// Runs all entries that can be read now, each to its end, and delivers what is due; returns how much there was. For
    /// tests that step instead of waiting.
    ///
    /// # Errors
    /// When Redis or PostgreSQL is away.
    pub async fn step(self: &Arc<Self>) -> anyhow::Result<usize> {
        let mut done = 0;
        for lane in &self.lanes {
            for entry in self.consumer.read(lane.lane, lane.concurrency, false).await.context("reading a stream")? {
                done += 1;
                let Some(held) = hold(lane, entry) else { continue };
                let permit = Arc::clone(&lane.permits).acquire_owned().await?;
                self.spawn(held, permit);
            }
            let _ = lane.permits.acquire_many(u32::try_from(lane.concurrency)?).await?;
        }
        Ok(done + self.deliverer.step().await?)
    }

    /// Takes over what dead workers left, in the streams and in the outbox; for tests that step.
    ///
    /// # Errors
    /// When Redis or PostgreSQL is away.
    pub async fn reclaim(self: &Arc<Self>) -> anyhow::Result<()> {
        for lane in &self.lanes {
            self.take_over_once(lane).await.context("taking over")?;
            let _ = lane.permits.acquire_many(u32::try_from(lane.concurrency)?).await?;
        }
        self.deliverer.reclaim().await?;
        Ok(())
    }

    /// Beside the work: a Slack that hangs delays no job.
    async fn introduce_itself(self: Arc<Self>) {
        // What fails here is told with what mends it by the checks at the start (`doctor::tell_at_start`).
        match self.context.identity().await {
            Ok(Identity { team, bot_user }) => {
                let bot = bot_user.as_ref().map(common::slack_id::UserId::as_str);
                tracing::info!(%team, bot, "Slack knows the token");
            }
            Err(error) => return tracing::debug!(%error, "Slack does not answer for the token"),
        }
        self.context.learn_system_users().await;
        for (variable, channel) in [
            ("SLACK_CHANNEL_ID", self.context.ticket_channel().await),
            ("ADMIN_CHANNEL", self.context.admin_channel().await),
        ] {
            if let Err(error) = channel {
                tracing::debug!(variable, %error, "the channel can't be resolved yet");
            }
        }
    }

    /// Reads while there are permits; may be dropped at any time.
    async fn read(self: Arc<Self>, lane: Arc<LaneState>) {
        let mut failures = 0;
        loop {
            // Not kept while the read blocks: with few permits there would be none for what dead workers left.
            drop(permit(&lane).await);
            let count = lane.permits.available_permits().max(1);
            match self.consumer.read(lane.lane, count, true).await {
                Ok(entries) => {
                    failures = 0;
                    self.begin(&lane, entries).await;
                }
                Err(error) => {
                    failures += 1;
                    self.mend_reading(&lane, &error).await;
                    let wait = crate::retry::backoff(Duration::from_millis(50), failures).min(Duration::from_secs(1));
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// A Redis that lost its data has lost the group too: it is created again from the stream's beginning.
    async fn mend_reading(&self, lane: &LaneState, error: &fred::error::Error) {
        tracing::warn!(lane = lane.lane.as_str(), error = error.details(), "a stream can't be read");
        if !is_group_missing(error) {
            return;
        }
        tracing::error!(lane = lane.lane.as_str(), "Redis has lost the consumer group: it may have lost jobs");
        if let Err(error) = self.consumer.create_group(lane.lane).await {
            tracing::error!(lane = lane.lane.as_str(), error = error.details(), "the group can't be created again");
            return;
        }
        let raised = async {
            let text = "Redis has lost its data: accepted but unfinished requests may be gone. \
                        Tickets and messages in PostgreSQL are not affected. Check Redis' persistence (`appendonly yes`, `appendfsync always`).";
            let mut db = self.context.db.acquire().await?;
            db::alerts::raise(&mut db, "redis:group_lost", text, self.context.waits.alert_update).await
        };
        match raised.await {
            Ok(()) => self.context.wake_delivery(),
            Err(error) => tracing::error!(%error, "the operators can't be told"),
        }
    }

    async fn take_over(self: Arc<Self>, lane: Arc<LaneState>) {
        loop {
            tokio::time::sleep(self.context.waits.poll).await;
            if let Err(error) = self.take_over_once(&lane).await {
                tracing::debug!(lane = lane.lane.as_str(), error = error.details(), "nothing can be taken over now");
            }
        }
    }

    async fn take_over_once(self: &Arc<Self>, lane: &Arc<LaneState>) -> Result<(), fred::error::Error> {
        let count = lane.permits.available_permits();
        if count == 0 {
            return Ok(());
        }
        let cursor = lane.cursor().clone();
        let (next, entries) = self.consumer.take_over(lane.lane, &cursor, count).await?;
        *lane.cursor() = next;
        for Entry { job_id, deliveries, .. } in &entries {
            tracing::warn!(job.id = job_id, deliveries, "taken over from a worker that is gone");
        }
        self.begin(lane, entries).await;
        Ok(())
    }

    /// Runs these entries as permits become free. Their leases are renewed from here on, and no longer where this is
    /// dropped before they run.
    async fn begin(self: &Arc<Self>, lane: &Arc<LaneState>, entries: Vec<Entry>) {
        let entries: Vec<Holding> = entries.into_iter().filter_map(|entry| hold(lane, entry)).collect();
        for held in entries {
            let permit = permit(lane).await;
            self.spawn(held, permit);
        }
    }

    fn spawn(self: &Arc<Self>, held: Holding, permit: OwnedSemaphorePermit) {
        let worker = Arc::clone(self);
        tokio::spawn(async move { worker.settle(&held.lane, &held.entry, permit).await });
    }

    /// Hands back what was read and doesn't run.
    async fn hand_back(&self) {
        let held = self.lanes.iter().map(|lane| (lane.lane, lane.held().iter().cloned().collect())).collect();
        if let Err(error) = self.consumer.hand_back(held).await {
            tracing::warn!(error = error.details(), "nothing can be handed back; it is taken over after the lease");
        }
    }

    /// Runs an entry until it is settled.
    async fn settle(&self, lane: &LaneState, entry: &Entry, permit: OwnedSemaphorePermit) {
        let mut permit = Some(permit);
        let mut tries = 0;
        loop {
            tries += 1;
            let (kind, verdict) = request::on_behalf_of(&entry.job_id, self.run_once(lane, entry, tries == 1)).await;
            match verdict {
                Verdict::Acknowledge(how) => {
                    metrics::counter!("jobs_total", "kind" => kind, "lane" => lane.lane.as_str(), "outcome" => how)
                        .increment(1);
                    if let Err(error) = self.consumer.settle(lane.lane, &entry.entry_id).await {
                        // It is delivered again, finds its claim in the inbox, and is acknowledged then.
                        tracing::warn!(job.id = entry.job_id, error = error.details(), "not acknowledged");
                    }
                    return;
                }
                Verdict::Again { wait, infrastructure } => {
                    if !infrastructure && lane.held().len() < MAX_WAITING {
                        permit = None;
                    }
                    tokio::time::sleep(wait).await;
                    if !lane.held().contains(&entry.entry_id) {
                        tracing::warn!(job.id = entry.job_id, "another worker has taken it over");
                        return;
                    }
                    if permit.is_none() {
                        permit = Arc::clone(&lane.permits).acquire_owned().await.ok();
                    }
                }
            }
        }
    }

    async fn run_once(&self, lane: &LaneState, entry: &Entry, first: bool) -> (&'static str, Verdict) {
        let started = Instant::now();
        let (kind, result) = match Envelope::decode(&entry.job) {
            Ok(envelope) => (envelope.job.kind(), self.run_job(entry, &envelope).await),
            Err(error) => {
                let kind = settle::kind_of_undecodable(&error);
                // A kind of a newer version is tried a few times: a newer worker may come by.
                let result = match error {
                    common::job::DecodeError::UnknownKind => Err(error.into()),
                    common::job::DecodeError::Malformed => Ok(jobs::Outcome::Discard(error.to_string())),
                };
                (kind, result)
            }
        };
        let verdict = settle::judge(&self.context, lane.lane, entry, kind, first, result).await;
        let elapsed = started.elapsed();
        metrics::histogram!("job_seconds", "kind" => kind, "lane" => lane.lane.as_str()).record(elapsed);
        match verdict {
            Ok(verdict) => {
                // One line for a settled job; what is tried again was told when it failed first.
                if let Verdict::Acknowledge(outcome) = verdict {
                    let duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
                    let lane = lane.lane.as_str();
                    let ticket = request::ticket();
                    tracing::info!(
                        job.id = entry.job_id,
                        job.kind = kind,
                        lane,
                        ticket.number = ticket,
                        outcome,
                        duration_ms,
                        "ran"
                    );
                }
                (kind, verdict)
            }
            Err(error) => {
                if first {
                    let obstacle = postgres::explain(&error);
                    tracing::warn!(job.id = entry.job_id, job.kind = kind, error = %obstacle, "postponed");
                }
                (kind, Verdict::Again { wait: self.context.waits.poll, infrastructure: true })
            }
        }
    }

    async fn run_job(&self, entry: &Entry, envelope: &Envelope) -> anyhow::Result<jobs::Outcome> {
        let suspect = entry.deliveries > MAX_DEATHS;
        if entry.deliveries > 1 {
            let before = attempts::find(&mut *self.context.db.acquire().await?, &entry.job_id).await?;
            if suspect && before.ran_alone {
                let deaths = entry.deliveries - 1;
                return Ok(jobs::Outcome::Discard(format!(
                    "{deaths} processes died with it, the last one running nothing else"
                )));
            }
            if !before.due_in.is_zero() {
                return Ok(jobs::Outcome::Snooze(before.due_in));
            }
        }
        let run =
            Run { context: &self.context, consumer: &self.consumer, job_id: &entry.job_id, not_after: entry.not_after };
        let job = AssertUnwindSafe(jobs::run(&run, envelope)).catch_unwind();
        let result = if suspect {
            let _alone = self.alone.write().await;
            attempts::mark_ran_alone(&mut *self.context.db.acquire().await?, &entry.job_id, true).await?;
            let result = job.await;
            // The process lives: whatever the job came to, it is no killer.
            attempts::mark_ran_alone(&mut *self.context.db.acquire().await?, &entry.job_id, false).await?;
            result
        } else {
            let _together = self.alone.read().await;
            job.await
        };
        result.unwrap_or_else(|_| Err(anyhow::anyhow!("the job panicked")))
    }

    async fn wait_for_jobs(&self, deadline: Instant) {
        for lane in &self.lanes {
            let all = u32::try_from(lane.concurrency).unwrap_or(u32::MAX);
            let left = deadline.saturating_duration_since(Instant::now());
            if tokio::time::timeout(left, lane.permits.acquire_many(all)).await.is_err() {
                tracing::warn!(lane = lane.lane.as_str(), "some jobs did not finish in time, handing them back");
            }
        }
    }

    async fn keep_leases(self: Arc<Self>, lane: Arc<LaneState>) {
        loop {
            tokio::time::sleep(self.context.waits.lease / 3).await;
            let held: Vec<String> = lane.held().iter().cloned().collect();
            if held.is_empty() {
                continue;
            }
            match self.consumer.renew(lane.lane, &held).await {
                Ok(lost) => {
                    for entry_id in lost {
                        // Settled meanwhile, or taken over after this process had been stopped for too long; a second
                        // effect is prevented by the inbox.
                        lane.held().remove(&entry_id);
                    }
                }
                Err(error) => {
                    tracing::debug!(lane = lane.lane.as_str(), error = error.details(), "leases can't be renewed")
                }
            }
        }
    }

    async fn beat(self: Arc<Self>) {
        loop {
            if let Err(error) = self.consumer.beat().await {
                tracing::debug!(error = error.details(), "no heartbeat");
            }
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
    }

    async fn show_what_waits(self: Arc<Self>) {
        loop {
            gauges::sample(&self.context, &self.consumer).await;
            tokio::time::sleep(SAMPLING).await;
        }
    }

    async fn keep_house(self: Arc<Self>) {
        loop {
            let kept = async {
                let mut db = self.context.db.acquire().await?;
                db::inbox::prune(&mut db).await?;
                attempts::prune(&mut db).await?;
                db::outbox::prune(&mut db).await?;
                db::open_views::prune(&mut db).await?;
                db::pauses::prune(&mut db).await?;
                db::exports::prune(&mut db).await?;
                db::schedule::prune(&mut db).await?;
                db::alerts::prune(&mut db).await
            };
            if let Err(error) = kept.await {
                tracing::warn!(%error, "old rows can't be forgotten now");
            }
            // Workers that were killed could not strike their own names.
            if let Err(error) = self.consumer.forget_idle(DEAD_FOR_SURE).await {
                tracing::debug!(error = error.details(), "dead workers' names stay");
            }
            tokio::time::sleep(HOUSEKEEPING).await;
            self.context.learn_system_users().await;
        }
    }
}

/// An entry whose lease is renewed while this lives.
struct Holding {
    lane: Arc<LaneState>,
    entry: Entry,
}

/// `None` where this process has the entry already.
fn hold(lane: &Arc<LaneState>, entry: Entry) -> Option<Holding> {
    let is_new = lane.held().insert(entry.entry_id.clone());
    is_new.then(|| Holding { lane: Arc::clone(lane), entry })
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.lane.held().remove(&self.entry.entry_id);
    }
}

async fn permit(lane: &LaneState) -> OwnedSemaphorePermit {
    Arc::clone(&lane.permits).acquire_owned().await.expect("the semaphore is never closed")
}

impl LaneState {
    fn held(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn cursor(&self) -> std::sync::MutexGuard<'_, String> {
        self.cursor.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

async fn migrate(config: &Config) -> anyhow::Result<()> {
    let mut teller = Teller::default();
    loop {
        match db::migrate(&config.database_url).await {
            Ok(()) => return Ok(()),
            // Time doesn't mend a certificate, and nothing is worth trying before.
            Err(MigrateError::Execute(error)) if postgres::is_encryption_refused(&error) => {
                return Err(postgres::explain(&error).into());
            }
            Err(MigrateError::Execute(error)) if settle::is_database_away(&error) => {
                teller.tell(&postgres::explain(&error));
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Err(error) => return Err(error).context("the database can't be migrated (DATABASE_URL)"),
        }
    }
}
