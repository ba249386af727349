//! The workspace's time: real time plus an offset, so that expiry and lag are tested without sleeping.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// Real time plus an offset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// How far ahead of real time, in milliseconds; negative is behind.
    pub offset_ms: i64,
}

impl Clock {
    /// Now, in the workspace's time.
    pub fn now(self) -> DateTime<Utc> {
        Utc::now() + TimeDelta::milliseconds(self.offset_ms)
    }

    /// Moves the time forward; saturates at the end of the range.
    pub fn advance(&mut self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.offset_ms = self.offset_ms.saturating_add(by);
    }
}
