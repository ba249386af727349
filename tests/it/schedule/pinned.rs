//! The pinned list of high-priority tickets that nobody has.

use std::time::Duration;

use harness::actor::Spot;
use harness::desk::{Desk, TICKETS};
use harness::slack::model::Message;

use super::{Standing, deliver, stand, tick_at};
use crate::road::{fill_form, open_form};

const URGENT: Standing<'_> =
    Standing { priority: "high", status: "open", assignee: None, days_old: 0.5, days_quiet: 0.5 };

fn pinned(desk: &Desk) -> Vec<Message> {
    desk.slack.read(|world| world.pinned_in(TICKETS).into_iter().cloned().collect())
}

fn notices(desk: &Desk) -> usize {
    desk.slack
        .read(|world| world.messages_in(TICKETS).iter().filter(|m| m.subtype.as_deref() == Some("pinned_item")).count())
}

/// Runs an hour of a day of which the beginning is known already.
async fn hour(desk: &Desk, hour: u32) {
    tick_at(desk, &format!("2026-11-24T{hour:02}:00:00Z")).await;
    deliver(desk).await;
}

async fn desk_with_list() -> Desk {
    let desk = Desk::start().await;
    tick_at(&desk, "2026-11-24T00:30:00Z").await;
    hour(&desk, 1).await;
    desk
}

async fn file_urgent(desk: &Desk) {
    let ana = desk.slack.person("U0AGENT1");
    open_form(desk, &ana).await;
    fill_form(&ana, "All phones are dead.");
    ana.fill("Priority", "🔴 High").expect("offered");
    assert!(ana.submit().await.expect("filled").is_ok());
    desk.drain().await;
}

#[tokio::test]
async fn one_message_is_pinned_once_and_updated_in_place() {
    let desk = desk_with_list().await;
    let first = pinned(&desk);
    assert_eq!(first.len(), 1, "{}", desk.slack.dump());
    assert!(first[0].all_text().contains("none waiting 🎉"));
    let ticket = stand(&desk, &URGENT).await;
    stand(&desk, &Standing { assignee: Some("U0SYS1"), status: "in_progress", ..URGENT }).await;
    stand(&desk, &Standing { priority: "medium", ..URGENT }).await;
    hour(&desk, 2).await;
    hour(&desk, 3).await;
    let now = pinned(&desk);
    assert_eq!((now.len(), &now[0].ts), (1, &first[0].ts));
    let text = now[0].all_text();
    assert!(text.contains("1 high-priority ticket without an assignee") && text.contains("waiting 12 h"), "{text}");
    assert!(text.contains(&format!("p1000{ticket:06}|T{ticket:03}>")), "{text}");
    assert_eq!(notices(&desk), 1, "one notice of the pin for ever");
    desk.finish().await;
}

#[tokio::test]
async fn an_unpinned_list_is_pinned_again_and_a_deleted_one_posted_again() {
    let desk = desk_with_list().await;
    let list = pinned(&desk).remove(0);
    desk.slack.person("U0SYS1").unpin(TICKETS, &list.ts).await;
    assert!(pinned(&desk).is_empty());
    hour(&desk, 2).await;
    assert_eq!(pinned(&desk).remove(0).ts, list.ts);
    desk.slack.change(|world| world.delete_message(TICKETS, &list.ts));
    hour(&desk, 3).await;
    let again = pinned(&desk);
    assert_eq!(again.len(), 1, "{}", desk.slack.dump());
    assert_ne!(again[0].ts, list.ts);
    let lists = desk.slack.read(|world| world.messages_in(TICKETS).iter().filter(|m| m.text.starts_with('📌')).count());
    assert_eq!(lists, 1);
    desk.finish().await;
}

#[tokio::test]
async fn the_list_follows_urgent_tickets_at_most_every_thirty_seconds() {
    let desk = Desk::start().await;
    file_urgent(&desk).await;
    desk.elapse(Duration::from_secs(1)).await;
    desk.drain().await;
    let list = pinned(&desk);
    assert!(list.len() == 1 && list[0].all_text().contains("|T001>"), "at once: {}", desk.slack.dump());
    let sam = desk.slack.person("U0SYS1");
    let card = desk.text("SELECT ts FROM slack_messages WHERE target = 'card:1'").await;
    for button in ["🖐 Assign to Me", "🟢 Resolve", "🔄 Reopen", "🖐 Assign to Me"] {
        assert!(sam.press(Spot::Message(TICKETS, &card), button).await.expect("there").is_ok());
        desk.drain().await;
    }
    assert_eq!(pinned(&desk)[0].edits, list[0].edits, "not before 30 s are over");
    desk.elapse(Duration::from_secs(29)).await;
    desk.drain().await;
    assert_eq!(pinned(&desk)[0].edits, list[0].edits);
    desk.elapse(Duration::from_secs(2)).await;
    desk.drain().await;
    assert_eq!(pinned(&desk)[0].edits, list[0].edits + 1, "four changes are one update");
    assert!(pinned(&desk)[0].all_text().contains("none waiting"));
    deliver(&desk).await;
    desk.finish().await;
}

#[tokio::test]
async fn other_priorities_leave_the_list_alone() {
    let desk = Desk::start().await;
    crate::road::file_ticket(&desk, &desk.slack.person("U0AGENT1"), "Not urgent.").await;
    assert!(pinned(&desk).is_empty());
    desk.finish().await;
}

#[tokio::test]
async fn a_channel_with_too_many_pins_is_told_to_the_operators_and_the_list_stands() {
    let desk = Desk::start().await;
    let too_many = harness::slack::Fault::Error("too_many_pins".to_owned());
    desk.slack.fault(harness::slack::On::every("pins.add"), too_many);
    tick_at(&desk, "2026-11-24T00:30:00Z").await;
    hour(&desk, 1).await;
    deliver(&desk).await;
    let told = desk
        .slack
        .read(|world| world.messages_in(harness::desk::ADMIN).iter().any(|m| m.text.contains("too_many_pins")));
    assert!(told, "{}", desk.slack.dump());
    let lists = desk.slack.read(|world| world.messages_in(TICKETS).iter().filter(|m| m.text.starts_with('📌')).count());
    assert_eq!(lists, 1);
    desk.finish().await;
}
