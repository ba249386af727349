//! The daily counts behind summaries: kept by every change, and what a recount gives.

use crate::road::file_ticket;
use crate::summary::{rebuild, summary_of};
use crate::working::{desk_with_ticket, press};

/// Everything that the days' counts say, apart from which connection counted.
const DAYS: &str = "SELECT string_agg(line, ' ' ORDER BY line) FROM (
    SELECT what || ':' || name || '=' || sum(count) AS line FROM ticket_days_filed GROUP BY day, what, name
    HAVING sum(count) <> 0
    UNION ALL SELECT what || ':' || day || ':' || bucket || '=' || count FROM ticket_days_times WHERE count <> 0) lines";

#[tokio::test]
async fn changes_keep_the_daily_counts_that_a_recount_gives() {
    let (desk, card) = desk_with_ticket().await;
    file_ticket(&desk, &desk.slack.person("U0AGENT2"), "Another.").await;
    let sam = desk.slack.person("U0SYS1");
    for button in ["🖐 Assign to Me", "🟢 Resolve", "❌ Close", "🔄 Reopen", "❌ Close"] {
        press(&desk, &sam, &card, button).await;
    }
    let counts = "SELECT string_agg(counted, ' ' ORDER BY counted)
         FROM (SELECT from_status || '>' || to_status || '=' || sum(count) AS counted
               FROM ticket_days GROUP BY from_status, to_status) counts";
    let kept = desk.text(counts).await;
    assert_eq!(
        kept,
        "closed>open=1 in_progress>resolved=1 new>open=2 open>closed=1 open>in_progress=1 resolved>closed=1"
    );
    rebuild(&desk).await;
    assert_eq!(desk.text(counts).await, kept);
    desk.elapse(std::time::Duration::from_secs(3)).await;
    desk.drain().await;
    desk.finish().await;
}

#[tokio::test]
async fn the_days_counts_follow_every_change_and_long_periods_are_counted_from_them() {
    let (desk, card) = desk_with_ticket().await;
    let sam = desk.slack.person("U0SYS1");
    for button in ["🖐 Assign to Me", "🟢 Resolve", "🔄 Reopen", "🖐 Assign to Me", "🟢 Resolve"] {
        press(&desk, &sam, &card, button).await;
    }
    sqlx::query(
        "INSERT INTO tickets (submitter, campaign, issue_type, priority, details, status, created_at, first_assigned_at, resolved_at)
         SELECT 'U0AGENT1', 'Campaign ' || n % 7, 'Issue', 'low', 'd', 'resolved', at, at + n * interval '1 second',
                at + n * interval '20 seconds'
         FROM generate_series(1, 16000) AS n
         CROSS JOIN LATERAL (SELECT timestamptz '2026-09-30 22:00Z' + n * interval '2 minutes' AS at) AS filed",
    )
    .execute(&desk.db)
    .await
    .expect("inserted");
    sqlx::query("DELETE FROM tickets WHERE details = 'd' AND campaign = 'Campaign 6'").execute(&desk.db).await.unwrap();
    sqlx::query("UPDATE tickets SET campaign = 'Merged' WHERE campaign IN ('Campaign 4', 'Campaign 5')")
        .execute(&desk.db)
        .await
        .unwrap();
    let kept = desk.text(DAYS).await;
    assert!(kept.contains("campaign:Merged="), "{kept}");
    sqlx::query("SELECT rebuild_filed_days()").execute(&desk.db).await.expect("counted");
    assert_eq!(desk.text(DAYS).await, kept);
    // The month is of New York: days of UTC and edges that are no whole ones.
    let month = summary_of(&desk, "2026-10-01..2026-10-31", "2026-11-25T12:00:00Z").await;
    let exact = "SELECT count(*) FROM tickets WHERE campaign = 'Merged' AND created_at >= '2026-10-01T04:00Z'
                 AND created_at < '2026-11-01T04:00Z'";
    assert_eq!(month.campaigns[0], ("Merged".to_owned(), desk.count(exact).await));
    let quantiles =
        "SELECT string_agg(q::text, ' ') FROM (SELECT unnest(percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (
                     ORDER BY date_part('epoch', resolved_at - created_at))) AS q FROM tickets
                     WHERE resolved_at >= '2026-10-01T04:00Z' AND resolved_at < '2026-11-01T04:00Z') q";
    let quantiles: Vec<f64> = desk.text(quantiles).await.split(' ').map(|q| q.parse().expect("a number")).collect();
    let found = month.to_resolution.expect("many");
    for (found, right) in [(found.median, quantiles[0]), (found.p90, quantiles[1])] {
        assert!((found - right).abs() < right * 0.05 && found != right, "{found} for {right}");
    }
    desk.elapse(std::time::Duration::from_secs(3)).await;
    desk.drain().await;
    desk.finish().await;
}
