//! Encryption to Redis and PostgreSQL: every mode against servers that show a certificate of a private authority.

use common::env::Env;
use harness::desk::{Settings, start_gateway};
use harness::processes::Program;
use harness::servers::{PrivateRedis, certificate, encrypted};
use harness::slack::SlackStandIn;
use worker::doctor::{self, State};

use crate::gateway::get;

struct Mode {
    name: &'static str,
    host: &'static str,
    variables: Vec<(&'static str, String)>,
    /// Words of the obstacle, where there is to be one.
    refused: Option<&'static str>,
}

fn redis_modes() -> Vec<Mode> {
    let ca = |name: &str| vec![("REDIS_CA", certificate(name).display().to_string())];
    let inline = || vec![("REDIS_CA", std::fs::read_to_string(certificate("ca.pem")).expect("a certificate"))];
    let mode = |name, host, variables, refused| Mode { name, host, variables, refused };
    vec![
        mode("the machine's authorities", "127.0.0.1", Vec::new(), Some("not trusted")),
        mode("its authority", "127.0.0.1", ca("ca.pem"), None),
        mode("its authority, as text", "127.0.0.1", inline(), None),
        mode("a stranger's authority", "127.0.0.1", ca("other-ca.pem"), Some("not trusted")),
        mode("its authority, another host", "localhost", ca("ca.pem"), Some("not trusted")),
        mode("no verification", "localhost", vec![("REDIS_TLS_VERIFY", "no".to_owned())], None),
    ]
}

fn settings(redis: &PrivateRedis, mode: &Mode, database_url: &str) -> Settings {
    Settings {
        database_url: database_url.to_owned(),
        redis_url: redis.url().replace("127.0.0.1", mode.host),
        stream_prefix: "tls".to_owned(),
        more: mode.variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
    }
}

#[tokio::test]
async fn redis_is_trusted_as_the_mode_says_by_gateway_worker_and_doctor() {
    let redis = PrivateRedis::start_encrypted().await;
    let slack = SlackStandIn::start().await;
    let database_url = harness::servers::database().await;
    for mode in redis_modes() {
        let settings = settings(&redis, &mode, &database_url);
        let (gateway_url, serving) = start_gateway(&slack, &settings).await;
        let (status, body) = get(&gateway_url, "/readyz").await;
        serving.abort();
        let report = doctor::examine(Ok(Env::from_pairs(settings.variables(&slack)))).await;
        let fault = report.checks.iter().find(|check| check.name == "Redis");
        match mode.refused {
            None => {
                assert_eq!((status, fault), (200, None), "{}: {body}\n{}", mode.name, report.text());
                let encryption = report.checks.iter().find(|check| check.name == "Redis encryption").expect("a check");
                assert!(encryption.state == State::Fine && encryption.found.contains("TLS"), "{}", encryption.found);
                let mut worker = Program::worker(&slack, &settings).await;
                assert_eq!(worker.stop(harness::desk::SOON).await, Some(0), "{}", mode.name);
            }
            Some(words) => {
                assert!(status == 503 && body.contains(words) && body.contains("REDIS_CA"), "{}: {body}", mode.name);
                let fault = fault.unwrap_or_else(|| panic!("{}: no fault in\n{}", mode.name, report.text()));
                let fix = fault.fix.as_deref().unwrap_or_default();
                assert!(fault.found.contains(words) && fix.contains("REDIS_CA"), "{}: {}", mode.name, report.text());
                // The worker waits, and says why once.
                let mut worker = Program::starting_worker(&settings.variables(&slack));
                worker.until_log("not trusted").await;
                assert_eq!(worker.log().matches("waiting for it").count(), 1, "{}", worker.log());
                assert_eq!(worker.stop(harness::desk::SOON).await, Some(0), "{}", mode.name);
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_encrypted_does_not_reach_a_redis_that_is() {
    let redis = PrivateRedis::start_encrypted().await;
    let slack = SlackStandIn::start().await;
    let plain = Mode { name: "plain", host: "127.0.0.1", variables: Vec::new(), refused: None };
    let mut settings = settings(&redis, &plain, &harness::servers::database().await);
    settings.redis_url = settings.redis_url.replace("rediss://", "redis://");
    let (gateway_url, serving) = start_gateway(&slack, &settings).await;
    assert_eq!(get(&gateway_url, "/readyz").await.0, 503);
    serving.abort();
    let report = doctor::examine(Ok(Env::from_pairs(settings.variables(&slack)))).await;
    assert!(
        report.checks.iter().any(|check| check.name == "Redis" && check.state == State::Fault),
        "{}",
        report.text()
    );
}

#[tokio::test]
async fn postgresql_is_trusted_as_sslmode_says() {
    let slack = SlackStandIn::start().await;
    let plain = Settings::private().await;
    let ca = |name: &str| format!("sslrootcert={}", certificate(name).display());
    for (host, parameters, encryption) in [
        ("127.0.0.1", "sslmode=disable".to_owned(), Some("none")),
        ("127.0.0.1", "sslmode=prefer".to_owned(), Some("TLS")),
        ("127.0.0.1", "sslmode=require".to_owned(), Some("not verified")),
        ("127.0.0.1", "sslmode=verify-full".to_owned(), None),
        ("127.0.0.1", ca("ca.pem"), Some("verified (sslmode=verify-full)")),
        ("127.0.0.1", format!("sslmode=require&{}", ca("ca.pem")), Some("verified (sslmode=verify-full)")),
        ("127.0.0.1", format!("sslmode=verify-full&{}", ca("other-ca.pem")), None),
        ("localhost", format!("sslmode=verify-full&{}", ca("ca.pem")), None),
        ("localhost", format!("sslmode=verify-ca&{}", ca("ca.pem")), Some("verify-ca")),
    ] {
        let database_url = encrypted(&plain.database_url, host, &parameters);
        let settings = Settings { database_url, ..plain.clone() };
        let variables = settings.variables(&slack);
        let report = doctor::examine(Ok(Env::from_pairs(variables.clone()))).await;
        let found = |name| report.checks.iter().find(|check| check.name == name);
        let migrated =
            tokio::task::spawn_blocking(move || Program::worker_command(&variables, &["migrate"])).await.unwrap();
        match encryption {
            Some(words) => {
                let check = found("PostgreSQL encryption").unwrap_or_else(|| panic!("{parameters}\n{}", report.text()));
                assert!(check.found.contains(words), "{parameters}: {}", check.found);
                assert!(migrated.0, "{parameters}: {}", migrated.1);
            }
            None => {
                let fault = found("PostgreSQL").unwrap_or_else(|| panic!("{parameters}\n{}", report.text()));
                assert!(fault.found.contains("can't be trusted"), "{parameters}: {}", fault.found);
                assert!(!migrated.0 && migrated.1.contains("sslrootcert"), "{parameters}: {}", migrated.1);
            }
        }
    }
}

/// Waiting doesn't mend a certificate: the worker ends with one message instead of trying for ever.
#[tokio::test]
async fn a_worker_ends_where_postgresql_cannot_be_trusted() {
    let slack = SlackStandIn::start().await;
    let plain = Settings::private().await;
    let database_url = encrypted(&plain.database_url, "127.0.0.1", "sslmode=verify-full");
    let variables = Settings { database_url, ..plain }.variables(&slack);
    let run = move || Program::worker_command(&variables, &["run"]);
    let (succeeded, output) = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(!succeeded && output.matches("PostgreSQL can't be trusted").count() == 1, "{output}");
    assert!(output.contains("sslrootcert"), "{output}");
}
