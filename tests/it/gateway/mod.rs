//! The gateway as Slack, or somebody who pretends to be Slack, meets it.

mod bodies;
mod duplicates;
mod fuzz;
mod hostile_text;
mod payloads;
mod signature;
mod triggers;

use harness::desk::Desk;
use harness::slack::Delivery;
use harness::slack::payload::{EVENTS_PATH, FORM, JSON, form};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Sends a signed form or JSON body as it is.
pub(crate) async fn send(desk: &Desk, path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Delivery {
    desk.slack.send(&desk.slack.signed(body.into(), content_type, path)).await
}

/// Sends an interaction's payload, signed.
pub(crate) async fn interact(desk: &Desk, payload: &Value) -> Delivery {
    send(desk, EVENTS_PATH, FORM, form(&[("payload", &payload.to_string())])).await
}

/// Sends a JSON request to the address of events, signed.
pub(crate) async fn notify(desk: &Desk, request: &Value) -> Delivery {
    send(desk, EVENTS_PATH, JSON, request.to_string()).await
}

/// Sends something until it is taken: a machine under load may be slower than the half second that the gateway gives Redis,
/// which it then says, as to a person or to Slack, who try again.
pub(crate) async fn until_taken<F: Future<Output = Delivery>>(send: impl Fn() -> F) -> Delivery {
    let mut answer = send().await;
    for _ in 0..50 {
        if answer.status() != Some(503) && !answer.text().contains("please try again in a moment") {
            break;
        }
        answer = send().await;
    }
    answer
}

/// What was given up: the bytes and the reason of each, oldest first.
pub(crate) async fn dead_letters(desk: &Desk) -> Vec<(Vec<u8>, String)> {
    let query = "SELECT entry, reason FROM dead_letters ORDER BY id";
    sqlx::query_as(query).fetch_all(&desk.db).await.expect("the dead letters can be read")
}

/// How many tickets there are.
pub(crate) async fn tickets(desk: &Desk) -> i64 {
    desk.count("SELECT count(*) FROM tickets").await
}

/// Status and body of a GET.
pub(crate) async fn get(url: &str, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n");
    let answer = exchange(url.trim_start_matches("http://"), request.as_bytes()).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no status: {answer:?}")), body.to_owned())
}

/// Sends bytes over a connection of its own and reads until the other side closes it; answers what came.
pub(crate) async fn exchange(address: &str, bytes: &[u8]) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("the gateway listens");
    // It may answer and close before everything is sent.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(n) = stream.read(&mut buffer).await {
        if n == 0 {
            break;
        }
        answer.extend_from_slice(&buffer[..n]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}
