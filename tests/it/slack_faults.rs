//! Slack fails without saying whether it did its work (FAULTS.md S3, S4): whatever call of the road it hits, one ticket
//! comes to be shown once everywhere.

use std::time::Duration;

use harness::desk::{ADMIN, Desk, Settings, TICKETS};
use harness::slack::{Fault, On, SlackStandIn};
use serde_json::json;

use crate::filing::{alerts, assert_filed_once, cards, carry_on, carry_on_by, impatient, submit, submit_with_image};

/// Every call on the road of a ticket with an image.
const CALLS: [&str; 11] = [
    "views.open",
    "views.update",
    "chat.postMessage",
    "chat.getPermalink",
    "conversations.open",
    "chat.update",
    "files.info",
    "files.getUploadURLExternal",
    "files.completeUploadExternal",
    "upload",
    "download",
];

/// The first call of every method fails this way, the posts to all three conversations included.
async fn every_call_fails_once(fault: Fault, spare: &[&str]) {
    let desk = Desk::start_with(SlackStandIn::start().await, Settings::private().await, impatient()).await;
    let ana = desk.slack.person("U0AGENT1");
    let mut handles = Vec::new();
    for method in CALLS.into_iter().filter(|method| !spare.contains(method)) {
        let each = if method == "chat.postMessage" { vec![TICKETS, ADMIN, "D"] } else { vec![""] };
        for channel in each {
            let channel_is = move |args: &serde_json::Value| {
                args["channel"].as_str().unwrap_or_default().starts_with(channel) || method != "chat.postMessage"
            };
            handles.push((method, desk.slack.fault(On::next(method).matching(channel_is), fault.clone())));
        }
    }
    submit_with_image(&desk, &ana, "Every call fails once.").await;
    carry_on(&desk).await;
    for (method, handle) in handles {
        assert_eq!(handle.hits(), 1, "{fault:?} of {method} was suffered\n{}", desk.slack.dump());
    }
    assert_filed_once(&desk, &ana, 1).await;
    assert_eq!(alerts(&desk).len(), 0, "nothing that an operator could help with");
    desk.finish().await;
}

#[tokio::test]
async fn answers_with_status_500_cost_and_double_nothing() {
    every_call_fails_once(Fault::Status(500), &[]).await;
    every_call_fails_once(Fault::StatusAfter(503), &[]).await;
}

#[tokio::test]
async fn connections_reset_before_the_work_cost_and_double_nothing() {
    every_call_fails_once(Fault::ResetBefore, &[]).await;
}

#[tokio::test]
async fn connections_reset_after_the_work_cost_and_double_nothing() {
    every_call_fails_once(Fault::ResetAfter, &[]).await;
}

#[tokio::test]
async fn calls_without_an_answer_cost_and_double_nothing() {
    every_call_fails_once(Fault::Hang, &[]).await;
    every_call_fails_once(Fault::HangAfter, &[]).await;
}

#[tokio::test]
async fn broken_off_answers_cost_and_double_nothing() {
    every_call_fails_once(Fault::HalfAnswer, &["upload"]).await;
    every_call_fails_once(Fault::TruncatedJson, &["upload", "download"]).await;
}

#[tokio::test]
async fn web_pages_with_status_200_cost_and_double_nothing() {
    every_call_fails_once(Fault::Status(200), &["download"]).await;
    every_call_fails_once(Fault::StatusAfter(200), &["download"]).await;
}

#[tokio::test]
async fn errors_inside_slack_cost_and_double_nothing() {
    every_call_fails_once(Fault::Error("internal_error".to_owned()), &["upload", "download"]).await;
}

/// The post to this conversation is carried out, but its answer is lost; the history lags by `lag`.
async fn lost_answer_with_lag(channel: &'static str, lag: u64) {
    let desk = Desk::start().await;
    desk.slack.history_lag(Duration::from_secs(lag));
    let ana = desk.slack.person("U0AGENT1");
    let here = move |args: &serde_json::Value| args["channel"].as_str().unwrap_or_default().starts_with(channel);
    let lost = desk.slack.fault(On::next("chat.postMessage").matching(here), Fault::ResetAfter);
    submit(&desk, &ana, "The history lags.").await;
    carry_on_by(&desk, Duration::from_secs(1)).await;
    assert_eq!(lost.hits(), 1);
    let posts: Vec<_> = desk.slack.calls_of("chat.postMessage").into_iter().filter(|call| here(&call.args)).collect();
    assert_eq!(posts.len(), 1, "found in the history instead of posted again\n{}", desk.slack.dump());
    let looks = desk.slack.calls_of("conversations.history");
    let after = looks.iter().map(|look| (look.at - posts[0].at).num_seconds()).collect::<Vec<_>>();
    // The clocks of PostgreSQL and of the stand-in are read at different moments.
    let expected = if lag < 15 { &[5, 15][..] } else { &[5, 15, 45] };
    let as_planned = after.iter().zip(expected).all(|(after, planned)| (planned - 4..planned + 10).contains(after));
    assert!(after.len() == expected.len() && as_planned, "looked for after {after:?} s");
    assert_filed_once(&desk, &ana, 0).await;
    desk.finish().await;
}

#[tokio::test]
async fn a_history_that_lags_ten_seconds_doubles_nothing() {
    for channel in [TICKETS, ADMIN, "D"] {
        lost_answer_with_lag(channel, 10).await;
    }
}

#[tokio::test]
async fn a_history_that_lags_forty_seconds_doubles_nothing() {
    for channel in [TICKETS, ADMIN, "D"] {
        lost_answer_with_lag(channel, 40).await;
    }
}

#[tokio::test]
async fn a_card_that_changed_while_it_was_looked_for_shows_the_newest_state() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    desk.slack.fault(On::next("chat.postMessage").channel(TICKETS), Fault::ResetAfter);
    submit(&desk, &ana, "Before.").await;
    desk.drain().await;
    sqlx::query("UPDATE tickets SET details = 'After.'").execute(&desk.db).await.unwrap();
    carry_on(&desk).await;
    assert_filed_once(&desk, &ana, 0).await;
    assert!(cards(&desk, "T001")[0].all_text().contains("After."), "{}", desk.slack.dump());
    desk.finish().await;
}

#[tokio::test]
async fn a_search_that_fails_is_repeated_and_nothing_is_posted_meanwhile() {
    let html = Fault::Status(200);
    for fault in [Fault::Status(500), html, Fault::ResetAfter, Fault::Hang, Fault::HalfAnswer, Fault::TruncatedJson] {
        let desk = Desk::start_with(SlackStandIn::start().await, Settings::private().await, impatient()).await;
        let ana = desk.slack.person("U0AGENT1");
        desk.slack.fault(On::next("chat.postMessage").channel(TICKETS), Fault::ResetAfter);
        let failed = desk.slack.fault(On::next("conversations.history").times(2), fault.clone());
        submit(&desk, &ana, "Twice?").await;
        carry_on(&desk).await;
        assert_eq!(failed.hits(), 2, "{fault:?}");
        let posts = desk.slack.calls_of("chat.postMessage");
        assert_eq!(posts.iter().filter(|call| call.channel() == Some(TICKETS)).count(), 1, "{fault:?}");
        assert_filed_once(&desk, &ana, 0).await;
        desk.finish().await;
    }
}

#[tokio::test]
async fn a_post_whose_answer_names_no_channel_stands_where_it_was_sent() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    let short = Fault::Answer(json!({ "ok": true, "ts": "1795460400.000100" }));
    desk.slack.fault(On::next("chat.postMessage").channel(TICKETS), short);
    submit(&desk, &ana, "Short of words.").await;
    desk.drain().await;
    assert_eq!(desk.text("SELECT channel FROM slack_messages WHERE target = 'card:1'").await, TICKETS);
    assert_eq!(desk.count("SELECT count(*) FROM outbox WHERE ambiguous_since IS NOT NULL").await, 0);
    desk.finish().await;
}

#[tokio::test]
async fn a_slack_that_cannot_be_reached_for_a_while_costs_nothing_and_is_not_searched() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    submit(&desk, &ana, "Nobody answers the door.").await;
    desk.slack.refuse_connections(true).await;
    for _ in 0..12 {
        desk.drain().await;
        desk.elapse(Duration::from_secs(60)).await;
    }
    assert_eq!(desk.count("SELECT count(*) FROM outbox WHERE state = 'pending'").await, 3, "all is kept");
    desk.drain().await;
    let longest = "SELECT ceil(extract(epoch FROM max(due_at) - now()))::bigint FROM outbox WHERE state = 'pending'";
    let longest = desk.count(longest).await;
    assert!(longest <= 5, "all follows within seconds of Slack's return, not only after {longest} s");
    desk.slack.refuse_connections(false).await;
    // A long outage uses up no try: the first refusal afterwards is the first.
    let refused = desk.slack.fault(On::next("chat.postMessage").channel(TICKETS), Fault::Error("zzz".to_owned()));
    carry_on(&desk).await;
    assert_eq!((refused.hits(), desk.slack.count("conversations.history")), (1, 0));
    assert_filed_once(&desk, &ana, 0).await;
    desk.finish().await;
}
