//! When not to call Slack.
//!
//! Calls are made until Slack says 429; then its key (a method, and for posts the channel) is paused for all workers: in
//! memory at once, and by a row in PostgreSQL that every worker reads with every look at the outbox. That row is the
//! truth as soon as it is stored: an operator who deletes it ends the pause. For a while after a
//! pause calls with that key go one at a time, so that a pause's end doesn't let loose everything that had gathered. After
//! a pause of everything (the token was refused) that holds for all calls together, until the first that succeeds.
//!
//! Known race, accepted: another worker may make calls in the milliseconds before it has read the pause.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sqlx::PgPool;
use tokio::sync::OwnedMutexGuard;

use crate::db::pauses;

/// The key that pauses every call.
pub const EVERYTHING: &str = "*";
/// How long after a pause calls go one at a time.
const CAREFUL: Duration = Duration::from_secs(60);

/// Which keys are paused.
pub struct Pace {
    db: PgPool,
    keys: Mutex<HashMap<String, Key>>,
}

struct Key {
    paused_until: Instant,
    /// Since when PostgreSQL knows of this pause; none where it couldn't be told.
    stored: Option<Instant>,
    one_at_a_time: Arc<tokio::sync::Mutex<()>>,
}

/// The permission to make one call; held until its answer was noted.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "held, not read")] Vec<OwnedMutexGuard<()>>);

impl Pace {
    /// Nothing is paused.
    pub fn new(db: PgPool) -> Self {
        Self { db, keys: Mutex::default() }
    }

    /// Waits for the turn to call with this key.
    ///
    /// # Errors
    /// How long the key is still paused.
    pub async fn turn(&self, key: &str) -> Result<Turn, Duration> {
        self.take(key, &[EVERYTHING, key]).await
    }

    /// Waits for the turn of a place that no call has as its own key; held around the call, which takes its own turn.
    ///
    /// # Errors
    /// How long the place is still paused.
    pub async fn turn_at(&self, place: &str) -> Result<Turn, Duration> {
        self.take(place, &[place]).await
    }

    async fn take(&self, key: &str, keys: &[&str]) -> Result<Turn, Duration> {
        self.check(key)?;
        let mut guards = Vec::new();
        for key in keys {
            if let Some(mutex) = self.one_at_a_time(key) {
                let guard = mutex.lock_owned().await;
                // While this waited, the pause may have been forgotten.
                if self.one_at_a_time(key).is_some() {
                    guards.push(guard);
                }
            }
        }
        self.check(key)?;
        Ok(Turn(guards))
    }

    fn one_at_a_time(&self, key: &str) -> Option<Arc<tokio::sync::Mutex<()>>> {
        let keys = self.lock();
        keys.get(key).filter(|k| k.paused_until.elapsed() < CAREFUL).map(|k| Arc::clone(&k.one_at_a_time))
    }

    /// Slack has carried a call out: whatever everything was paused for is over.
    pub fn recovered(&self) {
        self.lock().retain(|key, k| key != EVERYTHING || k.paused_until > Instant::now());
    }

    /// Pauses a key here and for all workers.
    pub async fn pause(&self, key: &str, pause: Duration, reason: &str) {
        self.note(key, pause);
        let stored = async { pauses::insert(&mut *self.db.acquire().await?, key, pause, reason).await };
        match stored.await {
            Ok(()) => {
                if let Some(key) = self.lock().get_mut(key) {
                    key.stored = Some(Instant::now());
                }
            }
            Err(error) => tracing::warn!(key, %error, "other workers don't learn of a pause"),
        }
    }

    /// Takes over the pauses that were in force in PostgreSQL at some time after `asked`.
    pub fn adopt(&self, asked: Instant, pauses: Vec<(String, Duration)>) {
        for (name, key) in self.lock().iter_mut() {
            if key.stored.is_some_and(|stored| stored < asked) {
                let left = pauses.iter().find(|(paused, _)| paused == name);
                key.paused_until = left.map_or(key.paused_until.min(asked), |(_, left)| Instant::now() + *left);
            }
        }
        for (name, pause) in pauses {
            self.note(&name, pause);
            if let Some(key) = self.lock().get_mut(&name) {
                key.stored.get_or_insert(asked);
            }
        }
    }

    fn note(&self, key: &str, pause: Duration) {
        let until = Instant::now() + pause;
        let mut keys = self.lock();
        keys.retain(|_, k| k.paused_until.elapsed() < CAREFUL);
        let new = Key { paused_until: until, stored: None, one_at_a_time: Arc::default() };
        let entry = keys.entry(key.to_owned()).or_insert(new);
        entry.paused_until = entry.paused_until.max(until);
    }

    fn check(&self, key: &str) -> Result<(), Duration> {
        let keys = self.lock();
        let left = [key, EVERYTHING]
            .into_iter()
            .filter_map(|key| Some(keys.get(key)?.paused_until.saturating_duration_since(Instant::now())))
            .max()
            .unwrap_or_default();
        if left.is_zero() { Ok(()) } else { Err(left) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Key>> {
        self.keys.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
