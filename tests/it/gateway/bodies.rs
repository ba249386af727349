//! Bodies that are too large, endless, packed, or no text (row H3).

use std::time::Instant;

use harness::desk::Desk;
use harness::slack::payload::{EVENTS_PATH, FORM, JSON, form};
use serde_json::json;

use super::{dead_letters, exchange, interact, notify, send, tickets};
use crate::load::submission_of;
use crate::road::{fill_form, open_form};

const MIB: usize = 1024 * 1024;

/// The head of a request with the signature of `body`.
fn head(desk: &Desk, body: &[u8], more: &str) -> String {
    let request = desk.slack.signed(body, JSON, EVENTS_PATH);
    let mut head = format!("POST {EVENTS_PATH} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n{more}");
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head + "\r\n"
}

fn chunked(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in body.chunks(16 * 1024) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

/// A `url_verification` of exactly this length.
fn verification(length: usize) -> Vec<u8> {
    let mut body = json!({ "type": "url_verification", "challenge": "c", "padding": "" }).to_string();
    let at = body.len() - 2;
    body.insert_str(at, &"x".repeat(length - body.len()));
    body.into_bytes()
}

#[tokio::test]
async fn more_than_a_mebibyte_is_refused_with_and_without_a_length() {
    let desk = Desk::start().await;
    let address = desk.gateway_url.trim_start_matches("http://").to_owned();
    for (length, status) in [(MIB, 200), (MIB + 1, 413), (3 * MIB, 413)] {
        let body = verification(length);
        let answer = send(&desk, EVENTS_PATH, JSON, body.clone()).await;
        assert_eq!(answer.status(), Some(status), "{length} bytes with a length");
        assert!(status == 200 || answer.body.is_empty());
        let mut request = head(&desk, &body, "Transfer-Encoding: chunked\r\n").into_bytes();
        request.extend(chunked(&body));
        let answer = exchange(&address, &request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{length} bytes in chunks: {answer}");
        let closes = answer.to_lowercase().contains("connection: close");
        assert!(status == 200 || closes, "whoever keeps connections is told: {answer}");
    }
    desk.finish().await;
}

#[tokio::test]
async fn a_length_that_is_too_large_is_refused_before_the_body_comes() {
    let desk = Desk::start().await;
    let address = desk.gateway_url.trim_start_matches("http://").to_owned();
    let request = head(&desk, b"", "Content-Length: 10000000000\r\n");
    let started = Instant::now();
    let answer = exchange(&address, request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(started.elapsed().as_millis() < 1500, "it waited for a body that is refused anyway");
    desk.finish().await;
}

#[tokio::test]
async fn a_body_that_stops_coming_is_given_up_in_time() {
    let desk = Desk::start().await;
    let address = desk.gateway_url.trim_start_matches("http://").to_owned();
    let body = verification(1000);
    let mut request = head(&desk, &body, "Content-Length: 1000\r\n").into_bytes();
    request.extend(&body[..500]);
    let started = Instant::now();
    let answer = exchange(&address, &request).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(started.elapsed().as_millis() < 2900);
    desk.finish().await;
}

#[tokio::test]
async fn a_packed_body_is_not_inflated() {
    let desk = Desk::start().await;
    // 31 bytes of gzip that would be `{"type":"url_verification"…`; the signature is over them as they are.
    let packed =
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\x56\x2a\xa9\x2c\x48\x55\xb2\x52\x2a\x2d\xca\x01\x00\x00\x00\x00";
    for encoding in ["gzip", "deflate", "br"] {
        let request = desk.slack.signed(packed.as_slice(), JSON, EVENTS_PATH).with_header("Content-Encoding", encoding);
        let answer = desk.slack.send(&request).await;
        assert_eq!(answer.status(), Some(400), "{encoding}");
    }
    desk.finish().await;
}

#[tokio::test]
async fn what_is_neither_form_nor_json_is_answered_with_400() {
    let desk = Desk::start().await;
    let cases: [(&str, &[u8]); 9] = [
        (JSON, b""),
        (JSON, b"hello"),
        (JSON, b"{\"type\":"),
        (JSON, b"\xff\xfe\x00"),
        (JSON, b"{\"type\":\"\xff\"}"),
        (FORM, b""),
        (FORM, b"hello"),
        (FORM, b"\xff\xfe=\x01"),
        ("text/plain", b"payload=%7B%7D"),
    ];
    for (content_type, body) in cases {
        let answer = send(&desk, EVENTS_PATH, content_type, body).await;
        assert_eq!(answer.status(), Some(400), "{content_type} {:?}", String::from_utf8_lossy(body));
        assert!(answer.body.is_empty());
    }
    let unnamed = desk.slack.signed("payload=%7B%7D", FORM, EVENTS_PATH).without_header("Content-Type");
    assert_eq!(desk.slack.send(&unnamed).await.status(), Some(400));
    assert_eq!(send(&desk, "/api/tickets/new-ticket", FORM, "hello").await.status(), Some(400));
    assert_eq!(desk.queued().await, 0);
    desk.finish().await;
}

#[tokio::test]
async fn media_types_may_carry_parameters_and_capitals() {
    let desk = Desk::start().await;
    let body = json!({ "type": "url_verification", "challenge": "abc" }).to_string();
    for content_type in ["application/json; charset=utf-8", "Application/JSON"] {
        let answer = send(&desk, EVENTS_PATH, content_type, body.clone()).await;
        assert_eq!((answer.status(), answer.json()["challenge"].as_str()), (Some(200), Some("abc")), "{content_type}");
    }
    desk.finish().await;
}

#[tokio::test]
async fn deep_doubled_and_nul_bearing_payloads_are_answered_and_kept() {
    let desk = Desk::start().await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let depth = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    // Deep where nobody looks: ignored like any unknown field.
    let unknown = format!(
        "{{\"type\":\"event_callback\",\"event_id\":\"Ev1\",\"team_id\":\"T0DESK\",\"x\":{deep},\"event\":{{\"type\":\"emoji_changed\"}}}}"
    );
    assert!(send(&desk, EVENTS_PATH, JSON, unknown).await.is_ok());
    assert_eq!(desk.queued().await, 0);
    // Deep where we look, and fields that stand there twice: JSON all the same, so 200 and kept.
    let kept = [
        (
            JSON,
            format!(
                "{{\"type\":\"event_callback\",\"event_id\":\"Ev2\",\"team_id\":\"T0DESK\",\"event\":{}}}",
                depth(400)
            ),
        ),
        (JSON, depth(100_000)),
        (JSON, "{\"type\":\"event_callback\",\"type\":\"event_callback\"}".to_owned()),
        (FORM, form(&[("payload", &format!("{{\"type\":{deep}}}"))])),
        (FORM, form(&[("payload", "{\"type\":\"block_actions\",\"type\":\"view_submission\"}")])),
    ];
    for (content_type, body) in &kept {
        let answer = send(&desk, EVENTS_PATH, content_type, body.clone()).await;
        assert_eq!((answer.status(), answer.body.len()), (Some(200), 0), "{}", &body[..body.len().min(80)]);
    }
    desk.drain().await;
    let letters = dead_letters(&desk).await;
    assert_eq!(letters.len(), kept.len());
    for (_, body) in &kept {
        assert!(letters.iter().any(|(entry, _)| entry == body.as_bytes()), "kept to the byte");
    }
    desk.finish_with_dead_letters(5).await;
}

#[tokio::test]
async fn a_nul_reaches_postgresql_in_no_field() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    open_form(&desk, &ana).await;
    fill_form(&ana, "It says\u{0} nothing\u{1}.");
    let payload = submission_of(&desk);
    let with = |pointer: &str, value: serde_json::Value| {
        let mut altered = payload.clone();
        *altered.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
        altered
    };
    // Nobody can wait for an answer to these: they are kept as unreadable.
    assert!(interact(&desk, &with("/view/id", json!("V\u{0}1"))).await.is_ok());
    let event = json!({ "type": "event_callback", "event_id": "Ev\u{0}1", "team_id": "T0DESK",
        "event": { "type": "message", "channel": "C0TICKETS", "user": "U0AGENT1", "ts": "2.0", "thread_ts": "1.0" } });
    assert!(notify(&desk, &event).await.is_ok());
    // A choice or a file that no client can have sent is refused like a missing one.
    let chosen = "/view/state/values/campaign/campaign/selected_option/value";
    let answer = interact(&desk, &with(chosen, json!("Camp\u{0}"))).await;
    assert_eq!(answer.json()["errors"].as_object().map(|errors| errors.contains_key("campaign")), Some(true));
    let file =
        json!([{ "id": "F1", "name": "a\u{0}.png", "mimetype": "image/\u{0}png", "permalink": "https://x/\u{0}" }]);
    let answer = interact(&desk, &with("/view/state/values/screenshots/screenshots/files", file)).await;
    assert_eq!(answer.json()["errors"].as_object().map(|errors| errors.contains_key("screenshots")), Some(true));
    // In what was typed it is left out.
    assert_eq!(ana.submit().await.unwrap().json()["response_action"], "update");
    desk.drain().await;
    assert_eq!(tickets(&desk).await, 1);
    assert_eq!(desk.text("SELECT details FROM tickets").await, "It says nothing.");
    assert_eq!(dead_letters(&desk).await.len(), 2);
    desk.finish_with_dead_letters(2).await;
}
