//! Scripted faults: what goes wrong with which calls, and how often.
//!
//! Rules are tried in the order they were added; the first that fits and has hits left is suffered. A held call waits
//! until its handle releases it, whatever happens to its client meanwhile.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use super::{Inner, lock};

/// What goes wrong. "Before" means that the method does nothing, "after" that it did its work.
#[derive(Debug, Clone)]
pub enum Fault {
    /// 429 before, with this Retry-After (any text) or none.
    RateLimited(Option<String>),
    /// The same with an empty body of no type, as proxies answer.
    RateLimitedBare(Option<String>),
    /// This HTTP status before, with an HTML body.
    Status(u16),
    /// This HTTP status after, with an HTML body.
    StatusAfter(u16),
    /// `{"ok":false,"error":…}` before.
    Error(String),
    /// This JSON body with status 200, before.
    Answer(Value),
    /// The answer's JSON is cut in half; after.
    TruncatedJson,
    /// The connection ends in the middle of the answer's body; after.
    HalfAnswer,
    /// Works, but this much later: the wait comes before the work.
    Slow(Duration),
    /// Works at once; the answer comes this much later.
    SlowAnswer(Duration),
    /// No answer until the client gives up; before.
    Hang,
    /// No answer until the client gives up; after.
    HangAfter,
    /// The connection is reset; before.
    ResetBefore,
    /// The connection is reset; after.
    ResetAfter,
    /// Waits for [`FaultHandle::release`] before the work.
    HoldBefore,
    /// Waits for [`FaultHandle::release`] after the work, before the answer.
    HoldAfter,
}

type Matches = Arc<dyn Fn(&Value) -> bool + Send + Sync>;

/// Which calls suffer a fault, and how many of them.
#[derive(Clone)]
pub struct On {
    method: String,
    channel: Option<String>,
    matches: Option<Matches>,
    skip: usize,
    times: usize,
}

impl On {
    /// The next call of a method (`*`: of any; also `response_url`, `upload`, `download`).
    pub fn next(method: &str) -> Self {
        Self { method: method.into(), channel: None, matches: None, skip: 0, times: 1 }
    }

    /// Every call of a method.
    pub fn every(method: &str) -> Self {
        Self { times: usize::MAX, ..Self::next(method) }
    }

    /// So many calls.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Not the first so many that would fit.
    #[must_use]
    pub fn after(mut self, skip: usize) -> Self {
        self.skip = skip;
        self
    }

    /// Only calls about this channel (`channel` or `channel_id`).
    #[must_use]
    pub fn channel(mut self, channel: &str) -> Self {
        self.channel = Some(channel.into());
        self
    }

    /// Only calls whose decoded arguments fit.
    #[must_use]
    pub fn matching(mut self, matches: impl Fn(&Value) -> bool + Send + Sync + 'static) -> Self {
        self.matches = Some(Arc::new(matches));
        self
    }

    fn fits(&self, method: &str, args: &Value) -> bool {
        let channel = args["channel"].as_str().or_else(|| args["channel_id"].as_str());
        (self.method == "*" || self.method == method)
            && self.channel.as_deref().is_none_or(|wanted| channel == Some(wanted))
            && self.matches.as_ref().is_none_or(|matches| matches(args))
    }
}

/// All scripted faults.
#[derive(Default)]
pub struct Faults {
    rules: Vec<Rule>,
    last: u64,
}

struct Rule {
    id: u64,
    on: On,
    fault: Fault,
    state: watch::Sender<State>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    hits: usize,
    released: bool,
}

/// One scripted fault: counts its hits, releases what it holds.
#[derive(Clone)]
pub struct FaultHandle {
    inner: Arc<Inner>,
    id: u64,
    state: watch::Sender<State>,
}

impl FaultHandle {
    /// How many calls suffered it.
    pub fn hits(&self) -> usize {
        self.state.borrow().hits
    }

    /// Waits until so many calls suffered it (for a hold after processing: until they are processed and held).
    ///
    /// # Panics
    /// After `timeout`.
    pub async fn reached(&self, hits: usize, timeout: Duration) {
        let mut state = self.state.subscribe();
        let reached = tokio::time::timeout(timeout, state.wait_for(|state| state.hits >= hits)).await;
        assert!(reached.is_ok(), "the fault was suffered {} of {hits} times within {timeout:?}", self.hits());
    }

    /// Lets all held calls go on, and those to come.
    pub fn release(&self) {
        self.state.send_modify(|state| state.released = true);
    }

    /// Takes the fault back; held calls go on.
    pub fn remove(&self) {
        self.release();
        lock(&self.inner.faults).rules.retain(|rule| rule.id != self.id);
    }
}

/// A fault that a call suffers now.
pub(crate) struct Suffered {
    pub(crate) fault: Fault,
    state: watch::Sender<State>,
}

impl Suffered {
    /// Counts the hit: for faults after the work when it is done, so that who waits for the hit sees the work.
    pub(crate) fn hit(&self) {
        self.state.send_modify(|state| state.hits += 1);
    }

    /// True where the fault comes before the work.
    pub(crate) fn is_before(&self) -> bool {
        use Fault::{Answer, Error, Hang, HoldBefore, RateLimited, RateLimitedBare, ResetBefore, Slow, Status};
        matches!(
            self.fault,
            RateLimited(_)
                | RateLimitedBare(_)
                | Status(_)
                | Error(_)
                | Answer(_)
                | Slow(_)
                | Hang
                | ResetBefore
                | HoldBefore
        )
    }

    /// Waits for the release.
    pub(crate) async fn held(&self) {
        let _ = self.state.subscribe().wait_for(|state| state.released).await;
    }
}

pub(crate) fn add(inner: &Arc<Inner>, on: On, fault: Fault) -> FaultHandle {
    let state = watch::Sender::new(State::default());
    let mut faults = lock(&inner.faults);
    faults.last += 1;
    let id = faults.last;
    faults.rules.push(Rule { id, on, fault, state: state.clone() });
    FaultHandle { inner: Arc::clone(inner), id, state }
}

pub(crate) fn clear(inner: &Inner) {
    for rule in lock(&inner.faults).rules.drain(..) {
        rule.state.send_modify(|state| state.released = true);
    }
}

impl Faults {
    /// The fault that this call suffers; uses up one of its times.
    pub(crate) fn suffer(&mut self, method: &str, args: &Value) -> Option<Suffered> {
        for rule in &mut self.rules {
            if rule.on.times == 0 || !rule.on.fits(method, args) {
                continue;
            }
            if rule.on.skip > 0 {
                rule.on.skip -= 1;
                continue;
            }
            if rule.on.times != usize::MAX {
                rule.on.times -= 1;
            }
            return Some(Suffered { fault: rule.fault.clone(), state: rule.state.clone() });
        }
        None
    }
}
