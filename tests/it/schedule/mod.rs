//! The periodic schedule: what its messages say, that every slot runs once, and the commands around it.

mod commands;
mod overdue;
mod pinned;
mod reports;
mod simulation;
mod slots;

use chrono::{DateTime, Utc};
use harness::desk::Desk;
use worker::schedule::run::{Ran, tick};

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

/// What the worker runs at this instant.
pub(crate) async fn tick_at(desk: &Desk, now: &str) -> Vec<Ran> {
    tick(desk.worker.context(), Some(at(now))).await.expect("PostgreSQL answers")
}

/// Makes the schedule known before a Monday's 9:00 in New York, runs that instant, and delivers.
pub(crate) async fn run_monday(desk: &Desk) -> Vec<Ran> {
    tick_at(desk, "2026-11-23T13:59:00Z").await;
    let ran = tick_at(desk, "2026-11-23T14:00:00Z").await;
    deliver(desk).await;
    ran
}

/// Delivers everything, digests that come after each other included.
pub(crate) async fn deliver(desk: &Desk) {
    desk.drain().await;
    desk.elapse(std::time::Duration::from_secs(60)).await;
    desk.drain().await;
}

/// A ticket as it stands.
pub(crate) struct Standing<'a> {
    pub(crate) priority: &'a str,
    pub(crate) status: &'a str,
    pub(crate) assignee: Option<&'a str>,
    pub(crate) days_old: f64,
    pub(crate) days_quiet: f64,
}

/// Puts a ticket with a card into the database; answers its number.
pub(crate) async fn stand(desk: &Desk, ticket: &Standing<'_>) -> i64 {
    let number: i64 = sqlx::query_scalar(
        "INSERT INTO tickets (submitter, campaign, issue_type, priority, details, status, assignee, created_at, updated_at)
         VALUES ('U0AGENT1', 'Camp Lejeune', 'Vonage dialer', $1, 'It drops.', $2, $3,
                 now() - make_interval(secs => 86400 * $4), now() - make_interval(secs => 86400 * $5)) RETURNING number",
    )
    .bind(ticket.priority)
    .bind(ticket.status)
    .bind(ticket.assignee)
    .bind(ticket.days_old)
    .bind(ticket.days_quiet)
    .fetch_one(&desk.db)
    .await
    .expect("inserted");
    sqlx::query(
        "INSERT INTO ticket_events (ticket, version, actor, action, to_status, surface)
         VALUES ($1, 1, 'U0AGENT1', 'file', $2, 'modal')",
    )
    .bind(number)
    .bind(ticket.status)
    .execute(&desk.db)
    .await
    .expect("inserted");
    let card = "INSERT INTO slack_messages (target, channel, ts, permalink) VALUES ($1, 'C0TICKETS', $2, $3)";
    sqlx::query(card)
        .bind(format!("card:{number}"))
        .bind(format!("1000.{number:06}"))
        .bind(format!("https://desk.slack.com/archives/C0TICKETS/p1000{number:06}"))
        .execute(&desk.db)
        .await
        .expect("inserted");
    number
}
