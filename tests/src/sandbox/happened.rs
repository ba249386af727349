//! "What happened": the latest calls of the app and requests to it, newest first.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::html::esc;
use super::reader::{Reader, time};
use crate::slack::recorder::Recorder;
use crate::slack::{Delivery, Outcome};

const SHOWN: usize = 30;

/// A request that somebody's act caused.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    at: DateTime<Utc>,
    what: String,
    ok: bool,
    outcome: String,
    took: Duration,
}

/// The latest requests to the app.
#[derive(Debug, Default)]
pub(super) struct Log(VecDeque<Sent>);

impl Log {
    /// Notes a request and how it ended.
    pub(super) fn add(&mut self, at: DateTime<Utc>, what: &str, delivery: &Delivery) {
        let outcome = match &delivery.outcome {
            Outcome::Answered(status) => status.to_string(),
            Outcome::TimedOut => "no answer in 3 s".to_owned(),
            Outcome::Failed(_) => "no connection".to_owned(),
        };
        let what = what.to_owned();
        self.0.push_front(Sent { at, what, ok: delivery.is_ok(), outcome, took: delivery.elapsed });
        self.0.truncate(SHOWN);
    }
}

/// The panel.
pub(super) fn panel(reader: Reader<'_>, recorder: &Recorder, log: &Log, open: bool) -> String {
    let mut rows: Vec<(DateTime<Utc>, String)> = Vec::new();
    for call in recorder.calls.iter().rev().take(SHOWN) {
        let where_to = call.channel().map(|id| format!(" {}", reader.channel_name(id))).unwrap_or_default();
        let (class, outcome) = match (call.ok, call.error.as_deref(), call.status) {
            (_, Some(error), _) => ("bad", error.to_owned()),
            (Some(true), None, _) => ("good", "ok".to_owned()),
            (_, None, Some(status)) => ("bad", status.to_string()),
            (_, None, None) => ("", "…".to_owned()),
        };
        rows.push((call.at, row(call.at, "app → Slack", &format!("{}{where_to}", call.method), class, &outcome)));
    }
    for sent in &log.0 {
        let class = if sent.ok { "good" } else { "bad" };
        let outcome = format!("{} · {} ms", sent.outcome, sent.took.as_millis());
        rows.push((sent.at, row(sent.at, "Slack → app", &sent.what, class, &outcome)));
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.0));
    let mut list: String = rows.into_iter().take(SHOWN).map(|(_, row)| row).collect();
    if list.is_empty() {
        list = "<li>Nothing yet: neither has the app called Slack nor Slack the app.</li>".to_owned();
    }
    let open = if open { " open" } else { "" };
    format!(
        "<details class=\"happened\" id=\"happened\"{open}><summary>What happened</summary><ol>{list}</ol>{}</details>",
        violations(reader)
    )
}

fn row(at: DateTime<Utc>, way: &str, what: &str, class: &str, outcome: &str) -> String {
    format!(
        "<li><span class=\"way\">{way}</span> {}<br><code>{}</code> <span class=\"outcome {class}\">{}</span></li>",
        time(at, "{time_secs}"),
        esc(what),
        esc(outcome)
    )
}

/// What a real Slack would have refused or warned of: for whoever develops the app.
fn violations(reader: Reader<'_>) -> String {
    let all = &reader.world.violations;
    if all.is_empty() {
        return String::new();
    }
    let rows: String = all
        .iter()
        .rev()
        .take(10)
        .map(|violation| format!("<li><code>{}</code> {}</li>", esc(&violation.place), esc(&violation.what)))
        .collect();
    format!(
        "<details id=\"violations\"><summary>⚠ Slack would object to {}</summary><ol>{rows}</ol></details>",
        all.len()
    )
}
