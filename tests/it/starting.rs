//! A worker's start when something is wrong: what it says, once, and what platforms see of it meanwhile.

use std::time::Duration;

use harness::desk::{ADMIN, SOON, Settings, TICKETS};
use harness::processes::Program;
use harness::servers::{self, PrivateRedis};
use harness::slack::SlackStandIn;

use crate::gateway::get;
use crate::load::eventually;

/// What it logged at this level.
fn lines<'a>(log: &'a str, level: &str) -> Vec<&'a str> {
    let level = format!(r#""level":"{level}""#);
    log.lines().filter(|line| line.contains(&level)).collect()
}

/// A worker on a Redis that is as it should be, until it has told what needs a hand; answers its log.
async fn start(slack: &SlackStandIn, more: &[(&str, &str)]) -> String {
    let redis = PrivateRedis::start().await;
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let settings = Settings { redis_url: redis.url(), more, ..Settings::private().await };
    let mut worker = Program::starting_worker(&settings.variables(slack));
    worker.until_log("this needs a hand").await;
    assert_eq!(worker.stop(SOON).await, Some(0));
    worker.log()
}

#[tokio::test]
async fn each_fault_of_slacks_settings_is_one_understandable_message() {
    let slack = SlackStandIn::start().await;
    for (more, break_it, words) in [
        (&[][..], "token", &["token_revoked", "SLACK_BOT_TOKEN"][..]),
        (&[("SLACK_BOT_TOKEN", "xoxb-another")], "", &["invalid_auth", "SLACK_BOT_TOKEN"]),
        (&[], "scope", &["missing: users:read", "install the app again"]),
        (&[("SLACK_CHANNEL_ID", "C0NOWHERE")], "", &["C0NOWHERE", "/invite"]),
        (&[("SLACK_CHANNEL_ID", "#nowhere")], "", &["#nowhere", "/invite"]),
        (&[("ADMIN_CHANNEL", "#nowhere")], "", &["ADMIN_CHANNEL", "#nowhere"]),
    ] {
        slack.change(|world| match break_it {
            "token" => world.revoke_token(),
            "scope" => world.remove_scope("users:read"),
            _ => {}
        });
        let log = start(&slack, more).await;
        slack.change(|world| {
            world.restore_token();
            world.add_scope("users:read");
        });
        let errors = lines(&log, "ERROR");
        assert_eq!(errors.len(), 1, "{words:?}:\n{}", errors.join("\n"));
        assert!(words.iter().all(|words| errors[0].contains(words)), "{words:?} in {}", errors[0]);
    }
}

#[tokio::test]
async fn a_worker_in_order_complains_of_nothing() {
    let slack = SlackStandIn::start().await;
    let redis = PrivateRedis::start().await;
    let settings = Settings { redis_url: redis.url(), ..Settings::private().await };
    let mut worker = Program::worker(&slack, &settings).await;
    assert_eq!(worker.stop(SOON).await, Some(0));
    let log = worker.log();
    assert!(lines(&log, "ERROR").is_empty() && lines(&log, "WARN").is_empty(), "{log}");
    assert_eq!(slack.read(|world| world.messages_in(ADMIN).len() + world.messages_in(TICKETS).len()), 0);
}

/// A worker that waits for its servers lives, and says what it waits for; with them it is ready and shows its figures.
#[tokio::test]
async fn platforms_see_a_worker_that_waits_and_then_one_that_is_ready() {
    let slack = SlackStandIn::start().await;
    let mut redis = PrivateRedis::start().await;
    redis.kill();
    let port = servers::free_port();
    let more = vec![("METRICS_PORT".to_owned(), port.to_string())];
    let settings = Settings { redis_url: redis.url(), more, ..Settings::private().await };
    let mut worker = Program::starting_worker(&settings.variables(&slack));
    worker.until_log("waiting for it").await;
    let url = format!("http://127.0.0.1:{port}");
    assert_eq!(get(&url, "/healthz").await, (200, "ok".to_owned()));
    let (status, body) = get(&url, "/readyz").await;
    assert!(status == 503 && body.contains("not answered yet"), "{status} {body}");
    assert_eq!(lines(&worker.log(), "ERROR").len(), 1, "{}", worker.log());

    redis.up().await;
    eventually("it is ready", async || get(&url, "/readyz").await.0 == 200).await;
    eventually("its figures are there", async || {
        get(&url, "/metrics").await.1.contains("sample_timestamp_seconds{server=\"postgres\"}")
    })
    .await;
    let (_, metrics) = get(&url, "/metrics").await;
    for name in ["queue_entries{lane=\"tickets\"} 0", "outbox_oldest_age_seconds 0", "tickets{status=\"open\"} 0"] {
        assert!(metrics.contains(name), "{name} in\n{metrics}");
    }
    redis.kill();
    eventually("it is not ready", async || {
        get(&url, "/readyz").await == (503, "not ready: Redis does not answer".to_owned())
    })
    .await;
    redis.up().await;
    assert_eq!(worker.stop(Duration::from_secs(20)).await, Some(0));
}

#[tokio::test]
async fn a_taken_port_is_a_message_and_an_end() {
    let slack = SlackStandIn::start().await;
    let taken = std::net::TcpListener::bind("[::]:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let more = vec![("METRICS_PORT".to_owned(), port.clone())];
    let variables = Settings { more, ..Settings::private().await }.variables(&slack);
    let run = move || Program::worker_command(&variables, &["run"]);
    let (succeeded, output) = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(!succeeded && output.contains("METRICS_PORT") && output.contains(&port), "{output}");
}

/// T5: with a clock that is five minutes off every request of Slack's would be refused.
#[tokio::test]
async fn a_gateway_whose_clock_is_off_is_not_ready() {
    let slack = SlackStandIn::start().await;
    let settings = Settings::private().await;
    let (url, serving) = harness::desk::start_gateway(&slack, &settings).await;
    assert_eq!(get(&url, "/readyz").await.0, 200);
    slack.advance(Duration::from_secs(400));
    let (status, body) = get(&url, "/readyz").await;
    assert!(status == 503 && body.contains("clock"), "{status} {body}");
    serving.abort();
}
