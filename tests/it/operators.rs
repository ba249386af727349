//! What operators are told of and what they can do about it: one message per cause and hour, with a count, that says what
//! to do; nothing is parked in silence.

use std::time::Duration;

use harness::desk::{ADMIN, Desk, Settings, TICKETS, start_worker, test_waits};
use harness::processes::Program;
use harness::slack::{Fault, On, SlackStandIn};
use worker::config::Waits;

use crate::filing::{alerts, cards, carry_on, submit};
use crate::road::file_ticket;
use crate::working::{desk_with_ticket, press};

#[tokio::test]
async fn an_alert_counts_up_in_its_message_and_the_next_hour_has_another() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    desk.slack.fault(On::every("chat.postMessage").channel(TICKETS), Fault::Error("zzz".to_owned()));
    for n in 1..=3 {
        submit(&desk, &ana, &format!("Number {n}")).await;
        carry_on(&desk).await;
    }
    let told = alerts(&desk);
    assert_eq!(told.len(), 1, "{}", desk.slack.dump());
    assert!(told[0].all_text().contains("3 times within the hour."), "{}", told[0].all_text());
    assert!(told[0].text.contains("worker parked retry"), "it says what to do: {}", told[0].text);
    let an_hour_ago = "UPDATE operator_alerts SET since = since - interval '1 hour'";
    sqlx::query(an_hour_ago).execute(&desk.db).await.expect("an hour");
    submit(&desk, &ana, "An hour later").await;
    carry_on(&desk).await;
    assert_eq!(alerts(&desk).len(), 2);
    desk.finish().await;
}

#[tokio::test]
async fn what_is_parked_is_listed_and_sent_again_by_command() {
    let desk = Desk::start().await;
    let refused = desk.slack.fault(On::every("chat.postMessage").channel(TICKETS), Fault::Error("zzz".to_owned()));
    submit(&desk, &desk.slack.person("U0AGENT1"), "To be retried").await;
    carry_on(&desk).await;
    let variables = desk.settings.variables(&desk.slack);
    let (done, listed) = Program::worker_command(&variables, &["parked", "list"]);
    assert!(done && listed.contains("card:1") && listed.contains("zzz"), "{listed}");
    refused.remove();
    let id = listed.split_whitespace().next().expect("an id").to_owned();
    let (done, _) = Program::worker_command(&variables, &["parked", "retry", "00000000-0000-4000-8000-000000000000"]);
    assert!(!done, "nothing of this id is parked");
    let (done, said) = Program::worker_command(&variables, &["parked", "retry", &id]);
    assert!(done && said.contains("1 queued again."), "{said}");
    carry_on(&desk).await;
    assert_eq!(cards(&desk, "T001").len(), 1);
    let (done, listed) = Program::worker_command(&variables, &["parked", "list"]);
    assert!(done && listed.contains("Nothing is parked."), "{listed}");
    let (done, said) = Program::worker_command(&variables, &["parked", "retry"]);
    assert!(done && said.contains("0 queued again."), "{said}");
    desk.finish().await;
}

#[tokio::test]
async fn a_channel_name_that_is_nowhere_is_told_once_and_asked_for_rarely() {
    let mut settings = Settings::private().await;
    settings.more.push(("SLACK_CHANNEL_ID".to_owned(), "#no-such-channel".to_owned()));
    let waits = Waits { trouble_pause: Duration::from_secs(15), ..test_waits() };
    let mut desk = Desk::start_with(SlackStandIn::start().await, settings, waits).await;
    for n in 0..5 {
        submit(&desk, &desk.slack.person("U0AGENT1"), &format!("Number {n}")).await;
    }
    desk.drain().await;
    assert_eq!(desk.slack.count("conversations.list"), 1, "one question for all that waits");
    desk.elapse(Duration::from_secs(1)).await;
    desk.drain().await;
    let told = alerts(&desk);
    assert_eq!(told.len(), 1, "{}", desk.slack.dump());
    assert!(told[0].text.contains("#no-such-channel") && told[0].text.contains("SLACK_CHANNEL_ID"), "{}", told[0].text);
    // The variable is corrected, and all is posted.
    let corrected = Settings { more: Vec::new(), ..desk.settings.clone() };
    desk.worker = start_worker(&desk.slack, &corrected, test_waits()).await;
    carry_on(&desk).await;
    assert_eq!(desk.slack.read(|world| world.messages_in(TICKETS).len()), 5);
    desk.finish().await;
}

#[tokio::test]
async fn a_person_whose_conversation_is_refused_again_and_again_is_no_secret() {
    let desk = Desk::start().await;
    let direct = |args: &serde_json::Value| args["channel"].as_str().unwrap_or_default().starts_with('D');
    desk.slack.fault(On::every("chat.postMessage").matching(direct), Fault::Error("channel_not_found".to_owned()));
    submit(&desk, &desk.slack.person("U0AGENT1"), "Nobody is told").await;
    carry_on(&desk).await;
    assert_eq!(desk.text("SELECT target FROM outbox WHERE state = 'parked'").await, "filed:1");
    let told = alerts(&desk);
    assert!(told.len() == 1 && told[0].text.contains("worker parked"), "{told:?}");
    desk.finish().await;
}

#[tokio::test]
async fn a_target_of_a_newer_version_waits_for_a_newer_worker() {
    let desk = Desk::start().await;
    sqlx::query("INSERT INTO outbox (target) VALUES ('hologram:1')").execute(&desk.db).await.expect("queued");
    for _ in 0..6 {
        desk.drain().await;
        desk.elapse(Duration::from_secs(60)).await;
    }
    assert_eq!(desk.text("SELECT state || refusals FROM outbox WHERE target = 'hologram:1'").await, "pending0");
    assert!(alerts(&desk).is_empty());
    sqlx::query("DELETE FROM outbox").execute(&desk.db).await.expect("forgotten");
    desk.finish().await;
}

/// An error page in place of an answer is no answer of Slack's: the three tries are not used up at once.
#[tokio::test]
async fn three_refusals_are_spread_over_a_quarter_of_a_minute() {
    let waits = Waits { backoff: Waits::default().backoff, ..test_waits() };
    let desk = Desk::start_with(SlackStandIn::start().await, Settings::private().await, waits).await;
    let page = desk.slack.fault(On::every("chat.postMessage").channel(TICKETS).times(2), Fault::Status(403));
    submit(&desk, &desk.slack.person("U0AGENT1"), "A proxy in between").await;
    desk.drain().await;
    desk.elapse(Duration::from_secs(4)).await;
    desk.drain().await;
    assert_eq!(page.hits(), 1, "not again within 4 s");
    carry_on(&desk).await;
    assert_eq!((page.hits(), cards(&desk, "T001").len()), (2, 1));
    desk.finish().await;
}

/// The channel of the cards refuses updates: one try at a time for the whole channel, one alert, and all cards catch up.
#[tokio::test]
async fn cards_catch_up_by_themselves_when_an_archived_channel_is_opened_again() {
    let waits = Waits { trouble_pause: Duration::from_secs(15), ..test_waits() };
    let desk = Desk::start_with(SlackStandIn::start().await, Settings::private().await, waits).await;
    let (ana, sam) = (desk.slack.person("U0AGENT1"), desk.slack.person("U0SYS1"));
    let mut tickets = Vec::new();
    for n in 1..=5 {
        file_ticket(&desk, &ana, &format!("Number {n}")).await;
        ana.close_all().await.expect("closed");
        tickets.push(desk.text(&format!("SELECT ts FROM slack_messages WHERE target = 'card:{n}'")).await);
    }
    desk.slack.change(|world| world.archive(TICKETS, true));
    let before = desk.slack.count("chat.update");
    for card in &tickets {
        press(&desk, &sam, card, "🟢 Resolve").await;
    }
    for _ in 0..4 {
        desk.elapse(Duration::from_secs(15)).await;
        desk.drain().await;
    }
    let tries = desk.slack.calls_of("chat.update").iter().filter(|call| call.channel() == Some(TICKETS)).count();
    let tries = tries - before.min(tries);
    assert!((1..=6).contains(&tries), "{tries} tries in a minute\n{}", desk.slack.dump());
    let told = alerts(&desk);
    assert!(told.len() == 1 && told[0].text.contains("is_archived"), "{told:?}");
    desk.slack.change(|world| world.archive(TICKETS, false));
    carry_on(&desk).await;
    let resolved = |message: &&harness::slack::messages::Message| message.all_text().contains("✅ Resolved");
    assert_eq!(desk.slack.read(|world| world.messages_in(TICKETS).into_iter().filter(|m| resolved(m)).count()), 5);
    desk.finish().await;
}

/// P2: somebody holds a lock for long; nothing waits longer than a lease for it, and all goes on afterwards.
#[tokio::test]
async fn a_lock_that_is_held_for_long_costs_no_job_a_try() {
    let (mut desk, card) = desk_with_ticket().await;
    let lock_timeout = "SELECT setting::bigint FROM pg_settings WHERE name = 'lock_timeout'";
    let of_worker: i64 =
        sqlx::query_scalar(lock_timeout).fetch_one(&desk.worker.context().db).await.expect("a setting");
    let lease = i64::try_from(Waits::default().lease.as_millis()).expect("few");
    assert!(0 < of_worker && of_worker < lease, "{of_worker} ms");
    let mut lock = desk.db.begin().await.expect("a transaction");
    sqlx::query("LOCK TABLE tickets IN ACCESS EXCLUSIVE MODE").execute(&mut *lock).await.expect("locked");
    desk.run();
    let sam = desk.slack.person("U0SYS1");
    let spot = harness::actor::Spot::Message(TICKETS, &card);
    assert!(sam.press(spot, "🟢 Resolve").await.expect("there").is_ok());
    crate::load::eventually("a statement was ended by its timeout", async || {
        let waited =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                      AND application_name = 'ticket-worker' AND now() - query_start > interval '1500 ms'";
        desk.count(waited).await > 0
    })
    .await;
    lock.rollback().await.expect("released");
    crate::filing::wait_until_done(&desk, 3 * harness::desk::SOON).await;
    assert_eq!(desk.text("SELECT status FROM tickets").await, "resolved");
    assert_eq!(desk.count("SELECT count(*) FROM job_attempts WHERE failures > 0").await, 0);
    assert!(!desk.slack.read(|world| world.messages_in(ADMIN).is_empty()));
    desk.finish().await;
}
