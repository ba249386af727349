//! `/ticket-summary`: what it counts, who may see it, and sharing it in the ticket channel.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use harness::desk::Desk;
use worker::db::statistics::{Changes, Summary, Times, Unresolved, get_summary};
use worker::period::Period;

use crate::road::file_ticket;

/// A ticket as it came to stand: each change is a time, an action and the statuses before and after it.
pub(crate) struct HandMade<'a> {
    pub(crate) priority: &'a str,
    pub(crate) campaign: &'a str,
    pub(crate) status: &'a str,
    pub(crate) assignee: Option<&'a str>,
    pub(crate) created: &'a str,
    pub(crate) first_assigned: Option<&'a str>,
    pub(crate) resolved: Option<&'a str>,
    pub(crate) changes: &'a [(&'a str, &'a str, &'a str, &'a str)],
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

pub(crate) async fn insert(desk: &Desk, ticket: &HandMade<'_>) -> i64 {
    let updated = ticket.changes.last().map_or(ticket.created, |change| change.0);
    let number: i64 = sqlx::query_scalar(
        "INSERT INTO tickets (submitter, campaign, issue_type, priority, details, status, assignee, version, created_at,
                              updated_at, first_assigned_at, resolved_at)
         VALUES ('U0AGENT1', $1, 'Vonage dialer', $2, 'It drops.', $3, $4, $5, $6, $7, $8, $9) RETURNING number",
    )
    .bind(ticket.campaign)
    .bind(ticket.priority)
    .bind(ticket.status)
    .bind(ticket.assignee)
    .bind(i32::try_from(ticket.changes.len() + 1).expect("few"))
    .bind(at(ticket.created))
    .bind(at(updated))
    .bind(ticket.first_assigned.map(at))
    .bind(ticket.resolved.map(at))
    .fetch_one(&desk.db)
    .await
    .expect("inserted");
    let filed = [(ticket.created, "file", "", "open")];
    for (version, (time, action, from, to)) in (1i32..).zip(filed.iter().chain(ticket.changes)) {
        sqlx::query(
            "INSERT INTO ticket_events (ticket, version, at, actor, action, from_status, to_status, surface)
             VALUES ($1, $2, $3, 'U0SYS1', $4, nullif($5, ''), $6, 'card')",
        )
        .bind(number)
        .bind(version)
        .bind(at(time))
        .bind(action)
        .bind(from)
        .bind(to)
        .execute(&desk.db)
        .await
        .expect("inserted");
    }
    number
}

pub(crate) async fn rebuild(desk: &Desk) {
    sqlx::query("SELECT rebuild_ticket_days()").execute(&desk.db).await.expect("counted");
}

pub(crate) async fn summary_of(desk: &Desk, period: &str, now: &str) -> Summary {
    let mut db = desk.db.acquire().await.expect("PostgreSQL answers");
    let period = Period::parse(period).expect("a period");
    get_summary(&mut db, period, Tz::America__New_York, [7, 7, 7], at(now)).await.expect("counted")
}

/// Seven tickets around the week of November 23, 2026 in New York, which begins at 05:00 UTC.
pub(crate) async fn seven_tickets(desk: &Desk) {
    let usual = HandMade {
        priority: "high",
        campaign: "Camp Lejeune",
        status: "open",
        assignee: None,
        created: "2026-11-23T05:30:00Z",
        first_assigned: None,
        resolved: None,
        changes: &[],
    };
    for ticket in [
        HandMade { ..usual },
        // Filed on Sunday half an hour before midnight.
        HandMade {
            priority: "medium",
            status: "in_progress",
            assignee: Some("U0SYS1"),
            created: "2026-11-23T04:30:00Z",
            first_assigned: Some("2026-11-23T06:30:00Z"),
            changes: &[("2026-11-23T06:30:00Z", "assign", "open", "in_progress")],
            ..usual
        },
        HandMade {
            priority: "low",
            status: "resolved",
            created: "2026-11-10T12:00:00Z",
            first_assigned: Some("2026-11-10T13:00:00Z"),
            resolved: Some("2026-11-24T12:00:00Z"),
            changes: &[
                ("2026-11-10T13:00:00Z", "assign", "open", "in_progress"),
                ("2026-11-24T12:00:00Z", "resolve", "in_progress", "resolved"),
            ],
            ..usual
        },
        HandMade {
            campaign: "Roundup",
            status: "resolved",
            created: "2026-11-24T12:00:00Z",
            first_assigned: Some("2026-11-24T12:30:00Z"),
            resolved: Some("2026-11-24T16:00:00Z"),
            changes: &[
                ("2026-11-24T12:30:00Z", "assign", "open", "in_progress"),
                ("2026-11-24T16:00:00Z", "resolve", "in_progress", "resolved"),
            ],
            ..usual
        },
        HandMade {
            status: "closed",
            created: "2026-11-01T12:00:00Z",
            changes: &[("2026-11-18T12:00:00Z", "close", "open", "closed")],
            ..usual
        },
        HandMade {
            priority: "low",
            status: "in_progress",
            assignee: Some("U0SYS2"),
            created: "2026-11-12T12:00:00Z",
            first_assigned: Some("2026-11-13T12:00:00Z"),
            changes: &[("2026-11-13T12:00:00Z", "assign", "open", "in_progress")],
            ..usual
        },
        HandMade {
            priority: "medium",
            created: "2026-11-02T12:00:00Z",
            changes: &[
                ("2026-11-03T12:00:00Z", "resolve", "open", "resolved"),
                ("2026-11-24T10:00:00Z", "reopen", "resolved", "open"),
            ],
            ..usual
        },
    ] {
        insert(desk, &ticket).await;
    }
    rebuild(desk).await;
}

#[tokio::test]
async fn a_summary_counts_hand_made_tickets_by_local_days() {
    let desk = Desk::start().await;
    seven_tickets(&desk).await;
    let summary = summary_of(&desk, "2026-11-23..2026-11-29", "2026-11-25T12:00:00Z").await;
    assert_eq!(summary.by_status, [2, 2, 2, 1]);
    let unresolved = |count, unassigned, overdue, stale| Unresolved { count, unassigned, overdue, stale };
    assert_eq!(summary.unresolved, [unresolved(1, 1, 0, 0), unresolved(2, 1, 1, 0), unresolved(1, 0, 1, 1)]);
    assert_eq!(summary.changes, Changes { opened: 2, resolved: 2, closed: 0, reopened: 1 });
    assert_eq!(summary.before, Changes { opened: 1, resolved: 0, closed: 1, reopened: 0 });
    assert_eq!(summary.parts.len(), 7);
    assert_eq!(summary.parts[0], ("Mon 23".to_owned(), Changes { opened: 1, ..Changes::default() }));
    assert_eq!(summary.parts[1].1, Changes { opened: 1, resolved: 2, closed: 0, reopened: 1 });
    assert_eq!(summary.to_first_assignment, Some(Times { median: 4500.0, p90: 6660.0 }));
    assert_eq!(summary.to_resolution, Some(Times { median: 612_000.0, p90: 1_090_080.0 }));
    assert_eq!(summary.campaigns, [("Camp Lejeune".to_owned(), 1), ("Roundup".to_owned(), 1)]);
    assert_eq!(summary.issue_types, [("Vonage dialer".to_owned(), 2)]);
    let assignees: Vec<_> = summary.assignees.iter().map(|(user, count)| (user.as_str(), *count)).collect();
    assert_eq!(assignees, [("U0SYS1", 1), ("U0SYS2", 1)]);
    // A month consists of whole UTC days in the middle and of edges.
    let month = summary_of(&desk, "2026-11-01..2026-11-30", "2026-11-25T12:00:00Z").await;
    assert_eq!(month.changes, Changes { opened: 7, resolved: 3, closed: 1, reopened: 1 });
    let empty = summary_of(&desk, "2025-01-01..2025-01-31", "2026-11-25T12:00:00Z").await;
    assert_eq!((empty.changes, empty.to_resolution, empty.campaigns.len()), (Changes::default(), None, 0));
    desk.finish().await;
}

#[tokio::test]
async fn system_users_see_the_summary_of_the_period_they_name() {
    let desk = Desk::start().await;
    file_ticket(&desk, &desk.slack.person("U0AGENT1"), "The dialer drops calls.").await;
    let sam = desk.slack.person("U0SYS1");
    for (words, title) in [("", "Week of"), ("week", "Week of"), ("month", "20"), ("2026-10", "October 2026")] {
        assert!(sam.command("/ticket-summary", words).await.is_ok());
        desk.drain().await;
        let view = sam.view().unwrap_or_else(|| panic!("nothing opened\n{}", desk.slack.dump()));
        let text = view.all_text();
        assert_eq!(view.title["text"], "Ticket summary");
        assert!(text.contains(title) && text.contains("Tickets by status* (1 in all)"), "{words}: {text}");
        sam.close_all().await.expect("closed");
    }
    sam.command("/ticket-summary", "week").await;
    desk.drain().await;
    let text = sam.view().expect("open").all_text();
    for fact in ["*1* opened", "🔴 High", "Camp Lejeune", "Vonage dialer", "Post to channel", "Export CSV"] {
        assert!(text.contains(fact), "{fact} in {text}");
    }
    desk.finish().await;
}

#[tokio::test]
async fn others_are_refused_with_their_id_and_bad_periods_are_explained() {
    let desk = Desk::start().await;
    let (ana, sam) = (desk.slack.person("U0AGENT1"), desk.slack.person("U0SYS1"));
    assert!(ana.command("/ticket-summary", "month").await.is_ok());
    desk.drain().await;
    assert!(ana.view().is_none());
    let told = ana.ephemerals();
    assert!(told.len() == 1 && told[0].text.contains("U0AGENT1") && told[0].text.contains("SYSTEM_USERS"));
    for (count, words) in (1..).zip([
        "yesterday",
        "2026-13",
        "2026-10-07..2026-10-01",
        "2199-01",
        "2001-01-01..2020-01-01",
        "%' OR 1=1; --",
        &"🎉".repeat(3000),
    ]) {
        assert!(sam.command("/ticket-summary", words).await.is_ok());
        desk.drain().await;
        assert!(sam.view().is_none(), "{words}");
        let told = sam.ephemerals();
        assert_eq!(told.len(), count, "{words}");
        assert!(told[count - 1].text.contains("/ticket-summary 2026-10"), "{}", told[count - 1].text);
    }
    desk.finish().await;
}

#[tokio::test]
async fn only_the_first_are_named_and_a_modal_has_a_months_bars() {
    let desk = Desk::start().await;
    sqlx::query(
        "INSERT INTO tickets (submitter, campaign, issue_type, priority, details, status, assignee, created_at)
         SELECT 'U0AGENT1', 'Campaign ' || least(c, 6), 'Issue ' || c, 'low', 'd', 'in_progress', 'U8' || lpad(c::text, 3, '0'),
                '2026-10-05T12:00:00Z'
         FROM generate_series(1, 12) AS c CROSS JOIN LATERAL generate_series(c, 12) AS n",
    )
    .execute(&desk.db)
    .await
    .expect("inserted");
    let summary = summary_of(&desk, "2026-10-01..2026-10-31", "2026-11-25T12:00:00Z").await;
    let (campaigns, assignees) = (&summary.campaigns, &summary.assignees);
    assert_eq!((campaigns.len(), campaigns[0].clone()), (5, ("Campaign 6".to_owned(), 28)));
    assert_eq!((summary.issue_types.len(), summary.issue_types[4].clone()), (5, ("Issue 5".to_owned(), 8)));
    assert_eq!((assignees.len(), assignees[0].1, summary.more_assignees), (10, 12, 2));
    let sam = desk.slack.person("U0SYS1");
    sam.command("/ticket-summary", "2026-10").await;
    desk.drain().await;
    let text = sam.view().expect("open").all_text();
    for fact in ["October 2026", "Oct 1–7", "the month before", "• 2 more people", "Campaign 6", "█"] {
        assert!(text.contains(fact), "{fact} in {text}");
    }
    assert!(!text.contains("Campaign 5") && !text.contains("<@U8011>"), "{text}");
    desk.finish().await;
}
