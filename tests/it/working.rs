//! System users work on tickets: buttons, rights, races, and what the card and the people get to see.

use std::time::Duration;

use common::interaction::ticket_action_id;
use common::ticket::{Action, Status};
use harness::actor::{Field, Person, Spot};
use harness::desk::{Desk, SOON, TICKETS};

use crate::road::file_ticket;

/// A desk with one ticket of Ana's; answers the card's ts.
pub(crate) async fn desk_with_ticket() -> (Desk, String) {
    let desk = Desk::start().await;
    file_ticket(&desk, &desk.slack.person("U0AGENT1"), "The dialer drops calls.").await;
    let card = desk.text("SELECT ts FROM slack_messages WHERE target = 'card:1'").await;
    (desk, card)
}

pub(crate) async fn press(desk: &Desk, person: &Person, card: &str, button: &str) {
    let delivery = person.press(Spot::Message(TICKETS, card), button).await.expect("the button is there");
    assert!(delivery.is_ok(), "{delivery:?}");
    desk.drain().await;
}

fn card_text(desk: &Desk, card: &str) -> String {
    desk.slack.read(|world| world.message(TICKETS, card).map(|message| message.all_text())).expect("the card is there")
}

fn buttons(desk: &Desk, card: &str) -> Vec<String> {
    let blocks = desk.slack.read(|world| world.message(TICKETS, card).map(|message| message.blocks.clone()));
    let blocks = blocks.expect("the card is there");
    let actions = blocks.iter().find(|block| block["type"] == "actions").expect("a card has buttons");
    let texts = actions["elements"].as_array().expect("elements").iter().map(|button| button["text"]["text"].as_str());
    texts.map(|text| text.expect("a text").to_owned()).collect()
}

#[tokio::test]
async fn the_buttons_lead_a_ticket_through_its_life() {
    let (desk, card) = desk_with_ticket().await;
    let sam = desk.slack.person("U0SYS1");
    assert_eq!(buttons(&desk, &card), ["🖐 Assign to Me", "🔁 Reassign", "🟢 Resolve", "❌ Close", "💬 Comment"]);
    press(&desk, &sam, &card, "🖐 Assign to Me").await;
    assert!(card_text(&desk, &card).contains("In Progress") && card_text(&desk, &card).contains("<@U0SYS1>"));
    assert_eq!(buttons(&desk, &card), ["🔁 Reassign", "🟢 Resolve", "❌ Close", "💬 Comment"]);
    press(&desk, &sam, &card, "🟢 Resolve").await;
    assert_eq!(buttons(&desk, &card), ["❌ Close", "🔄 Reopen", "💬 Comment"]);
    press(&desk, &sam, &card, "❌ Close").await;
    assert_eq!(buttons(&desk, &card), ["🔄 Reopen", "💬 Comment"]);
    press(&desk, &sam, &card, "🔄 Reopen").await;
    let text = card_text(&desk, &card);
    assert!(text.contains("Open (reopened)") && text.contains("Nobody yet"), "{text}");
    let history = "SELECT string_agg(version || action || coalesce(from_status, '') || '>' || coalesce(to_status, ''), ' ' ORDER BY version) FROM ticket_events";
    assert_eq!(
        desk.text(history).await,
        "1file>open 2assignopen>in_progress 3resolvein_progress>resolved 4closeresolved>closed 5reopenclosed>open"
    );
    let one_message = desk.slack.read(|world| world.messages_in(TICKETS).len());
    assert_eq!(one_message, 1, "one message for the ticket's whole life");
    desk.elapse(Duration::from_secs(3)).await;
    desk.drain().await;
    desk.finish().await;
}

#[tokio::test]
async fn only_system_users_act() {
    let (desk, card) = desk_with_ticket().await;
    let ana = desk.slack.person("U0AGENT1");
    for button in ["🖐 Assign to Me", "🔁 Reassign", "🟢 Resolve", "❌ Close"] {
        press(&desk, &ana, &card, button).await;
    }
    let told = ana.ephemerals();
    assert_eq!(told.len(), 4);
    assert!(told.iter().all(|message| message.text.contains("SYSTEM_USERS") && message.text.contains("U0AGENT1")));
    assert!(ana.view().is_none_or(|view| view.title["text"] == "Ticket filed"), "no modal for reassigning");
    // A hand-made payload is judged alike.
    let sam = desk.slack.person("U0SYS1");
    press(&desk, &sam, &card, "🟢 Resolve").await;
    let mut payload = sam.last_payload().expect("a payload");
    payload["user"]["id"] = "U0AGENT1".into();
    payload["actions"][0]["action_id"] = "ticket_reopen".into();
    payload["actions"][0]["action_ts"] = "1.000001".into();
    assert!(ana.send_payload(&payload).await.is_ok());
    desk.drain().await;
    assert_eq!(desk.text("SELECT status FROM tickets").await, "resolved");
    // Each attempt is on record: three clicks, the dialog that did not open, and the forged one.
    assert_eq!(desk.count("SELECT count(*) FROM inbox WHERE outcome = 'denied'").await, 5);
    let refusals =
        "SELECT string_agg(actor || ' ' || action || ' ' || ticket || ' ' || reason, ', ' ORDER BY id) FROM refusals";
    let expected =
        ["assign", "reassign", "resolve", "close", "reopen"].map(|action| format!("U0AGENT1 {action} 1 denied"));
    assert_eq!(desk.text(refusals).await, expected.join(", "));
    desk.elapse(Duration::from_secs(3)).await;
    desk.drain().await;
    desk.finish().await;
}

#[tokio::test]
async fn whoever_loses_a_race_is_told_what_happened() {
    let (desk, card) = desk_with_ticket().await;
    let (sam, sue) = (desk.slack.person("U0SYS1"), desk.slack.person("U0SYS2"));
    let spot = Spot::Message(TICKETS, &card);
    let (first, second) = tokio::join!(sam.press(spot, "🖐 Assign to Me"), sue.press(spot, "🖐 Assign to Me"));
    assert!(first.expect("sent").is_ok() && second.expect("sent").is_ok());
    desk.drain().await;
    let winner = desk.text("SELECT assignee FROM tickets").await;
    let loser = if winner == "U0SYS1" { &sue } else { &sam };
    let told = loser.ephemerals();
    assert_eq!(told.len(), 1);
    assert!(told[0].text.contains("already assigned") && told[0].text.contains(&winner), "{}", told[0].text);
    assert!(told[0].text.contains("s ago"), "{}", told[0].text);
    assert_eq!(desk.count("SELECT count(*) FROM ticket_events").await, 2);
    desk.elapse(Duration::from_secs(3)).await;
    desk.drain().await;
    desk.finish().await;
}

#[tokio::test]
async fn reassigning_offers_the_system_users_by_name_and_takes_a_comment() {
    let (desk, card) = desk_with_ticket().await;
    desk.worker.context().names(&["U0SYS1", "U0SYS2", "U0SYS3"]).await;
    let sam = desk.slack.person("U0SYS1");
    press(&desk, &sam, &card, "🔁 Reassign").await;
    let modal = sam.view().expect("the modal opened").all_text();
    assert!(modal.contains("Sue Systems") && modal.contains("Sol Systems"), "{modal}");
    sam.fill("New assignee", "Sue Systems").expect("offered");
    sam.fill("Comment", "You know this best.").expect("there");
    assert!(sam.submit().await.expect("sent").is_ok());
    assert!(sam.view().expect("still open").all_text().contains("Saving"));
    desk.drain().await;
    assert!(sam.view().expect("still open").all_text().contains("is assigned to <@U0SYS2>"));
    let text = card_text(&desk, &card);
    assert!(text.contains("<@U0SYS2>") && text.contains("You know this best."), "{text}");
    desk.elapse(Duration::from_secs(3)).await;
    desk.drain().await;
    let sue = desk.slack.person("U0SYS2").direct_messages();
    assert!(sue.len() == 1 && sue[0].all_text().contains("assigned *<"), "{sue:?}");
    assert!(desk.slack.person("U0SYS1").direct_messages().is_empty(), "nobody is told of own actions");
    desk.finish().await;
}

#[tokio::test]
async fn a_wrong_assignee_brings_the_modal_back() {
    let (desk, card) = desk_with_ticket().await;
    let sam = desk.slack.person("U0SYS1");
    press(&desk, &sam, &card, "🔁 Reassign").await;
    sam.fill("New assignee", "U0SYS2").expect("offered");
    let forged = |id: &str| serde_json::json!({ "type": "static_select", "selected_option": { "text": { "type": "plain_text", "text": "x" }, "value": id } });
    sam.fill("New assignee", harness::actor::Entry::Raw(forged("U0AGENT2"))).expect("forged");
    assert!(sam.submit_unchecked().await.expect("sent").is_ok());
    desk.drain().await;
    let modal = sam.view().expect("still open");
    assert!(modal.all_text().contains("Only system users can take tickets"), "{}", modal.all_text());
    assert_eq!(desk.text("SELECT status FROM tickets").await, "open");
    // The same modal, submitted again under the same view id.
    sam.fill("New assignee", "U0SYS3").expect("offered");
    assert!(sam.submit().await.expect("sent").is_ok());
    desk.drain().await;
    assert_eq!(desk.text("SELECT assignee FROM tickets").await, "U0SYS3");
    desk.elapse(Duration::from_secs(3)).await;
    desk.drain().await;
    desk.finish().await;
}

#[tokio::test]
async fn several_changes_within_two_seconds_are_one_message_in_the_tickets_thread() {
    let (desk, card) = desk_with_ticket().await;
    let sam = desk.slack.person("U0SYS1");
    let ana = desk.slack.person("U0AGENT1");
    press(&desk, &sam, &card, "🖐 Assign to Me").await;
    press(&desk, &sam, &card, "🟢 Resolve").await;
    assert_eq!(ana.direct_messages().len(), 1, "only that it is filed");
    desk.elapse(Duration::from_secs(3)).await;
    desk.drain().await;
    let direct = ana.direct_messages();
    assert_eq!(direct.len(), 2);
    let news = direct[1].all_text();
    assert!(news.contains("took *T001*") && news.contains("resolved *T001*"), "{news}");
    assert_eq!(direct[1].thread_ts.as_deref(), Some(direct[0].ts.as_str()), "one thread per ticket");
    press(&desk, &sam, &card, "❌ Close").await;
    desk.elapse(Duration::from_secs(3)).await;
    desk.drain().await;
    let direct = ana.direct_messages();
    assert_eq!(direct.len(), 3);
    assert!(direct[2].all_text().contains("closed *T001*") && !direct[2].all_text().contains("resolved"));
    desk.finish().await;
}

#[tokio::test]
async fn a_card_deleted_by_hand_is_posted_again_and_the_new_one_remembered() {
    let (desk, card) = desk_with_ticket().await;
    let sam = desk.slack.person("U0SYS1");
    let payload = {
        press(&desk, &sam, &card, "🖐 Assign to Me").await;
        sam.last_payload().expect("a payload")
    };
    desk.slack.change(|world| world.delete_message(TICKETS, &card));
    let mut payload = payload;
    payload["actions"][0]["action_id"] = "ticket_resolve".into();
    payload["actions"][0]["action_ts"] = "2.000001".into();
    assert!(sam.send_payload(&payload).await.is_ok());
    desk.drain().await;
    let new = desk.text("SELECT ts FROM slack_messages WHERE target = 'card:1'").await;
    assert_ne!(new, card);
    assert!(card_text(&desk, &new).contains("Resolved"));
    press(&desk, &sam, &new, "🔄 Reopen").await;
    assert!(card_text(&desk, &new).contains("reopened"));
    assert_eq!(desk.slack.read(|world| world.messages_in(TICKETS).len()), 1);
    desk.elapse(Duration::from_secs(3)).await;
    desk.drain().await;
    desk.finish().await;
}

/// What comes of two actions on an open ticket in this order: the history's actions and the status.
fn outcome(order: [Action; 2]) -> (String, Status) {
    let (mut history, mut status) = ("file".to_owned(), Status::Open);
    for action in order {
        if let Ok(next) = status.apply(action) {
            history.push_str(&format!(" {}", action.as_str()));
            status = next;
        }
    }
    (history, status)
}

/// Two people click different buttons on the same 50 tickets at once, with three workers.
#[tokio::test]
async fn concurrent_clicks_end_in_a_state_that_one_order_explains() {
    const PAIRS: [[Action; 2]; 4] = [
        [Action::Assign, Action::Close],
        [Action::Assign, Action::Resolve],
        [Action::Resolve, Action::Close],
        [Action::Close, Action::Reopen],
    ];
    let mut desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    for n in 0..50 {
        file_ticket(&desk, &ana, &format!("Number {n}")).await;
        ana.close_all().await.expect("closed");
    }
    desk.run();
    for _ in 0..2 {
        desk.add_worker(harness::desk::test_waits()).await;
    }
    let mut clicks = Vec::new();
    for n in 1..=50 {
        let card = desk.text(&format!("SELECT ts FROM slack_messages WHERE target = 'card:{n}'")).await;
        for (user, action) in ["U0SYS1", "U0SYS2"].into_iter().zip(PAIRS[n % PAIRS.len()]) {
            let person = desk.slack.person(user);
            let spot = Spot::Message(TICKETS, &card);
            let mut payload =
                person.action_payload(spot, &Field::Any("🟢 Resolve"), None).expect("the button is there");
            payload["actions"][0]["action_id"] = ticket_action_id(action).into();
            clicks.push(tokio::spawn(async move { person.send_payload(&payload).await.is_ok() }));
        }
    }
    for click in clicks {
        assert!(click.await.expect("no panic"));
    }
    crate::filing::wait_until_done(&desk, 6 * SOON).await;
    let mut refused = 0;
    for n in 1..=50 {
        let [first, second] = PAIRS[n % PAIRS.len()];
        let history = format!("SELECT string_agg(action, ' ' ORDER BY version) FROM ticket_events WHERE ticket = {n}");
        let (history, status) =
            (desk.text(&history).await, desk.text(&format!("SELECT status FROM tickets WHERE number = {n}")).await);
        let explained = [outcome([first, second]), outcome([second, first])];
        let explains = |(actions, end): &(String, Status)| *actions == history && end.as_str() == status;
        assert!(explained.iter().any(explains), "{n}: {history} ends {status}");
        refused += 3 - history.split(' ').count();
        let card = desk.text(&format!("SELECT ts FROM slack_messages WHERE target = 'card:{n}'")).await;
        let badge = Status::parse(&status).expect("a status").badge();
        assert!(card_text(&desk, &card).contains(badge), "card {n} shows the database");
    }
    let gaps = "SELECT count(*) FROM tickets t WHERE version <> (SELECT count(*) FROM ticket_events e WHERE e.ticket = t.number)";
    assert_eq!(desk.count(gaps).await, 0, "history without gaps");
    assert_eq!(desk.count("SELECT count(*) FROM ticket_news WHERE told_at IS NULL").await, 0, "everything is told");
    let told = ["U0SYS1", "U0SYS2"].map(|user| desk.slack.person(user).ephemerals().len());
    assert_eq!(told.iter().sum::<usize>(), refused, "whoever was too late is told");
    desk.finish().await;
}
