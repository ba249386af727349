//! Events about messages come in any order, twice, and about messages whose thread's root isn't known yet: what is shown
//! in the end is what stands in Slack.

use harness::desk::{Desk, Settings, TICKETS};
use harness::slack::{Fault, On, SlackStandIn};
use serde_json::{Value, json};

use crate::conversation::settle;
use crate::filing::{carry_on, impatient, submit};
use crate::working::{desk_with_ticket, press};

/// Sends these events in this order, each followed by all it causes.
async fn hear(desk: &Desk, events: &[&Value]) {
    for event in events {
        assert!(desk.slack.deliver_event(event).await.is_ok());
        settle(desk).await;
    }
}

fn posted(card: &str, ts: &str, text: &str) -> Value {
    json!({ "type": "message", "channel": TICKETS, "channel_type": "channel", "user": "U0SYS1", "text": text,
        "ts": ts, "event_ts": ts, "thread_ts": card })
}

fn edited(card: &str, ts: &str, (before, after): (&str, &str), at: &str) -> Value {
    let message =
        |text: &str| json!({ "type": "message", "user": "U0SYS1", "text": text, "ts": ts, "thread_ts": card });
    let mut now = message(after);
    now["edited"] = json!({ "user": "U0SYS1", "ts": at });
    json!({ "type": "message", "subtype": "message_changed", "hidden": true, "channel": TICKETS, "channel_type": "channel",
        "ts": at, "event_ts": at, "message": now, "previous_message": message(before) })
}

fn deleted(card: &str, ts: &str, at: &str) -> Value {
    let before = json!({ "type": "message", "user": "U0SYS1", "text": "x", "ts": ts, "thread_ts": card });
    json!({ "type": "message", "subtype": "message_deleted", "hidden": true, "channel": TICKETS, "channel_type": "channel",
        "ts": at, "event_ts": at, "deleted_ts": ts, "previous_message": before })
}

fn card_text(desk: &Desk, card: &str) -> String {
    desk.slack.read(|world| world.message(TICKETS, card).map(|card| card.all_text())).expect("the card")
}

fn told(desk: &Desk) -> String {
    desk.slack.person("U0AGENT1").direct_messages().iter().map(|message| message.all_text()).collect()
}

async fn history(desk: &Desk) -> String {
    let query = "SELECT string_agg(action || ':' || coalesce(comment, ''), ' ' ORDER BY version) FROM ticket_events WHERE version > 1";
    desk.text(query).await
}

#[tokio::test]
async fn whatever_order_a_message_and_its_edits_come_in_the_newest_text_is_shown() {
    let (desk, card) = desk_with_ticket().await;
    for (n, order) in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]].into_iter().enumerate() {
        let ts = format!("1795000{n:03}.000001");
        let texts = ["first", "second", "third"].map(|text| format!("{text}-{n}"));
        let events = [
            posted(&card, &ts, &texts[0]),
            edited(&card, &ts, (&texts[0], &texts[1]), &format!("1795000{n:03}.000002")),
            edited(&card, &ts, (&texts[1], &texts[2]), &format!("1795000{n:03}.000003")),
        ];
        hear(&desk, &order.map(|event| &events[event])).await;
        let shown = card_text(&desk, &card);
        assert!(shown.contains(&texts[2]), "{order:?}: {shown}");
        assert!(!shown.contains(&texts[0]) && !shown.contains(&texts[1]), "{order:?}: {shown}");
    }
    assert_eq!(desk.count("SELECT count(*) FROM ticket_events WHERE comment IS NOT NULL AND NOT superseded").await, 6);
    assert!(card_text(&desk, &card).contains("6 comments, 3 of them earlier"));
    desk.finish().await;
}

#[tokio::test]
async fn a_deletion_that_overtakes_its_message_or_an_edit_is_final() {
    let (desk, card) = desk_with_ticket().await;
    let (ts, at) = ("1795000001.000001", "1795000001.000003");
    let (post, edit) = (posted(&card, ts, "oops"), edited(&card, ts, ("oops", "oops!"), "1795000001.000002"));
    hear(&desk, &[&deleted(&card, ts, at), &post, &edit]).await;
    assert_eq!(history(&desk).await, "", "it was never there");
    let (ts, at) = ("1795000002.000001", "1795000002.000003");
    let (post, edit) = (posted(&card, ts, "oops"), edited(&card, ts, ("oops", "oops!"), "1795000002.000002"));
    hear(&desk, &[&post, &deleted(&card, ts, at), &edit, &post]).await;
    assert_eq!(history(&desk).await, "comment:oops delete_comment:");
    assert!(!card_text(&desk, &card).contains("oops"));
    desk.finish().await;
}

#[tokio::test]
async fn edits_at_the_same_time_leave_one_comment() {
    let (mut desk, card) = desk_with_ticket().await;
    desk.run();
    desk.add_worker(harness::desk::test_waits()).await;
    for n in 0..8 {
        let ts = format!("1795000{n:03}.000001");
        let mut events = vec![posted(&card, &ts, "v0")];
        for edit in 1..6 {
            let (before, after) = (format!("v{}", edit - 1), format!("v{edit}"));
            events.push(edited(&card, &ts, (&before, &after), &format!("1795000{n:03}.1{edit:05}")));
        }
        let sent = events.iter().map(|event| desk.slack.deliver_event(event));
        assert!(futures_util::future::join_all(sent).await.iter().all(|sent| sent.is_ok()));
    }
    crate::filing::wait_until_done(&desk, 6 * harness::desk::SOON).await;
    let live = "SELECT string_agg(comment, ' ') FROM ticket_events WHERE comment IS NOT NULL AND NOT superseded";
    assert_eq!(desk.text(live).await, ["v5"; 8].join(" "));
    desk.finish().await;
}

#[tokio::test]
async fn a_lock_that_an_edit_takes_away_before_its_message_is_heard_still_counts() {
    let (desk, card) = desk_with_ticket().await;
    let ts = "1795000001.000001";
    let edit = edited(&card, ts, (":lock: They broke it", "They broke it"), "1795000001.000002");
    hear(&desk, &[&edit, &posted(&card, ts, ":lock: They broke it")]).await;
    assert_eq!(desk.count("SELECT count(*) FROM ticket_events WHERE internal").await, 1);
    assert!(!told(&desk).contains("broke") && !card_text(&desk, &card).contains("broke"));
    desk.finish().await;
}

#[tokio::test]
async fn a_comment_made_internal_or_taken_back_before_it_was_told_is_not_told() {
    let (desk, card) = desk_with_ticket().await;
    let sam = desk.slack.person("U0SYS1");
    let (ts, _) = sam.reply(TICKETS, &card, "They broke it").await;
    desk.drain().await;
    sam.edit(TICKETS, &ts, "🔒 They broke it").await;
    desk.drain().await;
    let (other, _) = sam.reply(TICKETS, &card, "Wrong channel").await;
    desk.drain().await;
    sam.delete(TICKETS, &other).await;
    settle(&desk).await;
    assert!(!told(&desk).contains("broke") && !told(&desk).contains("Wrong channel"), "{}", told(&desk));
    // Nor does the submitter find it in the ticket's history.
    let ana = desk.slack.person("U0AGENT1");
    ana.close_all().await.expect("closed");
    assert!(ana.command("/agent-tickets", "T001").await.is_ok());
    desk.drain().await;
    let details = ana.view().expect("details").all_text();
    assert!(details.contains("History") && !details.contains("broke"), "{details}");
    desk.finish().await;
}

#[tokio::test]
async fn a_reply_under_a_card_that_is_not_recorded_yet_waits_for_it() {
    let desk = Desk::start_with(SlackStandIn::start().await, Settings::private().await, impatient()).await;
    let ana = desk.slack.person("U0AGENT1");
    let lost = desk.slack.fault(On::next("chat.postMessage").channel(TICKETS), Fault::HangAfter);
    submit(&desk, &ana, "Answered before it is known.").await;
    desk.drain().await;
    assert_eq!(lost.hits(), 1);
    let card = desk.slack.read(|world| world.messages_in(TICKETS)[0].ts.clone());
    assert_eq!(desk.count("SELECT count(*) FROM slack_messages WHERE target = 'card:1'").await, 0);
    let (_, heard) = desk.slack.person("U0SYS1").reply(TICKETS, &card, "I'm on it.").await;
    assert!(heard.expect("heard").is_ok());
    desk.drain().await;
    assert_eq!(desk.queued().await, 1, "it waits");
    carry_on(&desk).await;
    crate::load::eventually("the reply becomes a comment", async || {
        desk.drain().await;
        desk.queued().await == 0
    })
    .await;
    carry_on(&desk).await;
    assert_eq!(history(&desk).await, "comment:I'm on it.");
    assert!(card_text(&desk, &card).contains("I'm on it."), "{}", desk.slack.dump());
    desk.finish().await;
}

#[tokio::test]
async fn the_thread_of_a_card_that_was_posted_again_goes_on() {
    let (desk, first) = desk_with_ticket().await;
    let sam = desk.slack.person("U0SYS1");
    let (old, _) = sam.reply(TICKETS, &first, "Under the first card").await;
    settle(&desk).await;
    desk.slack.fault(On::next("chat.update").channel(TICKETS), Fault::Error("cant_update_message".to_owned()));
    press(&desk, &sam, &first, "🖐 Assign to Me").await;
    settle(&desk).await;
    let second = desk.text("SELECT ts FROM slack_messages WHERE target = 'card:1'").await;
    assert_ne!(first, second);
    sam.reply(TICKETS, &first, "Still under the first").await;
    sam.edit(TICKETS, &old, "Changed under the first card").await;
    settle(&desk).await;
    let shown = card_text(&desk, &second);
    assert!(shown.contains("Still under the first") && shown.contains("Changed under the first card"), "{shown}");
    sam.delete(TICKETS, &old).await;
    settle(&desk).await;
    assert!(!card_text(&desk, &second).contains("Changed under the first card"));
    desk.finish().await;
}

#[tokio::test]
async fn a_card_that_somebody_deletes_is_posted_again_at_once() {
    let (desk, first) = desk_with_ticket().await;
    let sam = desk.slack.person("U0SYS1");
    assert!(sam.delete(TICKETS, &first).await.expect("heard").is_ok());
    desk.drain().await;
    let second = desk.text("SELECT ts FROM slack_messages WHERE target = 'card:1'").await;
    assert_ne!(first, second);
    assert!(card_text(&desk, &second).contains("The dialer drops calls."));
    // As Slack tells of it where the card has replies: its place is kept by a tombstone.
    let (own, tombstone) = (
        json!({ "user": "U0BOT", "bot_id": "B0BOT", "ts": second, "text": "x" }),
        json!({
        "subtype": "tombstone", "user": "USLACKBOT", "ts": second, "thread_ts": second, "text": "This message was deleted." }),
    );
    let event = json!({ "type": "message", "subtype": "message_changed", "channel": TICKETS, "channel_type": "channel",
        "ts": "1795000009.000001", "event_ts": "1795000009.000001", "message": tombstone, "previous_message": own });
    desk.slack.change(|world| world.delete_message(TICKETS, &second));
    hear(&desk, &[&event]).await;
    assert_ne!(desk.text("SELECT ts FROM slack_messages WHERE target = 'card:1'").await, second);
    assert_eq!(desk.slack.read(|world| world.messages_in(TICKETS).len()), 1);
    desk.finish().await;
}
