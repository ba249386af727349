//! The worker's command line: what each command prints, what it asks, and how it fails.

use std::collections::BTreeSet;

use harness::desk::{Desk, Settings};
use harness::processes::Program;
use harness::servers::{self, PrivateRedis};
use harness::slack::SlackStandIn;

use crate::documents::first_column;
use crate::gateway::notify;
use crate::repository::read;

/// Runs the worker with a desk's environment, and these variables over it.
async fn worker(desk: &Desk, more: &[(&str, &str)], arguments: &[&str]) -> (bool, String) {
    let mut variables = desk.settings.variables(&desk.slack);
    variables.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
    let run = move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Program::worker_command(&variables, &arguments)
    };
    tokio::task::spawn_blocking(run).await.expect("no panic")
}

/// One dead letter; answers its number.
async fn bury_one(desk: &Desk) -> String {
    assert!(notify(desk, &serde_json::json!({ "type": "event_callback" })).await.is_ok());
    desk.drain().await;
    desk.text("SELECT id::text FROM dead_letters ORDER BY id DESC LIMIT 1").await
}

#[tokio::test]
async fn dead_letters_are_listed_and_dropped_only_by_those_who_mean_it() {
    let desk = Desk::start().await;
    let (succeeded, output) = worker(&desk, &[], &["dead", "list"]).await;
    assert!(succeeded && output.contains("No dead letters."), "{output}");
    let id = bury_one(&desk).await;
    let (succeeded, output) = worker(&desk, &[], &["dead", "list"]).await;
    assert!(succeeded && output.starts_with(&format!("{id}  ")) && output.contains("can't be read"), "{output}");

    let (succeeded, output) = worker(&desk, &[], &["dead", "drop", &id]).await;
    assert!(!succeeded && output.contains("give --yes"), "nobody can be asked here: {output}");
    assert_eq!(desk.count("SELECT count(*) FROM dead_letters").await, 1);
    let (succeeded, output) = worker(&desk, &[], &["dead", "drop", &id, "--yes"]).await;
    assert!(succeeded && output.contains(&format!("Dead letter {id} is dropped.")), "{output}");
    for command in ["drop", "redrive"] {
        let yes = if command == "drop" { &["--yes"][..] } else { &[] };
        let arguments = [&["dead", command, &id], yes].concat();
        let (succeeded, output) = worker(&desk, &[], &arguments).await;
        assert!(!succeeded && output.contains("`worker dead list`"), "{output}");
    }
    desk.finish().await;
}

#[tokio::test]
async fn a_dead_letter_runs_again_and_says_so() {
    let desk = Desk::start().await;
    let id = bury_one(&desk).await;
    let envelope = format!(r#"{{"id":"command:again","team":"{}","kind":"open_form.v1","ask":{{}}}}"#, "T0TEAM");
    let set = format!("UPDATE dead_letters SET entry = '{envelope}' WHERE id = {id}");
    sqlx::query(sqlx::AssertSqlSafe(set)).execute(&desk.db).await.unwrap();
    let (succeeded, output) = worker(&desk, &[], &["dead", "redrive", &id]).await;
    assert!(!succeeded && output.contains(&format!("`worker dead drop {id}` drops it")), "no job: {output}");

    // One that holds a job.
    let user = "U0AGENT1";
    let envelope = common::job::Envelope {
        id: "submission:V1".to_owned(),
        team: None,
        job: common::job::Job::Unreadable(common::job::Unreadable {
            route: "/x".to_owned(),
            reason: format!("by {user}"),
            body_hex: String::new(),
        }),
    };
    let entry = envelope.encode().into_bytes();
    sqlx::query("UPDATE dead_letters SET entry = $1").bind(entry).execute(&desk.db).await.unwrap();
    let (succeeded, output) = worker(&desk, &[], &["dead", "redrive", &id]).await;
    assert!(succeeded && output.contains(&format!("runs again, as job submission:V1#redriven-{id}")), "{output}");
    assert_eq!((desk.queued().await, desk.count("SELECT count(*) FROM dead_letters").await), (1, 0));
    desk.drain().await;
    desk.finish_with_dead_letters(1).await;
}

#[tokio::test]
async fn commands_tell_what_is_away_instead_of_hanging() {
    let desk = Desk::start().await;
    let id = bury_one(&desk).await;
    let nowhere = servers::free_port();
    let no_redis = format!("redis://127.0.0.1:{nowhere}");
    let entry = common::job::Envelope {
        id: "a".to_owned(),
        team: None,
        job: common::job::Job::Unreadable(common::job::Unreadable {
            route: String::new(),
            reason: String::new(),
            body_hex: String::new(),
        }),
    };
    let entry = entry.encode().into_bytes();
    sqlx::query("UPDATE dead_letters SET entry = $1").bind(entry).execute(&desk.db).await.unwrap();
    let (succeeded, output) = worker(&desk, &[("REDIS_URL", &no_redis)], &["dead", "redrive", &id]).await;
    assert!(!succeeded && output.contains("Redis can't be reached") && output.contains("REDIS_URL"), "{output}");

    let no_postgres = format!("postgres://u:hush@127.0.0.1:{nowhere}/t");
    for arguments in [&["dead", "list"][..], &["export"], &["migrate"]] {
        let (succeeded, output) = worker(&desk, &[("DATABASE_URL", &no_postgres)], arguments).await;
        assert!(!succeeded && output.contains("PostgreSQL can't be reached"), "{arguments:?}: {output}");
        assert!(output.contains("DATABASE_URL") && !output.contains("hush"), "{arguments:?}: {output}");
    }
    desk.finish_with_dead_letters(1).await;
}

#[tokio::test]
async fn a_database_without_its_schema_is_named_with_the_command_that_makes_it() {
    let desk = Desk::start().await;
    sqlx::query("DROP TABLE dead_letters").execute(&desk.db).await.unwrap();
    let (succeeded, output) = worker(&desk, &[], &["dead", "list"]).await;
    assert!(!succeeded && output.contains("`worker migrate`") && !output.contains("relation"), "{output}");
}

#[tokio::test]
async fn the_manifest_is_printed_with_and_without_an_address() {
    let (succeeded, output) = Program::worker_command(&[], &["manifest"]);
    assert!(succeeded && output.contains("https://YOUR-ADDRESS/api/tickets/new-ticket"), "{output}");
    assert!(output.contains("--url"), "and how to fill it in: {output}");
    let (succeeded, output) = Program::worker_command(&[], &["manifest", "--url", "https://tickets.example.com"]);
    assert!(succeeded && !output.contains("YOUR-ADDRESS"), "{output}");
    let (succeeded, output) = Program::worker_command(&[], &["manifest", "--url", "http://tickets.example.com"]);
    assert!(!succeeded && output.contains("such as https://"), "{output}");
}

/// The same words as the gateway's (`gateway_process::a_wrong_environment_is_one_message_and_a_failure`).
#[tokio::test]
async fn a_wrong_environment_is_one_message_and_a_failure() {
    let slack = SlackStandIn::start().await;
    let settings = Settings {
        database_url: "mysql://user:pa55@x/y".to_owned(),
        redis_url: "redis-cluster://user:pa55@x".to_owned(),
        stream_prefix: "{a}".to_owned(),
        more: vec![("RUST_LOG".to_owned(), "worker=loud".to_owned()), ("SYSTEM_USERS".to_owned(), String::new())],
    };
    let (succeeded, output) = Program::worker_command(&settings.variables(&slack), &["run"]);
    assert!(!succeeded && output.contains("5 variables") && output.matches("can't start").count() == 1, "{output}");
    for name in ["DATABASE_URL", "REDIS_URL", "STREAM_PREFIX", "RUST_LOG", "SYSTEM_USERS"] {
        assert!(output.contains(&format!("  {name} ")) && output.contains(&format!("{name}=")), "{name} in {output}");
    }
    assert!(!output.contains("pa55") && !output.contains("panicked"), "{output}");
}

#[tokio::test]
async fn the_log_filter_is_obeyed_also_from_a_file() {
    let redis = PrivateRedis::start().await;
    let settings = Settings { redis_url: redis.url(), ..Settings::private().await };
    let slack = SlackStandIn::start().await;
    let folder = std::env::temp_dir().join(format!("ticket-env-{}", servers::unique()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(".env"), "RUST_LOG=worker::run=trace,off\n").unwrap();
    let mut worker = Program::starting_worker_in(&folder, &settings.variables(&slack));
    worker.until_log("worker started").await;
    assert_eq!(worker.stop(harness::desk::SOON).await, Some(0));
    let log = worker.log();
    assert!(!log.contains("called Slack"), "only what the filter lets through: {log}");
    std::fs::remove_dir_all(folder).unwrap();
}

/// The names of a command's subcommands, from its own help.
fn subcommands(arguments: &[&str]) -> BTreeSet<String> {
    let (_, help) = Program::worker_command(&[], &[arguments, &["--help"]].concat());
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| line.starts_with("  "));
    let names = list.filter_map(|line| line.split_whitespace().next()).map(str::to_owned);
    names.filter(|name| name != "help").collect()
}

#[test]
fn the_readme_names_every_command_and_no_other() {
    let readme = read("README.md");
    let named = first_column(&readme, "\n### The worker's commands\n");
    let behind = |words: &str| -> BTreeSet<String> {
        let rest = named.iter().filter_map(|line| line.strip_prefix(words)?.strip_prefix(' '));
        rest.filter_map(|rest| rest.split(' ').next()).map(str::to_owned).collect()
    };
    assert_eq!(behind("worker"), subcommands(&[]));
    for group in ["dead", "parked"] {
        assert_eq!(behind(&format!("worker {group}")), subcommands(&[group]), "{group}");
    }
}
