//! PostgreSQL: its version, the schema, room for connections, and what waits in it.

use sqlx::PgConnection;

use super::{Check, PATIENCE, schedule};
use crate::config::Config;
use crate::db::{self, MAX_CONNECTIONS, doctor};
use crate::postgres;

/// The oldest major version that has everything in use (`gen_random_uuid` without an extension).
const OLDEST: i32 = 13;
/// The check of what is to be sent.
pub(super) const UNDELIVERED: &str = "undelivered messages";
/// A delivery that is wanted for longer than this is stuck.
const OVERDUE: f64 = 60.0;

pub(super) async fn check(config: &Config) -> Vec<Check> {
    // A connection of its own: a pool's error tells only that it took too long.
    let result = async { examine(&mut db::connect(&config.database_url).await?, config).await };
    match tokio::time::timeout(PATIENCE, result).await {
        Ok(Ok(checks)) => checks,
        Ok(Err(error)) => {
            let obstacle = postgres::explain(&error);
            vec![Check::fault("PostgreSQL", obstacle.found, obstacle.fix)]
        }
        Err(_) => vec![Check::fault("PostgreSQL", "does not answer", "start it, and correct DATABASE_URL")],
    }
}

async fn examine(db: &mut PgConnection, config: &Config) -> sqlx::Result<Vec<Check>> {
    let version = doctor::get_version(db).await?;
    let mut checks = vec![server(version)];
    let found = if doctor::is_encrypted(db).await? { postgres::encryption(&config.database_url) } else { "none" };
    checks.push(Check::fine("PostgreSQL encryption", found));
    let connections_left = doctor::get_connections(db).await?;
    checks.push(connections(connections_left));
    let (missing, unknown) = doctor::list_migrations(db).await?;
    checks.push(if !unknown.is_empty() {
        let found = format!("the database has steps {unknown:?} that this program doesn't know");
        Check::fault("migrations", found, "a newer program has migrated it: use that one")
    } else if missing.is_empty() {
        Check::fine("migrations", "up to date")
    } else {
        Check::fault("migrations", format!("steps {missing:?} are missing"), "run `worker migrate`")
    });
    if missing.is_empty() && unknown.is_empty() {
        let work = doctor::get_work(db).await?;
        checks.extend(waiting(&work));
        checks.extend(schedule::check(db, config).await?);
    }
    Ok(checks)
}

fn server(version: i32) -> Check {
    Check::judge(
        "PostgreSQL version",
        version / 10_000 >= OLDEST,
        format!("{}.{}", version / 10_000, version % 10_000),
        "the oldest PostgreSQL that works is 13: upgrade it",
    )
}

fn connections(left: i64) -> Check {
    Check::judge(
        "PostgreSQL connections",
        left >= i64::from(MAX_CONNECTIONS),
        format!("{left} for workers, what they have included"),
        "each worker needs up to 16: raise max_connections or the role's or database's limit, or run fewer workers",
    )
}

fn waiting(work: &doctor::Work) -> [Check; 3] {
    let age = work.oldest.unwrap_or(0.0);
    let paused = match work.pause.as_deref() {
        Some(reason) => format!("; calls are paused: {reason}"),
        None => String::new(),
    };
    [
        Check::judge(
            "dead letters",
            work.dead == 0,
            work.dead.to_string(),
            "`worker dead list` shows them with their reasons; `worker dead redrive` or `drop` settles them",
        ),
        Check::judge(
            UNDELIVERED,
            age < OVERDUE,
            match work.undelivered {
                0 => "none".to_owned(),
                n => format!("{n}, the oldest since {age:.0} s{paused}"),
            },
            "is a worker running, and does Slack take the token? A worker's log says what fails",
        ),
        Check::judge(
            "parked messages",
            work.parked == 0,
            match &work.parked_reason {
                Some(reason) => format!("{}, the newest because of: {reason}", work.parked),
                None => work.parked.to_string(),
            },
            "Slack refused them for good; the tickets are kept. The worker's log names each",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn an_old_server_and_a_full_one_are_faults() {
        assert_eq!((server(120_022).state, server(130_000).state), (State::Fault, State::Fine));
        assert_eq!(server(170_004).found, "17.4");
        assert_eq!((connections(15).state, connections(16).state), (State::Fault, State::Fine));
    }
}
