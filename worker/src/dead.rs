//! `worker dead`: what was given up, shown, run again, or dropped.

use anyhow::bail;
use common::job::Envelope;
use common::stream::Keys;
use fred::interfaces::ClientLike as _;
use sqlx::PgConnection;

use crate::config::Config;
use crate::db::{self, dead_letters};
use crate::{consumer, postgres, redis};

/// Dead letters shown at once.
const SHOWN: i64 = 200;

/// Lists the newest dead letters.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn list(config: &Config, out: &mut impl std::io::Write) -> anyhow::Result<()> {
    let mut connection = connect(config).await?;
    let letters = dead_letters::list(&mut connection, SHOWN).await.map_err(told)?;
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
pub async fn redrive(config: &Config, id: i64, out: &mut impl std::io::Write) -> anyhow::Result<()> {
    let mut connection = connect(config).await?;
    let letter = dead_letters::find(&mut connection, id).await.map_err(told)?;
    let Some(letter) = letter else { bail!("there is no dead letter {id}: see `worker dead list`") };
    let Ok(mut envelope) = Envelope::decode(&letter.entry) else {
        bail!("dead letter {id} holds no job that could be run; `worker dead drop {id}` drops it")
    };
    envelope.id = format!("{}#redriven-{id}", envelope.id);
    let lane = envelope.job.lane();
    let client = redis::connect_once(&config.redis).await?;
    let keys = Keys::new(&config.stream_prefix);
    consumer::append(&client, &keys, lane, &envelope.id, &envelope.encode())
        .await
        .map_err(|error| redis::explain(&error))?;
    let _ = client.quit().await;
    dead_letters::delete(&mut connection, id).await.map_err(told)?;
    writeln!(out, "Dead letter {id} runs again, as job {}.", envelope.id)?;
    Ok(())
}

/// Drops a dead letter for good.
///
/// # Errors
/// When there is no such letter, or PostgreSQL is away.
pub async fn drop_letter(config: &Config, id: i64, out: &mut impl std::io::Write) -> anyhow::Result<()> {
    let mut connection = connect(config).await?;
    if !dead_letters::delete(&mut connection, id).await.map_err(told)? {
        bail!("there is no dead letter {id}: see `worker dead list`");
    }
    writeln!(out, "Dead letter {id} is dropped.")?;
    Ok(())
}

async fn connect(config: &Config) -> anyhow::Result<PgConnection> {
    db::connect(&config.database_url).await.map_err(told)
}

fn told(error: sqlx::Error) -> anyhow::Error {
    postgres::explain(&error).into()
}
