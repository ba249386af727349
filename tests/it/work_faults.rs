//! Slack fails on each call that work on a ticket makes (FAULTS.md S1 to S4): with 429, 500, no answer, a reset, before
//! and after the call was carried out. Every change is shown and told once all the same.

use std::time::Duration;

use harness::actor::{Person, Spot};
use harness::desk::{ADMIN, Desk, Settings, TICKETS, test_waits};
use harness::slack::{Fault, On, SlackStandIn};
use serde_json::Value;
use worker::config::Waits;

use crate::filing::{alerts, carry_on, impatient};
use crate::road::file_ticket;

/// What goes wrong, and whether the call was carried out all the same.
fn faults() -> [(Fault, &'static str); 9] {
    [
        (Fault::RateLimited(Some("1".to_owned())), "429"),
        (Fault::RateLimited(None), "429 without Retry-After"),
        (Fault::Status(500), "500"),
        (Fault::StatusAfter(503), "503 after"),
        (Fault::Hang, "no answer"),
        (Fault::HangAfter, "no answer after"),
        (Fault::ResetBefore, "reset"),
        (Fault::ResetAfter, "reset after"),
        (Fault::HalfAnswer, "half an answer"),
    ]
}

async fn desk_with_ticket() -> (Desk, String) {
    desk_with(impatient()).await
}

async fn desk_with(waits: Waits) -> (Desk, String) {
    let desk = Desk::start_with(SlackStandIn::start().await, Settings::private().await, waits).await;
    file_ticket(&desk, &desk.slack.person("U0AGENT1"), "The dialer drops calls.").await;
    let card = desk.text("SELECT ts FROM slack_messages WHERE target = 'card:1'").await;
    (desk, card)
}

async fn press(desk: &Desk, person: &Person, card: &str, button: &str) {
    assert!(person.press(Spot::Message(TICKETS, card), button).await.expect("the button is there").is_ok());
    desk.drain().await;
}

fn to_person(args: &Value) -> bool {
    args["channel"].as_str().unwrap_or_default().starts_with('D')
}

fn in_thread(args: &Value) -> bool {
    args["channel"] == TICKETS && args["thread_ts"].is_string()
}

/// Reassigns with a comment while the calls that this makes fail once each; then all is there once.
#[tokio::test]
async fn a_reassignment_with_a_comment_survives_every_fault_of_every_call() {
    for (fault, name) in faults() {
        let (desk, card) = desk_with_ticket().await;
        let sam = desk.slack.person("U0SYS1");
        press(&desk, &sam, &card, "🔁 Reassign").await;
        sam.fill("New assignee", "U0SYS2").expect("offered");
        sam.fill("Comment", "You know this best.").expect("there");
        sqlx::query("UPDATE slack_messages SET permalink = NULL").execute(&desk.db).await.expect("forgotten");
        let mut suffered = Vec::new();
        for on in [
            On::next("views.update"),
            On::next("chat.update").channel(TICKETS),
            On::next("chat.getPermalink"),
            On::next("conversations.open"),
            On::next("chat.postMessage").matching(in_thread),
            // News to two people.
            On::next("chat.postMessage").matching(to_person),
            On::next("chat.postMessage").matching(to_person),
        ] {
            suffered.push(desk.slack.fault(on, fault.clone()));
        }
        // Where a post is in doubt its thread is searched, which fails as well.
        let searched = desk.slack.fault(On::next("conversations.replies"), fault.clone());
        assert!(sam.submit().await.expect("sent").is_ok());
        carry_on(&desk).await;
        for (n, handle) in suffered.iter().enumerate() {
            assert_eq!(handle.hits(), 1, "{name}: call {n} failed\n{}", desk.slack.dump());
        }
        let ambiguous = !matches!(fault, Fault::RateLimited(_));
        assert_eq!(searched.hits(), usize::from(ambiguous), "{name}: the search failed too\n{}", desk.slack.dump());
        assert!(sam.view().expect("open").all_text().contains("is assigned to <@U0SYS2>"), "{name}");
        let count = |user: &str, text: &str| {
            desk.slack.person(user).direct_messages().iter().filter(|m| m.all_text().contains(text)).count()
        };
        assert_eq!(
            (count("U0AGENT1", "assigned *T001*"), count("U0SYS2", "to you.")),
            (1, 1),
            "{name}\n{}",
            desk.slack.dump()
        );
        let shown = desk.slack.read(|world| {
            (world.message(TICKETS, &card).map(|card| card.all_text()), world.replies_to(TICKETS, &card).len())
        });
        assert!(
            shown.0.is_some_and(|card| card.contains("In Progress") && card.contains("You know this best.")),
            "{name}"
        );
        assert_eq!(shown.1, 1, "{name}: one note in the thread\n{}", desk.slack.dump());
        assert_eq!(alerts(&desk).len(), 0, "{name}: nothing that an operator could help with");
        desk.finish().await;
    }
}

/// A dialog is opened while there is time; afterwards the person is told, once, how to try again.
#[tokio::test]
async fn a_dialog_opens_or_the_person_is_told_whatever_fails() {
    for (fault, name) in faults() {
        let (desk, card) = desk_with_ticket().await;
        let (sam, sue) = (desk.slack.person("U0SYS1"), desk.slack.person("U0SYS2"));
        let failing = desk.slack.fault(On::next("views.open"), fault.clone());
        press(&desk, &sam, &card, "🔁 Reassign").await;
        assert_eq!(failing.hits(), 1, "{name}");
        let opened = sam.view().is_some_and(|view| view.callback_id == "ticket_reassign");
        let told = sam.ephemerals().len();
        assert_eq!(usize::from(opened) + told, 1, "{name}: opened {opened}, told {told} times\n{}", desk.slack.dump());
        // In the details the dialog is pushed. A pause that is over is seen with the next look at the outbox.
        desk.elapse(Duration::from_secs(2)).await;
        desk.drain().await;
        assert!(sue.command("/system-tickets", "T001").await.is_ok());
        desk.drain().await;
        let failing = desk.slack.fault(On::next("views.push"), fault.clone());
        assert!(sue.press(Spot::View, "💬 Comment").await.expect("there").is_ok());
        desk.drain().await;
        assert_eq!(failing.hits(), 1, "{name}");
        if !matches!(fault, Fault::RateLimited(_)) {
            assert_eq!(sue.view().map(|view| view.callback_id).as_deref(), Some("ticket_comment"), "{name}");
        }
        desk.finish().await;
    }
}

/// The private answer is given at most once: a failure costs the answer and nothing else (protocol P, step 6).
#[tokio::test]
async fn a_private_answer_that_fails_is_not_repeated_and_costs_nothing_else() {
    for (fault, name) in faults() {
        let (desk, card) = desk_with_ticket().await;
        let ana = desk.slack.person("U0AGENT1");
        let failing = desk.slack.fault(On::next("response_url"), fault.clone());
        press(&desk, &ana, &card, "🟢 Resolve").await;
        assert_eq!((failing.hits(), desk.slack.count("response_url")), (1, 1), "{name}");
        press(&desk, &ana, &card, "❌ Close").await;
        assert!(!ana.ephemerals().is_empty(), "{name}: the next one is told");
        assert_eq!(desk.text("SELECT status FROM tickets").await, "open");
        desk.finish().await;
    }
}

/// Names are a nicety: a mention whose name can't be asked for stays an id.
#[tokio::test]
async fn a_comment_is_heard_though_slack_does_not_tell_a_name() {
    for (fault, name) in faults() {
        let (desk, card) = desk_with_ticket().await;
        let failing = desk.slack.fault(On::next("users.info"), fault.clone());
        desk.slack.person("U0SYS1").reply(TICKETS, &card, "Please ask <@U0SYS3>.").await;
        crate::conversation::settle(&desk).await;
        assert_eq!(failing.hits(), 1, "{name}");
        let shown = desk.slack.read(|world| world.message(TICKETS, &card).map(|card| card.all_text())).expect("a card");
        assert!(shown.contains("Please ask @U0SYS3."), "{name}: {shown}");
        carry_on(&desk).await;
        desk.finish().await;
    }
}

/// A duplicate that can't be deleted is all that is lost with chat.delete.
#[tokio::test]
async fn a_fenced_post_is_deleted_and_a_failing_deletion_holds_nothing_up() {
    for (fault, name) in faults() {
        let waits = Waits { slack_call: Duration::from_secs(2), ..test_waits() };
        let (desk, card) = desk_with(waits).await;
        let sam = desk.slack.person("U0SYS1");
        let failing = desk.slack.fault(On::next("chat.delete"), fault.clone());
        let slow = desk.slack.fault(On::next("chat.postMessage").matching(to_person), Fault::HoldAfter);
        press(&desk, &sam, &card, "💬 Comment").await;
        sam.fill("Comment", "Told once or twice").expect("there");
        assert!(sam.submit().await.expect("sent").is_ok());
        desk.drain().await;
        desk.elapse(Duration::from_secs(3)).await;
        let (db, release) = (desk.db.clone(), slow.clone());
        let thief = tokio::spawn(async move {
            release.reached(1, harness::desk::SOON).await;
            let steal = "UPDATE outbox SET attempt = attempt + 1, state = 'expired' WHERE target LIKE 'news:%' AND state = 'sending'";
            let stolen = sqlx::query(steal).execute(&db).await.expect("stolen").rows_affected();
            release.release();
            stolen
        });
        // The answer comes before the call's limit is over.
        desk.drain().await;
        assert_eq!(thief.await.expect("no panic"), 1, "{name}");
        assert_eq!(failing.hits(), 1, "{name}\n{}", desk.slack.dump());
        carry_on(&desk).await;
        desk.finish().await;
    }
}

/// A thread whose root was deleted: news begin a new one, a note waits for the new card (row S9).
#[tokio::test]
async fn news_and_notes_into_a_thread_that_is_gone_find_another_place() {
    for code in ["message_not_found", "thread_not_found", "cannot_reply_to_message"] {
        let (desk, card) = desk_with_ticket().await;
        let (sam, ana) = (desk.slack.person("U0SYS1"), desk.slack.person("U0AGENT1"));
        let root = ana.direct_messages()[0].clone();
        desk.slack.change(|world| {
            world.delete_message(&root.channel, &root.ts);
            world.delete_message(TICKETS, &card)
        });
        let replies = |args: &Value| args["thread_ts"].is_string();
        let refused =
            desk.slack.fault(On::every("chat.postMessage").times(2).matching(replies), Fault::Error(code.to_owned()));
        let mut payload =
            sam.action_payload(Spot::Message(TICKETS, &card), &harness::actor::Field::Any("💬 Comment"), None);
        if payload.is_err() {
            // The card is gone: the button is pressed in the details.
            assert!(sam.command("/system-tickets", "T001").await.is_ok());
            desk.drain().await;
            payload = sam.action_payload(Spot::View, &harness::actor::Field::Any("💬 Comment"), None);
        }
        assert!(sam.send_payload(&payload.expect("a button")).await.is_ok());
        desk.drain().await;
        sam.fill("Comment", "Still told").expect("there");
        assert!(sam.submit().await.expect("sent").is_ok());
        carry_on(&desk).await;
        assert!(refused.hits() >= 1, "{code}");
        let new = desk.text("SELECT ts FROM slack_messages WHERE target = 'card:1'").await;
        let notes = desk
            .slack
            .read(|world| world.replies_to(TICKETS, &new).iter().map(|note| note.all_text()).collect::<Vec<_>>());
        assert!(notes.len() == 1 && notes[0].contains("Still told"), "{code}: {notes:?}\n{}", desk.slack.dump());
        let news: Vec<_> = ana.direct_messages().into_iter().filter(|m| m.all_text().contains("Still told")).collect();
        assert!(news.len() == 1 && news[0].thread_ts.is_none(), "{code}: a new thread\n{}", desk.slack.dump());
        // What follows goes on in the new thread.
        press(&desk, &sam, &new, "🟢 Resolve").await;
        carry_on(&desk).await;
        let last = ana.direct_messages().pop().expect("news");
        assert_eq!(last.thread_ts.as_deref(), Some(news[0].ts.as_str()), "{code}");
        assert_eq!(desk.count("SELECT count(*) FROM outbox WHERE state = 'parked'").await, 0, "{code}");
        assert!(alerts(&desk).is_empty() && !desk.slack.read(|world| world.messages_in(ADMIN).is_empty()));
        desk.finish().await;
    }
}

/// A submitter who can't be written to at first holds nothing back later.
#[tokio::test]
async fn news_do_not_wait_for_a_first_message_that_was_skipped() {
    let desk = Desk::start_with(SlackStandIn::start().await, Settings::private().await, impatient()).await;
    let ana = desk.slack.person("U0AGENT1");
    let away = desk.slack.fault(On::next("conversations.open"), Fault::Error("user_disabled".to_owned()));
    file_ticket(&desk, &ana, "On leave.").await;
    assert_eq!(away.hits(), 1);
    let card = desk.text("SELECT ts FROM slack_messages WHERE target = 'card:1'").await;
    press(&desk, &desk.slack.person("U0SYS1"), &card, "🟢 Resolve").await;
    carry_on(&desk).await;
    assert!(ana.direct_messages().len() == 1 && ana.direct_messages()[0].all_text().contains("resolved *T001*"));
    // The same where the news had begun to wait just when the first message was given up.
    press(&desk, &desk.slack.person("U0SYS1"), &card, "🔄 Reopen").await;
    let asleep =
        "UPDATE outbox SET state = 'waiting', waits_for = 'filed:1' WHERE target LIKE 'news:%' AND state = 'pending'";
    assert_eq!(sqlx::query(asleep).execute(&desk.db).await.expect("asleep").rows_affected(), 1);
    desk.worker.reclaim().await.expect("looked after");
    carry_on(&desk).await;
    assert!(ana.direct_messages().last().is_some_and(|last| last.all_text().contains("reopened *T001*")));
    desk.finish().await;
}
