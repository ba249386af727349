//! Random alterations of genuine payloads (row H5): whatever they are, Slack gets a 200, and what was taken ends as an
//! effect or as a dead letter. The sequence is the same in every run; `FUZZ_SEED` chooses another.

use std::time::Duration;

use harness::desk::Desk;
use harness::slack::payload::{EVENTS_PATH, FORM, JSON, form};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::send;
use crate::road::{fill_form, open_form};

/// SplitMix64: small, and good enough to choose alterations.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        let seed = std::env::var("FUZZ_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_117);
        println!("FUZZ_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}

fn strange(dice: &mut Dice) -> Value {
    let texts =
        ["", " ", "\u{0}", "U1>", "<!channel>", "../..", "9999999999999999999", "-1", "%00", "é🎧\u{202e}", "{}"];
    match dice.below(10) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(-1),
        3 => json!(u64::MAX),
        4 => json!(1.5e300),
        5 => json!([]),
        6 => json!({ "id": { "id": [null] } }),
        7 => json!("x".repeat(1 + dice.below(5000))),
        _ => json!(texts[dice.below(texts.len())]),
    }
}

/// Alters one place of a JSON value, somewhere inside.
fn alter(value: &mut Value, dice: &mut Dice) {
    match value {
        Value::Object(fields) if !fields.is_empty() && dice.below(8) != 0 => {
            let name = fields.keys().nth(dice.below(fields.len())).cloned().unwrap_or_default();
            match dice.below(6) {
                0 => drop(fields.remove(&name)),
                1 => {
                    let moved = fields.remove(&name).unwrap_or_default();
                    fields.insert(format!("{name}_"), moved);
                }
                _ => alter(&mut fields[&name], dice),
            }
        }
        Value::Array(values) if !values.is_empty() && dice.below(8) != 0 => {
            let at = dice.below(values.len());
            match dice.below(4) {
                0 => drop(values.remove(at)),
                1 => values.push(values[at].clone()),
                _ => alter(&mut values[at], dice),
            }
        }
        other => *other = strange(dice),
    }
}

fn scramble(bytes: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..=dice.below(3) {
        if bytes.is_empty() {
            return;
        }
        let at = dice.below(bytes.len());
        match dice.below(5) {
            0 => bytes.truncate(at),
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, dice.below(256) as u8),
            3 => bytes.extend_from_within(at..),
            _ => bytes[at] ^= 1 << dice.below(8),
        }
    }
}

/// Genuine payloads: a submission, a click, an event; and the fields of a command.
async fn genuine(desk: &Desk) -> (Vec<Value>, String) {
    let ana = desk.slack.person("U0AGENT1");
    open_form(desk, &ana).await;
    fill_form(&ana, "The dialer drops every second call.");
    ana.fill("Screenshots", vec![harness::actor::Upload::new("a.png", harness::slack::files::TINY_PNG)]).unwrap();
    desk.slack.change(|world| {
        let view = world.top_view("U0AGENT1").expect("the form is open").id.clone();
        let submission = harness::slack::payload::submission(world, &view).expect("the form is open");
        let button = json!({ "action_id": "open_form", "block_id": "b", "type": "button", "value": "form" });
        let click = harness::slack::payload::view_action(world, &view, &button).expect("the form is open");
        let message = json!({ "type": "message", "channel": "C0TICKETS", "channel_type": "channel", "user": "U0AGENT1",
            "ts": "1700000002.000100", "thread_ts": "1700000001.000100", "text": "It rings." });
        let event = harness::slack::payload::event(world, &message);
        let command = harness::slack::payload::command(world, "U0AGENT1", "C0GENERAL", "/new-ticket", "x");
        (vec![submission, click, event], command)
    })
}

/// What must hold afterwards: every request that was taken has ended somewhere.
async fn settle(desk: Desk) {
    let left = "SELECT count(*) FROM outbox WHERE state IN ('sending', 'pending', 'waiting')";
    for round in 0.. {
        desk.drain().await;
        if desk.count(left).await == 0 {
            break;
        }
        assert!(round < 10, "deliveries are never made\n{}", desk.slack.dump());
        desk.elapse(Duration::from_secs(3600)).await;
    }
    let dead = desk.count("SELECT count(*) FROM dead_letters").await;
    println!("{dead} dead letters, {} tickets", desk.count("SELECT count(*) FROM tickets").await);
    assert_eq!(desk.count("SELECT count(*) FROM job_attempts WHERE failures > 0").await, 0, "a job still fails");
    assert!(dead > 0, "nothing was altered beyond recognition");
    desk.finish_with_dead_letters(dead).await;
}

#[tokio::test]
async fn altered_fields_never_cost_more_than_themselves() {
    let desk = Desk::start().await;
    let mut dice = Dice::new();
    let (payloads, command) = genuine(&desk).await;
    let fields: Vec<(String, String)> = serde_urlencoded::from_str(&command).unwrap();
    for n in 0..240 {
        let mut altered = payloads[n % payloads.len()].clone();
        for _ in 0..=dice.below(3) {
            alter(&mut altered, &mut dice);
        }
        let answer = if n % payloads.len() == 2 {
            send(&desk, EVENTS_PATH, JSON, altered.to_string()).await
        } else {
            send(&desk, EVENTS_PATH, FORM, form(&[("payload", &altered.to_string())])).await
        };
        assert_eq!(answer.status(), Some(200), "{altered}");
        let mut fields = fields.clone();
        let at = dice.below(fields.len());
        fields[at].1 = strange(&mut dice).to_string();
        if dice.below(4) == 0 {
            fields.remove(dice.below(fields.len()));
        }
        let body = serde_urlencoded::to_string(&fields).unwrap();
        let answer = send(&desk, "/api/tickets/new-ticket", FORM, body.clone()).await;
        assert_eq!(answer.status(), Some(200), "{body}");
        if n % 50 == 0 {
            desk.drain().await;
        }
    }
    settle(desk).await;
}

#[tokio::test]
async fn scrambled_bytes_are_answered_with_200_or_as_no_form_and_no_json() {
    let desk = Desk::start().await;
    let mut dice = Dice::new();
    let (payloads, command) = genuine(&desk).await;
    let bodies = [
        (EVENTS_PATH, FORM, form(&[("payload", &payloads[0].to_string())])),
        (EVENTS_PATH, FORM, form(&[("payload", &payloads[1].to_string())])),
        (EVENTS_PATH, JSON, payloads[2].to_string()),
        ("/api/tickets/new-ticket", FORM, command),
    ];
    let mut refused = 0;
    for n in 0..320 {
        let (path, content_type, body) = &bodies[n % bodies.len()];
        let mut body = body.clone().into_bytes();
        scramble(&mut body, &mut dice);
        let text = String::from_utf8_lossy(&body).into_owned();
        let answer = send(&desk, path, content_type, body.clone()).await;
        let json = std::str::from_utf8(&body).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
        let form = std::str::from_utf8(&body).is_ok_and(|text| text.contains('='));
        let readable = if *content_type == JSON { json } else { form };
        let expected = if readable { 200 } else { 400 };
        assert_eq!(answer.status(), Some(expected), "{text}");
        refused += usize::from(!readable);
        if n % 50 == 0 {
            desk.drain().await;
        }
    }
    assert!(refused > 10, "{refused}");
    settle(desk).await;
}
