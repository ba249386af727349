//! Which jobs have taken effect. A job claims its id in the transaction of its effect, so that whatever delivers it again
//! finds the claim.

use sqlx::PgConnection;

/// How long claims are kept: longer than anything could deliver a job again.
const KEPT_DAYS: i32 = 30;

/// Claims a job's id; `false` where it was claimed before.
pub async fn claim(db: &mut PgConnection, job_id: &str, kind: &str, outcome: &str) -> sqlx::Result<bool> {
    let claimed = sqlx::query("INSERT INTO inbox (job_id, kind, outcome) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(job_id)
        .bind(kind)
        .bind(outcome)
        .execute(db)
        .await?;
    Ok(claimed.rows_affected() == 1)
}

/// Forgets old claims; returns how many.
pub async fn prune(db: &mut PgConnection) -> sqlx::Result<u64> {
    let pruned = sqlx::query("DELETE FROM inbox WHERE settled_at < now() - make_interval(days => $1)")
        .bind(KEPT_DAYS)
        .execute(db)
        .await?;
    Ok(pruned.rows_affected())
}
