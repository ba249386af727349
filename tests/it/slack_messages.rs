//! Messages and modals that Slack doesn't take or doesn't have any more (FAULTS.md S8 to S10).

use std::time::Duration;

use harness::actor::Person;
use harness::desk::{Desk, Settings, TICKETS, test_waits};
use harness::slack::{Fault, FaultHandle, On, SlackStandIn};
use worker::config::Waits;

use crate::filing::{alerts, assert_filed_once, cards, carry_on, is_linked, notices, open_deliveries, submit, told};
use crate::road::file_ticket;

fn error(code: &str) -> Fault {
    Fault::Error(code.to_owned())
}

/// What every change of a ticket does: asks for its card to be made right.
async fn touch_card(desk: &Desk) {
    sqlx::query("INSERT INTO outbox (target) VALUES ('card:1')").execute(&desk.db).await.unwrap();
}

async fn card_ts(desk: &Desk) -> String {
    desk.text("SELECT ts FROM slack_messages WHERE target = 'card:1'").await
}

#[tokio::test]
async fn a_card_deleted_by_hand_is_posted_again_once_at_the_next_change() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    file_ticket(&desk, &ana, "Somebody tidies up.").await;
    let first = card_ts(&desk).await;
    desk.slack.change(|world| world.delete_message(TICKETS, &first));
    touch_card(&desk).await;
    carry_on(&desk).await;
    let second = card_ts(&desk).await;
    assert_ne!(first, second);
    assert_filed_once(&desk, &ana, 0).await;
    let link = format!("p{}", second.replace('.', ""));
    assert!(notices(&desk, "T001")[0].all_text().contains(&link), "the notice links to the new card");
    touch_card(&desk).await;
    carry_on(&desk).await;
    assert_eq!((card_ts(&desk).await, cards(&desk, "T001").len()), (second, 1), "the new one is remembered");
    desk.finish().await;
}

#[tokio::test]
async fn a_card_that_may_not_be_updated_is_posted_again_once() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    submit(&desk, &ana, "It belongs to an older app.").await;
    carry_on(&desk).await;
    let first = card_ts(&desk).await;
    for code in ["cant_update_message", "edit_window_closed"] {
        desk.slack.fault(On::next("chat.update").matching(|args| args["channel"] == TICKETS), error(code));
        let before = cards(&desk, "T001").len();
        touch_card(&desk).await;
        carry_on(&desk).await;
        assert_eq!(cards(&desk, "T001").len(), before + 1, "{code}: the old one can't be taken away");
    }
    let last = cards(&desk, "T001").pop().unwrap().ts;
    assert!(first != last && card_ts(&desk).await == last);
    touch_card(&desk).await;
    carry_on(&desk).await;
    assert_eq!(cards(&desk, "T001").len(), 3);
    desk.finish().await;
}

#[tokio::test]
async fn a_post_whose_blocks_are_refused_goes_as_plain_text_and_one_alert_tells() {
    for code in ["invalid_blocks", "msg_too_long"] {
        let desk = Desk::start().await;
        let ana = desk.slack.person("U0AGENT1");
        let with_blocks = |args: &serde_json::Value| args["blocks"].as_array().is_some_and(|blocks| !blocks.is_empty());
        let refused =
            desk.slack.fault(On::every("chat.postMessage").channel(TICKETS).matching(with_blocks), error(code));
        for text in ["The first.", "The second."] {
            submit(&desk, &ana, text).await;
            carry_on(&desk).await;
        }
        assert_eq!(refused.hits(), 2, "{code}");
        for ticket in ["T001", "T002"] {
            let (cards, notices) = (cards(&desk, ticket), notices(&desk, ticket));
            assert_eq!((cards.len(), notices.len(), told(&ana, ticket).len()), (1, 1, 1), "{}", desk.slack.dump());
            assert!(cards[0].blocks.is_empty() && cards[0].text.contains("Camp Lejeune") && is_linked(&notices[0]));
        }
        let alerts = alerts(&desk);
        assert_eq!(alerts.len(), 1, "{code}\n{}", desk.slack.dump());
        assert!(alerts[0].text.contains("plain text") && alerts[0].text.contains(code), "{}", alerts[0].text);
        desk.finish().await;
    }
}

#[tokio::test]
async fn an_update_whose_blocks_are_refused_goes_as_plain_text() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    submit(&desk, &ana, "Something.").await;
    carry_on(&desk).await;
    let with_blocks = |args: &serde_json::Value| args["blocks"].as_array().is_some_and(|blocks| !blocks.is_empty());
    desk.slack.fault(On::every("chat.update").channel(TICKETS).matching(with_blocks), error("invalid_blocks"));
    sqlx::query("UPDATE tickets SET campaign = 'Another campaign'").execute(&desk.db).await.unwrap();
    touch_card(&desk).await;
    carry_on(&desk).await;
    let card = cards(&desk, "T001").pop().unwrap();
    assert!(card.all_text().contains("Another campaign"), "{}", card.all_text());
    assert!(!card.all_text().contains("Camp Lejeune"), "nothing old is left: {}", card.all_text());
    assert_eq!(alerts(&desk).len(), 1);
    desk.finish().await;
}

/// A submitted form whose modal Slack doesn't find by its external id.
async fn hidden_modal(code: &str) -> (Desk, Person, FaultHandle) {
    // Longer than it is, so that a slow machine changes nothing.
    let waits = Waits { view_by_external_id: Duration::from_secs(60), ..test_waits() };
    let desk = Desk::start_with(SlackStandIn::start().await, Settings::private().await, waits).await;
    let ana = desk.slack.person("U0AGENT1");
    let by_external_id = |args: &serde_json::Value| args["external_id"].is_string();
    let hidden = desk.slack.fault(On::every("views.update").matching(by_external_id), error(code));
    submit(&desk, &ana, "Where is the modal?").await;
    (desk, ana, hidden)
}

#[tokio::test]
async fn a_modal_that_is_not_found_by_external_id_is_updated_by_view_id_after_a_while() {
    for code in ["not_found", "hash_conflict"] {
        let (desk, ana, hidden) = hidden_modal(code).await;
        desk.drain().await;
        desk.elapse(Duration::from_secs(40)).await;
        desk.drain().await;
        assert!(hidden.hits() >= 2, "{code}: it is tried for a while");
        let by_view_id = |desk: &Desk| {
            desk.slack.calls_of("views.update").iter().filter(|call| call.args["view_id"].is_string()).count()
        };
        assert_eq!(by_view_id(&desk), 0, "an update by view id could be overwritten by the ack");
        desk.elapse(Duration::from_secs(21)).await;
        desk.drain().await;
        assert_eq!(by_view_id(&desk), 1, "{code}");
        assert_filed_once(&desk, &ana, 0).await;
        desk.finish().await;
    }
}

#[tokio::test]
async fn a_modal_that_was_closed_is_quietly_given_up() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    submit(&desk, &ana, "Enough.").await;
    ana.close_all().await.unwrap();
    carry_on(&desk).await;
    assert_eq!(desk.text("SELECT state FROM outbox WHERE target = 'confirmation:1'").await, "expired");
    assert_eq!((cards(&desk, "T001").len(), told(&ana, "T001").len(), alerts(&desk).len()), (1, 1, 0));
    desk.finish().await;
}

#[tokio::test]
async fn a_confirmation_is_not_shown_after_half_an_hour() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    let broken = desk.slack.fault(On::every("views.update"), Fault::Status(500));
    submit(&desk, &ana, "A long outage of modals.").await;
    desk.drain().await;
    desk.elapse(Duration::from_secs(29 * 60)).await;
    let before = broken.hits();
    desk.drain().await;
    assert!(broken.hits() > before, "it is still tried");
    broken.remove();
    desk.elapse(Duration::from_secs(90)).await;
    let before = desk.slack.count("views.update");
    desk.drain().await;
    assert_eq!(open_deliveries(&desk).await, 0);
    assert_eq!(desk.text("SELECT state FROM outbox WHERE target = 'confirmation:1'").await, "expired");
    assert_eq!(desk.slack.count("views.update"), before);
    assert_eq!(told(&ana, "T001").len(), 1, "the direct message has the facts");
    desk.finish().await;
}
