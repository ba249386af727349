//! While Redis can't take a job, each kind of request is refused in its own way (rows F02 and R4).

use harness::actor::{Person, Spot};
use harness::desk::{Desk, SOON, TICKETS};
use harness::servers::PrivateRedis;
use harness::slack::payload::{EVENTS_PATH, FORM};
use serde_json::{Value, json};

use super::{IN_TIME, desk_on, until_ready};
use crate::gateway::{get, notify, send, tickets};
use crate::load::{accepted, eventually, given_back, settle, submit, template};
use crate::road::{file_ticket, fill_form, open_form};

fn reply_event() -> Value {
    json!({ "type": "event_callback", "team_id": "T0DESK", "event_id": "Ev0REPLY", "event": { "type": "message",
        "channel": TICKETS, "user": "U0AGENT1", "ts": "2.0", "thread_ts": "1.0", "text": "It rings." } })
}

/// Files a ticket, so that there is a card with buttons, and opens and fills another form.
async fn prepare(desk: &Desk) -> (Person, String) {
    let ana = desk.slack.person("U0AGENT1");
    file_ticket(desk, &ana, "Before the trouble.").await;
    let card = desk.text("SELECT ts FROM slack_messages WHERE target = 'card:1'").await;
    ana.close().await.unwrap();
    open_form(desk, &ana).await;
    fill_form(&ana, "Typed for ten minutes.");
    (ana, card)
}

/// One request of each kind; none may be taken, each must be answered in time and as Slack can show it.
async fn assert_all_refused(desk: &Desk, ana: &Person, card: &str) {
    let told = ana.ephemerals().len();
    let command = ana.command("/new-ticket", "").await;
    assert!(command.is_ok() && command.json()["response_type"] == "ephemeral", "{}", command.text());
    assert!(ana.ephemerals().len() == told + 1 && ana.ephemerals()[told].text.contains("try again"));

    let before = ana.view().unwrap();
    let submission = ana.submit().await.unwrap();
    assert!(given_back(&submission), "{:?} {}", submission.outcome, submission.text());
    let after = ana.view().expect("the form stays open");
    assert_eq!((&after.id, &after.inputs), (&before.id, &before.inputs), "nothing typed is lost");
    assert!(after.errors["details"].contains("submit again"), "{:?}", after.errors);

    let click = desk.slack.person("U0SYS1").press(Spot::Message(TICKETS, card), "Assign to Me").await.unwrap();
    let event = notify(desk, &reply_event()).await;
    let unreadable = send(desk, EVENTS_PATH, FORM, "payload=x").await;
    for (what, answer) in [("click", &click), ("event", &event), ("unreadable", &unreadable)] {
        assert_eq!((answer.status(), answer.body.len()), (Some(503), 0), "{what}");
    }
    for (what, answer) in [
        ("command", &command),
        ("submission", &submission),
        ("click", &click),
        ("event", &event),
        ("unreadable", &unreadable),
    ] {
        assert!(answer.elapsed < IN_TIME, "{what} took {:?}", answer.elapsed);
    }
    let verification = ana.verify_url("c").await;
    assert!(verification.is_ok(), "what needs no Redis works");
}

#[tokio::test]
async fn while_redis_is_away_everybody_is_told_and_afterwards_all_works_again() {
    let mut redis = PrivateRedis::start().await;
    let mut desk = desk_on(&redis).await;
    let (ana, card) = prepare(&desk).await;
    desk.run();
    assert_eq!(get(&desk.gateway_url, "/readyz").await.0, 200);
    for _ in 0..2 {
        redis.kill();
        assert_all_refused(&desk, &ana, &card).await;
        assert_eq!(get(&desk.gateway_url, "/readyz").await.0, 503);
        assert_eq!(get(&desk.gateway_url, "/healthz").await.0, 200, "the gateway itself is well");
        redis.up().await;
        // The gateway was not restarted, and nobody waits for it.
        until_ready(&desk).await;
    }
    assert_eq!(tickets(&desk).await, 1, "nothing that was refused took effect");
    assert!(accepted(&ana.submit().await.unwrap()));
    ana.wait_for_view(SOON, |view| view.title["text"] == "Ticket filed").await;
    ana.close().await.unwrap();
    eventually("a worker is heard of", async || ana.command("/new-ticket", "").await.text().is_empty()).await;
    ana.wait_for_view(SOON, |view| view.title["text"] == "New ticket").await;
    assert!(notify(&desk, &reply_event()).await.is_ok());
    assert_eq!(tickets(&desk).await, 2);
    settle(desk).await;
}

#[tokio::test]
async fn a_full_redis_refuses_new_work_while_workers_drain_the_old() {
    let redis = PrivateRedis::start().await;
    let mut desk = desk_on(&redis).await;
    let payload = template(&desk).await;
    let (ana, card) = prepare(&desk).await;
    for number in 0..5 {
        assert!(accepted(&submit(&desk, &payload, number).await));
    }
    redis.command("CONFIG SET maxmemory 1").await.unwrap();
    assert_all_refused(&desk, &ana, &card).await;
    assert_eq!(desk.queued().await, 5);
    desk.drain().await;
    assert_eq!((desk.queued().await, tickets(&desk).await), (0, 6), "workers settle what was taken");
    assert_all_refused(&desk, &ana, &card).await;
    assert_eq!(tickets(&desk).await, 6);
    redis.command("CONFIG SET maxmemory 0").await.unwrap();
    assert!(accepted(&ana.submit().await.unwrap()), "without hands");
    desk.run();
    ana.wait_for_view(SOON, |view| view.title["text"] == "Ticket filed").await;
    settle(desk).await;
}
