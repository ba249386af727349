//! Every action on a ticket, delivered a second time to a worker that has done it (row D1): Redis has forgotten the job's
//! id, so that only the inbox is left to notice.

use std::time::Duration;

use harness::actor::{Person, Spot};
use harness::desk::{Desk, TICKETS};
use harness::slack::SentRequest;
use serde_json::{Value, json};

use crate::conversation::settle;
use crate::working::{desk_with_ticket, press};

/// Sends a request again that Redis doesn't remember, and checks that the inbox stopped it: it is read and settled, and
/// neither the ticket nor what people see changes.
async fn again(desk: &Desk, request: &SentRequest) {
    settle(desk).await;
    let before = state(desk).await;
    desk.forget_jobs().await;
    let read = desk.redis(&format!("XINFO GROUPS {}", desk.stream("tickets"))).await;
    assert!(desk.slack.replay(request, &desk.gateway_url).await.is_ok());
    assert_eq!(desk.queued().await, 1, "it is in a stream a second time");
    settle(desk).await;
    assert_eq!(state(desk).await, before, "{read:?}");
}

/// The history, and what everybody sees.
async fn state(desk: &Desk) -> (String, usize, Vec<String>) {
    let history =
        "SELECT string_agg(version || action || coalesce(comment, ''), ' ' ORDER BY version) FROM ticket_events";
    let people = ["U0AGENT1", "U0SYS1", "U0SYS2"];
    let seen = desk.slack.read(|world| {
        let ephemerals = people.iter().map(|user| world.ephemerals_of(user).len()).sum();
        let shown =
            world.messages_in(TICKETS).into_iter().chain(people.iter().flat_map(|user| world.direct_messages(user)));
        (ephemerals, shown.map(|message| message.all_text()).collect())
    });
    (desk.text(history).await, seen.0, seen.1)
}

async fn last(person: &Person) -> SentRequest {
    person.last_request().expect("something was sent")
}

#[tokio::test]
async fn every_button_of_the_card_delivered_twice_is_one_change() {
    let (desk, card) = desk_with_ticket().await;
    let sam = desk.slack.person("U0SYS1");
    for button in ["🖐 Assign to Me", "🟢 Resolve", "❌ Close", "🔄 Reopen"] {
        press(&desk, &sam, &card, button).await;
        again(&desk, &last(&sam).await).await;
    }
    assert_eq!(desk.count("SELECT count(*) FROM ticket_events").await, 5);
    assert!(sam.ephemerals().is_empty(), "nobody is told of a race that was none");
    desk.finish().await;
}

#[tokio::test]
async fn every_submitted_dialog_delivered_twice_is_one_change() {
    let (desk, card) = desk_with_ticket().await;
    let sam = desk.slack.person("U0SYS1");
    press(&desk, &sam, &card, "🔁 Reassign").await;
    sam.fill("New assignee", "U0SYS2").expect("offered");
    sam.fill("Comment", "You know this best.").expect("there");
    assert!(sam.submit().await.expect("sent").is_ok());
    desk.drain().await;
    again(&desk, &last(&sam).await).await;
    assert_eq!(desk.text("SELECT assignee FROM tickets").await, "U0SYS2");
    sam.close_all().await.expect("closed");
    press(&desk, &sam, &card, "💬 Comment").await;
    sam.fill("Comment", "Once.").expect("there");
    assert!(sam.submit().await.expect("sent").is_ok());
    desk.drain().await;
    again(&desk, &last(&sam).await).await;
    assert_eq!(desk.count("SELECT count(*) FROM ticket_events").await, 3);
    desk.finish().await;
}

#[tokio::test]
async fn a_button_that_opens_a_dialog_delivered_twice_opens_one() {
    let (desk, card) = desk_with_ticket().await;
    let sam = desk.slack.person("U0SYS1");
    for button in ["🔁 Reassign", "💬 Comment"] {
        press(&desk, &sam, &card, button).await;
        let opened = desk.slack.processed("views.open");
        again(&desk, &last(&sam).await).await;
        assert_eq!(desk.slack.processed("views.open"), opened, "{button}");
        sam.close_all().await.expect("closed");
    }
    assert!(sam.ephemerals().is_empty());
    desk.finish().await;
}

#[tokio::test]
async fn a_submitters_own_buttons_delivered_twice_are_one_change() {
    let (desk, _) = desk_with_ticket().await;
    let ana = desk.slack.person("U0AGENT1");
    ana.close_all().await.expect("closed");
    assert!(ana.command("/agent-tickets", "T001").await.is_ok());
    desk.drain().await;
    for button in ["❌ Close", "🔄 Reopen"] {
        assert!(ana.press(Spot::View, button).await.expect("there").is_ok());
        desk.drain().await;
        again(&desk, &last(&ana).await).await;
    }
    assert_eq!(desk.count("SELECT count(*) FROM ticket_events").await, 3);
    desk.finish().await;
}

#[tokio::test]
async fn every_message_event_delivered_twice_is_one_change() {
    let (desk, card) = desk_with_ticket().await;
    let sam = desk.slack.person("U0SYS1");
    let (ts, _) = sam.reply(TICKETS, &card, "Frist").await;
    again(&desk, &last(&sam).await).await;
    sam.edit(TICKETS, &ts, "First").await;
    again(&desk, &last(&sam).await).await;
    sam.delete(TICKETS, &ts).await;
    again(&desk, &last(&sam).await).await;
    let history = "SELECT string_agg(action, ' ' ORDER BY version) FROM ticket_events WHERE version > 1";
    assert_eq!(desk.text(history).await, "comment edit_comment delete_comment");
    desk.finish().await;
}

/// Fifty people press the same button of the same card at once (row D3).
#[tokio::test]
async fn of_fifty_clicks_at_once_one_wins_and_the_others_read_who_did() {
    let names: Vec<String> = (0..50).map(|n| format!("U0CROWD{n:02}")).collect();
    let mut settings = harness::desk::Settings::private().await;
    settings.more.push(("SYSTEM_USERS".to_owned(), names.join(",")));
    let slack = harness::slack::SlackStandIn::start().await;
    slack.change(|world| names.iter().for_each(|name| world.add_user(name, &name.to_lowercase(), "One of many")));
    let desk = Desk::start_with(slack, settings, harness::desk::test_waits()).await;
    crate::road::file_ticket(&desk, &desk.slack.person("U0AGENT1"), "Mine!").await;
    let card = desk.text("SELECT ts FROM slack_messages WHERE target = 'card:1'").await;
    let clicks =
        names.iter().map(|name| {
            let (person, card) = (desk.slack.person(name), card.clone());
            async move {
                person.press(Spot::Message(TICKETS, &card), "🖐 Assign to Me").await.is_ok_and(|sent| sent.is_ok())
            }
        });
    assert!(futures_util::future::join_all(clicks).await.into_iter().all(|ok| ok));
    settle(&desk).await;
    let winner = desk.text("SELECT assignee FROM tickets").await;
    assert_eq!(desk.count("SELECT count(*) FROM ticket_events").await, 2);
    for name in &names {
        let told = desk.slack.person(name).ephemerals();
        assert_eq!(told.len(), usize::from(*name != winner), "{name}");
        assert!(told.iter().all(|message| message.text.contains(&format!("assigned to <@{winner}>"))), "{told:?}");
    }
    desk.finish().await;
}

/// The clicks of a ticket's life, in every order (row D2): each ends in the state that the accepted ones lead to.
#[tokio::test]
async fn clicks_in_any_order_end_where_the_state_machine_says() {
    use common::ticket::{Action, Status};
    let (desk, card) = desk_with_ticket().await;
    let sam = desk.slack.person("U0SYS1");
    let template = sam
        .action_payload(Spot::Message(TICKETS, &card), &harness::actor::Field::Any("🖐 Assign to Me"), None)
        .expect("the button is there");
    let actions = [Action::Assign, Action::Resolve, Action::Close, Action::Reopen];
    let mut status = Status::Open;
    let mut accepted = 1;
    for order in permutations(&actions) {
        for (n, action) in order.iter().enumerate() {
            let mut payload: Value = template.clone();
            payload["actions"][0]["action_id"] = json!(format!("ticket_{}", action.as_str()));
            payload["actions"][0]["action_ts"] = json!(format!("{accepted}.{n:06}"));
            payload["response_url"] = Value::Null;
            assert!(sam.send_payload(&payload).await.is_ok());
            desk.drain().await;
            if let Ok(next) = status.apply(*action) {
                status = next;
                accepted += 1;
            }
            assert_eq!(desk.text("SELECT status FROM tickets").await, status.as_str(), "{order:?} at {n}");
        }
        let shown = desk.slack.read(|world| world.message(TICKETS, &card).map(|card| card.all_text())).expect("a card");
        assert!(shown.contains(status.badge()), "{order:?}: {shown}");
    }
    assert_eq!(desk.count("SELECT count(*) FROM ticket_events").await, accepted);
    desk.elapse(Duration::from_secs(3)).await;
    desk.drain().await;
    desk.finish().await;
}

fn permutations<T: Copy>(items: &[T]) -> Vec<Vec<T>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let with = |n: usize| {
        let rest: Vec<T> = items.iter().enumerate().filter(|(m, _)| *m != n).map(|(_, item)| *item).collect();
        permutations(&rest).into_iter().map(move |mut tail| {
            tail.insert(0, items[n]);
            tail
        })
    };
    (0..items.len()).flat_map(with).collect()
}
