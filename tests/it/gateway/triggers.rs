//! Triggers live three seconds: nobody waits for a modal that can't open (row S7), and no submission needs one.

use harness::actor::Spot;
use harness::desk::Desk;
use redis::streams::StreamRangeReply;

use super::tickets;
use crate::road::{fill_form, open_form};

/// Takes the heartbeat away: no worker has been seen for a while.
async fn without_worker(desk: &Desk) {
    desk.stop_beating();
    let key = format!("{{{}}}:heartbeat", desk.settings.stream_prefix);
    assert_eq!(desk.redis(&format!("DEL {key}")).await, redis::Value::Int(1), "a worker was alive");
}

#[tokio::test]
async fn while_no_worker_lives_commands_say_so_and_nothing_is_queued() {
    let desk = Desk::start().await;
    without_worker(&desk).await;
    let ana = desk.slack.person("U0AGENT1");
    for command in ["/new-ticket", "/agent-tickets", "/system-tickets", "/ticket-summary"] {
        let answer = ana.command(command, "").await;
        assert!(answer.is_ok() && answer.json()["response_type"] == "ephemeral", "{command}");
    }
    let told = ana.ephemerals();
    assert_eq!(told.len(), 4);
    assert!(told.iter().all(|message| message.text.contains("try again")), "{told:?}");
    assert_eq!(desk.queued().await, 0);
    // The refused command left no marker behind: typed again, with a new trigger or not, it works.
    desk.worker.consumer().beat().await.unwrap();
    let request = ana.last_request().unwrap();
    assert_eq!(desk.slack.replay(&request, &desk.gateway_url).await.text(), "");
    assert_eq!(desk.queued().await, 1);
    open_form(&desk, &ana).await;
    let dead = desk.count("SELECT count(*) FROM dead_letters").await;
    desk.finish_with_dead_letters(dead).await;
}

#[tokio::test]
async fn a_submission_is_accepted_while_no_worker_lives_and_filed_when_one_comes() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    open_form(&desk, &ana).await;
    fill_form(&ana, "Typed for ten minutes.");
    without_worker(&desk).await;
    assert!(ana.submit().await.unwrap().is_ok());
    assert!(ana.view().unwrap().all_text().contains("Submitting"));
    assert_eq!((desk.queued().await, tickets(&desk).await), (1, 0));
    desk.worker.consumer().beat().await.unwrap();
    desk.drain().await;
    assert_eq!(tickets(&desk).await, 1);
    assert_eq!(ana.view().unwrap().title["text"], "Ticket filed");
    desk.finish().await;
}

/// Puts the one waiting interactive job back into its stream as if its deadline had passed; answers the deadline it had.
async fn age_the_job(desk: &Desk) -> i64 {
    let client = redis::Client::open(desk.settings.redis_url.as_str()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let stream = desk.stream("interactive");
    let waiting: StreamRangeReply =
        redis::cmd("XRANGE").arg(&[&stream, "-", "+"]).query_async(&mut redis).await.unwrap();
    let [entry] = &waiting.ids[..] else { panic!("{} entries wait", waiting.ids.len()) };
    let field = |name: &str| entry.get::<String>(name).unwrap_or_else(|| panic!("no field {name}"));
    let (id, job, not_after) = (field("id"), field("job"), field("not_after").parse::<i64>().unwrap());
    let (seconds, micros): (i64, i64) = redis::cmd("TIME").query_async(&mut redis).await.unwrap();
    let now = seconds * 1000 + micros / 1000;
    assert!(not_after > now - 1000 && not_after <= now + 2500, "2.5 s by Redis' clock: {}", not_after - now);
    let past = (now - 1).to_string();
    let _: i64 = redis::cmd("XDEL").arg(&[&stream, &entry.id]).query_async(&mut redis).await.unwrap();
    let fields = [&stream, "*", "id", &id, "job", &job, "not_after", &past];
    let _: String = redis::cmd("XADD").arg(&fields).query_async(&mut redis).await.unwrap();
    not_after
}

#[tokio::test]
async fn a_late_trigger_is_not_used_and_a_button_brings_a_fresh_one() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    assert!(ana.command("/new-ticket", "").await.is_ok());
    let request = ana.last_request().unwrap();
    age_the_job(&desk).await;
    desk.drain().await;
    assert_eq!(desk.slack.count("views.open"), 0, "the trigger is not even tried");
    assert!(ana.view().is_none());
    let told = ana.ephemerals();
    assert_eq!(told.len(), 1);
    assert!(told[0].all_text().contains("too long") && told[0].all_text().contains("/new-ticket"), "{told:?}");
    // Neither Slack's nor Redis' repetitions tell it again.
    desk.slack.replay(&request, &desk.gateway_url).await;
    desk.drain().await;
    assert_eq!(ana.ephemerals().len(), 1);

    assert!(ana.press(Spot::Ephemeral(&told[0].ts), "Open the form").await.unwrap().is_ok());
    desk.drain().await;
    assert_eq!(ana.view().expect("the form opens").title["text"], "New ticket");
    fill_form(&ana, "By a detour.");
    assert!(ana.submit().await.unwrap().is_ok());
    desk.drain().await;
    assert_eq!(tickets(&desk).await, 1);
    desk.finish().await;
}

#[tokio::test]
async fn a_click_on_that_button_can_be_late_too() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    assert!(ana.command("/new-ticket", "").await.is_ok());
    age_the_job(&desk).await;
    desk.drain().await;
    let first = ana.ephemerals().remove(0).ts;
    assert!(ana.press(Spot::Ephemeral(&first), "Open the form").await.unwrap().is_ok());
    age_the_job(&desk).await;
    desk.drain().await;
    let told = ana.ephemerals();
    assert_eq!((told.len(), desk.slack.count("views.open")), (2, 0));
    assert!(ana.press(Spot::Ephemeral(&told[1].ts), "Open the form").await.unwrap().is_ok());
    desk.drain().await;
    assert!(ana.view().is_some());
    desk.finish().await;
}
