//! The weekly summary and the stale report, from hand-made tickets.

use harness::desk::{ADMIN, Desk, TICKETS};
use harness::slack::{Fault, On};

use super::{Standing, deliver, run_monday, stand, tick_at};
use crate::summary::{HandMade, insert, rebuild};

/// The week from Monday, November 16, to Sunday, November 22, 2026 in New York, and one before.
async fn two_weeks(desk: &Desk) {
    let usual = HandMade {
        priority: "high",
        campaign: "Camp Lejeune",
        status: "open",
        assignee: None,
        created: "2026-11-16T05:30:00Z",
        first_assigned: None,
        resolved: None,
        changes: &[],
    };
    for ticket in [
        HandMade { ..usual },
        // On Sunday half an hour before midnight; and half an hour after, which is the next week's.
        HandMade { campaign: "LA Wildfire", created: "2026-11-23T04:30:00Z", ..usual },
        HandMade { campaign: "Depo-Provera", created: "2026-11-23T05:30:00Z", ..usual },
        HandMade {
            status: "resolved",
            created: "2026-11-17T12:00:00Z",
            first_assigned: Some("2026-11-17T13:00:00Z"),
            resolved: Some("2026-11-17T18:00:00Z"),
            changes: &[
                ("2026-11-17T13:00:00Z", "assign", "open", "in_progress"),
                ("2026-11-17T18:00:00Z", "resolve", "in_progress", "resolved"),
            ],
            ..usual
        },
        HandMade {
            created: "2026-11-02T12:00:00Z",
            changes: &[
                ("2026-11-03T12:00:00Z", "resolve", "open", "resolved"),
                ("2026-11-18T10:00:00Z", "reopen", "resolved", "open"),
            ],
            ..usual
        },
        HandMade {
            status: "closed",
            created: "2026-11-10T12:00:00Z",
            changes: &[("2026-11-11T12:00:00Z", "close", "open", "closed")],
            ..usual
        },
    ] {
        insert(desk, &ticket).await;
    }
    rebuild(desk).await;
    let cards = "INSERT INTO slack_messages (target, channel, ts, permalink)
                 SELECT 'card:' || number, 'C0TICKETS', '1000.' || number, 'https://desk.slack.com/archives/C0TICKETS/p' || number
                 FROM tickets";
    sqlx::query(cards).execute(&desk.db).await.expect("inserted");
}

fn weekly(desk: &Desk) -> Vec<harness::slack::model::Message> {
    desk.slack.read(|world| {
        world.messages_in(TICKETS).into_iter().filter(|m| m.text.starts_with("Weekly summary")).cloned().collect()
    })
}

#[tokio::test]
async fn the_weekly_summary_tells_the_week_that_ended() {
    let desk = Desk::start().await;
    two_weeks(&desk).await;
    run_monday(&desk).await;
    let posted = weekly(&desk);
    assert_eq!(posted.len(), 1, "{}", desk.slack.dump());
    assert_eq!(
        posted[0].text,
        "Weekly summary: Week of November 16, 2026. 3 opened, 1 resolved, 1 reopened. 6 tickets in all: 4 Open, \
         0 In Progress, 1 Resolved, 1 Closed."
    );
    let text = posted[0].all_text();
    for fact in [
        "*3* opened (1 the week before)",
        "*1* resolved (0 the week before)",
        "*1* reopened (0 the week before)",
        "median 6 h 0 min",
        "Camp Lejeune",
        "LA Wildfire",
        "Vonage dialer",
        "Oldest unresolved tickets",
        "/p5|T005>",
    ] {
        assert!(text.contains(fact), "{fact} in {text}");
    }
    assert!(!text.contains("Depo-Provera 1"), "filed in the next week: {text}");
    assert!(text.find("|T005>") < text.find("|T001>"), "oldest first");
    let charts = posted[0].blocks.iter().filter(|block| block["type"] == "data_visualization").count();
    assert_eq!(charts, 2);
    deliver(&desk).await;
    desk.finish().await;
}

#[tokio::test]
async fn where_slack_refuses_charts_the_weekly_summary_has_bars() {
    let desk = Desk::start().await;
    two_weeks(&desk).await;
    let has_chart = |args: &serde_json::Value| args["blocks"].to_string().contains("data_visualization");
    desk.slack.fault(On::every("chat.postMessage").matching(has_chart), Fault::Error("invalid_blocks".to_owned()));
    run_monday(&desk).await;
    let posted = weekly(&desk);
    assert_eq!(posted.len(), 1, "{}", desk.slack.dump());
    assert!(posted[0].all_text().contains("█"));
    assert!(posted[0].blocks.iter().all(|block| block["type"] != "data_visualization"));
    desk.finish().await;
}

#[tokio::test]
async fn an_empty_desk_has_a_weekly_summary_too() {
    let desk = Desk::start().await;
    run_monday(&desk).await;
    let posted = weekly(&desk);
    assert_eq!(posted.len(), 1);
    assert!(posted[0].all_text().contains("There are none 🎉"));
    desk.finish().await;
}

#[tokio::test]
async fn stale_tickets_are_reported_longest_first() {
    let desk = Desk::start().await;
    let usual =
        Standing { priority: "low", status: "in_progress", assignee: Some("U0SYS2"), days_old: 6.0, days_quiet: 4.0 };
    let four = stand(&desk, &usual).await;
    let six = stand(&desk, &Standing { status: "open", assignee: None, days_quiet: 6.0, ..usual }).await;
    let fresh = stand(&desk, &Standing { days_quiet: 2.9, ..usual }).await;
    stand(&desk, &Standing { status: "resolved", ..usual }).await;
    run_monday(&desk).await;
    let told = desk.slack.read(|world| world.messages_in(ADMIN).into_iter().cloned().collect::<Vec<_>>());
    assert_eq!(told.len(), 1, "{}", desk.slack.dump());
    let text = told[0].all_text();
    assert!(text.contains("2 unresolved tickets without an update for 3 days"), "{text}");
    assert!(
        text.contains("4 days · <@U0SYS2>") && text.contains("6 days · nobody") && text.contains("🔵 Low"),
        "{text}"
    );
    let position = |number: i64| text.find(&format!("|T{number:03}>"));
    assert!(position(six) < position(four) && position(fresh).is_none(), "{text}");
    desk.finish().await;
}

#[tokio::test]
async fn what_the_stale_report_can_not_hold_is_counted_and_nothing_is_sent_where_there_is_none() {
    let desk = Desk::start().await;
    run_monday(&desk).await;
    assert!(desk.slack.read(|world| world.messages_in(ADMIN).is_empty()));
    for _ in 0..52 {
        stand(
            &desk,
            &Standing { priority: "low", status: "open", assignee: Some("U0SYS1"), days_old: 5.0, days_quiet: 5.0 },
        )
        .await;
    }
    tick_at(&desk, "2026-11-24T14:00:00Z").await;
    deliver(&desk).await;
    let text = desk.slack.read(|world| world.messages_in(ADMIN)[0].all_text());
    assert!(text.contains("and 12 more: `/system-tickets stale`"), "{text}");
    desk.finish().await;
}
