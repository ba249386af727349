//! How often a job has failed. Counted here and not in Redis, which may be full.

use std::time::Duration;

use sqlx::PgConnection;

/// What earlier runs left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attempts {
    /// How often it failed by its own fault.
    pub failures: i32,
    /// It was run alone after it had been in dying processes.
    pub ran_alone: bool,
    /// How long until the next run is due.
    pub due_in: Duration,
}

/// What is known of a job's earlier runs.
pub async fn find(db: &mut PgConnection, job_id: &str) -> sqlx::Result<Attempts> {
    let row: Option<(i32, bool, f64)> = sqlx::query_as(
        "SELECT failures, ran_alone, greatest(0, extract(epoch FROM due_at - now()))::float8
         FROM job_attempts WHERE job_id = $1",
    )
    .bind(job_id)
    .fetch_optional(db)
    .await?;
    Ok(row.map_or_else(Attempts::default, |(failures, ran_alone, seconds)| Attempts {
        failures,
        ran_alone,
        due_in: Duration::from_secs_f64(seconds),
    }))
}

/// Counts a failure and returns how many there are now. The next run is due after `backoff(failures)`, which the caller
/// stores by [`mark_due`].
pub async fn mark_failed(db: &mut PgConnection, job_id: &str, error: &str) -> sqlx::Result<i32> {
    sqlx::query_scalar(
        "INSERT INTO job_attempts AS a (job_id, failures, last_error) VALUES ($1, 1, $2)
         ON CONFLICT (job_id) DO UPDATE SET failures = a.failures + 1, last_error = $2, updated_at = now()
         RETURNING failures",
    )
    .bind(job_id)
    .bind(error)
    .fetch_one(db)
    .await
}

/// When the next run is due, for whichever worker takes it up.
pub async fn mark_due(db: &mut PgConnection, job_id: &str, wait: Duration) -> sqlx::Result<()> {
    sqlx::query("UPDATE job_attempts SET due_at = now() + make_interval(secs => $2) WHERE job_id = $1")
        .bind(job_id)
        .bind(wait.as_secs_f64())
        .execute(db)
        .await?;
    Ok(())
}

/// The job is about to be run alone, or its process has survived that.
pub async fn mark_ran_alone(db: &mut PgConnection, job_id: &str, ran_alone: bool) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO job_attempts (job_id, ran_alone) VALUES ($1, $2)
         ON CONFLICT (job_id) DO UPDATE SET ran_alone = $2, updated_at = now()",
    )
    .bind(job_id)
    .bind(ran_alone)
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets what jobs of long ago left behind; returns how many.
pub async fn prune(db: &mut PgConnection) -> sqlx::Result<u64> {
    let pruned =
        sqlx::query("DELETE FROM job_attempts WHERE updated_at < now() - interval '7 days'").execute(db).await?;
    Ok(pruned.rows_affected())
}

/// The job is settled.
pub async fn forget(db: &mut PgConnection, job_id: &str) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM job_attempts WHERE job_id = $1").bind(job_id).execute(db).await?;
    Ok(())
}
