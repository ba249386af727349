//! The loop that claims due rows, has them carried out, and writes down what became of them.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Delivered, Delivery, Target, target};
use crate::context::Context;
use crate::db::outbox::{self, Claimed, Wish};
use crate::db::pauses;
use crate::request;
use crate::retry::backoff;
use crate::settle::is_database_away;

/// Deliveries at once per worker.
const CONCURRENCY: usize = 32;
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
        let delivery = Delivery::new(&self.context, row, self);
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
                    tracing::warn!(
                        delivery.target = row.target,
                        job.id = job,
                        ticket.number = ticket,
                        "updated after losing the lease, once more"
                    );
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

    /// Whether this claim's lease runs, as far as this worker can know without asking.
    pub(super) fn holds(&self, row: &Claimed) -> bool {
        let held = self.lock().get(&row.id).copied();
        held.is_some_and(|held| held.attempt == row.attempt && held.renewed.elapsed() < self.context.waits.lease)
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
