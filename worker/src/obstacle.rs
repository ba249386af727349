//! What keeps the worker from a server, in an operator's words, and telling it without flooding the log.

use std::time::{Duration, Instant};

/// The same obstacle is told again after this long.
const TOLD_AGAIN: Duration = Duration::from_secs(30);

/// Why a server can't be used, and what mends that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{server} {found}. Do: {fix}")]
pub struct Obstacle {
    /// `Redis` or `PostgreSQL`.
    pub server: &'static str,
    /// What is wrong: completes a sentence that begins with the server.
    pub found: String,
    /// What an operator can do.
    pub fix: &'static str,
}

/// Tells the log of an obstacle when it comes up, when it becomes another, and now and then while it lasts.
#[derive(Default)]
pub struct Teller(Option<(String, Instant)>);

impl Teller {
    /// Tells it, unless it was told just now.
    pub fn tell(&mut self, obstacle: &Obstacle) {
        if self.is_due(obstacle) {
            let Obstacle { server, found, fix } = obstacle;
            tracing::error!(server, fix, "{server} {found}; waiting for it");
            self.0 = Some((found.clone(), Instant::now()));
        }
    }

    fn is_due(&self, obstacle: &Obstacle) -> bool {
        self.0.as_ref().is_none_or(|(found, at)| *found != obstacle.found || at.elapsed() >= TOLD_AGAIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_not_told_twice_in_a_row() {
        let obstacle = |found: &str| Obstacle { server: "Redis", found: found.to_owned(), fix: "start it" };
        let mut teller = Teller::default();
        assert!(teller.is_due(&obstacle("is away")));
        teller.tell(&obstacle("is away"));
        assert!(!teller.is_due(&obstacle("is away")));
        assert!(teller.is_due(&obstacle("refuses the password")));
        assert_eq!(obstacle("is away").to_string(), "Redis is away. Do: start it");
    }
}
