//! Making Slack show what PostgreSQL holds.
//!
//! Every change queues wishes ("make this target right") in its own transaction; any worker carries them out. A delivery
//! renders the newest state when it runs, so several wishes for one target are one call, and the order of changes doesn't
//! matter. Invariants:
//!
//! - A target is carried out by one worker at a time (a unique index), so an older rendering never overwrites a newer.
//! - A row is `sending`, leased and committed before anything is sent; a worker that dies leaves it to the others.
//! - A post carries its row's id as metadata. After an ambiguous failure (no usable answer, a dead worker) the
//!   conversation's history is searched for it at about 5, 15 and 45 s, since history lags; only then it is posted again.
//!   Updates are idempotent and simply repeated.
//! - A result is recorded only over the claim it was made under. A worker that was stopped past its lease and posted all
//!   the same deletes its duplicate; one that updated all the same asks for the newest state once more.
//! - An update that had no answer, or whose worker died, may be carried out by Slack much later, over a newer one. So the
//!   first success after it is followed by one more update, when the late one must have come.
//! - What an operator must mend (token, scope, channel) loses nothing: rows stay queued, calls pause, one alert is raised,
//!   and delivery goes on by itself when it is mended.
//!
//! Known race, accepted: should Slack hide a posted message from its history for longer than the whole search, it is
//! posted twice; the log tells of each post after a search.

mod advice;
mod confirmation;
mod images;
mod message;
mod news;
mod pin;
mod report;
mod summary;
mod target;
mod view;

pub use advice::{advice, cause};
pub use message::Place;
pub use report::preview;
pub use target::{SlotRun, Target};
pub use view::{Shown, may_see, render_view};

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::context::Context;
use crate::db::outbox::{self, Again, Claimed, Wish};
use crate::db::{alerts, pauses};
use crate::request;
use crate::retry::backoff;
use crate::settle::is_database_away;
use crate::slack::SlackError;
use crate::slack::error::{Code, Trouble};

/// Deliveries at once per worker.
const CONCURRENCY: usize = 32;
/// A wish that fails this often by its own fault is parked; what fails with Slack or PostgreSQL as a whole doesn't count.
const MAX_REFUSALS: i32 = 3;
/// When Slack or PostgreSQL is back, everything follows within seconds, however long it was away.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How many steps of the backoff lie between two such failures.
const BETWEEN_REFUSALS: u32 = 25;
/// So many more times is tried to write a result down; whoever claims the row meanwhile fences this out.
const MAX_WRITES: i32 = 5;

/// Carries out wishes.
pub struct Deliverer {
    context: Arc<Context>,
    permits: Arc<Semaphore>,
    held: Mutex<HashMap<Uuid, Held>>,
}

#[derive(Clone, Copy)]
struct Held {
    attempt: i32,
    renewed: Instant,
}

/// What became of a delivery.
#[derive(Debug, Clone)]
pub(crate) enum Delivered {
    /// Slack shows it.
    Sent,
    /// Recorded already, together with its message.
    Recorded,
    /// Later.
    Again(Again),
    /// It can't be done without an operator; the reason is for them.
    Parked(String),
    /// There is nobody to show it to: somebody who left, or a bot.
    Skipped(String),
    /// Nobody needs it any more.
    Expired,
}

/// A row being delivered.
pub(crate) struct Delivery<'a> {
    pub(crate) context: &'a Context,
    pub(crate) row: &'a Claimed,
    deliverer: &'a Deliverer,
    /// Something that must not be done twice was begun: when this delivery fails now, it may have been done.
    begun: AtomicBool,
    /// An operator was told of what went wrong.
    alerted: AtomicBool,
}

impl Deliverer {
    /// Delivers for this worker.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context, permits: Arc::new(Semaphore::new(CONCURRENCY)), held: Mutex::default() }
    }

    /// Delivers until `stop`; returns when what was begun is done.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let upkeep = tokio::spawn(Arc::clone(&self).keep_leases(stop.clone()));
        while !stop.is_cancelled() {
            let wait = match self.claim_and_spawn().await {
                Ok(0) => self.next_due().await,
                Ok(_) => Duration::ZERO,
                Err(error) => {
                    tracing::error!(%error, "the outbox can't be read");
                    self.context.waits.poll
                }
            };
            if !wait.is_zero() {
                tokio::select! {
                    () = self.context.delivery_woken() => {}
                    () = tokio::time::sleep(wait) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
        let all = u32::try_from(CONCURRENCY).unwrap_or(u32::MAX);
        let _ = self.permits.acquire_many(all).await;
        upkeep.abort();
    }

    /// Delivers all that is due now and returns how many rows that were; for tests that step instead of waiting.
    ///
    /// # Errors
    /// When the outbox can't be read.
    pub async fn step(self: &Arc<Self>) -> sqlx::Result<usize> {
        let mut delivered = 0;
        loop {
            let claimed = self.claim_and_spawn().await?;
            let all = u32::try_from(CONCURRENCY).unwrap_or(u32::MAX);
            let _ = self.permits.acquire_many(all).await;
            if claimed == 0 {
                return Ok(delivered);
            }
            delivered += claimed;
        }
    }

    /// Puts rows of dead workers back into the queue.
    ///
    /// # Errors
    /// When the outbox can't be read.
    pub async fn reclaim(&self) -> sqlx::Result<usize> {
        let mut db = self.context.db.acquire().await?;
        if outbox::wake_overslept(&mut db).await? > 0 {
            self.context.wake_delivery();
        }
        outbox::reclaim(&mut db, self.context.waits.looks[0]).await
    }

    async fn next_due(&self) -> Duration {
        let due = async { outbox::next_due(&mut *self.context.db.acquire().await?).await };
        // At least a moment: a due row may be held back because its target is being carried out.
        let soonest = Duration::from_millis(5);
        due.await.ok().flatten().unwrap_or(self.context.waits.poll).clamp(soonest, self.context.waits.poll)
    }

    async fn claim_and_spawn(self: &Arc<Self>) -> sqlx::Result<usize> {
        let first = Arc::clone(&self.permits).acquire_owned().await.expect("the semaphore is never closed");
        let free = self.permits.available_permits();
        let rows = {
            let mut db = self.context.db.acquire().await?;
            let asked = Instant::now();
            self.context.slack.pace().adopt(asked, pauses::list(&mut db).await?);
            outbox::claim(&mut db, i64::try_from(free + 1).unwrap_or(1), self.context.waits.lease).await?
        };
        drop(first);
        let claimed = rows.len();
        for row in rows {
            let permit = Arc::clone(&self.permits).acquire_owned().await.expect("the semaphore is never closed");
            self.lock().insert(row.id, Held { attempt: row.attempt, renewed: Instant::now() });
            let deliverer = Arc::clone(self);
            tokio::spawn(async move {
                match &row.job_id {
                    Some(job_id) => request::on_behalf_of(job_id, deliverer.deliver(&row)).await,
                    None => deliverer.deliver(&row).await,
                }
                deliverer.forget(row.id, row.attempt);
                // Something may have been queued for this target meanwhile.
                deliverer.context.wake_delivery();
                drop(permit);
            });
        }
        Ok(claimed)
    }

    async fn deliver(&self, row: &Claimed) {
        let started = Instant::now();
        let delivery = Delivery {
            context: &self.context,
            row,
            deliverer: self,
            begun: AtomicBool::new(false),
            alerted: AtomicBool::new(false),
        };
        let mut delivered = match AssertUnwindSafe(delivery.carry_out()).catch_unwind().await {
            Ok(Ok(delivered)) => delivered,
            Ok(Err(error)) => {
                tracing::error!(delivery.target = row.target, error = format!("{error:#}"), "a delivery failed");
                delivery.later("PostgreSQL failed")
            }
            Err(_) => delivery.failed("the delivery panicked"),
        };
        if let Delivered::Parked(reason) = &delivered
            && let Err(error) = delivery.tell_of_parking(reason).await
        {
            // Parked in silence it would be forgotten.
            tracing::error!(delivery.target = row.target, %error, "the operators can't be told");
            delivered = delivery.later("the operators can't be told");
        }
        let outcome = match &delivered {
            Delivered::Sent | Delivered::Recorded => "sent",
            Delivered::Again(_) => "again",
            Delivered::Parked(_) => "parked",
            Delivered::Skipped(_) => "skipped",
            Delivered::Expired => "expired",
        };
        let kind = row.target.split(':').next().unwrap_or_default().to_owned();
        metrics::counter!("deliveries_total", "kind" => kind.clone(), "outcome" => outcome).increment(1);
        metrics::histogram!("delivery_seconds", "kind" => kind).record(started.elapsed());
        if let Err(error) = persistently(|| self.settle(row, delivered.clone())).await {
            // The lease lapses and the row is taken up again.
            tracing::error!(delivery.target = row.target, %error, "a delivery can't be settled");
        }
    }

    async fn settle(&self, row: &Claimed, delivered: Delivered) -> sqlx::Result<()> {
        let mut db = self.context.db.acquire().await?;
        let ms = (row.age * 1000.0) as u64;
        let (job, ticket) = (row.job_id.as_deref(), target::ticket_of(&row.target));
        match delivered {
            Delivered::Recorded => {
                tracing::info!(delivery.target = row.target, delivery.id = %row.id, job.id = job, ticket.number = ticket, age_ms = ms, "delivered");
            }
            Delivered::Sent => {
                if outbox::settle(&mut db, row, "sent", "").await? {
                    tracing::info!(delivery.target = row.target, delivery.id = %row.id, job.id = job, ticket.number = ticket, age_ms = ms, "delivered");
                } else if let Some(target) = Target::parse(&row.target) {
                    tracing::warn!(delivery.target = row.target, "updated after losing the lease, once more");
                    let payload = row.payload.clone();
                    outbox::insert(&mut db, &[Wish { payload, ..Wish::new(target) }]).await?;
                    self.context.wake_delivery();
                }
            }
            Delivered::Expired => {
                outbox::settle(&mut db, row, "expired", "").await?;
                tracing::info!(delivery.target = row.target, job.id = job, age_ms = ms, "no longer needed");
            }
            Delivered::Skipped(reason) => {
                outbox::settle(&mut db, row, "expired", &reason).await?;
                tracing::warn!(delivery.target = row.target, job.id = job, reason, "this person can't be written to");
            }
            Delivered::Parked(reason) => {
                outbox::settle(&mut db, row, "parked", &reason).await?;
                tracing::error!(
                    delivery.target = row.target,
                    job.id = job,
                    ticket.number = ticket,
                    reason,
                    "parked: an operator must help"
                );
            }
            Delivered::Again(again) => {
                tracing::warn!(
                    delivery.target = row.target,
                    job.id = job,
                    reason = again.reason,
                    again_in_ms = again.delay.as_millis() as u64,
                    "to be delivered later"
                );
                outbox::release(&mut db, row.id, row.attempt, &again).await?;
            }
        }
        Ok(())
    }

    /// Renews the leases of what is under way and takes over what dead workers left.
    async fn keep_leases(self: Arc<Self>, stop: CancellationToken) {
        let waits = &self.context.waits;
        let mut tick = tokio::time::interval(waits.lease / 3);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let claims: Vec<(Uuid, i32)> = self.lock().iter().map(|(id, held)| (*id, held.attempt)).collect();
            let asked = Instant::now();
            let kept = async {
                let mut db = self.context.db.acquire().await?;
                if claims.is_empty() { Ok(Vec::new()) } else { outbox::renew(&mut db, &claims, waits.lease).await }
            };
            match kept.await {
                Ok(renewed) => self.note_renewed(asked, &claims, &renewed),
                Err(error) => tracing::warn!(%error, "leases can't be renewed"),
            }
            if !stop.is_cancelled() {
                match self.reclaim().await {
                    Ok(0) => {}
                    Ok(rows) => {
                        tracing::warn!(rows, "took over deliveries of a worker that is gone");
                        self.context.wake_delivery();
                    }
                    Err(error) => tracing::warn!(%error, "deliveries of dead workers can't be taken over"),
                }
            }
        }
    }

    /// What was not renewed is another worker's now, or settled: nothing more may be written for it.
    fn note_renewed(&self, asked: Instant, claims: &[(Uuid, i32)], renewed: &[Uuid]) {
        for (id, attempt) in claims {
            if !renewed.contains(id) {
                self.forget(*id, *attempt);
            } else if let Some(held) = self.lock().get_mut(id).filter(|held| held.attempt == *attempt) {
                held.renewed = asked;
            }
        }
    }

    /// This claim is not held any more; a newer one of the same row may be.
    fn forget(&self, id: Uuid, attempt: i32) {
        let mut held = self.lock();
        if held.get(&id).is_some_and(|held| held.attempt == attempt) {
            held.remove(&id);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, Held>> {
        self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Tries a few times to write down what was done in Slack: not knowing it later costs a search of the history.
pub(crate) async fn persistently<T, F>(write: impl Fn() -> F) -> sqlx::Result<T>
where
    F: Future<Output = sqlx::Result<T>>,
{
    let mut failures = 0;
    loop {
        match write().await {
            Err(error) if failures < MAX_WRITES && is_database_away(&error) => {
                failures += 1;
                tokio::time::sleep(backoff(Duration::from_millis(20), failures)).await;
            }
            result => return result,
        }
    }
}

impl Delivery<'_> {
    async fn carry_out(&self) -> anyhow::Result<Delivered> {
        let target = Target::parse(&self.row.target);
        match target {
            Some(Target::Dialog { .. }) if self.row.expired => return confirmation::give_up_dialog(self).await,
            _ if self.row.expired => return Ok(Delivered::Expired),
            _ => {}
        }
        match target {
            Some(Target::Confirmation(ticket)) => confirmation::deliver(self, ticket).await,
            Some(Target::Dialog { .. }) => confirmation::deliver_dialog(self).await,
            Some(Target::View { key }) => view::deliver(self, &key).await,
            Some(Target::SummaryModal { view_id }) => summary::deliver_modal(self, &view_id).await,
            Some(Target::Again { target, .. }) => {
                let wish = Wish { payload: self.row.payload.clone(), ..Wish::new(*target) };
                outbox::insert(&mut *self.context.db.acquire().await?, &[wish]).await?;
                Ok(Delivered::Sent)
            }
            Some(Target::Images(ticket)) => images::deliver(self, ticket).await,
            Some(Target::Pin) => pin::deliver(self).await,
            Some(target) => message::deliver(self, &target).await,
            None => {
                // A newer worker's, while old ones still run.
                let (delay, reason) = (self.context.waits.trouble_pause, "this version doesn't know it".to_owned());
                Ok(Delivered::Again(Again { delay, reason, ..Again::default() }))
            }
        }
    }

    /// Whether this worker still holds the row, as far as it can know without asking: checked right before Slack is
    /// written to.
    pub(crate) fn holds_lease(&self) -> bool {
        let held = self.deliverer.lock().get(&self.row.id).copied();
        held.is_some_and(|held| held.attempt == self.row.attempt && held.renewed.elapsed() < self.context.waits.lease)
    }

    /// What a delivery comes to whose lease has lapsed: another worker may have shown something newer meanwhile.
    pub(crate) fn lapsed(&self) -> Option<Delivered> {
        let reason = "the lease lapsed before Slack was called".to_owned();
        (!self.holds_lease()).then(|| Delivered::Again(Again { reason, ..Again::default() }))
    }

    /// An update was carried out. Where an earlier one may still be on its way, it is made right once more when that must
    /// have come.
    pub(crate) async fn updated(&self, in_doubt: bool) -> sqlx::Result<Delivered> {
        if in_doubt && let Some(target) = Target::parse(&self.row.target) {
            let (payload, delay) = (self.row.payload.clone(), self.context.waits.looks[1]);
            let again = Target::Again { of: self.row.id, target: Box::new(target) };
            let wish = Wish { payload, delay, ..Wish::new(again) };
            outbox::insert(&mut *self.context.db.acquire().await?, &[wish]).await?;
        }
        Ok(Delivered::Sent)
    }

    /// An update had no answer: repeated soon, and once more after the first success.
    pub(crate) fn update_in_doubt(&self, reason: &str) -> Delivered {
        match self.later(reason) {
            Delivered::Again(again) => Delivered::Again(Again { ambiguous: true, ..again }),
            other => other,
        }
    }

    /// Something that must not be done twice is about to be begun.
    pub(crate) fn begin(&self) {
        self.begun.store(true, Ordering::SeqCst);
    }

    /// It is known what became of that.
    pub(crate) fn end(&self) {
        self.begun.store(false, Ordering::SeqCst);
    }

    /// Later, since something else failed (PostgreSQL, Slack as a whole): never given up.
    pub(crate) fn later(&self, reason: &str) -> Delivered {
        let delay = backoff(self.context.waits.backoff, self.row.failures).min(LONGEST_WAIT);
        let ambiguous = self.begun.load(Ordering::SeqCst);
        let delay = if ambiguous { self.context.waits.looks[0] } else { delay };
        Delivered::Again(Again {
            delay,
            from_start: ambiguous,
            failed: true,
            ambiguous,
            reason: reason.to_owned(),
            ..Again::default()
        })
    }

    /// It failed by its own fault: given up after a few times, spread over a quarter of a minute, since what answers may
    /// be a broken proxy and not Slack.
    pub(crate) fn failed(&self, reason: &str) -> Delivered {
        let tries = self.row.refusals + 1;
        if tries >= MAX_REFUSALS {
            return Delivered::Parked(reason.to_owned());
        }
        match self.refused(reason) {
            Delivered::Again(again) => {
                let spread = self.context.waits.backoff * BETWEEN_REFUSALS * tries.unsigned_abs();
                Delivered::Again(Again { delay: again.delay.max(spread), ..again })
            }
            other => other,
        }
    }

    /// Later, counted as its own fault; for callers that give up by themselves.
    pub(crate) fn refused(&self, reason: &str) -> Delivered {
        match self.later(reason) {
            Delivered::Again(again) => {
                let patient = backoff(self.context.waits.backoff, self.row.refusals);
                Delivered::Again(Again { refused: true, delay: again.delay.max(patient), ..again })
            }
            other => other,
        }
    }

    /// What a failed idempotent call comes to, but for what its caller handles itself.
    pub(crate) async fn after(
        &self,
        error: SlackError,
        method: &str,
        place: Option<&str>,
    ) -> anyhow::Result<Delivered> {
        Ok(match error {
            SlackError::Paused(delay) => {
                Delivered::Again(Again { delay, reason: "Slack is paused".to_owned(), ..Again::default() })
            }
            SlackError::Unreachable | SlackError::Ambiguous(_) => self.later(&error.to_string()),
            SlackError::Refused(code) => self.after_refusal(&code, method, place).await?,
        })
    }

    /// What a refusal comes to.
    pub(crate) async fn after_refusal(
        &self,
        code: &Code,
        method: &str,
        place: Option<&str>,
    ) -> anyhow::Result<Delivered> {
        let trouble = code.trouble();
        match trouble {
            Trouble::Token | Trouble::Scope | Trouble::Conversation => {
                self.alert(trouble, code, method, place).await?;
                let delay = self.context.waits.trouble_pause;
                Ok(Delivered::Again(Again { delay, reason: code.to_string(), ..Again::default() }))
            }
            Trouble::Recipient => {
                report::tell_of_unreachable(self, code).await?;
                Ok(Delivered::Skipped(code.to_string()))
            }
            Trouble::Message | Trouble::View | Trouble::Trigger | Trouble::Content | Trouble::Other => {
                let delivered = self.failed(&code.to_string());
                if matches!(delivered, Delivered::Parked(_)) {
                    self.alert(trouble, code, method, place).await?;
                }
                Ok(delivered)
            }
        }
    }

    /// Tells an operator, unless it is the telling itself that failed.
    pub(crate) async fn alert(
        &self,
        trouble: Trouble,
        code: &Code,
        method: &str,
        place: Option<&str>,
    ) -> anyhow::Result<()> {
        tracing::error!(delivery.target = self.row.target, %code, method, place, "Slack refuses a delivery");
        let cause = cause(trouble, &code.code, method, place);
        let text = advice(trouble, &code.code, method, place);
        self.raise(&cause, &text).await?;
        Ok(())
    }

    /// Tells an operator, unless it is the telling itself that failed.
    pub(crate) async fn raise(&self, cause: &str, text: &str) -> sqlx::Result<()> {
        self.alerted.store(true, Ordering::SeqCst);
        if self.row.target.starts_with("alert:") {
            return Ok(());
        }
        let mut db = self.context.db.acquire().await?;
        alerts::raise(&mut db, cause, text, self.context.waits.alert_update).await
    }

    /// Nothing is parked in silence.
    async fn tell_of_parking(&self, reason: &str) -> sqlx::Result<()> {
        if self.alerted.load(Ordering::SeqCst) {
            return Ok(());
        }
        let kind = self.row.target.split(':').next().unwrap_or_default();
        self.raise(&format!("parked:{kind}:{reason}"), &advice::parked(kind, reason)).await
    }
}
