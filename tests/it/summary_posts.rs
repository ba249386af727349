//! Sharing a summary in the ticket channel.

use harness::actor::Spot;
use harness::desk::{Desk, SOON, TICKETS};
use harness::slack::{Fault, On};

use crate::summary::seven_tickets;

#[tokio::test]
async fn posting_twice_is_one_message_with_slacks_charts() {
    let desk = Desk::start().await;
    seven_tickets(&desk).await;
    let sam = desk.slack.person("U0SYS1");
    sam.command("/ticket-summary", "2026-11-23..2026-11-23").await;
    desk.drain().await;
    assert!(sam.press(Spot::View, "Post to channel").await.expect("pressed").is_ok());
    let request = sam.last_request().expect("sent");
    desk.drain().await;
    assert!(sam.view().expect("open").all_text().contains("Posted to the ticket channel"));
    assert!(desk.slack.replay(&request, &desk.gateway_url).await.is_ok());
    desk.drain().await;
    // Pressed once more, the message is brought up to date.
    assert!(sam.press(Spot::View, "Post to channel").await.expect("pressed").is_ok());
    desk.drain().await;
    let posted = desk.slack.read(|world| world.messages_in(TICKETS).into_iter().cloned().collect::<Vec<_>>());
    assert_eq!(posted.len(), 1, "{}", desk.slack.dump());
    let charts = posted[0].blocks.iter().filter(|block| block["type"] == "data_visualization").count();
    assert_eq!(charts, 2);
    assert!(posted[0].text.contains("█") && posted[0].text.contains("Tickets by status"), "{}", posted[0].text);
    desk.finish().await;
}

#[tokio::test]
async fn only_system_users_post_a_summary() {
    let desk = Desk::start().await;
    let sam = desk.slack.person("U0SYS1");
    sam.command("/ticket-summary", "").await;
    desk.drain().await;
    sam.press(Spot::View, "Post to channel").await.expect("pressed");
    let mut payload = sam.last_payload().expect("a payload");
    desk.drain().await;
    payload["user"]["id"] = "U0AGENT1".into();
    payload["actions"][0]["action_ts"] = "1.000001".into();
    for value in ["2026-11-23..2026-11-29", "nonsense"] {
        payload["actions"][0]["value"] = value.into();
        assert!(desk.slack.person("U0AGENT1").send_payload(&payload).await.is_ok());
    }
    desk.drain().await;
    assert_eq!(desk.slack.read(|world| world.messages_in(TICKETS).len()), 1);
    desk.finish().await;
}

#[tokio::test]
async fn where_slack_refuses_charts_the_message_has_bars() {
    let desk = Desk::start().await;
    seven_tickets(&desk).await;
    for method in ["chat.postMessage", "chat.update"] {
        let has_chart = |args: &serde_json::Value| args["blocks"].to_string().contains("data_visualization");
        desk.slack.fault(On::every(method).matching(has_chart), Fault::Error("invalid_blocks".to_owned()));
    }
    let sam = desk.slack.person("U0SYS1");
    sam.command("/ticket-summary", "2026-11-23..2026-11-29").await;
    desk.drain().await;
    sam.press(Spot::View, "Post to channel").await.expect("pressed");
    desk.drain().await;
    let posted = desk.slack.read(|world| world.messages_in(TICKETS).into_iter().cloned().collect::<Vec<_>>());
    assert_eq!(posted.len(), 1, "{}", desk.slack.dump());
    let text = posted[0].all_text();
    assert!(text.contains("█") && text.contains("What happened"), "{text}");
    assert!(posted[0].blocks.iter().all(|block| block["type"] != "data_visualization"));
    assert_eq!(desk.count("SELECT count(*) FROM outbox WHERE state <> 'sent'").await, 0, "no more tries");
    desk.finish().await;
}

#[tokio::test]
async fn the_modal_says_when_a_summary_can_not_be_posted() {
    let desk = Desk::start().await;
    seven_tickets(&desk).await;
    let sam = desk.slack.person("U0SYS1");
    sam.command("/ticket-summary", "2026-11-23..2026-11-29").await;
    desk.drain().await;
    // Nobody knows this code: tried three times, then parked.
    desk.slack.fault(On::every("chat.postMessage").channel(TICKETS), Fault::Error("zzz".to_owned()));
    sam.press(Spot::View, "Post to channel").await.expect("pressed");
    let parked = "SELECT count(*) FROM outbox WHERE state = 'parked'";
    let started = std::time::Instant::now();
    while desk.count(parked).await == 0 && started.elapsed() < SOON {
        desk.drain().await;
        tokio::task::yield_now().await;
    }
    desk.drain().await;
    let text = sam.view().expect("open").all_text();
    assert!(text.contains("could not be posted") && !text.contains("✅ Posted"), "{text}");
    desk.slack.clear_faults();
    desk.elapse(SOON).await;
    desk.drain().await;
    desk.finish().await;
}
