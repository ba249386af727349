//! `worker dead`: what was given up, shown, run again, or dropped.

use anyhow::{Context as _, bail};
use common::job::Envelope;
use common::stream::Keys;

use crate::config::{Config, Waits};
use crate::consumer::Consumer;
use crate::db::{self, dead_letters};

/// Dead letters shown at once.
const SHOWN: i64 = 200;

/// Lists the newest dead letters.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn list(config: &Config, out: &mut impl std::io::Write) -> anyhow::Result<()> {
    let pool = db::pool(&config.database_url)?;
    let letters = dead_letters::list(&mut *pool.acquire().await.context("PostgreSQL can't be reached")?, SHOWN).await?;
    if letters.is_empty() {
        writeln!(out, "No dead letters.")?;
    }
    for letter in letters {
        let size = letter.entry.len();
        writeln!(
            out,
            "{}  {}  {}  {} bytes  {}\n    {}",
            letter.id,
            letter.died_at.to_rfc3339(),
            letter.kind,
            size,
            letter.job_id,
            letter.reason
        )?;
    }
    Ok(())
}

/// Runs a dead letter again: it is appended under a new id (its own is claimed) and dropped. Should this stop between the
/// two, doing it again appends nothing, since the new id is the same.
///
/// # Errors
/// When there is no such letter, it holds no job, or a server is away.
pub async fn redrive(config: &Config, id: i64) -> anyhow::Result<()> {
    let pool = db::pool(&config.database_url)?;
    let mut connection = pool.acquire().await.context("PostgreSQL can't be reached")?;
    let Some(letter) = dead_letters::find(&mut connection, id).await? else { bail!("there is no dead letter {id}") };
    let Ok(mut envelope) = Envelope::decode(&letter.entry) else {
        bail!("dead letter {id} holds no job that could be run; `worker dead drop {id}` drops it")
    };
    envelope.id = format!("{}#redriven-{id}", envelope.id);
    let lane = envelope.job.lane();
    let waits = Waits::default();
    let consumer =
        Consumer::connect(&config.redis_url, Keys::new(&config.stream_prefix), waits.lease, waits.block).await?;
    consumer.append(lane, &envelope.id, &envelope.encode()).await.context("Redis does not take the job")?;
    leave(&consumer).await;
    dead_letters::delete(&mut connection, id).await?;
    Ok(())
}

/// Drops a dead letter for good.
///
/// # Errors
/// When there is no such letter, or PostgreSQL is away.
pub async fn drop_letter(config: &Config, id: i64) -> anyhow::Result<()> {
    let pool = db::pool(&config.database_url)?;
    let mut connection = pool.acquire().await.context("PostgreSQL can't be reached")?;
    if !dead_letters::delete(&mut connection, id).await? {
        bail!("there is no dead letter {id}");
    }
    Ok(())
}

async fn leave(consumer: &Consumer) {
    if let Err(error) = consumer.leave().await {
        tracing::debug!(error = error.details(), "left the group without saying so");
    }
}
