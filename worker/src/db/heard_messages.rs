//! People's messages that are comments, each with its newest change.

use common::slack_id::ChannelId;
use common::ticket::TicketNumber;
use sqlx::PgConnection;

use super::unknown;

/// Something that happened to a message.
pub struct Heard<'a> {
    /// Its conversation.
    pub channel: &'a ChannelId,
    /// The message.
    pub ts: &'a str,
    /// The ticket whose comment it is.
    pub ticket: TicketNumber,
    /// The edit's timestamp; empty where it was just written.
    pub edited_ts: &'a str,
    /// It was taken back.
    pub deleted: bool,
}

/// Notes a change, and holds back whatever else happens to this message until the caller's transaction ends; `false` where
/// a newer change is known, so that this one is of no more interest.
pub async fn mark_newest(db: &mut PgConnection, heard: &Heard<'_>) -> sqlx::Result<bool> {
    let noted = sqlx::query(
        "INSERT INTO heard_messages AS h (channel, ts, ticket, edited_ts, deleted) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (channel, ts) DO UPDATE SET edited_ts = greatest(h.edited_ts, $4), deleted = $5
         WHERE NOT h.deleted AND ($5 OR $4 > h.edited_ts)",
    )
    .bind(heard.channel.as_str())
    .bind(heard.ts)
    .bind(heard.ticket.get())
    .bind(heard.edited_ts)
    .bind(heard.deleted)
    .execute(db)
    .await?;
    Ok(noted.rows_affected() == 1)
}

/// The ticket whose comment this message is.
pub async fn find_ticket(db: &mut PgConnection, channel: &ChannelId, ts: &str) -> sqlx::Result<Option<TicketNumber>> {
    let ticket: Option<i64> = sqlx::query_scalar("SELECT ticket FROM heard_messages WHERE channel = $1 AND ts = $2")
        .bind(channel.as_str())
        .bind(ts)
        .fetch_optional(db)
        .await?;
    ticket.map(|number| TicketNumber::new(number).ok_or_else(|| unknown("ticket"))).transpose()
}
