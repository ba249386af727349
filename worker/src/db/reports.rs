//! What the periodic reports list: overdue, stale and urgent tickets, each with the address of its card.

use chrono::{DateTime, Utc};
use common::slack_id::{ChannelId, UserId};
use common::ticket::{Priority, Status, TicketNumber};
use sqlx::PgConnection;

use super::messages::PostedMessage;
use super::statistics::STALE_DAYS;
use super::unknown;

/// A ticket in a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedTicket {
    /// Its number.
    pub number: TicketNumber,
    /// How urgent.
    pub priority: Priority,
    /// Where it stands.
    pub status: Status,
    /// What is wrong.
    pub issue_type: String,
    /// What it is about.
    pub campaign: String,
    /// Who works on it.
    pub assignee: Option<UserId>,
    /// When it was filed.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// When it should have been resolved.
    pub due_at: DateTime<Utc>,
    /// Its card, with its address where that is known.
    pub card: Option<PostedMessage>,
}

/// The first tickets of a report, and how many there are in all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reported {
    /// The first.
    pub tickets: Vec<ReportedTicket>,
    /// All.
    pub total: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    priority: String,
    status: String,
    issue_type: String,
    campaign: String,
    assignee: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    due_at: DateTime<Utc>,
    total: i64,
    card_channel: Option<String>,
    card_ts: Option<String>,
    card_permalink: Option<String>,
}

impl TryFrom<Row> for ReportedTicket {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> sqlx::Result<Self> {
        let card = match (row.card_channel, row.card_ts) {
            (Some(channel), Some(ts)) => {
                let channel = ChannelId::parse(&channel).ok_or_else(|| unknown("channel"))?;
                Some(PostedMessage { channel, ts, permalink: row.card_permalink })
            }
            _ => None,
        };
        Ok(Self {
            number: TicketNumber::new(row.number).ok_or_else(|| unknown("number"))?,
            priority: Priority::parse(&row.priority).ok_or_else(|| unknown("priority"))?,
            status: Status::parse(&row.status).ok_or_else(|| unknown("status"))?,
            issue_type: row.issue_type,
            campaign: row.campaign,
            assignee: row
                .assignee
                .as_deref()
                .map(|id| UserId::parse(id).ok_or_else(|| unknown("assignee")))
                .transpose()?,
            created_at: row.created_at,
            updated_at: row.updated_at,
            due_at: row.due_at,
            card,
        })
    }
}

/// The tickets of `$which`, the first `$4` of them in this order, joined with their cards. `$1..$3` are the days to resolution
/// by priority; bound parameters of `$which` begin with `$5`.
macro_rules! reported {
    ($which:literal, $order:literal) => {
        concat!(
            "SELECT t.*, m.channel AS card_channel, m.ts AS card_ts, m.permalink AS card_permalink
             FROM (SELECT number, priority, status, issue_type, campaign, assignee, created_at, updated_at, due_at,
                          count(*) OVER () AS total
                   FROM (SELECT *, created_at + make_interval(days => CASE priority WHEN 'high' THEN $1
                                   WHEN 'medium' THEN $2 ELSE $3 END) AS due_at
                         FROM tickets) due
                   WHERE ",
            $which,
            " ORDER BY ",
            $order,
            ", number LIMIT $4) t
             LEFT JOIN slack_messages m ON m.target = 'card:' || t.number
             ORDER BY ",
            $order,
            ", number"
        )
    };
}

const OVERDUE_OF: &str = reported!("status IN ('open', 'in_progress') AND due_at < now() AND assignee = $5", "due_at");
const OVERDUE_UNASSIGNED: &str =
    reported!("status IN ('open', 'in_progress') AND due_at < now() AND assignee IS NULL", "due_at");
const STALE: &str =
    reported!("status IN ('open', 'in_progress') AND updated_at < now() - make_interval(days => $5)", "updated_at");
const URGENT: &str = reported!("priority = 'high' AND status = 'open' AND assignee IS NULL", "created_at");
const OLDEST: &str = reported!("status IN ('open', 'in_progress')", "created_at");

/// Tickets past their expected time, most overdue first: this assignee's, or those that nobody has.
pub async fn list_overdue(
    db: &mut PgConnection,
    assignee: Option<&UserId>,
    days: [i32; 3],
    limit: i64,
) -> sqlx::Result<Reported> {
    let query = match assignee {
        Some(user) => with_days(OVERDUE_OF, days, limit).bind(user.as_str()),
        None => with_days(OVERDUE_UNASSIGNED, days, limit),
    };
    reported(query.fetch_all(db).await?)
}

/// Unresolved tickets without an update for [`STALE_DAYS`], longest first.
pub async fn list_stale(db: &mut PgConnection, days: [i32; 3], limit: i64) -> sqlx::Result<Reported> {
    reported(with_days(STALE, days, limit).bind(STALE_DAYS).fetch_all(db).await?)
}

/// High-priority tickets that nobody has, oldest first.
pub async fn list_urgent(db: &mut PgConnection, days: [i32; 3], limit: i64) -> sqlx::Result<Reported> {
    reported(with_days(URGENT, days, limit).fetch_all(db).await?)
}

/// Unresolved tickets, oldest first.
pub async fn list_oldest(db: &mut PgConnection, days: [i32; 3], limit: i64) -> sqlx::Result<Reported> {
    reported(with_days(OLDEST, days, limit).fetch_all(db).await?)
}

/// Who has overdue tickets, and whether some belong to nobody.
pub async fn list_overdue_assignees(db: &mut PgConnection, days: [i32; 3]) -> sqlx::Result<Vec<Option<UserId>>> {
    let rows: Vec<Option<String>> = sqlx::query_scalar(
        "SELECT DISTINCT assignee FROM tickets
         WHERE status IN ('open', 'in_progress')
           AND created_at + make_interval(days => CASE priority WHEN 'high' THEN $1 WHEN 'medium' THEN $2 ELSE $3 END) < now()
         ORDER BY assignee",
    )
    .bind(days[0])
    .bind(days[1])
    .bind(days[2])
    .fetch_all(db)
    .await?;
    let user = |id: String| UserId::parse(&id).ok_or_else(|| unknown("assignee"));
    rows.into_iter().map(|id| id.map(user).transpose()).collect()
}

type Query<'q> = sqlx::query::QueryAs<'q, sqlx::Postgres, Row, sqlx::postgres::PgArguments>;

fn with_days<'q>(query: &'static str, days: [i32; 3], limit: i64) -> Query<'q> {
    sqlx::query_as(query).bind(days[0]).bind(days[1]).bind(days[2]).bind(limit)
}

fn reported(rows: Vec<Row>) -> sqlx::Result<Reported> {
    let total = rows.first().map_or(0, |row| row.total);
    let tickets = rows.into_iter().map(ReportedTicket::try_from).collect::<sqlx::Result<_>>()?;
    Ok(Reported { tickets, total })
}
