//! Waiting for something to become true, woken by changes instead of polling; and the dump that a failed wait shows.

use std::fmt::Write as _;
use std::time::Duration;

use chrono::TimeDelta;

use super::recorder::Call;
use super::{SlackStandIn, World, lock};

impl SlackStandIn {
    /// Waits until `look` answers something; it runs again after every change. Don't call the stand-in from inside.
    ///
    /// # Panics
    /// After `timeout`, with a dump of the workspace.
    pub async fn wait_for<T>(&self, timeout: Duration, mut look: impl FnMut(&World) -> Option<T>) -> T {
        let found = self.try_wait_for(timeout, &mut look).await;
        found.unwrap_or_else(|| panic!("nothing came within {timeout:?}\n{}", self.dump()))
    }

    /// Waits like [`SlackStandIn::wait_for`]; none after `timeout`.
    pub async fn try_wait_for<T>(&self, timeout: Duration, mut look: impl FnMut(&World) -> Option<T>) -> Option<T> {
        self.until(timeout, || self.read(&mut look)).await
    }

    /// Waits until a method was called and settled at least `count` times since the start; answers those calls.
    ///
    /// # Panics
    /// After `timeout`, with a dump of the workspace.
    pub async fn wait_for_calls(&self, method: &str, count: usize, timeout: Duration) -> Vec<Call> {
        let enough = || {
            let settled = self.calls_of(method).into_iter().filter(|call| call.status.is_some() || call.processed);
            let settled: Vec<Call> = settled.collect();
            (settled.len() >= count).then_some(settled)
        };
        let found = self.until(timeout, enough).await;
        found.unwrap_or_else(|| panic!("fewer than {count} calls of {method} within {timeout:?}\n{}", self.dump()))
    }

    /// Waits until `look` answers something; it runs again after every change of the world or the recorder.
    pub async fn until<T>(&self, timeout: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
        let mut changes = self.inner().subscribe();
        let waiting = async {
            loop {
                changes.borrow_and_update();
                if let Some(found) = look() {
                    return Some(found);
                }
                match self.read(World::next_due) {
                    Some(due) => drop(tokio::time::timeout(due, changes.changed()).await),
                    None => changes.changed().await.ok()?,
                }
            }
        };
        tokio::time::timeout(timeout, waiting).await.ok().flatten()
    }

    /// The workspace in words: conversations with their messages, open views, the latest calls, violations.
    pub fn dump(&self) -> String {
        let mut out = String::new();
        self.read(|world| dump_world(world, &mut out));
        let recorder = lock(&self.inner().recorder);
        let _ = writeln!(out, "-- latest of {} calls", recorder.calls.len());
        for call in recorder.calls.iter().rev().take(40).rev() {
            let _ = writeln!(out, "{}", call.line());
        }
        out
    }
}

impl World {
    /// After how long something becomes true by time alone: a file is ready, a message shows in the history.
    fn next_due(&self) -> Option<Duration> {
        let now = self.now();
        let ready = self.files.values().filter_map(|file| file.ready_at).filter(|at| *at > now);
        let files = ready.map(|at| at - now).min();
        let lag = TimeDelta::milliseconds(i64::try_from(self.settings.history_lag_ms).ok()?);
        let youngest = chrono::DateTime::from_timestamp_micros(self.last_ts)?;
        let history = Some(youngest + lag - now).filter(|left| *left > TimeDelta::zero());
        let due = files.into_iter().chain(history).min()?;
        Some(due.to_std().ok()? + Duration::from_millis(1))
    }
}

fn dump_world(world: &World, out: &mut String) {
    for channel in world.channels.values() {
        let name = channel.user.as_ref().map_or_else(|| format!("#{}", channel.name), |user| format!("DM {user}"));
        let _ = writeln!(out, "-- {name} {}", channel.id);
        for message in world.messages_in(&channel.id) {
            let mark = if message.is_reply() { "   ↳" } else { "  " };
            let text = message.all_text().replace('\n', " ⏎ ");
            let _ = writeln!(out, "{mark} {} {}: {text}", message.ts, message.user);
        }
    }
    for message in &world.ephemerals {
        let text = message.all_text().replace('\n', " ⏎ ");
        let _ = writeln!(out, "-- only {} in {}: {text}", message.user, message.channel);
    }
    for (user, stack) in &world.stacks {
        for id in stack {
            if let Some(view) = world.views.get(id) {
                let _ = writeln!(out, "-- view {id} of {user}: {}", view.all_text().replace('\n', " ⏎ "));
            }
        }
    }
    for note in &world.notes {
        let _ = writeln!(out, "-- note to {}: {}", note.user, note.text);
    }
    for violation in &world.violations {
        let _ = writeln!(out, "-- violation in {}: {}", violation.place, violation.what);
    }
}
