//! Genuine requests: unreadable ones are kept, unknown ones are ignored, wrong fields are named (row H5).

use harness::actor::{Entry, Upload};
use harness::desk::Desk;
use harness::slack::files::TINY_PNG;
use harness::slack::payload::{EVENTS_PATH, FORM, form};
use serde_json::{Value, json};

use super::{dead_letters, interact, notify, send, tickets, until_taken};
use crate::load::submission_of;
use crate::road::{fill_form, open_form};

fn by_ana(mut payload: Value) -> Value {
    for (name, value) in [
        ("user", json!({ "id": "U0AGENT1", "team_id": "T0DESK" })),
        ("team", json!({ "id": "T0DESK" })),
        ("api_app_id", json!("A0DESK")),
        ("trigger_id", json!("1.2.3")),
    ] {
        if payload.get(name).is_none() {
            payload[name] = value;
        }
    }
    payload
}

fn event(event: Value) -> Value {
    json!({ "type": "event_callback", "team_id": "T0DESK", "event_id": "Ev1", "event": event })
}

#[tokio::test]
async fn genuine_but_unreadable_requests_are_kept_to_the_byte_with_a_reason() {
    let desk = Desk::start().await;
    let command = |fields: &[(&str, &str)]| ("/api/tickets/new-ticket", form(fields));
    let payload = |json: &str| (EVENTS_PATH, form(&[("payload", json)]));
    let click = |action: Value| payload(&by_ana(json!({ "type": "block_actions", "actions": [action] })).to_string());
    let submission = |view: Value| payload(&by_ana(json!({ "type": "view_submission", "view": view })).to_string());
    let forms = [
        (command(&[("team_id", "T0DESK"), ("trigger_id", "1.2.3")]), "without a user_id"),
        (command(&[("team_id", "T0DESK"), ("trigger_id", "1.2.3"), ("user_id", "<@U1>")]), "without a user_id"),
        (command(&[("user_id", "U0AGENT1"), ("trigger_id", "1.2.3")]), "without a team_id"),
        (command(&[("user_id", "U0AGENT1"), ("team_id", "T0DESK")]), "without a trigger_id"),
        ((EVENTS_PATH, "a=b".to_owned()), "without a payload"),
        ((EVENTS_PATH, "payload=%FF%FE".to_owned()), "no JSON of the expected shape"),
        (payload("[]"), "without a type"),
        (payload("{\"type\":"), "no JSON of the expected shape"),
        (payload("{}"), "without a type"),
        (payload("{\"type\":7}"), "without a type"),
        (payload("{\"type\":\"block_actions\"}"), "without a user"),
        (payload(&by_ana(json!({ "type": "block_actions" })).to_string()), "without an action"),
        (payload(&by_ana(json!({ "type": "block_actions", "actions": [] })).to_string()), "without an action"),
        (click(json!({ "value": "1" })), "without an action id"),
        (click(json!({ "action_id": "ticket_assign", "value": "1 or 1=1" })), "without a ticket"),
        (click(json!({ "action_id": "ticket_assign" })), "without a ticket"),
        (payload("{\"type\":\"view_submission\"}"), "without a user"),
        (payload(&by_ana(json!({ "type": "view_submission" })).to_string()), "without a view"),
        (submission(json!({ "callback_id": "new_ticket" })), "without a view id"),
        (submission(json!({ "id": "V1", "callback_id": "ticket_comment" })), "without a ticket"),
    ];
    let events = [
        (json!([]), "without a type"),
        (json!("text"), "another shape"),
        (json!({}), "without a type"),
        (json!({ "type": "url_verification" }), "without a challenge"),
        (json!({ "type": "event_callback", "team_id": "T0DESK", "event": {} }), "without an event_id"),
        (json!({ "type": "event_callback", "event_id": "Ev1", "event": {} }), "without a team_id"),
        (json!({ "type": "event_callback", "event_id": "Ev1", "team_id": "T0DESK" }), "without an event"),
        (event(json!({ "user": "U0AGENT1" })), "without a type"),
    ];
    let mut kept = Vec::new();
    for ((path, body), reason) in forms {
        let answer = until_taken(|| send(&desk, path, FORM, body.clone())).await;
        assert_eq!((answer.status(), answer.text().as_str()), (Some(200), ""), "{body}");
        kept.push((body.into_bytes(), reason));
    }
    for (body, reason) in events {
        let answer = until_taken(|| notify(&desk, &body)).await;
        assert_eq!((answer.status(), answer.text().as_str()), (Some(200), ""), "{body}");
        kept.push((body.to_string().into_bytes(), reason));
    }
    desk.drain().await;
    let letters = dead_letters(&desk).await;
    assert_eq!(letters.len(), kept.len());
    for (body, reason) in &kept {
        let found = letters.iter().find(|(entry, _)| entry == body);
        let (_, written) = found.unwrap_or_else(|| panic!("{} is not kept", String::from_utf8_lossy(body)));
        assert!(written.contains(reason), "{written:?} instead of {reason:?}");
    }
    let count = letters.len() as i64;
    // Sent again they are the same letters.
    send(&desk, EVENTS_PATH, FORM, "a=b").await;
    desk.drain().await;
    desk.finish_with_dead_letters(count).await;
}

#[tokio::test]
async fn what_is_not_ours_is_answered_and_forgotten() {
    let desk = Desk::start().await;
    let click = |action_id: &str| by_ana(json!({ "type": "block_actions", "actions": [{ "action_id": action_id }] }));
    let submission = |view: Value| by_ana(json!({ "type": "view_submission", "view": view }));
    let message = |more: Value| {
        let mut message = json!({ "type": "message", "channel": "C0TICKETS", "user": "U0AGENT1", "ts": "2.0" });
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event(message)
    };
    let interactions = [
        click("someone_elses_button"),
        click("link"),
        click(""),
        submission(json!({ "id": "V1", "callback_id": "someone_elses_view" })),
        submission(json!({ "id": "V1" })),
        submission(json!({ "id": "V1", "callback_id": "new_ticket", "app_id": "A0OTHER" })),
        by_ana(json!({ "type": "view_closed", "view": { "id": "V1", "callback_id": "new_ticket" } })),
        by_ana(json!({ "type": "shortcut", "callback_id": "x" })),
        by_ana(json!({ "type": "message_action", "callback_id": "x" })),
        by_ana(json!({ "type": "a_type_of_next_year", "more": [1, 2, { "deep": null }] })),
    ];
    for payload in interactions {
        let answer = interact(&desk, &payload).await;
        assert_eq!((answer.status(), answer.text().as_str()), (Some(200), ""), "{payload}");
    }
    let events = [
        event(json!({ "type": "reaction_added", "user": "U0AGENT1" })),
        event(json!({ "type": "an_event_of_next_year", "x": { "y": [] } })),
        json!({ "type": "app_rate_limited", "team_id": "T0DESK" }),
        message(json!({})),
        message(json!({ "thread_ts": "2.0" })),
        message(json!({ "thread_ts": "1.0", "bot_id": "B0BOT" })),
        message(json!({ "thread_ts": "1.0", "subtype": "channel_join" })),
    ];
    for request in events {
        let answer = notify(&desk, &request).await;
        assert_eq!((answer.status(), answer.text().as_str()), (Some(200), ""), "{request}");
    }
    assert_eq!(desk.queued().await, 0);
    desk.finish().await;
}

#[tokio::test]
async fn slacks_own_checks_are_answered() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    let answer = ana.verify_url("3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P").await;
    assert!(answer.is_ok() && answer.content_type.starts_with("application/json"));
    assert_eq!(answer.json(), json!({ "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P" }));
    for path in ["/api/tickets/new-ticket", "/api/tickets/ticket-summary", EVENTS_PATH] {
        let answer = send(&desk, path, FORM, "ssl_check=1&token=x").await;
        assert_eq!((answer.status(), answer.text().as_str()), (Some(200), ""), "{path}");
    }
    assert_eq!(desk.queued().await, 0);
    desk.finish().await;
}

#[tokio::test]
async fn wrong_fields_are_named_in_the_form_and_what_was_typed_stays() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    let png = |n: usize| Upload::new(&format!("{n}.png"), TINY_PNG);
    let text = |text: &str| Entry::Raw(json!({ "type": "plain_text_input", "value": text }));
    let option = |value: &str| Entry::Raw(json!({ "type": "static_select", "selected_option": { "value": value } }));
    let nothing = || Entry::Raw(json!({ "type": "static_select", "selected_option": null }));
    let cases: Vec<(&str, Entry, &str, &str)> = vec![
        ("Details", text(" \n\u{200b}"), "details", "describe"),
        ("Details", text(&"x".repeat(3001)), "details", "3001"),
        ("Details", Entry::Raw(json!({ "type": "plain_text_input", "value": null })), "details", "describe"),
        ("Screenshots", Entry::Files((0..6).map(png).collect()), "screenshots", "6 files"),
        (
            "Screenshots",
            Entry::Files(vec![png(1), Upload::new("contract.pdf", "%PDF-1.7")]),
            "screenshots",
            "contract.pdf",
        ),
        ("Campaign", nothing(), "campaign", "campaign"),
        ("Issue type", option(&"x".repeat(151)), "issue_type", "issue type"),
        ("Priority", option("urgent!!"), "priority", "priority"),
    ];
    open_form(&desk, &ana).await;
    for (field, entry, block, word) in cases {
        fill_form(&ana, "The dialer is down.");
        ana.fill("Screenshots", Entry::Nothing).unwrap();
        ana.fill(field, entry).unwrap();
        let answer = ana.submit_unchecked().await.unwrap();
        assert_eq!(answer.json()["response_action"], "errors", "{field}");
        let view = ana.view().expect("the form stays open");
        assert_eq!(view.errors.keys().collect::<Vec<_>>(), [block], "{field}");
        assert!(view.errors[block].contains(word), "{}", view.errors[block]);
        assert_eq!(view.inputs["campaign"].len(), 1, "what was chosen stays");
    }
    assert_eq!(desk.queued().await, 0);
    // Several at once, each under its own field.
    ana.fill("Details", text("")).unwrap();
    ana.fill("Priority", nothing()).unwrap();
    ana.submit_unchecked().await.unwrap();
    assert_eq!(ana.view().unwrap().errors.keys().collect::<Vec<_>>(), ["details", "priority"]);
    // Corrected, the same form is taken.
    fill_form(&ana, "The dialer is down.");
    ana.fill("Screenshots", vec![png(1)]).unwrap();
    assert!(ana.submit().await.unwrap().is_ok());
    desk.drain().await;
    assert_eq!(tickets(&desk).await, 1);
    assert_eq!(ana.view().unwrap().title["text"], "Ticket filed");
    desk.finish().await;
}

#[tokio::test]
async fn requests_of_another_workspace_have_no_effect_and_are_kept() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    open_form(&desk, &ana).await;
    fill_form(&ana, "From elsewhere.");
    let opened = desk.slack.count("views.open");
    let mut payload = submission_of(&desk);
    payload["team"]["id"] = json!("T0OTHER");
    payload["user"]["team_id"] = json!("T0OTHER");
    assert!(interact(&desk, &payload).await.is_ok());
    let trigger = ana.trigger().id;
    let fields = [("team_id", "T0OTHER"), ("user_id", "U0AGENT1"), ("trigger_id", trigger.as_str())];
    assert!(send(&desk, "/api/tickets/new-ticket", FORM, form(&fields)).await.is_ok());
    desk.drain().await;
    assert_eq!((tickets(&desk).await, desk.slack.count("views.open")), (0, opened));
    let letters = dead_letters(&desk).await;
    assert!(letters.len() == 2 && letters.iter().all(|(_, reason)| reason.contains("another workspace")));
    desk.finish_with_dead_letters(2).await;
}
