//! Several people and several clicks at the same ticket: one wins, the others read what happened instead, and the ticket ends
//! where the state machine says (rows D2 and D3).

use std::time::Duration;

use harness::actor::{Field, Spot};
use harness::desk::{Desk, TICKETS};
use serde_json::{Value, json};

use crate::conversation::settle;
use crate::working::{desk_with_ticket, press};

/// Whichever button comes too late: whoever pressed it reads who did what instead, and nothing changes.
#[tokio::test]
async fn whoever_is_too_late_with_any_button_reads_what_happened() {
    for (first, second, expected) in [
        ("❌ Close", "🟢 Resolve", "was closed by <@U0SYS2>"),
        ("❌ Close", "❌ Close", "was closed by <@U0SYS2>"),
        ("🟢 Resolve", "🖐 Assign to Me", "was resolved by <@U0SYS2>"),
        ("🟢 Resolve", "🔁 Reassign", "was resolved by <@U0SYS2>"),
        ("🖐 Assign to Me", "🖐 Assign to Me", "already assigned to <@U0SYS2>"),
    ] {
        let (desk, card) = desk_with_ticket().await;
        let (sam, sue) = (desk.slack.person("U0SYS1"), desk.slack.person("U0SYS2"));
        let spot = Spot::Message(TICKETS, &card);
        let late = sam.action_payload(spot, &Field::Any(second), None).expect("the button is there");
        press(&desk, &sue, &card, first).await;
        let status = desk.text("SELECT status FROM tickets").await;
        assert!(sam.send_payload(&late).await.is_ok());
        settle(&desk).await;
        let told = sam.ephemerals();
        assert!(told.len() == 1 && told[0].text.contains(expected), "{first}, {second}: {told:?}");
        assert!(sam.view().is_none(), "no modal opens");
        assert_eq!(desk.text("SELECT status FROM tickets").await, status);
        // Reopen, on a ticket that was reopened meanwhile.
        if first == "❌ Close" {
            let late = sam.action_payload(spot, &Field::Any("🔄 Reopen"), None).expect("the button is there");
            press(&desk, &sue, &card, "🔄 Reopen").await;
            assert!(sam.send_payload(&late).await.is_ok());
            settle(&desk).await;
            let told = sam.ephemerals().pop().expect("told").text;
            assert!(told.contains("was reopened by <@U0SYS2>"), "{told}");
        }
        desk.finish().await;
    }
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
        .action_payload(Spot::Message(TICKETS, &card), &Field::Any("🖐 Assign to Me"), None)
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
