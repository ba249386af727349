//! Pages: their bounds, counts up to and beyond a thousand, and pages that are not there.

use harness::actor::{Person, Spot};
use harness::desk::Desk;

use crate::lists::{desk_with, open, press};

/// Presses "Next" as if it led to this page, counted from 0.
async fn leap(desk: &Desk, person: &Person, page: i64) -> String {
    let mut payload = person.action_payload(Spot::View, &"🎫 New ticket".into(), None).expect("there");
    payload["actions"][0]["action_id"] = "list_next".into();
    payload["actions"][0]["value"] = page.to_string().into();
    assert!(person.send_payload(&payload).await.is_ok());
    desk.drain().await;
    person.view().expect("a modal is open").all_text()
}

#[tokio::test]
async fn pages_with_0_1_10_11_and_250_tickets() {
    for (tickets, first, last) in [
        (1, "1–1 of 1", "1–1 of 1"),
        (10, "1–10 of 10", "1–10 of 10"),
        (11, "1–10 of 11", "11–11 of 11"),
        (250, "1–10 of 250", "241–250 of 250"),
    ] {
        let desk = desk_with(tickets).await;
        let ana = desk.slack.person("U0AGENT1");
        let text = open(&desk, &ana, "/agent-tickets", "").await.all_text();
        assert!(text.contains(first) && text.contains("Next ▶") == (tickets > 10), "{tickets}: {text}");
        // A page past the end is the last one, and "Previous" leads on from there.
        let text = leap(&desk, &ana, 999_999).await;
        assert!(text.contains(last) && !text.contains("Next ▶"), "{tickets}: {text}");
        if tickets == 250 {
            assert!(press(&desk, &ana, "◀ Previous").await.contains("231–240 of 250"));
        }
        desk.finish().await;
    }
    let desk = desk_with(0).await;
    let sam = desk.slack.person("U0SYS1");
    let text = open(&desk, &sam, "/system-tickets", "").await.all_text();
    assert!(text.contains("There are no tickets yet") && !text.contains("Export"), "{text}");
    desk.finish().await;
}

#[tokio::test]
async fn pressing_next_twice_leads_one_page_further() {
    let desk = desk_with(40).await;
    let ana = desk.slack.person("U0AGENT1");
    open(&desk, &ana, "/agent-tickets", "").await;
    for _ in 0..2 {
        assert!(ana.press(Spot::View, "Next ▶").await.expect("there").is_ok());
    }
    desk.drain().await;
    let text = ana.view().expect("open").all_text();
    assert!(text.contains("11–20 of 40"), "{text}");
    desk.finish().await;
}

#[tokio::test]
async fn counts_are_exact_up_to_a_thousand_and_pages_go_on_beyond() {
    let desk = desk_with(1000).await;
    let sam = desk.slack.person("U0SYS1");
    let text = open(&desk, &sam, "/system-tickets", "").await.all_text();
    assert!(text.contains("1–10 of 1,000") && !text.contains("1,000+"), "{text}");
    assert!(!leap(&desk, &sam, 99).await.contains("Next ▶"));
    sqlx::query(
        "INSERT INTO tickets (submitter, campaign, issue_type, priority, details, created_at)
         SELECT 'U0AGENT1', 'c', 'i', 'low', 'Details of number x', now() FROM generate_series(1, 15)",
    )
    .execute(&desk.db)
    .await
    .unwrap();
    let text = leap(&desk, &sam, 98).await;
    assert!(text.contains("981–990 of 1,000+") && text.contains("Next ▶"), "{text}");
    for expected in ["991–1,000 of 1,000+", "1,001–1,010 of 1,000+", "1,011–1,015 of 1,000+"] {
        let text = press(&desk, &sam, "Next ▶").await;
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let text = sam.view().expect("open").all_text();
    assert!(text.contains("T001") && !text.contains("Next ▶"), "{text}");
    assert!(leap(&desk, &sam, 500).await.contains("1,011–1,015 of 1,000+"), "a page past the end is the last one");
    // A search shows a thousand finds, and says how to see others.
    let text = open(&desk, &sam, "/system-tickets", "details").await.all_text();
    assert!(text.contains("1–10 of 1,000+"), "{text}");
    let text = leap(&desk, &sam, 500).await;
    assert!(text.contains("991–1,000 of 1,000+") && text.contains("Filters show more"), "{text}");
    assert!(!text.contains("Next ▶"));
    desk.finish().await;
}

#[tokio::test]
async fn a_tickets_history_is_paged_and_comments_are_whole() {
    let desk = desk_with(1).await;
    let long: String = (0..500).map(|n| format!("w{n} ")).collect::<String>() + "\nthe end & <done>";
    sqlx::query(
        "INSERT INTO ticket_events (ticket, version, actor, action, comment, surface)
         SELECT 1, n, 'U0SYS1', 'comment', CASE n WHEN 24 THEN $1 ELSE 'comment ' || n END, 'modal' FROM generate_series(2, 24) AS n",
    )
    .bind(&long)
    .execute(&desk.db)
    .await
    .unwrap();
    let ana = desk.slack.person("U0AGENT1");
    let text = open(&desk, &ana, "/agent-tickets", "T001").await.all_text();
    assert!(text.contains(&long) && text.contains("comment 15") && !text.contains("comment 14"), "{text}");
    assert!(text.contains("Created <!date^") && text.contains("Updated <!date^") && !text.contains("Newer"), "{text}");
    let text = press(&desk, &ana, "Older ▶").await;
    assert!(text.contains("comment 14") && text.contains("comment 5") && !text.contains("comment 4\n"), "{text}");
    let text = press(&desk, &ana, "Older ▶").await;
    assert!(text.contains("filed *T001*") && !text.contains("Older"), "{text}");
    let mut payload = ana.action_payload(Spot::View, &"◀ Newer".into(), None).expect("there");
    payload["actions"][0]["value"] = "4711".into();
    assert!(ana.send_payload(&payload).await.is_ok());
    desk.drain().await;
    assert!(ana.view().expect("open").all_text().contains("filed *T001*"), "a page past the end is the last one");
    assert!(press(&desk, &ana, "◀ Newer").await.contains("comment 14"));
    desk.finish().await;
}
