//! PostgreSQL: its version, the schema, room for connections, and what waits in it.

use super::{Check, PATIENCE, schedule};
use crate::context::Context;
use crate::db::{MAX_CONNECTIONS, doctor};

/// The oldest major version that has everything in use (`gen_random_uuid` without an extension).
const OLDEST: i32 = 13;
/// A delivery that is due for longer than this is stuck.
const OVERDUE: f64 = 60.0;

pub(super) async fn check(context: &Context) -> Vec<Check> {
    match tokio::time::timeout(PATIENCE, examine(context)).await {
        Ok(Ok(checks)) => checks,
        Ok(Err(error)) => away(&reason(&error)),
        Err(_) => away("does not answer"),
    }
}

fn away(why: &str) -> Vec<Check> {
    vec![Check::fault("PostgreSQL", why, "start it, and correct DATABASE_URL: address, user, password, sslmode")]
}

/// The server's or the system's words, which hold no password.
fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(refusal) => refusal.message().to_owned(),
        sqlx::Error::Io(error) => format!("can't be reached: {error}"),
        sqlx::Error::PoolTimedOut => "can't be reached".to_owned(),
        other => other.to_string(),
    }
}

async fn examine(context: &Context) -> sqlx::Result<Vec<Check>> {
    let mut db = context.db.acquire().await?;
    let version = doctor::get_version(&mut db).await?;
    let mut checks = vec![server(version)];
    let free = doctor::get_free_connections(&mut db).await?;
    checks.push(connections(free));
    let (missing, unknown) = doctor::list_migrations(&mut db).await?;
    checks.push(if !unknown.is_empty() {
        let found = format!("the database has steps {unknown:?} that this program doesn't know");
        Check::fault("migrations", found, "a newer program has migrated it: use that one")
    } else if missing.is_empty() {
        Check::fine("migrations", "up to date")
    } else {
        Check::fault("migrations", format!("steps {missing:?} are missing"), "run `worker migrate`")
    });
    if missing.is_empty() && unknown.is_empty() {
        let work = doctor::get_work(&mut db).await?;
        checks.extend(waiting(&work));
        checks.extend(schedule::check(&mut db, context).await?);
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

fn connections(free: i64) -> Check {
    Check::judge(
        "PostgreSQL connections",
        free >= i64::from(MAX_CONNECTIONS),
        format!("{free} free"),
        "each worker needs up to 16: raise max_connections, or run fewer workers",
    )
}

fn waiting(work: &doctor::Work) -> [Check; 3] {
    let age = work.oldest_due.unwrap_or(0.0);
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
            "undelivered messages",
            age < OVERDUE,
            match work.undelivered {
                0 => "none".to_owned(),
                n => format!("{n}, the oldest due for {age:.0} s{paused}"),
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
