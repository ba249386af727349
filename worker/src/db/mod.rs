//! All SQL, and nothing but SQL. Functions take a connection, so that the caller owns the transaction; rows are read into
//! domain values here and nowhere else. PostgreSQL's `now()` is the one clock for leases and due times.

pub mod alerts;
pub mod attempts;
pub mod dead_letters;
pub mod direct_channels;
pub mod doctor;
pub mod exports;
pub mod images;
pub mod inbox;
pub mod messages;
pub mod news;
pub mod open_views;
pub mod outbox;
pub mod pauses;
pub mod people;
mod period_counts;
pub mod search;
pub mod statistics;
pub mod ticket_events;
pub mod ticket_list;
pub mod tickets;

use std::time::Duration;

use common::secret::Secret;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

/// Connections of one worker at most; a statement holds one for milliseconds.
pub const MAX_CONNECTIONS: u32 = 16;
/// Longer waits for a connection mean that the server is away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// A pool that connects when it is needed. A statement that takes longer than 10 s, or waits 5 s for a lock, is ended by
/// the server, and so is a transaction that a stopped process left open.
///
/// # Errors
/// When the address is no PostgreSQL address.
pub fn pool(database_url: &Secret) -> sqlx::Result<PgPool> {
    let options: PgConnectOptions = database_url.expose().parse()?;
    let options = options.application_name("ticket-worker").options([
        ("statement_timeout", "10s"),
        ("lock_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "15s"),
        ("timezone", "UTC"),
        // Pages are in memory or on an SSD: what is found by an index needn't be avoided.
        ("random_page_cost", "1.1"),
        // Compiling a statement costs more than it saves on anything that has to answer at once.
        ("jit", "off"),
    ]);
    let pool = PgPoolOptions::new().max_connections(MAX_CONNECTIONS).acquire_timeout(ACQUIRE_TIMEOUT);
    Ok(pool.connect_lazy_with(options))
}

/// Brings the schema up to date; several processes may call it at once (an advisory lock orders them).
///
/// # Errors
/// When the server is away or a migration fails.
pub async fn migrate(database_url: &Secret) -> Result<(), sqlx::migrate::MigrateError> {
    use sqlx::{ConnectOptions, Connection};
    // A connection of its own: a migration may take longer than the pool's statement timeout.
    let options: PgConnectOptions = database_url.expose().parse()?;
    let mut connection = options.application_name("ticket-migrate").connect().await?;
    doctor::MIGRATIONS.run(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// A stored text that this build doesn't understand, most likely written by a newer one.
fn unknown(column: &'static str) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: "a value that this version doesn't know".into() }
}
