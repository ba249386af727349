//! What an operator should know: one message per cause and hour, with a count.
//!
//! A cause's hour begins when it comes up, and the next one when it comes up after that. What an hour's message could not
//! tell while it was queued, the next hour's tells instead.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::outbox;
use crate::delivery::Target;

/// A cause of trouble in its present hour.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Alert {
    /// How often it came up.
    pub count: i32,
    /// What happened and what to do, in mrkdwn.
    pub text: String,
}

/// Counts a cause of trouble and asks for its message: the first time at once, later for a new count after `update`.
pub async fn raise(db: &mut PgConnection, cause: &str, text: &str, update: Duration) -> sqlx::Result<()> {
    let (since, count): (DateTime<Utc>, i32) = sqlx::query_as(
        "INSERT INTO operator_alerts AS a (cause, since, text) VALUES ($1, now(), $2)
         ON CONFLICT (cause) DO UPDATE SET
             count = CASE WHEN a.since > now() - interval '1 hour' THEN a.count + 1 ELSE 1 END,
             text = CASE WHEN a.since > now() - interval '1 hour' THEN a.text ELSE excluded.text END,
             since = CASE WHEN a.since > now() - interval '1 hour' THEN a.since ELSE excluded.since END
         RETURNING since, count",
    )
    .bind(cause)
    .bind(text)
    .fetch_one(&mut *db)
    .await?;
    let delay = if count == 1 { Duration::ZERO } else { update };
    let target = Target::Alert { cause: cause.to_owned(), since: since.timestamp_micros() };
    outbox::insert(db, &[outbox::Wish { delay, ..outbox::Wish::new(target) }]).await
}

/// Tells a cause of trouble once an hour, however often it comes up, without counting.
pub async fn raise_once(db: &mut PgConnection, cause: &str, text: &str) -> sqlx::Result<()> {
    let since: Option<DateTime<Utc>> = sqlx::query_scalar(
        "INSERT INTO operator_alerts AS a (cause, since, text) VALUES ($1, now(), $2)
         ON CONFLICT (cause) DO UPDATE SET since = excluded.since, count = 1, text = excluded.text
             WHERE a.since <= now() - interval '1 hour'
         RETURNING since",
    )
    .bind(cause)
    .bind(text)
    .fetch_optional(&mut *db)
    .await?;
    let Some(since) = since else { return Ok(()) };
    let target = Target::Alert { cause: cause.to_owned(), since: since.timestamp_micros() };
    outbox::insert(db, &[outbox::Wish::new(target)]).await
}

/// The alert of this cause, where its hour is still the one that began then (microseconds since 1970).
pub async fn find(db: &mut PgConnection, cause: &str, since: i64) -> sqlx::Result<Option<Alert>> {
    sqlx::query_as("SELECT count, text FROM operator_alerts WHERE cause = $1 AND since = $2")
        .bind(cause)
        .bind(DateTime::from_timestamp_micros(since))
        .fetch_optional(db)
        .await
}

/// Forgets alerts of long ago.
pub async fn prune(db: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM operator_alerts WHERE since < now() - interval '30 days'").execute(db).await?;
    Ok(())
}
