//! What people are to be told of tickets.

use common::slack_id::UserId;
use common::ticket::TicketNumber;
use sqlx::PgConnection;

use super::ticket_events::{self, TicketEvent};

/// Everybody in `recipients` is to be told of this change.
pub async fn insert(
    db: &mut PgConnection,
    ticket: TicketNumber,
    version: i32,
    recipients: &[&UserId],
) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO ticket_news (ticket, version, recipient) SELECT $1, $2, unnest($3::text[])")
        .bind(ticket.get())
        .bind(version)
        .bind(recipients.iter().map(|user| user.as_str()).collect::<Vec<_>>())
        .execute(db)
        .await?;
    Ok(())
}

/// The changes that this person hasn't been told of, up to version `upto` where it is given, oldest first; without what
/// was changed or taken back meanwhile.
pub async fn list_untold(
    db: &mut PgConnection,
    ticket: TicketNumber,
    recipient: &UserId,
    upto: Option<i32>,
) -> sqlx::Result<Vec<TicketEvent>> {
    let rows: Vec<ticket_events::Row> = sqlx::query_as(
        "SELECT e.version, e.at, e.actor, e.action, e.from_status, e.to_status, e.from_assignee, e.to_assignee,
                e.comment, e.internal
         FROM ticket_news n JOIN ticket_events e USING (ticket, version)
         WHERE n.ticket = $1 AND n.recipient = $2 AND n.told_at IS NULL AND ($3::int IS NULL OR n.version <= $3)
           AND NOT e.superseded
         ORDER BY n.version",
    )
    .bind(ticket.get())
    .bind(recipient.as_str())
    .bind(upto)
    .fetch_all(db)
    .await?;
    rows.into_iter().map(TicketEvent::try_from).collect()
}

/// This person has been told of everything up to version `upto`; `true` where there is more to tell.
pub async fn mark_told(
    db: &mut PgConnection,
    ticket: TicketNumber,
    recipient: &UserId,
    upto: i32,
) -> sqlx::Result<bool> {
    sqlx::query(
        "UPDATE ticket_news SET told_at = now()
         WHERE ticket = $1 AND recipient = $2 AND version <= $3 AND told_at IS NULL",
    )
    .bind(ticket.get())
    .bind(recipient.as_str())
    .bind(upto)
    .execute(&mut *db)
    .await?;
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM ticket_news n JOIN ticket_events e USING (ticket, version)
                        WHERE n.ticket = $1 AND n.recipient = $2 AND n.told_at IS NULL AND NOT e.superseded)",
    )
    .bind(ticket.get())
    .bind(recipient.as_str())
    .fetch_one(db)
    .await
}
