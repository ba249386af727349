//! Rate limits: none unless set, counted in real time over a sliding window.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

/// The limits that were set.
#[derive(Debug, Default)]
pub struct Limits {
    rules: BTreeMap<String, Rule>,
    seen: BTreeMap<(String, Option<String>), Vec<Instant>>,
}

#[derive(Debug)]
struct Rule {
    per_channel: bool,
    calls: usize,
    window: Duration,
}

impl Limits {
    /// Sets the limit of a method, in place of an earlier one; zero calls with an empty window takes it away.
    pub(crate) fn set(&mut self, method: &str, per_channel: bool, calls: usize, window: Duration) {
        if calls == 0 && window.is_zero() {
            self.rules.remove(method);
        } else {
            self.rules.insert(method.into(), Rule { per_channel, calls, window });
        }
    }

    /// Counts a call; where it is one too many, after how many whole seconds the next may come.
    pub(crate) fn check(&mut self, method: &str, args: &Value, now: Instant) -> Option<u64> {
        let rule = self.rules.get(method)?;
        let channel = args["channel"].as_str().or_else(|| args["channel_id"].as_str());
        let key = (method.to_owned(), channel.filter(|_| rule.per_channel).map(Into::into));
        let seen = self.seen.entry(key).or_default();
        seen.retain(|at| now.duration_since(*at) < rule.window);
        if seen.len() < rule.calls {
            seen.push(now);
            return None;
        }
        let oldest = seen.first().copied().unwrap_or(now);
        let wait = rule.window.saturating_sub(now.duration_since(oldest));
        Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0).max(u64::from(wait.as_secs() == 0)))
    }
}
