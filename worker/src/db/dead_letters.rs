//! Jobs that were given up, with their bytes and the reason. They are kept in PostgreSQL since Redis may be full.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// A job that was given up.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct DeadLetter {
    /// Its number, by which it is named on the command line.
    pub id: i64,
    /// The job's id.
    pub job_id: String,
    /// The lane it was in.
    pub lane: String,
    /// The kind of job, or `undecodable`.
    pub kind: String,
    /// The envelope, or the bytes that are none.
    pub entry: Vec<u8>,
    /// Why it was given up.
    pub reason: String,
    /// When.
    pub died_at: DateTime<Utc>,
}

/// What is buried.
pub struct NewDeadLetter<'a> {
    /// The job's id.
    pub job_id: &'a str,
    /// The lane it was in.
    pub lane: &'a str,
    /// The kind of job, or `undecodable`.
    pub kind: &'a str,
    /// The envelope's or the request's bytes.
    pub entry: &'a [u8],
    /// Why.
    pub reason: &'a str,
}

/// Buries a job.
pub async fn insert(db: &mut PgConnection, letter: &NewDeadLetter<'_>) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO dead_letters (job_id, lane, kind, entry, reason) VALUES ($1, $2, $3, $4, $5)")
        .bind(letter.job_id)
        .bind(letter.lane)
        .bind(letter.kind)
        .bind(letter.entry)
        .bind(letter.reason)
        .execute(db)
        .await?;
    Ok(())
}

/// The newest dead letters.
pub async fn list(db: &mut PgConnection, limit: i64) -> sqlx::Result<Vec<DeadLetter>> {
    sqlx::query_as("SELECT id, job_id, lane, kind, entry, reason, died_at FROM dead_letters ORDER BY id DESC LIMIT $1")
        .bind(limit)
        .fetch_all(db)
        .await
}

/// The dead letter of this number.
pub async fn find(db: &mut PgConnection, id: i64) -> sqlx::Result<Option<DeadLetter>> {
    sqlx::query_as("SELECT id, job_id, lane, kind, entry, reason, died_at FROM dead_letters WHERE id = $1")
        .bind(id)
        .fetch_optional(db)
        .await
}

/// Drops a dead letter; `false` where there is none.
pub async fn delete(db: &mut PgConnection, id: i64) -> sqlx::Result<bool> {
    let deleted = sqlx::query("DELETE FROM dead_letters WHERE id = $1").bind(id).execute(db).await?;
    Ok(deleted.rows_affected() == 1)
}
