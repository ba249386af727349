//! `worker doctor` against every fault that it names, and what a worker says at its start.

use common::env::Env;
use harness::desk::{ADMIN, Desk, Settings, TICKETS, test_waits};
use harness::processes::Program;
use harness::servers::{self, PrivateRedis};
use harness::slack::SlackStandIn;
use worker::doctor::{self, Check, Report, State};

use crate::road::file_ticket;

async fn examine(slack: &SlackStandIn, settings: &Settings) -> Report {
    doctor::examine(Env::from_pairs(settings.variables(slack))).await
}

fn check<'a>(report: &'a Report, name: &str) -> &'a Check {
    report.checks.iter().find(|check| check.name == name).unwrap_or_else(|| panic!("no {name} in\n{}", report.text()))
}

/// This check, and no other, is a fault whose text has `words`; it says what mends it.
fn assert_only_fault(report: &Report, name: &str, words: &str) {
    let found = check(report, name);
    assert_eq!(found.state, State::Fault, "{name} in\n{}", report.text());
    assert!(found.found.contains(words), "{words} in {}", found.found);
    assert!(found.fix.is_some());
    assert_eq!(report.faults(), 1, "{}", report.text());
}

/// A desk with a Redis that is set as it should be.
async fn healthy() -> (Desk, PrivateRedis) {
    let redis = PrivateRedis::start().await;
    let settings = Settings { redis_url: redis.url(), ..Settings::private().await };
    (Desk::start_with(SlackStandIn::start().await, settings, test_waits()).await, redis)
}

#[tokio::test]
async fn a_healthy_desk_has_nothing_to_be_mended() {
    let (desk, _redis) = healthy().await;
    let report = examine(&desk.slack, &desk.settings).await;
    assert_eq!(report.faults(), 0, "{}", report.text());
    assert!(report.checks.iter().all(|check| check.state == State::Fine && check.fix.is_none()), "{}", report.text());
    assert!(!report.text().contains(&desk.slack.token()), "no secret is printed");
    desk.finish().await;
}

#[tokio::test]
async fn trouble_with_slack_is_named_with_what_mends_it() {
    let (desk, _redis) = healthy().await;
    let slack = &desk.slack;

    slack.change(|world| world.remove_scope("users:read"));
    assert_only_fault(&examine(slack, &desk.settings).await, "Slack scopes", "users:read");
    slack.change(|world| world.add_scope("users:read"));

    slack.change(|world| world.remove_bot(ADMIN));
    assert_only_fault(&examine(slack, &desk.settings).await, "ADMIN_CHANNEL", "not in");
    let mut other = desk.settings.clone();
    other.more.push(("ADMIN_CHANNEL".to_owned(), TICKETS.to_owned()));
    slack.change(|world| world.archive(TICKETS, true));
    let report = examine(slack, &other).await;
    assert!(check(&report, "SLACK_CHANNEL_ID").found.contains("archived"), "{}", report.text());
    slack.change(|world| world.archive(TICKETS, false));

    other.more = vec![("ADMIN_CHANNEL".to_owned(), "C0NOWHERE".to_owned())];
    assert_only_fault(&examine(slack, &other).await, "ADMIN_CHANNEL", "C0NOWHERE");
    other.more = vec![("ADMIN_CHANNEL".to_owned(), "#nowhere".to_owned())];
    assert_only_fault(&examine(slack, &other).await, "ADMIN_CHANNEL", "#nowhere");

    slack.change(|world| world.revoke_token());
    assert_only_fault(&examine(slack, &desk.settings).await, "Slack token", "token_revoked");
    slack.change(|world| world.restore_token());

    other.more = vec![("SLACK_API_URL".to_owned(), format!("http://127.0.0.1:{}/api", servers::free_port()))];
    assert_only_fault(&examine(slack, &other).await, "Slack", "can't be reached");
}

#[tokio::test]
async fn a_redis_that_may_lose_jobs_is_named_setting_by_setting() {
    let (desk, mut redis) = healthy().await;
    for (setting, name, wrong, right) in [
        ("maxmemory-policy", "Redis maxmemory-policy", "allkeys-lru", "noeviction"),
        ("appendfsync", "Redis appendfsync", "everysec", "always"),
        ("appendonly", "Redis appendonly", "no", "yes"),
    ] {
        redis.command(&format!("CONFIG SET {setting} {wrong}")).await.unwrap();
        assert_only_fault(&examine(&desk.slack, &desk.settings).await, name, wrong);
        redis.command(&format!("CONFIG SET {setting} {right}")).await.unwrap();
    }
    // An entry from long ago that nobody settles.
    let stream = desk.stream("tickets");
    redis.command(&format!("XADD {stream} 1-1 id old job x")).await.unwrap();
    assert_only_fault(&examine(&desk.slack, &desk.settings).await, "stream tickets", "1 waiting");
    desk.stop_beating();
    redis.command(&format!("DEL {stream} {{{}}}:heartbeat", desk.settings.stream_prefix)).await.unwrap();
    let report = examine(&desk.slack, &desk.settings).await;
    assert_eq!((report.faults(), check(&report, "workers").state), (0, State::Unknown), "{}", report.text());

    redis.kill();
    assert_only_fault(&examine(&desk.slack, &desk.settings).await, "Redis", "");
}

#[tokio::test]
async fn trouble_with_postgresql_is_named_with_what_mends_it() {
    let (desk, _redis) = healthy().await;
    let change = async |statement: &'static str| {
        sqlx::query(statement).execute(&desk.db).await.unwrap();
        examine(&desk.slack, &desk.settings).await
    };
    let insert =
        "INSERT INTO dead_letters (job_id, lane, kind, entry, reason) VALUES ('a', 'tickets', 'x', '', 'broken')";
    assert_only_fault(&change(insert).await, "dead letters", "1");
    sqlx::query("DELETE FROM dead_letters").execute(&desk.db).await.unwrap();

    let insert = "INSERT INTO outbox (target, due_at) VALUES ('card:999', now() - interval '5 minutes')";
    assert_only_fault(&change(insert).await, "undelivered messages", "1, the oldest due for 30");
    let park = "UPDATE outbox SET state = 'parked', settled_at = now(), reason = 'restricted_action'";
    assert_only_fault(&change(park).await, "parked messages", "restricted_action");
    sqlx::query("DELETE FROM outbox").execute(&desk.db).await.unwrap();

    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'from the future', true, '', 0)";
    assert_only_fault(&change(newer).await, "migrations", "9999");
    sqlx::query("DELETE FROM _sqlx_migrations WHERE version = 9999").execute(&desk.db).await.unwrap();
    let older = "DELETE FROM _sqlx_migrations WHERE version = 1";
    assert_only_fault(&change(older).await, "migrations", "[1]");

    let mut other = desk.settings.clone();
    other.database_url = format!("postgres://tickets:secret@127.0.0.1:{}/tickets", servers::free_port());
    let report = examine(&desk.slack, &other).await;
    assert_only_fault(&report, "PostgreSQL", "can't be reached");
    assert!(!report.text().contains("secret"), "{}", report.text());
}

#[test]
fn the_command_names_faulty_variables_and_fails() {
    let (succeeded, output) = Program::worker_command(&[("PORT".to_owned(), "1".to_owned())], &["doctor", "--json"]);
    assert!(!succeeded);
    let json = &output[..=output.rfind('}').unwrap_or_else(|| panic!("no JSON in {output}"))];
    let report: serde_json::Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {output}"));
    let found = report["checks"].to_string();
    for name in ["SLACK_BOT_TOKEN", "SLACK_CHANNEL_ID", "ADMIN_CHANNEL", "SYSTEM_USERS", "DATABASE_URL"] {
        assert!(found.contains(name), "{name} in {output}");
    }
    assert!(output.contains("5 things are to be mended"), "{output}");
}

#[tokio::test]
async fn a_worker_that_starts_on_a_risky_redis_tells_the_operators_once() {
    let (desk, redis) = healthy().await;
    redis.command("CONFIG SET maxmemory-policy allkeys-lru").await.unwrap();
    for _ in 0..2 {
        doctor::tell_at_start(desk.worker.context(), desk.worker.consumer()).await;
        desk.drain().await;
    }
    desk.elapse(test_waits().alert_update).await;
    desk.drain().await;
    let alerts = desk.slack.read(|world| world.messages_in(ADMIN).into_iter().cloned().collect::<Vec<_>>());
    assert_eq!(alerts.len(), 1, "{}", desk.slack.dump());
    assert!(alerts[0].all_text().contains("allkeys-lru") && alerts[0].all_text().contains("noeviction"));
    desk.finish().await;
}

#[tokio::test]
async fn the_gauges_show_what_waits() {
    let (desk, redis) = healthy().await;
    let ana = desk.slack.person("U0AGENT1");
    file_ticket(&desk, &ana, "The dialer drops every second call.").await;
    redis.command(&format!("XADD {} 1-1 id old job x", desk.stream("background"))).await.unwrap();
    let insert = "INSERT INTO outbox (target, due_at) VALUES ('card:999', now() - interval '5 minutes')";
    sqlx::query(insert).execute(&desk.db).await.unwrap();

    let gauges = worker::gauges::look(desk.worker.context(), desk.worker.consumer()).await.unwrap();
    gauges.record();
    let waiting: Vec<i64> = gauges.lanes.iter().map(|(_, entries, ..)| *entries).collect();
    assert_eq!(waiting, [0, 0, 1]);
    assert!(gauges.lanes[2].3 > 1_000_000.0, "its age in seconds: {gauges:?}");
    assert_eq!((gauges.work.dead, gauges.work.undelivered, gauges.work.parked), (0, 1, 0));
    assert!(gauges.work.oldest_due.is_some_and(|age| (299.0..400.0).contains(&age)), "{gauges:?}");
    let counts: Vec<i64> = gauges.tickets.iter().map(|(_, count)| *count).collect();
    assert_eq!(counts, [1, 0, 0, 0]);
}
