//! `worker parked`: what Slack did not take and an operator must help with, shown and sent again.

use anyhow::{Context as _, ensure};
use uuid::Uuid;

use crate::config::Config;
use crate::db::{self, outbox};

/// Rows shown at once.
const SHOWN: i64 = 200;

/// Lists what is parked, newest first.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn list(config: &Config, out: &mut impl std::io::Write) -> anyhow::Result<()> {
    let pool = db::pool(&config.database_url)?;
    let parked = outbox::list_parked(&mut *pool.acquire().await.context("PostgreSQL can't be reached")?, SHOWN).await?;
    if parked.is_empty() {
        writeln!(out, "Nothing is parked.")?;
    }
    for row in parked {
        writeln!(out, "{}  {}  {}\n    {}", row.id, row.settled_at.to_rfc3339(), row.target, row.reason)?;
    }
    Ok(())
}

/// Queues everything that is parked again, or one row; a running worker sends it.
///
/// # Errors
/// When there is no such row, or PostgreSQL is away.
pub async fn retry(config: &Config, id: Option<Uuid>, out: &mut impl std::io::Write) -> anyhow::Result<()> {
    let pool = db::pool(&config.database_url)?;
    let retried = outbox::mark_retried(&mut *pool.acquire().await.context("PostgreSQL can't be reached")?, id).await?;
    ensure!(id.is_none() || retried > 0, "nothing of this id is parked, or it is queued already");
    writeln!(out, "{retried} queued again.")?;
    Ok(())
}
