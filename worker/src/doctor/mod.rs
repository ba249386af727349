//! `worker doctor`: everything that the desk needs, checked one by one, each fault with what mends it.
//!
//! Nothing is changed and nothing is posted. Each server is given a few seconds; one that is away costs its own checks
//! only. Facts that a server doesn't tell (a managed Redis that forbids CONFIG) are unknown, not faults.

mod postgres;
pub mod redis;
mod schedule;
mod slack;

use std::fmt::Write as _;
use std::time::Duration;

use common::env::Env;
use serde::Serialize;

use crate::config::Config;
use crate::consumer::Consumer;
use crate::context::Context;
use crate::db::alerts;

/// What a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it should be.
    Fine,
    /// To be mended.
    Fault,
    /// Can't be told.
    Unknown,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// How it ended.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What mends it; nothing where it is fine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Check {
    fn fine(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, state: State::Fine, found: found.into(), fix: None }
    }

    fn fault(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, state: State::Fault, found: found.into(), fix: Some(fix.into()) }
    }

    fn unknown(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, state: State::Unknown, found: found.into(), fix: Some(fix.into()) }
    }

    /// Fine if `fine`, else a fault.
    fn judge(name: &'static str, fine: bool, found: impl Into<String>, fix: &str) -> Self {
        if fine { Self::fine(name, found) } else { Self::fault(name, found, fix) }
    }
}

/// All checks, in the order in which they are best mended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The checks.
    pub checks: Vec<Check>,
}

impl Report {
    /// How many things are to be mended.
    pub fn faults(&self) -> usize {
        self.checks.iter().filter(|check| check.state == State::Fault).count()
    }

    /// One line a check, with ✓, ✗ or ?, and the fix below it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for Check { name, state, found, fix } in &self.checks {
            let sign = match state {
                State::Fine => '✓',
                State::Fault => '✗',
                State::Unknown => '?',
            };
            let _ = writeln!(text, "{sign} {name}: {found}");
            if let Some(fix) = fix {
                let _ = writeln!(text, "    {fix}");
            }
        }
        text
    }

    /// The same for scripts.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report holds only texts")
    }
}

/// The cheap part, when a worker starts: a Redis that may lose accepted requests is an error in the log, and one message to
/// the operators an hour however many workers start.
pub async fn tell_at_start(context: &Context, consumer: &Consumer) {
    let settings = tokio::time::timeout(PATIENCE, redis::settings(consumer.client())).await.unwrap_or_default();
    let mut text = String::new();
    for check in settings.iter().filter(|check| check.state == State::Fault) {
        let fix = check.fix.as_deref().unwrap_or_default();
        tracing::error!(check = check.name, fix, "{}", check.found);
        let _ = write!(text, "\n• *{}* is {}. Do: `{fix}`", check.name, check.found);
    }
    if text.is_empty() {
        return;
    }
    let text = format!("Redis is not set as the ticket desk needs it:{text}\n`worker doctor` checks the rest.");
    let raised = async {
        let mut db = context.db.acquire().await?;
        alerts::raise(&mut db, "redis:settings", &text, context.waits.alert_update).await
    };
    match raised.await {
        Ok(()) => context.wake_delivery(),
        Err(error) => tracing::error!(%error, "the operators can't be told"),
    }
}

/// Checks everything.
pub async fn examine(env: Env) -> Report {
    let config = match Config::from_env(env) {
        Ok(config) => config,
        Err(error) => {
            let text = error.to_string();
            let faults = text.lines().filter_map(|line| line.strip_prefix("  "));
            let fix = "set it in the environment or in .env (.env.example lists all); the other checks need it";
            return Report { checks: faults.map(|fault| Check::fault("variable", fault, fix)).collect() };
        }
    };
    let mut checks = vec![Check::fine("variables", "all that are required are there and readable")];
    match Context::new(&config) {
        Ok(context) => {
            let (slack, redis, postgres) =
                tokio::join!(slack::check(&config, &context), redis::check(&config), postgres::check(&context));
            checks.extend(slack.into_iter().chain(redis).chain(postgres));
        }
        Err(error) => checks.push(Check::fault("certificates", format!("{error:#}"), "install ca-certificates")),
    }
    Report { checks }
}
