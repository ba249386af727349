//! `worker doctor` against every fault that it names, and what a worker says at its start.

use common::env::Env;
use harness::desk::{ADMIN, Desk, Settings, TICKETS, test_waits};
use harness::processes::Program;
use harness::servers::{self, PrivateRedis};
use harness::slack::SlackStandIn;
use worker::config::Config;
use worker::doctor::{self, Check, Report, State};
use worker::gauges;

use crate::road::file_ticket;

async fn examine(slack: &SlackStandIn, settings: &Settings) -> Report {
    doctor::examine(Ok(Env::from_pairs(settings.variables(slack)))).await
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
    let desk = Desk::start_with(SlackStandIn::start().await, settings, test_waits()).await;
    // A running worker knows the schedule from its start on.
    worker::schedule::run::tick(desk.worker.context(), None).await.expect("PostgreSQL answers");
    (desk, redis)
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
async fn a_slot_that_did_not_run_is_a_fault_until_it_has() {
    let (desk, _redis) = healthy().await;
    let long_known = "UPDATE schedule_tasks SET since = now() - interval '3 days' WHERE task = 'pin-high-priority'";
    sqlx::query(long_known).execute(&desk.db).await.expect("known for long");
    let report = examine(&desk.slack, &desk.settings).await;
    assert_only_fault(&report, "schedule: pin-high-priority", "not run");
    worker::schedule::run::tick(desk.worker.context(), None).await.expect("PostgreSQL answers");
    desk.drain().await;
    let report = examine(&desk.slack, &desk.settings).await;
    assert_eq!(report.faults(), 0, "{}", report.text());
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
    assert_only_fault(&report, "workers", "none has been seen");

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
    assert_only_fault(&change(insert).await, "undelivered messages", "1, the oldest since 30");
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

/// A row that is put off again and again is as old as its wish.
#[tokio::test]
async fn a_message_that_is_tried_in_vain_does_not_look_new() {
    let (desk, _redis) = healthy().await;
    let insert = "INSERT INTO outbox (target, state, attempt, due_at, created_at)
                  VALUES ('card:999', 'pending', 3, now() + interval '1 minute', now() - interval '10 minutes')";
    sqlx::query(insert).execute(&desk.db).await.unwrap();
    assert_only_fault(&examine(&desk.slack, &desk.settings).await, "undelivered messages", "the oldest since 60");
    let wait = "UPDATE outbox SET state = 'waiting', attempt = 0, waits_for = 'card:1'";
    sqlx::query(wait).execute(&desk.db).await.unwrap();
    assert_only_fault(&examine(&desk.slack, &desk.settings).await, "undelivered messages", "the oldest since 60");
    // One that is meant for later isn't late.
    let later = "UPDATE outbox SET state = 'pending', waits_for = NULL";
    sqlx::query(later).execute(&desk.db).await.unwrap();
    assert_eq!(examine(&desk.slack, &desk.settings).await.faults(), 0);
}

#[tokio::test]
async fn limits_of_the_role_and_the_database_count_and_workers_own_connections_do_not() {
    let (desk, _redis) = healthy().await;
    let name = desk.text("SELECT current_database()").await;
    let limit = async |most: i32| {
        let statement = format!("ALTER DATABASE {name} CONNECTION LIMIT {most}");
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&desk.db).await.unwrap();
        examine(&desk.slack, &desk.settings).await
    };
    let report = limit(3).await;
    assert_only_fault(&report, "PostgreSQL connections", "for workers");
    // The test's own connection is one; the doctor's and the worker's don't count.
    assert_eq!(limit(30).await.faults(), 0);
}

#[tokio::test]
async fn a_refused_password_is_told_from_a_silent_server() {
    let (desk, _redis) = healthy().await;
    let guarded = PrivateRedis::start_with_password("hush").await;
    for url in [guarded.url().replace("hush", "wrong"), guarded.url().replace(":hush@", "")] {
        let settings = Settings { redis_url: url, ..desk.settings.clone() };
        assert_only_fault(&examine(&desk.slack, &settings).await, "Redis", "refuses the password");
    }
}

/// The program itself: signs, exit status, JSON.
#[tokio::test]
async fn the_command_ends_with_a_status_for_scripts() {
    let (desk, _redis) = healthy().await;
    let variables = desk.settings.variables(&desk.slack);
    let run = |arguments: &'static [&'static str]| {
        let variables = variables.clone();
        async move { tokio::task::spawn_blocking(move || Program::worker_command(&variables, arguments)).await.unwrap() }
    };
    let (succeeded, text) = run(&["doctor"]).await;
    assert!(succeeded && text.lines().count() > 15, "{text}");
    assert!(text.lines().all(|line| line.starts_with("✓ ")), "{text}");
    desk.slack.change(|world| world.revoke_token());
    let (succeeded, text) = run(&["doctor"]).await;
    let fault = text.lines().find(|line| line.starts_with('✗')).unwrap_or_default();
    assert!(!succeeded && fault.contains("token_revoked. Do: ") && fault.contains("SLACK_BOT_TOKEN"), "{text}");
    let (succeeded, json) = run(&["doctor", "--json"]).await;
    assert!(!succeeded && json.contains(r#""state": "fault""#) && json.contains(r#""state": "fine""#), "{json}");
}

#[tokio::test]
async fn a_worker_that_starts_in_trouble_tells_the_operators_once_of_all_of_it() {
    let (desk, redis) = healthy().await;
    redis.command("CONFIG SET maxmemory-policy allkeys-lru").await.unwrap();
    desk.slack.change(|world| world.remove_scope("users:read"));
    let config = Config::from_env(Env::from_pairs(desk.settings.variables(&desk.slack))).unwrap();
    for _ in 0..2 {
        doctor::tell_at_start(&config, desk.worker.context(), desk.worker.consumer()).await;
        desk.drain().await;
    }
    desk.elapse(test_waits().alert_update).await;
    desk.drain().await;
    let alerts = desk.slack.read(|world| world.messages_in(ADMIN).into_iter().cloned().collect::<Vec<_>>());
    assert_eq!(alerts.len(), 1, "{}", desk.slack.dump());
    for words in ["allkeys-lru", "noeviction", "users:read"] {
        assert!(alerts[0].all_text().contains(words), "{words} in {}", alerts[0].all_text());
    }
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

    let queues = gauges::look_at_redis(desk.worker.consumer()).await.unwrap();
    assert_eq!(queues.iter().map(|queue| queue.entries).collect::<Vec<_>>(), [0, 0, 1]);
    assert!(queues[2].oldest > 1_000_000.0, "its age in seconds: {queues:?}");
    let rows = gauges::look_at_postgres(desk.worker.context()).await.unwrap();
    assert_eq!((rows.work.dead, rows.work.undelivered, rows.work.parked), (0, 1, 0));
    assert!(rows.work.oldest.is_some_and(|age| (299.0..400.0).contains(&age)), "{rows:?}");
    assert_eq!(rows.tickets, [1, 0, 0, 0]);
}
