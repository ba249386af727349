//! The history: one row per change, numbered by the ticket's version. Rows are added, never changed, but for the mark that
//! a later row (an edit, a deletion) took a comment's place, and made it internal where that one is.

use chrono::{DateTime, Utc};
use common::job::Surface;
use common::slack_id::UserId;
use common::ticket::{Action, Status, TicketNumber};
use sqlx::PgConnection;

use super::unknown;

/// What a change was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The ticket was filed.
    File,
    /// Its status or assignee was changed.
    Act(Action),
    /// Somebody wrote a comment.
    Comment,
    /// Somebody changed a comment's text.
    EditComment,
    /// Somebody took a comment back.
    DeleteComment,
}

impl Change {
    fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Act(action) => action.as_str(),
            Self::Comment => "comment",
            Self::EditComment => "edit_comment",
            Self::DeleteComment => "delete_comment",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::File, Self::Comment, Self::EditComment, Self::DeleteComment]
            .into_iter()
            .find(|change| change.as_str() == text)
            .or_else(|| Action::parse(text).map(Self::Act))
    }
}

/// A change of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketEvent {
    /// The ticket's version after it.
    pub version: i32,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: UserId,
    /// What.
    pub change: Change,
    /// The status before and after.
    pub status: (Option<Status>, Option<Status>),
    /// The assignee before and after.
    pub assignee: (Option<UserId>, Option<UserId>),
    /// What was written with it, unescaped.
    pub comment: Option<String>,
    /// It must not reach the submitter.
    pub internal: bool,
}

/// A change to be added.
pub struct NewEvent<'a> {
    /// Which ticket.
    pub ticket: TicketNumber,
    /// The change.
    pub event: &'a TicketEvent,
    /// Where it was done.
    pub surface: Surface,
    /// The message in the thread that the comment is.
    pub message_ts: Option<&'a str>,
}

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    version: i32,
    at: DateTime<Utc>,
    actor: String,
    action: String,
    from_status: Option<String>,
    to_status: Option<String>,
    from_assignee: Option<String>,
    to_assignee: Option<String>,
    comment: Option<String>,
    internal: bool,
}

impl TryFrom<Row> for TicketEvent {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> sqlx::Result<Self> {
        let status =
            |text: Option<String>| text.map(|text| Status::parse(&text).ok_or_else(|| unknown("status"))).transpose();
        let user = |id: Option<String>| id.map(|id| UserId::parse(&id).ok_or_else(|| unknown("assignee"))).transpose();
        Ok(Self {
            version: row.version,
            at: row.at,
            actor: UserId::parse(&row.actor).ok_or_else(|| unknown("actor"))?,
            change: Change::parse(&row.action).ok_or_else(|| unknown("action"))?,
            status: (status(row.from_status)?, status(row.to_status)?),
            assignee: (user(row.from_assignee)?, user(row.to_assignee)?),
            comment: row.comment,
            internal: row.internal,
        })
    }
}

/// Adds a change, made when the ticket was last saved.
pub async fn insert_event(db: &mut PgConnection, new: &NewEvent<'_>) -> sqlx::Result<()> {
    let event = new.event;
    sqlx::query(
        "INSERT INTO ticket_events (ticket, version, at, actor, action, from_status, to_status, from_assignee,
                                    to_assignee, comment, internal, surface, message_ts)
         VALUES ($1, $2, (SELECT updated_at FROM tickets WHERE number = $1), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(new.ticket.get())
    .bind(event.version)
    .bind(event.actor.as_str())
    .bind(event.change.as_str())
    .bind(event.status.0.map(Status::as_str))
    .bind(event.status.1.map(Status::as_str))
    .bind(event.assignee.0.as_ref().map(UserId::as_str))
    .bind(event.assignee.1.as_ref().map(UserId::as_str))
    .bind(&event.comment)
    .bind(event.internal)
    .bind(new.surface.as_str())
    .bind(new.message_ts)
    .execute(db)
    .await?;
    Ok(())
}

/// The ticket's last change of status or assignee.
pub async fn find_last_action(db: &mut PgConnection, ticket: TicketNumber) -> sqlx::Result<Option<TicketEvent>> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT version, at, actor, action, from_status, to_status, from_assignee, to_assignee, comment, internal
         FROM ticket_events WHERE ticket = $1 AND action IN ('assign', 'reassign', 'resolve', 'close', 'reopen')
         ORDER BY version DESC LIMIT 1",
    )
    .bind(ticket.get())
    .fetch_optional(db)
    .await?;
    row.map(TicketEvent::try_from).transpose()
}

/// The newest `limit` comments that the submitter may see, oldest first, and how many there are in all. An edited one
/// stays where it was.
pub async fn list_comments(
    db: &mut PgConnection,
    ticket: TicketNumber,
    limit: i64,
) -> sqlx::Result<(Vec<TicketEvent>, i64)> {
    #[derive(sqlx::FromRow)]
    struct Counted {
        #[sqlx(flatten)]
        row: Row,
        total: i64,
    }
    let rows: Vec<Counted> = sqlx::query_as(
        "SELECT version, at, actor, action, from_status, to_status, from_assignee, to_assignee, comment, internal,
                count(*) OVER () AS total
         FROM ticket_events e
         WHERE ticket = $1 AND comment IS NOT NULL AND NOT internal AND NOT superseded
         ORDER BY coalesce((SELECT min(f.version) FROM ticket_events f
                            WHERE f.ticket = e.ticket AND f.message_ts = e.message_ts), version) DESC
         LIMIT $2",
    )
    .bind(ticket.get())
    .bind(limit)
    .fetch_all(db)
    .await?;
    let total = rows.first().map_or(0, |counted| counted.total);
    let comments = rows.into_iter().rev().map(|counted| counted.row.try_into()).collect::<sqlx::Result<_>>()?;
    Ok((comments, total))
}

/// What a comment says now: the row of this version, or the one that took its place.
pub async fn find_said(db: &mut PgConnection, ticket: TicketNumber, version: i32) -> sqlx::Result<Option<TicketEvent>> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT now.version, now.at, now.actor, now.action, now.from_status, now.to_status, now.from_assignee,
                now.to_assignee, now.comment, now.internal
         FROM ticket_events e JOIN ticket_events now
              ON now.ticket = e.ticket AND (now.version = e.version OR now.message_ts = e.message_ts)
         WHERE e.ticket = $1 AND e.version = $2 AND NOT now.superseded",
    )
    .bind(ticket.get())
    .bind(version)
    .fetch_optional(db)
    .await?;
    row.map(TicketEvent::try_from).transpose()
}

/// The version in which this message became a comment.
pub async fn find_first_version(
    db: &mut PgConnection,
    ticket: TicketNumber,
    message_ts: &str,
) -> sqlx::Result<Option<i32>> {
    sqlx::query_scalar("SELECT min(version) FROM ticket_events WHERE ticket = $1 AND message_ts = $2")
        .bind(ticket.get())
        .bind(message_ts)
        .fetch_one(db)
        .await
}

/// The comment that this thread message is now.
pub async fn find_by_message(
    db: &mut PgConnection,
    ticket: TicketNumber,
    message_ts: &str,
) -> sqlx::Result<Option<TicketEvent>> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT version, at, actor, action, from_status, to_status, from_assignee, to_assignee, comment, internal
         FROM ticket_events WHERE ticket = $1 AND message_ts = $2 AND NOT superseded AND action <> 'delete_comment'
         ORDER BY version DESC LIMIT 1",
    )
    .bind(ticket.get())
    .bind(message_ts)
    .fetch_optional(db)
    .await?;
    row.map(TicketEvent::try_from).transpose()
}

/// A page of `size` rows of the history, newest first, which page it is (the last one where a later was asked for), and
/// how many rows there are; a submitter doesn't see internal notes.
pub async fn list_history(
    db: &mut PgConnection,
    ticket: TicketNumber,
    with_internal: bool,
    page: i64,
    size: i64,
) -> sqlx::Result<(Vec<TicketEvent>, i64, i64)> {
    let total: i64 =
        sqlx::query_scalar("SELECT count(*) FROM ticket_events WHERE ticket = $1 AND ($2 OR NOT internal)")
            .bind(ticket.get())
            .bind(with_internal)
            .fetch_one(&mut *db)
            .await?;
    let page = page.clamp(0, (total - 1).max(0) / size);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT version, at, actor, action, from_status, to_status, from_assignee, to_assignee, comment, internal
         FROM ticket_events WHERE ticket = $1 AND ($2 OR NOT internal)
         ORDER BY version DESC OFFSET $3 LIMIT $4",
    )
    .bind(ticket.get())
    .bind(with_internal)
    .bind(page * size)
    .bind(size)
    .fetch_all(db)
    .await?;
    Ok((rows.into_iter().map(TicketEvent::try_from).collect::<sqlx::Result<_>>()?, page, total))
}

/// Brings the text that is searched beside the details up to date with the comments.
pub async fn update_searched_text(db: &mut PgConnection, ticket: TicketNumber) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE tickets SET comments_text = coalesce(
             (SELECT left(string_agg(comment, ' ' ORDER BY version), 200000) FROM ticket_events
              WHERE ticket = $1 AND comment IS NOT NULL AND NOT superseded), '')
         WHERE number = $1",
    )
    .bind(ticket.get())
    .execute(db)
    .await?;
    Ok(())
}

/// A later row takes this comment's place; where that one is internal, what stood there before is so too.
pub async fn mark_superseded(
    db: &mut PgConnection,
    ticket: TicketNumber,
    version: i32,
    internal: bool,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE ticket_events SET superseded = true, internal = internal OR $3 WHERE ticket = $1 AND version = $2",
    )
    .bind(ticket.get())
    .bind(version)
    .bind(internal)
    .execute(db)
    .await?;
    Ok(())
}
