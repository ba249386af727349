//! What waits, sampled for /metrics. Every worker shows the same figures of the shared servers: take one, not the sum.
//!
//! Each server is looked at on its own, so that one that is away hides only its own figures; those that are shown then are
//! old, which `sample_timestamp_seconds` tells.

use std::time::{SystemTime, UNIX_EPOCH};

use common::job::Lane;
use common::ticket::Status;

use crate::consumer::Consumer;
use crate::context::Context;
use crate::db::doctor::{self, Work};
use crate::db::statistics;
use crate::doctor::redis::depth;

/// What waits in a lane.
#[derive(Debug, Clone, PartialEq)]
pub struct Queue {
    /// Which lane.
    pub lane: Lane,
    /// Jobs in the stream.
    pub entries: i64,
    /// Those of them that were taken up.
    pub pending: i64,
    /// The oldest one's age in seconds.
    pub oldest: f64,
}

/// What stands in PostgreSQL.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// What waits, and what was given up.
    pub work: Work,
    /// Tickets by status, in the order of [`Status::ALL`].
    pub tickets: [i64; 4],
}

/// Looks at both servers, and puts what they say where /metrics shows it.
pub async fn sample(context: &Context, consumer: &Consumer) {
    match look_at_redis(consumer).await {
        Ok(queues) => {
            queues.iter().for_each(Queue::record);
            mark_sampled("redis");
        }
        Err(error) => tracing::debug!(error = error.details(), "the streams can't be looked at now"),
    }
    match look_at_postgres(context).await {
        Ok(rows) => {
            rows.record();
            mark_sampled("postgres");
        }
        Err(error) => tracing::debug!(%error, "the outbox can't be looked at now"),
    }
}

fn mark_sampled(server: &'static str) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    metrics::gauge!("sample_timestamp_seconds", "server" => server).set(now.as_secs_f64());
}

/// What waits in the streams.
///
/// # Errors
/// When Redis is away.
pub async fn look_at_redis(consumer: &Consumer) -> Result<Vec<Queue>, fred::error::Error> {
    let mut queues = Vec::new();
    for lane in Lane::ALL {
        let (entries, pending, age_ms) = depth(consumer.client(), consumer.keys(), lane).await?;
        queues.push(Queue { lane, entries, pending, oldest: age_ms as f64 / 1000.0 });
    }
    Ok(queues)
}

/// What stands in PostgreSQL.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn look_at_postgres(context: &Context) -> sqlx::Result<Rows> {
    let mut db = context.db.acquire().await?;
    Ok(Rows { work: doctor::get_work(&mut db).await?, tickets: statistics::get_by_status(&mut db).await? })
}

impl Queue {
    fn record(&self) {
        let lane = self.lane.as_str();
        metrics::gauge!("queue_entries", "lane" => lane).set(self.entries as f64);
        metrics::gauge!("queue_pending", "lane" => lane).set(self.pending as f64);
        metrics::gauge!("queue_oldest_age_seconds", "lane" => lane).set(self.oldest);
    }
}

impl Rows {
    fn record(&self) {
        metrics::gauge!("dead_letters").set(self.work.dead as f64);
        metrics::gauge!("outbox_undelivered").set(self.work.undelivered as f64);
        metrics::gauge!("outbox_parked").set(self.work.parked as f64);
        metrics::gauge!("outbox_oldest_age_seconds").set(self.work.oldest.unwrap_or(0.0));
        for (status, count) in Status::ALL.iter().zip(self.tickets) {
            metrics::gauge!("tickets", "status" => status.as_str()).set(count as f64);
        }
    }
}
