//! Who tried what without the right to. Rows are only added, in the transaction that claims the job, so that each attempt
//! is there once.

use common::slack_id::UserId;
use sqlx::PgConnection;

/// An attempt.
pub struct Refusal<'a> {
    /// The job that it came as.
    pub job_id: &'a str,
    /// Who.
    pub actor: &'a UserId,
    /// What they wanted to do.
    pub action: &'a str,
    /// On which ticket, as the request named it.
    pub ticket: Option<i64>,
    /// Which right was missing.
    pub reason: &'a str,
}

/// Adds an attempt.
pub async fn insert(db: &mut PgConnection, refusal: &Refusal<'_>) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO refusals (job_id, actor, action, ticket, reason) VALUES ($1, $2, $3, $4, $5)")
        .bind(refusal.job_id)
        .bind(refusal.actor.as_str())
        .bind(refusal.action)
        .bind(refusal.ticket)
        .bind(refusal.reason)
        .execute(db)
        .await?;
    Ok(())
}
