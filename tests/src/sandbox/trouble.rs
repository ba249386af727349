//! Trouble on demand: for ten seconds Slack limits, fails or is slow, whatever the app calls.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Sandbox;
use crate::slack::{Fault, FaultHandle, On, lock};

/// How long it lasts.
pub(super) const LASTS: Duration = Duration::from_secs(10);

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// 429 with Retry-After.
    Limited,
    /// 503.
    Down,
    /// Every call two seconds late.
    Slow,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Limited, Self::Down, Self::Slow];

    /// As it stands in forms.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Limited => "limited",
            Self::Down => "down",
            Self::Slow => "slow",
        }
    }

    /// On its button.
    pub(super) fn offers(self) -> &'static str {
        match self {
            Self::Limited => "Slack answers 429 for 10 s",
            Self::Down => "Slack is down (503) for 10 s",
            Self::Slow => "Slack is 2 s slow for 10 s",
        }
    }

    /// While it lasts.
    pub(super) fn says(self) -> &'static str {
        match self {
            Self::Limited => "Slack answers 429",
            Self::Down => "Slack is down",
            Self::Slow => "Slack is slow",
        }
    }

    fn fault(self) -> Fault {
        match self {
            Self::Limited => Fault::RateLimited(Some("5".into())),
            Self::Down => Fault::Status(503),
            Self::Slow => Fault::Slow(Duration::from_secs(2)),
        }
    }
}

/// Trouble that is on.
pub(super) struct Trouble {
    pub(super) kind: Kind,
    /// When it ends, in the workspace's time.
    pub(super) until: DateTime<Utc>,
    handle: FaultHandle,
}

/// Begins trouble of this name, in place of what is on; any other name only ends that.
pub(super) fn set(sandbox: &Arc<Sandbox>, name: &str) {
    end(sandbox);
    let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.name() == name) else {
        return;
    };
    let handle = sandbox.slack.fault(On::every("*"), kind.fault());
    let until = sandbox.slack.now() + LASTS;
    *lock(&sandbox.trouble) = Some(Trouble { kind, until, handle });
    sandbox.notify();
    let sandbox = Arc::clone(sandbox);
    tokio::spawn(async move {
        tokio::time::sleep(LASTS).await;
        let over = lock(&sandbox.trouble).as_ref().is_some_and(|trouble| trouble.until == until);
        if over {
            end(&sandbox);
        }
    });
}

fn end(sandbox: &Sandbox) {
    let trouble = lock(&sandbox.trouble).take();
    if let Some(trouble) = trouble {
        trouble.handle.remove();
        sandbox.notify();
    }
}
