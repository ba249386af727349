//! Wall-clock time as a value that is handed in, so that code which judges ages can be tested without waiting.
//!
//! Leases, deadlines and schedule slots never use it: they are judged by Redis' or PostgreSQL's clock, since two
//! machines' clocks may differ.

use std::sync::Arc;

use chrono::{DateTime, Utc};

/// A source of the current time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::of(Utc::now)
    }

    /// A clock that always shows `instant`.
    pub fn fixed(instant: DateTime<Utc>) -> Self {
        Self::of(move || instant)
    }

    /// Whatever `now` says, such as a clock that is moved by hand.
    pub fn of(now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The current time.
    pub fn now(&self) -> DateTime<Utc> {
        (self.0)()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}
