//! What `worker doctor` and the gauges ask of the database. Nothing is changed.

use sqlx::PgConnection;
use sqlx::migrate::Migrator;

/// The schema's steps, built in.
pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");

/// The server's version as one number: major × 10,000 + minor.
pub async fn get_version(db: &mut PgConnection) -> sqlx::Result<i32> {
    sqlx::query_scalar("SELECT current_setting('server_version_num')::int").fetch_one(db).await
}

/// How many connections workers may have: what the server, the role and the database leave, the tightest of the three,
/// and what workers have already. Other roles' sessions are counted by `numbackends`, which everybody may see.
pub async fn get_connections(db: &mut PgConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "SELECT least(
                    current_setting('max_connections')::bigint
                        - current_setting('superuser_reserved_connections')::bigint
                        - coalesce(current_setting('reserved_connections', true), '0')::bigint
                        - (SELECT sum(numbackends) FROM pg_stat_database)::bigint,
                    (SELECT nullif(rolconnlimit, -1) - (SELECT count(*) FROM pg_stat_activity WHERE usename = rolname)
                     FROM pg_roles WHERE rolname = current_user),
                    (SELECT nullif(datconnlimit, -1) - numbackends
                     FROM pg_database d JOIN pg_stat_database USING (datname) WHERE datname = current_database()))
                + (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1)",
    )
    .bind(super::APPLICATION)
    .fetch_one(db)
    .await
}

/// Whether this connection is encrypted.
pub async fn is_encrypted(db: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)")
        .fetch_one(db)
        .await
}

/// The steps that the database lacks, and those that it has and this program doesn't know (or knows otherwise).
pub async fn list_migrations(db: &mut PgConnection) -> sqlx::Result<(Vec<i64>, Vec<i64>)> {
    let migrated: bool =
        sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL").fetch_one(&mut *db).await?;
    let applied: Vec<(i64, Vec<u8>)> = if migrated {
        sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations WHERE success").fetch_all(db).await?
    } else {
        Vec::new()
    };
    let missing = MIGRATIONS.iter().map(|step| step.version).filter(|v| !applied.iter().any(|(known, _)| known == v));
    let same = |version: i64, checksum: &[u8]| {
        MIGRATIONS.iter().any(|step| step.version == version && step.checksum.as_ref() == checksum)
    };
    let unknown = applied.iter().filter(|(version, checksum)| !same(*version, checksum)).map(|(version, _)| *version);
    Ok((missing.collect(), unknown.collect()))
}

/// What waits, and what was given up.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Work {
    /// Jobs that were given up.
    pub dead: i64,
    /// Outbox rows that are still to be carried out.
    pub undelivered: i64,
    /// How many seconds ago the oldest of them that should be there by now was wished for. One that was tried in vain is
    /// as old as its wish, however often it was put off.
    pub oldest: Option<f64>,
    /// Outbox rows that an operator must help.
    pub parked: i64,
    /// Why the newest of them is parked.
    pub parked_reason: Option<String>,
    /// Why calls are paused, where they are.
    pub pause: Option<String>,
}

/// What waits, and what was given up.
pub async fn get_work(db: &mut PgConnection) -> sqlx::Result<Work> {
    sqlx::query_as(
        "SELECT (SELECT count(*) FROM dead_letters) AS dead,
                (SELECT count(*) FROM outbox WHERE state IN ('waiting', 'pending', 'sending')) AS undelivered,
                (SELECT extract(epoch FROM now() - min(least(created_at, due_at)))::float8 FROM outbox
                 WHERE state IN ('waiting', 'sending') OR state = 'pending' AND (attempt > 0 OR due_at <= now())) AS oldest,
                (SELECT count(*) FROM outbox WHERE state = 'parked') AS parked,
                (SELECT reason FROM outbox WHERE state = 'parked' ORDER BY settled_at DESC LIMIT 1) AS parked_reason,
                (SELECT reason FROM slack_pauses WHERE until > now() ORDER BY until DESC LIMIT 1) AS pause",
    )
    .fetch_one(db)
    .await
}
