//! The tick: clokwerk wakes, and [`super::run`] decides.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use clokwerk::{AsyncScheduler, TimeUnits};
use futures_util::FutureExt;

use super::run;
use crate::context::Context;

/// How often clokwerk is asked whether that is over.
const PENDING: Duration = Duration::from_millis(500);

/// Looks for due slots until it is dropped.
pub async fn keep(context: Arc<Context>) {
    let Some(seconds) = context.waits.schedule else { return };
    // In UTC, whatever the desk's zone: where clocks change, clokwerk panics.
    let mut scheduler = AsyncScheduler::with_tz(Tz::UTC);
    scheduler.every(seconds.seconds()).run({
        let context = Arc::clone(&context);
        move || tick(Arc::clone(&context))
    });
    tick(Arc::clone(&context)).await;
    loop {
        tokio::time::sleep(PENDING).await;
        scheduler.run_pending().await;
    }
}

/// Never fails: what is due now is due at the next tick as well.
async fn tick(context: Arc<Context>) {
    match AssertUnwindSafe(run::tick(&context, None)).catch_unwind().await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::debug!(%error, "the schedule can't be looked at now"),
        Err(_) => tracing::error!("the schedule panicked"),
    }
}
