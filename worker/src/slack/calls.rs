//! A call's line in the log and its part in /metrics, whichever client made it.

use std::time::{Duration, Instant};

use crate::request;

/// Notes a call that has ended: which, how, and since when it was under way.
pub(super) fn record(method: &'static str, outcome: &'static str, started: Instant) {
    let elapsed = started.elapsed();
    metrics::counter!("slack_calls_total", "method" => method, "outcome" => outcome).increment(1);
    metrics::histogram!("slack_call_seconds", "method" => method).record(elapsed);
    let (job, duration_ms) = (request::job_id(), whole_milliseconds(elapsed));
    tracing::info!(slack.method = method, outcome, duration_ms, job.id = job, "called Slack");
}

fn whole_milliseconds(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
