//! All SQL, and nothing but SQL. Functions take a connection, so that the caller owns the transaction; rows are read into
//! domain values here and nowhere else. PostgreSQL's `now()` is the one clock for leases and due times.

pub mod alerts;
pub mod attempts;
pub mod dead_letters;
pub mod direct_channels;
pub mod doctor;
pub mod exports;
pub mod heard_messages;
pub mod images;
pub mod inbox;
pub mod installation;
pub mod messages;
pub mod news;
pub mod open_views;
pub mod outbox;
pub mod pauses;
pub mod people;
mod period_counts;
pub mod refusals;
pub mod reports;
pub mod schedule;
pub mod search;
pub mod statistics;
pub mod ticket_events;
pub mod ticket_list;
pub mod tickets;

use std::time::Duration;

use common::secret::Secret;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _};

/// Connections of one worker at most; a statement holds one for milliseconds.
pub const MAX_CONNECTIONS: u32 = 16;
/// Longer waits for a connection mean that the server is away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// A server that doesn't take a connection for so long is away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How PostgreSQL knows a worker's connections.
const APPLICATION: &str = "ticket-worker";

/// A pool that connects when it is needed. A statement that takes nearly as long as a lease, or waits 2 s for a lock, is
/// ended by the server, and so is a transaction that a stopped process left open.
///
/// # Errors
/// When the address is no PostgreSQL address.
pub fn pool(database_url: &Secret) -> sqlx::Result<PgPool> {
    let pool = PgPoolOptions::new().max_connections(MAX_CONNECTIONS).acquire_timeout(ACQUIRE_TIMEOUT);
    Ok(pool.connect_lazy_with(options(database_url)?))
}

/// One connection like a pool's, now: its error tells why, where a pool's only tells that it took too long.
///
/// # Errors
/// Why the server can't be used; to an operator by [`crate::postgres::explain`].
pub async fn connect(database_url: &Secret) -> sqlx::Result<PgConnection> {
    in_time(options(database_url)?).await
}

fn options(database_url: &Secret) -> sqlx::Result<PgConnectOptions> {
    let options: PgConnectOptions = database_url.expose().parse()?;
    Ok(options.application_name(APPLICATION).options([
        ("statement_timeout", "2900ms"),
        ("lock_timeout", "2s"),
        ("idle_in_transaction_session_timeout", "15s"),
        ("timezone", "UTC"),
        // Pages are in memory or on an SSD: what is found by an index needn't be avoided.
        ("random_page_cost", "1.1"),
        // Compiling a statement costs more than it saves on anything that has to answer at once.
        ("jit", "off"),
    ]))
}

async fn in_time(options: PgConnectOptions) -> sqlx::Result<PgConnection> {
    let silent = || std::io::Error::new(std::io::ErrorKind::TimedOut, "it does not answer");
    tokio::time::timeout(CONNECT_TIMEOUT, options.connect()).await.unwrap_or_else(|_| Err(silent().into()))
}

/// Brings the schema up to date; several processes may call it at once (an advisory lock orders them).
///
/// # Errors
/// When the server is away or a migration fails.
pub async fn migrate(database_url: &Secret) -> Result<(), sqlx::migrate::MigrateError> {
    // A connection of its own: a migration may take longer than the pool's statement timeout.
    let options: PgConnectOptions = database_url.expose().parse()?;
    let mut connection = in_time(options.application_name("ticket-migrate")).await?;
    doctor::MIGRATIONS.run(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// A stored text that this build doesn't understand, most likely written by a newer one.
fn unknown(column: &'static str) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: "a value that this version doesn't know".into() }
}
