//! Until when which Slack calls are not made, shared by all workers.

use std::time::Duration;

use sqlx::PgConnection;

/// Pauses `key`; a longer pause stays.
pub async fn insert(db: &mut PgConnection, key: &str, pause: Duration, reason: &str) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO slack_pauses AS p (key, until, reason) VALUES ($1, now() + make_interval(secs => $2), $3)
         ON CONFLICT (key) DO UPDATE SET until = greatest(p.until, excluded.until), reason = excluded.reason",
    )
    .bind(key)
    .bind(pause.as_secs_f64())
    .bind(reason)
    .execute(db)
    .await?;
    Ok(())
}

/// The pauses in force, with what is left of them.
pub async fn list(db: &mut PgConnection) -> sqlx::Result<Vec<(String, Duration)>> {
    let rows: Vec<(String, f64)> =
        sqlx::query_as("SELECT key, extract(epoch FROM until - now())::float8 FROM slack_pauses WHERE until > now()")
            .fetch_all(db)
            .await?;
    Ok(rows.into_iter().map(|(key, seconds)| (key, Duration::from_secs_f64(seconds.max(0.0)))).collect())
}

/// Forgets pauses that ended long ago.
pub async fn prune(db: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM slack_pauses WHERE until < now() - interval '1 hour'").execute(db).await?;
    Ok(())
}
