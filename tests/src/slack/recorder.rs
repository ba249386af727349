//! What the app called, in order of arrival.

use std::time::Instant;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{Inner, SlackStandIn, lock};

/// One call of the app: a Web API method, or one of `response_url`, `upload`, `download`.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its number, from 0.
    pub number: usize,
    /// Method name.
    pub method: String,
    /// Decoded arguments, without the token.
    pub args: Value,
    /// When it arrived.
    pub arrived: Instant,
    /// When it arrived, in the workspace's time.
    pub at: DateTime<Utc>,
    /// It carried the right token.
    pub token_ok: bool,
    /// HTTP status of the answer; none while it is under way or where none was sent.
    pub status: Option<u16>,
    /// `ok` of the answer.
    pub ok: Option<bool>,
    /// `error` of the answer.
    pub error: Option<String>,
    /// The method did its work (though the answer may not have been sent).
    pub processed: bool,
    /// What the answer said, beside `ok`.
    pub answer: Value,
    /// The scripted fault it suffered.
    pub fault: Option<String>,
    /// When the answer was handed to the connection.
    pub finished: Option<Instant>,
}

impl Call {
    /// The call in one line.
    pub fn line(&self) -> String {
        let mut args = self.args.to_string();
        if args.len() > 300 {
            args = args.chars().take(300).collect::<String>() + "…";
        }
        let fault = self.fault.as_deref().map(|fault| format!(" [{fault}]")).unwrap_or_default();
        let status = self.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        let error = self.error.as_deref().unwrap_or(if self.ok == Some(true) { "ok" } else { "-" });
        format!("#{} {} {status} {error}{fault} {args}", self.number, self.method)
    }

    /// The channel it is about.
    pub fn channel(&self) -> Option<&str> {
        self.args["channel"].as_str().or_else(|| self.args["channel_id"].as_str())
    }
}

/// All calls so far.
#[derive(Debug, Default)]
pub struct Recorder {
    pub(crate) calls: Vec<Call>,
}

impl Inner {
    pub(crate) fn record_arrival(&self, method: &str, args: Value, token_ok: bool) -> usize {
        let at = self.read(super::World::now);
        let mut recorder = lock(&self.recorder);
        let number = recorder.calls.len();
        recorder.calls.push(Call {
            number,
            method: method.into(),
            args,
            arrived: Instant::now(),
            at,
            token_ok,
            status: None,
            ok: None,
            error: None,
            processed: false,
            answer: Value::Null,
            fault: None,
            finished: None,
        });
        drop(recorder);
        self.notify();
        number
    }

    pub(crate) fn record(&self, number: usize, change: impl FnOnce(&mut Call)) {
        if let Some(call) = lock(&self.recorder).calls.get_mut(number) {
            change(call);
        }
        self.notify();
    }
}

impl SlackStandIn {
    /// All calls so far.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.inner().recorder).calls.clone()
    }

    /// The calls of one method so far.
    pub fn calls_of(&self, method: &str) -> Vec<Call> {
        let recorder = lock(&self.inner().recorder);
        recorder.calls.iter().filter(|call| call.method == method).cloned().collect()
    }

    /// How often a method was called.
    pub fn count(&self, method: &str) -> usize {
        lock(&self.inner().recorder).calls.iter().filter(|call| call.method == method).count()
    }

    /// How often a method did its work.
    pub fn processed(&self, method: &str) -> usize {
        let recorder = lock(&self.inner().recorder);
        recorder.calls.iter().filter(|call| call.method == method && call.processed).count()
    }

    /// Forgets the calls so far.
    pub fn forget_calls(&self) {
        lock(&self.inner().recorder).calls.clear();
    }
}
