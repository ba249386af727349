//! Only what Slack signed, lately, is believed (rows H1 and H2). Slack's published example is a unit test of the gateway.

use std::time::Duration;

use harness::desk::{Desk, start_gateway};
use harness::slack::SentRequest;
use harness::slack::payload::{EVENTS_PATH, JSON};
use harness::slack::signing::signature;
use serde_json::json;

use super::{dead_letters, send, tickets};
use crate::load::submission_of;
use crate::road::{fill_form, open_form};

const SIGNATURE: &str = "X-Slack-Signature";
const TIMESTAMP: &str = "X-Slack-Request-Timestamp";
const ROUTES: [&str; 5] = [
    EVENTS_PATH,
    "/api/tickets/new-ticket",
    "/api/tickets/agent-tickets",
    "/api/tickets/system-tickets",
    "/api/tickets/ticket-summary",
];

fn challenge() -> String {
    json!({ "type": "url_verification", "challenge": "c" }).to_string()
}

/// A submission that would be accepted as it is.
async fn genuine(desk: &Desk) -> SentRequest {
    let ana = desk.slack.person("U0AGENT1");
    open_form(desk, &ana).await;
    fill_form(&ana, "Forged?");
    let payload = submission_of(desk);
    let body = harness::slack::payload::form(&[("payload", &payload.to_string())]);
    desk.slack.signed(body, harness::slack::payload::FORM, EVENTS_PATH)
}

#[tokio::test]
async fn whatever_is_not_exactly_signed_is_refused_without_a_word_and_without_a_job() {
    let desk = Desk::start().await;
    let request = genuine(&desk).await;
    let signed = request.header(SIGNATURE).unwrap().to_owned();
    let at = request.header(TIMESTAMP).unwrap().to_owned();
    let with = |name: &str, value: &str| request.clone().with_header(name, value);
    let doubled = |name: &str, value: &str| {
        let mut twice = request.clone();
        twice.headers.push((name.to_owned(), value.to_owned()));
        twice
    };
    let other_secret = signature("another secret", &at, &request.body);
    let another_time = (at.parse::<i64>().unwrap() + 1).to_string();
    let mut tampered = request.clone();
    *tampered.body.last_mut().unwrap() ^= 1;
    let mut longer = request.clone();
    longer.body.push(b'&');
    let forged = [
        ("no signature", request.clone().without_header(SIGNATURE)),
        ("no timestamp", request.clone().without_header(TIMESTAMP)),
        ("neither", request.clone().without_header(SIGNATURE).without_header(TIMESTAMP)),
        ("doubled signature", doubled(SIGNATURE, &signed)),
        ("a second, wrong signature", doubled(SIGNATURE, &other_secret)),
        ("doubled timestamp", doubled(TIMESTAMP, &at)),
        ("wrong version", with(SIGNATURE, &signed.replace("v0=", "v1="))),
        ("no version", with(SIGNATURE, &signed[3..])),
        ("uppercase version", with(SIGNATURE, &signed.replace("v0=", "V0="))),
        ("uppercase hex", with(SIGNATURE, &format!("v0={}", signed[3..].to_uppercase()))),
        ("odd length", with(SIGNATURE, &signed[..signed.len() - 1])),
        ("half", with(SIGNATURE, &signed[..35])),
        ("too long", with(SIGNATURE, &format!("{signed}00"))),
        ("no hex", with(SIGNATURE, &format!("v0={}", "z".repeat(64)))),
        ("zeros", with(SIGNATURE, &format!("v0={}", "0".repeat(64)))),
        ("empty", with(SIGNATURE, "")),
        ("not even ASCII", with(SIGNATURE, "v0=é")),
        ("another secret", with(SIGNATURE, &other_secret)),
        ("empty secret", with(SIGNATURE, &signature("", &at, &request.body))),
        ("another time", with(TIMESTAMP, &another_time)),
        ("time with a sign", with(TIMESTAMP, &format!("+{at}"))),
        ("time with a fraction", with(TIMESTAMP, &format!("{at}.0"))),
        ("no number", with(TIMESTAMP, "now")),
        ("huge time", with(TIMESTAMP, "99999999999999999999")),
        ("tampered body", tampered),
        ("longer body", longer),
    ];
    for (what, request) in forged {
        let answer = desk.slack.replay(&request, &desk.gateway_url).await;
        assert_eq!((answer.status(), answer.text().as_str()), (Some(401), ""), "{what}");
    }
    assert_eq!(desk.queued().await, 0);
    // The table means something only if the request itself is taken.
    assert!(desk.slack.replay(&request, &desk.gateway_url).await.is_ok());
    assert_eq!(desk.queued().await, 1);
    assert!(desk.slack.person("U0AGENT1").submit().await.unwrap().is_ok());
    desk.drain().await;
    assert_eq!(tickets(&desk).await, 1);
    desk.finish().await;
}

#[tokio::test]
async fn every_route_asks_for_the_signature() {
    let desk = Desk::start().await;
    for route in ROUTES {
        for content_type in [JSON, harness::slack::payload::FORM, "text/plain"] {
            let answer =
                desk.slack.raw_post(&desk.gateway_url, route, &[("Content-Type", content_type)], challenge()).await;
            assert_eq!((answer.status(), answer.text().as_str()), (Some(401), ""), "{route} {content_type}");
        }
    }
    assert!(dead_letters(&desk).await.is_empty());
    desk.finish().await;
}

#[tokio::test]
async fn a_request_is_believed_for_five_minutes_in_either_direction() {
    let desk = Desk::start().await;
    let request = |seconds: i64| {
        let at = (desk.slack.now().timestamp() + seconds).to_string();
        let signed = signature(&desk.slack.signing_secret(), &at, challenge().as_bytes());
        let request = desk.slack.signed(challenge(), JSON, EVENTS_PATH);
        request.with_header(TIMESTAMP, &at).with_header(SIGNATURE, &signed)
    };
    for (seconds, status) in [(-302, 401), (-298, 200), (0, 200), (298, 200), (302, 401), (-86_400, 401)] {
        let answer = desk.slack.send(&request(seconds)).await;
        assert_eq!(answer.status(), Some(status), "{seconds} s");
        assert!(status == 200 || answer.body.is_empty());
    }
    let request = desk.slack.signed(challenge(), JSON, EVENTS_PATH);
    assert!(desk.slack.send(&request).await.is_ok());
    desk.slack.advance(Duration::from_secs(302));
    assert_eq!(desk.slack.send(&request).await.status(), Some(401), "a recorded request, later");
    desk.finish().await;
}

#[tokio::test]
async fn both_secrets_count_while_the_secret_is_rotated() {
    let desk = Desk::start().await;
    let mut settings = desk.settings.clone();
    let new = "0123456789abcdef0123456789abcdef";
    settings.more.push(("SLACK_SIGNING_SECRET".to_owned(), format!("{new}, {}", desk.slack.signing_secret())));
    let (url, serving) = start_gateway(&desk.slack, &settings).await;
    desk.slack.set_gateway(&url);
    assert!(send(&desk, EVENTS_PATH, JSON, challenge()).await.is_ok(), "the old one");
    desk.slack.change(|world| new.clone_into(&mut world.app.signing_secret));
    assert!(send(&desk, EVENTS_PATH, JSON, challenge()).await.is_ok(), "the new one");
    desk.slack.set_gateway(&desk.gateway_url);
    assert_eq!(send(&desk, EVENTS_PATH, JSON, challenge()).await.status(), Some(401), "not known there yet");
    serving.abort();
    desk.finish().await;
}
