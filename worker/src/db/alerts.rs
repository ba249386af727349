//! What an operator should know: one message per cause and hour, with a count.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::outbox;
use crate::delivery::Target;

/// A cause of trouble in one hour.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Alert {
    /// How often it came up.
    pub count: i32,
    /// What happened and what to do, in mrkdwn.
    pub text: String,
    /// The hour's beginning.
    pub hour: DateTime<Utc>,
}

/// Counts a cause of trouble and asks for its message: the first time at once, later for a new count after `update`.
pub async fn raise(db: &mut PgConnection, cause: &str, text: &str, update: Duration) -> sqlx::Result<()> {
    let (hour, count): (DateTime<Utc>, i32) = sqlx::query_as(
        "INSERT INTO operator_alerts AS a (cause, hour, text) VALUES ($1, date_trunc('hour', now(), 'UTC'), $2)
         ON CONFLICT (cause, hour) DO UPDATE SET count = a.count + 1
         RETURNING hour, count",
    )
    .bind(cause)
    .bind(text)
    .fetch_one(&mut *db)
    .await?;
    let delay = if count == 1 { Duration::ZERO } else { update };
    let target = Target::Alert { cause: cause.to_owned(), hour: hour.timestamp() };
    outbox::insert(db, &[outbox::Wish { delay, ..outbox::Wish::new(target) }]).await
}

/// Tells a cause of trouble once an hour, however often it comes up, without counting.
pub async fn raise_once(db: &mut PgConnection, cause: &str, text: &str) -> sqlx::Result<()> {
    let hour: Option<DateTime<Utc>> = sqlx::query_scalar(
        "INSERT INTO operator_alerts (cause, hour, text) VALUES ($1, date_trunc('hour', now(), 'UTC'), $2)
         ON CONFLICT (cause, hour) DO NOTHING RETURNING hour",
    )
    .bind(cause)
    .bind(text)
    .fetch_optional(&mut *db)
    .await?;
    let Some(hour) = hour else { return Ok(()) };
    let target = Target::Alert { cause: cause.to_owned(), hour: hour.timestamp() };
    outbox::insert(db, &[outbox::Wish::new(target)]).await
}

/// The alert of this cause and hour.
pub async fn find(db: &mut PgConnection, cause: &str, hour: i64) -> sqlx::Result<Option<Alert>> {
    sqlx::query_as("SELECT count, text, hour FROM operator_alerts WHERE cause = $1 AND hour = to_timestamp($2)")
        .bind(cause)
        .bind(hour as f64)
        .fetch_optional(db)
        .await
}

/// Forgets alerts of long ago.
pub async fn prune(db: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM operator_alerts WHERE hour < now() - interval '30 days'").execute(db).await?;
    Ok(())
}
