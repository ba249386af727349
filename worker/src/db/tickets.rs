//! Tickets.

use chrono::{DateTime, Utc};
use common::slack_id::UserId;
use common::ticket::{Priority, Status, TicketNumber};
use sqlx::PgConnection;

use super::unknown;

/// A ticket as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Its number.
    pub number: TicketNumber,
    /// Who filed it.
    pub submitter: UserId,
    /// What it is about.
    pub campaign: String,
    /// What is wrong.
    pub issue_type: String,
    /// How urgent.
    pub priority: Priority,
    /// What the submitter wrote, unescaped.
    pub details: String,
    /// Where it stands.
    pub status: Status,
    /// Who works on it.
    pub assignee: Option<UserId>,
    /// Counts its changes, from 1.
    pub version: i32,
    /// How often it was reopened.
    pub reopened_count: i32,
    /// When it was filed.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// When it was resolved, where it is.
    pub resolved_at: Option<DateTime<Utc>>,
    /// When it was closed, where it is.
    pub closed_at: Option<DateTime<Utc>>,
}

/// What is known of a ticket when it is filed.
pub struct NewTicket<'a> {
    /// Who files it.
    pub submitter: &'a UserId,
    /// What it is about.
    pub campaign: &'a str,
    /// What is wrong.
    pub issue_type: &'a str,
    /// How urgent.
    pub priority: Priority,
    /// What the submitter wrote.
    pub details: &'a str,
}

/// The columns of [`Row`].
pub(super) const COLUMNS: &str = "number, submitter, campaign, issue_type, priority, details, status, assignee, version, \
    reopened_count, created_at, updated_at, resolved_at, closed_at";

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    number: i64,
    submitter: String,
    campaign: String,
    issue_type: String,
    priority: String,
    details: String,
    status: String,
    assignee: Option<String>,
    version: i32,
    reopened_count: i32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    resolved_at: Option<DateTime<Utc>>,
    closed_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Ticket {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> sqlx::Result<Self> {
        let assignee = match row.assignee {
            Some(id) => Some(UserId::parse(&id).ok_or_else(|| unknown("assignee"))?),
            None => None,
        };
        Ok(Self {
            number: TicketNumber::new(row.number).ok_or_else(|| unknown("number"))?,
            submitter: UserId::parse(&row.submitter).ok_or_else(|| unknown("submitter"))?,
            campaign: row.campaign,
            issue_type: row.issue_type,
            priority: Priority::parse(&row.priority).ok_or_else(|| unknown("priority"))?,
            details: row.details,
            status: Status::parse(&row.status).ok_or_else(|| unknown("status"))?,
            assignee,
            version: row.version,
            reopened_count: row.reopened_count,
            created_at: row.created_at,
            updated_at: row.updated_at,
            resolved_at: row.resolved_at,
            closed_at: row.closed_at,
        })
    }
}

/// Files a ticket, open and unassigned.
pub async fn insert_ticket(db: &mut PgConnection, new: &NewTicket<'_>) -> sqlx::Result<TicketNumber> {
    let number: i64 = sqlx::query_scalar(
        "INSERT INTO tickets (submitter, campaign, issue_type, priority, details)
         VALUES ($1, $2, $3, $4, $5) RETURNING number",
    )
    .bind(new.submitter.as_str())
    .bind(new.campaign)
    .bind(new.issue_type)
    .bind(new.priority.as_str())
    .bind(new.details)
    .fetch_one(db)
    .await?;
    TicketNumber::new(number).ok_or_else(|| unknown("number"))
}

/// Saves what a change made of a ticket, over the version that it was decided on; `false` where somebody was faster. Times
/// are those of the change and not of its transaction's begin, which may have waited for another: they never run back.
pub async fn save_ticket(db: &mut PgConnection, seen: i32, ticket: &Ticket) -> sqlx::Result<bool> {
    let saved = sqlx::query(
        "UPDATE tickets
         SET status = $3, assignee = $4, version = $5, reopened_count = $6, updated_at = clock.at,
             first_assigned_at = CASE WHEN $4::text IS NULL THEN first_assigned_at
                                      ELSE coalesce(first_assigned_at, clock.at) END,
             resolved_at = CASE WHEN $3 IN ('open', 'in_progress') THEN NULL
                                WHEN $3 = 'resolved' AND status <> 'resolved' THEN clock.at ELSE resolved_at END,
             closed_at = CASE WHEN $3 <> 'closed' THEN NULL WHEN status <> 'closed' THEN clock.at ELSE closed_at END
         FROM (SELECT greatest(clock_timestamp(), updated_at) AS at FROM tickets WHERE number = $1) AS clock
         WHERE number = $1 AND version = $2",
    )
    .bind(ticket.number.get())
    .bind(seen)
    .bind(ticket.status.as_str())
    .bind(ticket.assignee.as_ref().map(UserId::as_str))
    .bind(ticket.version)
    .bind(ticket.reopened_count)
    .execute(db)
    .await?;
    Ok(saved.rows_affected() == 1)
}

/// The ticket of this number.
pub async fn find_ticket(db: &mut PgConnection, number: TicketNumber) -> sqlx::Result<Option<Ticket>> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT number, submitter, campaign, issue_type, priority, details, status, assignee, version, reopened_count,
                created_at, updated_at, resolved_at, closed_at
         FROM tickets WHERE number = $1",
    )
    .bind(number.get())
    .fetch_optional(db)
    .await?;
    row.map(Ticket::try_from).transpose()
}
