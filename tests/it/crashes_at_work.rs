//! Real workers, killed in the middle of a click, a comment, a message from the thread, news and a note: each change is
//! made once, told once, and shown.

use std::time::Duration;

use harness::actor::Spot;
use harness::desk::{SOON, TICKETS};
use harness::slack::{Fault, On, World};

use crate::crashes::{RECOVERY, Site};

async fn site_with_ticket() -> (Site, harness::processes::Program, String) {
    let site = Site::start().await;
    let worker = site.worker().await;
    assert!(site.submit("U0AGENT1", "To be worked on").await);
    site.assert_all(1).await;
    let query = "SELECT ts FROM slack_messages WHERE target = 'card:1'";
    let card = sqlx::query_scalar(query).fetch_one(&site.db).await.expect("a card");
    (site, worker, card)
}

async fn text(site: &Site, query: &'static str) -> String {
    sqlx::query_scalar(query).fetch_one(&site.db).await.expect("one text")
}

const HISTORY: &str = "SELECT string_agg(action, ' ' ORDER BY version) FROM ticket_events";
const OPEN: &str =
    "SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending', 'waiting') AND target NOT LIKE 'alert:%'";

fn direct(world: &World, user: &str, text: &str) -> usize {
    world.direct_messages(user).iter().filter(|message| message.all_text().contains(text)).count()
}

/// W2 for every job of this road: the worker dies while its transaction waits for the ticket's row.
#[tokio::test]
async fn clicks_comments_and_messages_of_a_killed_worker_take_effect_once() {
    let (site, mut worker, card) = site_with_ticket().await;
    let sam = site.slack.person("U0SYS1");
    for (n, what) in ["click", "comment", "message"].into_iter().enumerate() {
        if what == "comment" {
            assert!(sam.press(Spot::Message(TICKETS, &card), "💬 Comment").await.expect("there").is_ok());
            sam.wait_for_view(SOON, |view| view.callback_id == "ticket_comment").await;
            sam.fill("Comment", "Written in a modal").expect("there");
        }
        let mut lock = site.db.begin().await.expect("a transaction");
        sqlx::query("SELECT FROM tickets FOR UPDATE").execute(&mut *lock).await.expect("locked");
        let taken = match what {
            "click" => sam.press(Spot::Message(TICKETS, &card), "🖐 Assign to Me").await.expect("there").is_ok(),
            "comment" => sam.submit().await.expect("filled").is_ok(),
            _ => sam.reply(TICKETS, &card, "Written in the thread").await.1.expect("heard").is_ok(),
        };
        assert!(taken, "{what}");
        site.until_locked().await;
        worker.kill();
        lock.rollback().await.expect("released");
        worker = site.worker().await;
        let changed = i64::try_from(n).expect("few") + 2;
        site.until("SELECT count(*) FROM ticket_events", changed, SOON).await;
    }
    site.elapse(Duration::from_secs(45)).await;
    site.until(OPEN, 0, RECOVERY).await;
    assert_eq!(text(&site, HISTORY).await, "file assign comment comment");
    let shown = site.slack.read(|world| {
        let told = ["took *T001*", "Written in a modal", "Written in the thread"];
        (
            told.map(|text| direct(world, "U0AGENT1", text)),
            world.replies_to(TICKETS, &card).iter().filter(|reply| reply.bot_id.is_some()).count(),
            world.message(TICKETS, &card).map(|card| card.all_text()).unwrap_or_default(),
        )
    });
    assert_eq!((shown.0, shown.1), ([1, 1, 1], 1), "{}", site.slack.dump());
    assert!(shown.2.contains("In Progress") && shown.2.contains("Written in the thread"), "{}", shown.2);
    site.slack.assert_no_violations();
}

/// W4 and W5 for news and notes, which are found in their threads: killed after Slack has posted, and before.
#[tokio::test]
async fn news_and_notes_of_a_killed_worker_are_posted_once() {
    for fault in [Fault::HoldAfter, Fault::Hang] {
        let (site, mut worker, card) = site_with_ticket().await;
        let sam = site.slack.person("U0SYS1");
        let is_news = |args: &serde_json::Value| args["channel"].as_str().unwrap_or_default().starts_with('D');
        let news = site.slack.fault(On::next("chat.postMessage").matching(is_news), fault.clone());
        let note = site.slack.fault(On::next("chat.postMessage").channel(TICKETS), fault.clone());
        assert!(sam.press(Spot::Message(TICKETS, &card), "💬 Comment").await.expect("there").is_ok());
        sam.wait_for_view(SOON, |view| view.callback_id == "ticket_comment").await;
        sam.fill("Comment", "Only once").expect("there");
        assert!(sam.submit().await.expect("filled").is_ok());
        note.reached(1, SOON).await;
        news.reached(1, SOON).await;
        worker.kill();
        news.remove();
        note.remove();
        worker = site.worker().await;
        // In doubt, or found already where the machine is slow.
        let taken_over = "SELECT count(*) FROM outbox WHERE (target LIKE 'news:%' OR target LIKE 'note:%')
                          AND (state = 'sent' OR (state = 'pending' AND ambiguous_since IS NOT NULL))";
        site.until(taken_over, 2, RECOVERY).await;
        site.elapse(Duration::from_secs(45)).await;
        site.until(OPEN, 0, RECOVERY).await;
        let once =
            site.slack.read(|world| (direct(world, "U0AGENT1", "Only once"), world.replies_to(TICKETS, &card).len()));
        assert_eq!(once, (1, 1), "{fault:?}\n{}", site.slack.dump());
        assert!(site.slack.count("conversations.replies") >= 2, "they were looked for in their threads");
        site.slack.assert_no_violations();
        worker.kill();
    }
}
