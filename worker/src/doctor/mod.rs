//! `worker doctor`: everything that the desk needs, checked one by one, each fault with what mends it.
//!
//! Nothing is changed and nothing is posted: servers are asked past the worker's own clients. Each server is given a few seconds; one that is away costs its own checks
//! only. Facts that a server doesn't tell (a managed Redis that forbids CONFIG) are unknown, not faults.

mod postgres;
pub mod redis;
mod schedule;
mod slack;

use std::time::Duration;

use common::env::{Env, EnvError};
use serde::Serialize;

use crate::config::Config;
use crate::consumer::Consumer;
use crate::context::Context;
use crate::db::alerts;
use crate::views::mrkdwn::escape;

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

impl Check {
    /// ✓ or ✗, what was found, and what mends it. What can't be told is no ✗: nothing is known to be wrong.
    fn line(&self) -> String {
        let Self { name, state, found, fix } = self;
        let (sign, untold) = match state {
            State::Fine => ('✓', ""),
            State::Fault => ('✗', ""),
            State::Unknown => ('✓', "not checked: "),
        };
        match fix {
            Some(fix) => format!("{sign} {name}: {untold}{found}. Do: {fix}"),
            None => format!("{sign} {name}: {untold}{found}"),
        }
    }

    /// The same for a message in Slack.
    fn mrkdwn(&self) -> String {
        let fix = self.fix.as_deref().unwrap_or_default();
        format!("*{}*: {}. Do: {}", self.name, escape(&self.found), escape(fix))
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

    /// One line a check.
    pub fn text(&self) -> String {
        self.checks.iter().map(|check| check.line() + "\n").collect()
    }

    /// The same for scripts.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report holds only texts")
    }
}

/// The cheap part, when a worker starts: all but what waits. What is to be mended is one error in the log, and one message
/// to the operators an hour however many workers start.
pub async fn tell_at_start(config: &Config, context: &Context, consumer: &Consumer) {
    let settings = tokio::time::timeout(PATIENCE, redis::settings(consumer.client()));
    let (slack, redis, postgres) = tokio::join!(slack::check(config), settings, postgres::check(config));
    let checks = slack.into_iter().chain(redis.unwrap_or_default()).chain(postgres);
    // What waits for a worker is no trouble now that there is one.
    let waits = |check: &Check| check.name == postgres::UNDELIVERED || check.name.starts_with("schedule:");
    let faults: Vec<Check> = checks.filter(|check| check.state == State::Fault && !waits(check)).collect();
    if faults.is_empty() {
        return;
    }
    let lines: Vec<String> = faults.iter().map(Check::line).collect();
    tracing::error!(faults = lines.len(), "this needs a hand: {}", lines.join(" | "));
    // What is broken can't be told there, and would be told late when it isn't any more.
    if faults.iter().any(|check| ["Slack", "Slack token", "ADMIN_CHANNEL"].contains(&check.name)) {
        return;
    }
    let shown: String = faults.iter().map(|check| format!("\n• {}", check.mrkdwn())).collect();
    let text =
        format!("A worker has started, and this needs a hand:{shown}\n`worker doctor` checks again, and the rest.");
    // Other faults than those that were told within the hour are news.
    let names: Vec<&str> = faults.iter().map(|check| check.name).collect();
    let cause = format!("start:{}", names.join(","));
    let raised = async {
        let mut db = context.db.acquire().await?;
        alerts::raise_once(&mut db, &cause, &text).await
    };
    match raised.await {
        Ok(()) => context.wake_delivery(),
        Err(error) => tracing::error!(%error, "the operators can't be told"),
    }
}

/// Checks everything.
pub async fn examine(env: Result<Env, EnvError>) -> Report {
    let config = match env.and_then(Config::from_env) {
        Ok(config) => config,
        Err(error) => return Report { checks: faulty_variables(&error.to_string()) },
    };
    let mut checks = vec![Check::fine("variables", "all that are required are there and readable")];
    let (slack, redis, postgres) = tokio::join!(slack::check(&config), redis::check(&config), postgres::check(&config));
    checks.extend(slack.into_iter().chain(redis).chain(postgres));
    Report { checks }
}

/// A check for each variable that the message names; one for the whole message where it names none (.env is no list).
fn faulty_variables(message: &str) -> Vec<Check> {
    let fix = "set it in the environment or in .env (.env.example lists all); the other checks need it";
    let faults = message.lines().filter_map(|line| line.strip_prefix("  "));
    let checks: Vec<Check> = faults.map(|fault| Check::fault("variable", fault, fix)).collect();
    if checks.is_empty() {
        vec![Check::fault("variables", message, "correct the file .env, or remove it")]
    } else {
        checks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_one_line_that_begins_with_its_sign_and_ends_with_its_fix() {
        let report = Report {
            checks: vec![
                Check::fine("a", "well"),
                Check::fault("b", "broken", "mend it"),
                Check::unknown("c", "untold", "see"),
            ],
        };
        assert_eq!(report.text(), "✓ a: well\n✗ b: broken. Do: mend it\n✓ c: not checked: untold. Do: see\n");
        assert_eq!(report.faults(), 1);
    }

    #[test]
    fn a_file_that_is_no_list_of_variables_is_a_fault_too() {
        let checks = faulty_variables("The file .env can't be read: every line must be NAME=value or start with #.");
        assert!(checks.len() == 1 && checks[0].found.contains(".env"));
    }
}
