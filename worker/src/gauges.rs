//! What waits, sampled for /metrics. Every worker shows the same figures of the shared servers: take one, not the sum.

use common::job::Lane;
use common::ticket::Status;

use crate::consumer::Consumer;
use crate::context::Context;
use crate::db::doctor::{self, Work};
use crate::doctor::redis::depth;

/// One look at both servers.
#[derive(Debug, Clone, PartialEq)]
pub struct Gauges {
    /// By lane: entries, those that were taken up, and the oldest's age in seconds.
    pub lanes: Vec<(Lane, i64, i64, f64)>,
    /// What waits in PostgreSQL.
    pub work: Work,
    /// Tickets by status.
    pub tickets: Vec<(Status, i64)>,
}

/// Looks at both servers.
///
/// # Errors
/// When one of them is away.
pub async fn look(context: &Context, consumer: &Consumer) -> anyhow::Result<Gauges> {
    let mut lanes = Vec::new();
    for lane in Lane::ALL {
        let (entries, pending, age) = depth(consumer.client(), consumer.keys(), lane).await?;
        lanes.push((lane, entries, pending, age as f64 / 1000.0));
    }
    let mut db = context.db.acquire().await?;
    let work = doctor::get_work(&mut db).await?;
    let counted = doctor::list_tickets_by_status(&mut db).await?;
    let count = |status: Status| counted.iter().find(|(name, _)| name == status.as_str()).map_or(0, |(_, n)| *n);
    Ok(Gauges { lanes, work, tickets: Status::ALL.map(|status| (status, count(status))).to_vec() })
}

impl Gauges {
    /// Puts the figures where /metrics shows them.
    pub fn record(&self) {
        for (lane, entries, pending, age) in &self.lanes {
            let lane = lane.as_str();
            metrics::gauge!("queue_entries", "lane" => lane).set(*entries as f64);
            metrics::gauge!("queue_pending", "lane" => lane).set(*pending as f64);
            metrics::gauge!("queue_oldest_age", "lane" => lane).set(*age);
        }
        metrics::gauge!("dead_letters").set(self.work.dead as f64);
        metrics::gauge!("outbox_undelivered").set(self.work.undelivered as f64);
        metrics::gauge!("outbox_parked").set(self.work.parked as f64);
        metrics::gauge!("outbox_oldest_age").set(self.work.oldest_due.unwrap_or(0.0));
        for (status, count) in &self.tickets {
            metrics::gauge!("tickets", "status" => status.as_str()).set(*count as f64);
        }
    }
}
