//! Slack asks to be left alone for a while (FAULTS.md S1, S2): 429 is obeyed by all workers together, it delays that
//! method and channel only, and it costs nothing.

use std::time::Duration;

use harness::desk::{ADMIN, Desk, SOON, Settings, TICKETS, start_worker, test_waits};
use harness::slack::{Call, Fault, On, SlackStandIn};
use worker::config::Waits;

use crate::filing::{
    assert_filed_once, cards, carry_on, carry_on_by, notices, submit, submit_with_image, told, wait_until_done,
};
use crate::load::eventually;
use crate::road::fill_form;

fn limited(retry_after: &str) -> Fault {
    Fault::RateLimited(Some(retry_after.to_owned()))
}

/// The calls with this key, of which the first was told to wait.
fn calls_to(desk: &Desk, method: &str, channel: &str) -> Vec<Call> {
    let here = |call: &Call| channel.is_empty() || call.channel().is_some_and(|id| id.starts_with(channel));
    desk.slack.calls_of(method).into_iter().filter(here).collect()
}

fn assert_obeyed(calls: &[Call], window: Duration) {
    let told_to_wait = calls.iter().find(|call| call.status == Some(429)).expect("429 was answered");
    let later: Vec<_> = calls.iter().filter(|call| call.number > told_to_wait.number).collect();
    assert!(!later.is_empty(), "it was called again");
    for call in later {
        let waited = (call.at - told_to_wait.at).to_std().unwrap_or_default();
        assert!(waited >= window, "called again after {waited:?}: {}", call.line());
    }
}

async fn first_call_is_limited(method: &'static str, channel: &'static str, fault: Fault) {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    let here = move |args: &serde_json::Value| {
        channel.is_empty() || args["channel"].as_str().is_some_and(|id| id.starts_with(channel))
    };
    let fault = desk.slack.fault(On::next(method).matching(here), fault);
    submit_with_image(&desk, &ana, "Please wait.").await;
    carry_on_by(&desk, Duration::from_millis(500)).await;
    assert_eq!(fault.hits(), 1, "{method} {channel}");
    assert_obeyed(&calls_to(&desk, method, channel), Duration::from_secs(3));
    assert_eq!(desk.slack.count("conversations.history"), 0, "what was refused is not searched for");
    assert_filed_once(&desk, &ana, 1).await;
    desk.finish().await;
}

const CALLS: [(&str, &str); 10] = [
    ("chat.postMessage", TICKETS),
    ("chat.postMessage", ADMIN),
    ("chat.postMessage", "D"),
    ("chat.getPermalink", ""),
    ("conversations.open", ""),
    ("views.update", ""),
    ("chat.update", ""),
    ("files.info", ""),
    ("files.getUploadURLExternal", ""),
    ("files.completeUploadExternal", ""),
];

#[tokio::test]
async fn every_call_waits_as_long_as_slack_asks_for_and_loses_nothing() {
    for (method, channel) in CALLS {
        first_call_is_limited(method, channel, limited("3")).await;
    }
}

#[tokio::test]
async fn a_429_without_a_body_is_obeyed_as_well() {
    for (method, channel) in CALLS {
        first_call_is_limited(method, channel, Fault::RateLimitedBare(Some("3".to_owned()))).await;
    }
}

#[tokio::test]
async fn looking_for_a_post_waits_as_long_as_slack_asks_for() {
    for limit in [limited("30"), Fault::RateLimitedBare(Some("30".to_owned()))] {
        let desk = Desk::start().await;
        let ana = desk.slack.person("U0AGENT1");
        desk.slack.fault(On::next("chat.postMessage").channel(TICKETS), Fault::ResetAfter);
        let busy = desk.slack.fault(On::next("conversations.history"), limit);
        submit(&desk, &ana, "Did it arrive?").await;
        carry_on(&desk).await;
        assert_eq!(busy.hits(), 1);
        assert_obeyed(&calls_to(&desk, "conversations.history", ""), Duration::from_secs(30));
        assert_eq!(calls_to(&desk, "chat.postMessage", TICKETS).len(), 1, "{}", desk.slack.dump());
        assert_filed_once(&desk, &ana, 0).await;
        desk.finish().await;
    }
}

#[tokio::test]
async fn a_worker_that_starts_while_slack_is_busy_waits_and_files_everything() {
    for limit in [limited("3"), Fault::RateLimitedBare(None), Fault::Status(503), Fault::ResetBefore] {
        let names = [("SLACK_CHANNEL_ID", "#tickets"), ("ADMIN_CHANNEL", "#ticket-admin")];
        let more = names.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let settings = Settings { more, ..Settings::private().await };
        let mut desk = Desk::start_with(SlackStandIn::start().await, settings, test_waits()).await;
        let asked = ["auth.test", "conversations.list"].map(|method| desk.slack.fault(On::next(method), limit.clone()));
        let ana = desk.slack.person("U0AGENT1");
        desk.run();
        eventually("Slack was asked who we are", async || asked[0].hits() == 1).await;
        desk.elapse(Duration::from_secs(4)).await;
        assert!(ana.command("/new-ticket", "").await.is_ok());
        desk.slack.wait_for(SOON, |world| world.top_view("U0AGENT1").map(drop)).await;
        fill_form(&ana, "Where to?");
        assert!(ana.submit().await.unwrap().is_ok());
        eventually("a channel was asked for", async || asked[1].hits() == 1).await;
        desk.elapse(Duration::from_secs(4)).await;
        wait_until_done(&desk, Duration::from_secs(20)).await;
        assert_filed_once(&desk, &ana, 0).await;
        desk.finish().await;
    }
}

#[tokio::test]
async fn a_file_host_that_is_busy_costs_only_time() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    for host in ["upload", "download"] {
        desk.slack.fault(On::next(host), limited("30"));
    }
    submit_with_image(&desk, &ana, "Busy.").await;
    carry_on(&desk).await;
    for host in ["upload", "download"] {
        assert_obeyed(&calls_to(&desk, host, ""), Duration::from_secs(30));
    }
    assert_filed_once(&desk, &ana, 1).await;
    desk.finish().await;
}

#[tokio::test]
async fn a_busy_file_host_is_left_alone_by_all_workers() {
    let desk = Desk::start().await;
    let (ana, ben) = (desk.slack.person("U0AGENT1"), desk.slack.person("U0AGENT2"));
    desk.slack.fault(On::next("download"), limited("30"));
    submit_with_image(&desk, &ana, "Busy.").await;
    desk.drain().await;
    submit_with_image(&desk, &ben, "Busy here too.").await;
    let other = start_worker(&desk.slack, &desk.settings, test_waits()).await;
    while other.step().await.unwrap() > 0 {}
    assert_eq!(cards(&desk, "T002").len(), 1, "messages flow");
    assert_eq!(desk.slack.count("download"), 1, "{}", desk.slack.dump());
    carry_on(&desk).await;
    assert_obeyed(&calls_to(&desk, "download", ""), Duration::from_secs(30));
    desk.finish().await;
}

#[tokio::test]
async fn a_file_host_that_stays_busy_uses_up_no_try() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    desk.slack.fault(On::next("download").times(12), Fault::RateLimitedBare(None));
    submit_with_image(&desk, &ana, "Busy for long.").await;
    carry_on(&desk).await;
    assert_filed_once(&desk, &ana, 1).await;
    desk.finish().await;
}

#[tokio::test]
async fn a_trigger_that_grows_old_in_the_queue_is_not_used() {
    let waits = Waits { slack_view: Duration::from_secs(10), ..test_waits() };
    let mut desk = Desk::start_with(SlackStandIn::start().await, Settings::private().await, waits).await;
    let (ana, ben) = (desk.slack.person("U0AGENT1"), desk.slack.person("U0AGENT2"));
    desk.slack.fault(On::next("views.open"), limited("1"));
    assert!(ana.command("/new-ticket", "").await.is_ok());
    desk.drain().await;
    desk.elapse(Duration::from_secs(2)).await;
    desk.drain().await;
    // After a pause calls go one at a time, and this one takes long.
    let held = desk.slack.fault(On::next("views.open"), Fault::HoldBefore);
    desk.run();
    assert!(ana.command("/new-ticket", "").await.is_ok());
    held.reached(1, SOON).await;
    assert!(ben.command("/new-ticket", "").await.is_ok());
    let told = ben.wait_for_ephemeral(SOON, "very busy").await;
    assert!(told.all_text().contains("/new-ticket"), "{}", told.all_text());
    held.release();
    wait_until_done(&desk, SOON).await;
    assert_eq!(desk.slack.count("views.open"), 2, "{}", desk.slack.dump());
    desk.finish().await;
}

#[tokio::test]
async fn a_form_that_slack_has_no_time_for_is_offered_again() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    desk.slack.fault(On::next("views.open"), limited("1"));
    assert!(ana.command("/new-ticket", "").await.is_ok());
    desk.drain().await;
    assert!(ana.view().is_none());
    let told = ana.wait_for_ephemeral(SOON, "very busy").await;
    assert!(told.all_text().contains("/new-ticket"), "{}", told.all_text());
    assert_eq!(desk.slack.count("views.open"), 1, "the trigger would be too old after the wait");
    desk.finish().await;
}

#[tokio::test]
async fn a_pause_is_kept_by_all_workers_and_delays_no_other_channel() {
    let desk = Desk::start().await;
    let people: Vec<_> = ["U0AGENT1", "U0AGENT2", "U0AGENT3"].map(|id| desk.slack.person(id)).into();
    desk.slack.fault(On::next("chat.postMessage").channel(TICKETS), limited("30"));
    submit(&desk, &people[0], "The first.").await;
    desk.drain().await;
    let others = [
        start_worker(&desk.slack, &desk.settings, test_waits()).await,
        start_worker(&desk.slack, &desk.settings, test_waits()).await,
    ];
    for (person, worker) in people.iter().zip([&desk.worker, &others[0], &others[1]]) {
        submit(&desk, person, "One of the next.").await;
        while worker.step().await.unwrap() > 0 {}
    }
    assert_eq!(calls_to(&desk, "chat.postMessage", TICKETS).len(), 1, "no worker posts there\n{}", desk.slack.dump());
    for (ticket, person) in ["T002", "T003", "T004"].into_iter().zip(&people) {
        assert_eq!(told(person, ticket).len(), 1, "direct messages flow\n{}", desk.slack.dump());
    }
    desk.elapse(Duration::from_secs(31)).await;
    // All at once, each with what it can get hold of.
    let step = async |worker: &std::sync::Arc<worker::run::Worker>| while worker.step().await.unwrap() > 0 {};
    tokio::join!(step(&desk.worker), step(&others[0]), step(&others[1]));
    carry_on(&desk).await;
    assert_obeyed(&calls_to(&desk, "chat.postMessage", TICKETS), Duration::from_secs(30));
    for ticket in ["T001", "T002", "T003", "T004"] {
        assert_eq!((cards(&desk, ticket).len(), notices(&desk, ticket).len()), (1, 1), "{ticket}");
    }
    desk.finish().await;
}

#[tokio::test]
async fn a_channel_that_takes_one_message_a_second_gets_each_card_once() {
    let mut desk = Desk::start().await;
    desk.slack.limit("chat.postMessage", true, 1, Duration::from_secs(1));
    let people: Vec<_> = ["U0AGENT1", "U0AGENT2", "U0AGENT3"].map(|id| desk.slack.person(id)).into();
    for person in &people {
        submit(&desk, person, "All at once.").await;
    }
    desk.run();
    desk.add_worker(test_waits()).await;
    wait_until_done(&desk, Duration::from_secs(20)).await;
    for (ticket, person) in ["T001", "T002", "T003"].into_iter().zip(&people) {
        let shown = (cards(&desk, ticket).len(), notices(&desk, ticket).len(), told(person, ticket).len());
        assert_eq!(shown, (1, 1, 1), "{ticket}\n{}", desk.slack.dump());
    }
    let calls = calls_to(&desk, "chat.postMessage", TICKETS);
    let refused = calls.iter().filter(|call| call.status == Some(429)).count();
    assert!(refused <= 4, "{refused} of {} calls ran into the limit", calls.len());
    desk.finish().await;
}

#[tokio::test]
async fn a_429_without_a_usable_wait_is_waited_for_a_second() {
    let useless = [None, Some("soon"), Some("-5"), Some("0"), Some("1.5e9")];
    let faults = useless.map(|retry_after| Fault::RateLimited(retry_after.map(str::to_owned)));
    for fault in faults.into_iter().chain([Fault::RateLimitedBare(None)]) {
        let desk = Desk::start().await;
        let ana = desk.slack.person("U0AGENT1");
        desk.slack.fault(On::next("chat.postMessage").channel(TICKETS), fault.clone());
        submit(&desk, &ana, "How long?").await;
        carry_on_by(&desk, Duration::from_millis(250)).await;
        let calls = calls_to(&desk, "chat.postMessage", TICKETS);
        assert_obeyed(&calls, Duration::from_secs(1));
        assert!((calls[1].at - calls[0].at).num_seconds() < 10, "{fault:?}: but not for long");
        assert_filed_once(&desk, &ana, 0).await;
        desk.finish().await;
    }
}

#[tokio::test]
async fn a_429_for_a_day_is_tried_again_after_five_minutes() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    desk.slack.fault(On::next("chat.postMessage").channel(TICKETS), limited("86400"));
    submit(&desk, &ana, "Tomorrow?").await;
    desk.drain().await;
    desk.elapse(Duration::from_secs(285)).await;
    // A worker that is new keeps the pause as well.
    let new = start_worker(&desk.slack, &desk.settings, test_waits()).await;
    new.step().await.unwrap();
    desk.drain().await;
    assert_eq!(calls_to(&desk, "chat.postMessage", TICKETS).len(), 1);
    desk.elapse(Duration::from_secs(16)).await;
    desk.drain().await;
    assert_filed_once(&desk, &ana, 0).await;
    desk.finish().await;
}
