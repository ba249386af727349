//! Every action on a ticket, delivered a second time to a worker that has done it (row D1): Redis has forgotten the job's
//! id, so that only the inbox is left to notice.

use harness::actor::{Person, Spot};
use harness::desk::{Desk, TICKETS};
use harness::slack::SentRequest;

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
