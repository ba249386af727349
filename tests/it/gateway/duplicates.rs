//! What Slack, a nervous finger or an eavesdropper sends several times takes effect once (rows D1 and H2).

use futures_util::future::join_all;
use harness::actor::Spot;
use harness::desk::{ADMIN, Desk, TICKETS, start_gateway};
use harness::proxy::Proxy;
use harness::slack::payload::{EVENTS_PATH, FORM, JSON, form};
use harness::slack::{Delivery, Outcome, SentRequest};
use serde_json::json;
use tokio::task::JoinHandle;

use super::tickets;
use crate::load::submission_of;
use crate::road::{fill_form, open_form};

/// A second gateway beside the desk's own.
async fn two_gateways(desk: &Desk) -> (Vec<String>, JoinHandle<()>) {
    let (second, serving) = start_gateway(&desk.slack, &desk.settings).await;
    (vec![desk.gateway_url.clone(), second], serving)
}

/// Sends a request four times at once, twice to each gateway; all must be answered 200 and alike.
async fn four_at_once(desk: &Desk, gateways: &[String], request: &SentRequest) -> Delivery {
    let sending = (0..4).map(|n| async move {
        let retried = if n == 0 { request.clone() } else { request.clone().retried(n, "http_timeout") };
        desk.slack.replay(&retried, &gateways[n as usize % 2]).await
    });
    let mut answers = join_all(sending).await;
    for answer in &answers {
        assert!(answer.is_ok(), "{:?}", answer.outcome);
        assert_eq!(answer.body, answers[0].body);
    }
    answers.remove(0)
}

#[tokio::test]
async fn a_submission_sent_four_times_is_one_ticket() {
    let desk = Desk::start().await;
    let (gateways, serving) = two_gateways(&desk).await;
    let ana = desk.slack.person("U0AGENT1");
    open_form(&desk, &ana).await;
    fill_form(&ana, "Pressed four times.");
    let payload = submission_of(&desk);
    let request = desk.slack.signed(form(&[("payload", &payload.to_string())]), FORM, EVENTS_PATH);
    let answer = four_at_once(&desk, &gateways, &request).await;
    assert_eq!(answer.json()["response_action"], "update");
    assert_eq!(desk.queued().await, 1);
    // No answer showed, so the person presses once more; and later somebody replays a recording.
    assert!(ana.submit_unchecked().await.unwrap().is_ok());
    desk.drain().await;
    assert_eq!(four_at_once(&desk, &gateways, &request).await.body, answer.body);
    desk.drain().await;
    assert_eq!(tickets(&desk).await, 1);
    let messages = |channel: &str| desk.slack.read(|world| world.messages_in(channel).len());
    assert_eq!((messages(TICKETS), messages(ADMIN), ana.direct_messages().len()), (1, 1, 1));
    serving.abort();
    desk.finish().await;
}

#[tokio::test]
async fn the_inbox_remembers_what_redis_has_forgotten() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    open_form(&desk, &ana).await;
    fill_form(&ana, "Once.");
    assert!(ana.submit().await.unwrap().is_ok());
    desk.drain().await;
    let request = ana.last_request().unwrap();
    let view = ana.last_payload().unwrap()["view"]["id"].as_str().unwrap().to_owned();
    let marker = format!("{{{}}}:seen:submission:{view}", desk.settings.stream_prefix);
    assert_eq!(desk.redis(&format!("DEL {marker}")).await, redis::Value::Int(1));
    assert!(desk.slack.replay(&request, &desk.gateway_url).await.is_ok());
    assert_eq!(desk.queued().await, 1, "appended again");
    desk.drain().await;
    assert_eq!(tickets(&desk).await, 1, "and only acknowledged");
    desk.finish().await;
}

#[tokio::test]
async fn what_took_effect_though_its_answer_was_lost_is_answered_alike_when_it_comes_again() {
    let desk = Desk::start().await;
    let port = desk.gateway_url.rsplit(':').next().unwrap().parse().unwrap();
    let proxy = Proxy::start(port).await;
    let through = format!("http://127.0.0.1:{}", proxy.port());
    let ana = desk.slack.person("U0AGENT1");
    open_form(&desk, &ana).await;
    fill_form(&ana, "Did it arrive?");
    let event = json!({ "type": "message", "channel": TICKETS, "channel_type": "channel", "user": "U0AGENT1",
        "ts": "1700000002.000100", "thread_ts": "1700000001.000100", "text": "It rings again." });
    let envelope = desk.slack.change(|world| harness::slack::payload::event(world, &event)).to_string();
    let event = desk.slack.signed(envelope, JSON, EVENTS_PATH);
    let submission = desk.slack.signed(form(&[("payload", &submission_of(&desk).to_string())]), FORM, EVENTS_PATH);
    for (queued, request) in [(1, event), (2, submission)] {
        proxy.cut_next_answers(1);
        let lost = desk.slack.replay(&request, &through).await;
        assert!(matches!(lost.outcome, Outcome::Failed(_)), "{:?}", lost.outcome);
        assert_eq!(desk.queued().await, queued, "it was taken all the same");
        let again = request.retried(1, "http_error");
        assert!(desk.slack.replay(&again, &through).await.is_ok());
        assert_eq!(desk.queued().await, queued);
    }
    assert!(ana.submit().await.unwrap().is_ok());
    desk.drain().await;
    assert_eq!(tickets(&desk).await, 1);
    assert_eq!(desk.count("SELECT count(*) FROM inbox WHERE job_id LIKE 'event:%'").await, 1);
    let dead = desk.count("SELECT count(*) FROM dead_letters").await;
    desk.finish_with_dead_letters(dead).await;
}

#[tokio::test]
async fn a_command_sent_four_times_opens_one_form() {
    let desk = Desk::start().await;
    let (gateways, serving) = two_gateways(&desk).await;
    let body =
        desk.slack.change(|world| harness::slack::payload::command(world, "U0AGENT1", "C0GENERAL", "/new-ticket", ""));
    let request = desk.slack.signed(body, FORM, "/api/tickets/new-ticket");
    four_at_once(&desk, &gateways, &request).await;
    assert_eq!(desk.queued().await, 1);
    desk.drain().await;
    four_at_once(&desk, &gateways, &request).await;
    desk.drain().await;
    assert_eq!(desk.slack.count("views.open"), 1);
    serving.abort();
    desk.finish().await;
}

#[tokio::test]
async fn two_commands_open_two_forms() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    open_form(&desk, &ana).await;
    ana.close().await.unwrap();
    open_form(&desk, &ana).await;
    assert_eq!(desk.slack.processed("views.open"), 2);
    desk.finish().await;
}

#[tokio::test]
async fn a_click_sent_four_times_is_one_job() {
    let desk = Desk::start().await;
    let (gateways, serving) = two_gateways(&desk).await;
    let ana = desk.slack.person("U0AGENT1");
    let button = json!({ "type": "actions", "elements": [{ "type": "button", "action_id": "open_form", "value": "form",
        "text": { "type": "plain_text", "text": "Open the form" } }] });
    let message = json!({ "response_type": "ephemeral", "text": "Again?", "blocks": [button] });
    let url = ana.response_url();
    desk.worker.context().transfer.respond(&url, &message).await.unwrap();
    let shown = ana.ephemerals().remove(0).ts;
    let payload = ana.action_payload(Spot::Ephemeral(&shown), &"open_form".into(), None).unwrap();
    let request = desk.slack.signed(form(&[("payload", &payload.to_string())]), FORM, EVENTS_PATH);
    four_at_once(&desk, &gateways, &request).await;
    assert_eq!(desk.queued().await, 1);
    desk.drain().await;
    four_at_once(&desk, &gateways, &request).await;
    desk.drain().await;
    assert_eq!(desk.slack.count("views.open"), 1);
    // A second click is another action, not a duplicate.
    assert!(ana.press(Spot::Ephemeral(&shown), "open_form").await.unwrap().is_ok());
    assert_eq!(desk.queued().await, 1);
    desk.drain().await;
    assert_eq!(desk.slack.count("views.open"), 2);
    serving.abort();
    desk.finish().await;
}

#[tokio::test]
async fn an_event_sent_four_times_is_one_job() {
    let desk = Desk::start().await;
    let (gateways, serving) = two_gateways(&desk).await;
    let event = json!({ "type": "message", "channel": TICKETS, "channel_type": "channel", "user": "U0AGENT1",
        "ts": "1700000002.000100", "thread_ts": "1700000001.000100", "text": "It rings again." });
    let envelope = desk.slack.change(|world| harness::slack::payload::event(world, &event)).to_string();
    let request = desk.slack.signed(envelope, JSON, EVENTS_PATH);
    assert!(four_at_once(&desk, &gateways, &request).await.body.is_empty());
    assert_eq!(desk.queued().await, 1);
    desk.drain().await;
    four_at_once(&desk, &gateways, &request).await;
    assert_eq!(desk.queued().await, 0);
    assert_eq!(desk.count("SELECT count(*) FROM inbox WHERE job_id LIKE 'event:%'").await, 1);
    serving.abort();
    // Whether such a message means something is not the question here.
    let dead = desk.count("SELECT count(*) FROM dead_letters").await;
    desk.finish_with_dead_letters(dead).await;
}
