//! Making Slack show what PostgreSQL holds.
//!
//! Every change queues wishes ("make this target right") in its own transaction; any worker carries them out. A delivery
//! renders the newest state when it runs, so several wishes for one target are one call, and the order of changes doesn't
//! matter. Invariants:
//!
//! - A target is carried out by one worker at a time (a unique index), so an older rendering never overwrites a newer.
//! - A row is `sending`, leased and committed before anything is sent; a worker that dies leaves it to the others.
//! - A post carries its row's id as metadata. After an ambiguous failure (no usable answer, a dead worker) the
//!   conversation's history is searched for it at about 5, 15 and 45 s, since history lags; only then it is posted again.
//!   Updates are idempotent and simply repeated.
//! - A result is recorded only over the claim it was made under. A worker that was stopped past its lease and posted all
//!   the same deletes its duplicate; one that updated all the same asks for the newest state once more.
//! - An update that had no answer, or whose worker died, may be carried out by Slack much later, over a newer one. So the
//!   first success after it is followed by one more update, when the late one must have come.
//! - What an operator must mend (token, scope, channel) loses nothing: rows stay queued, calls pause, one alert is raised,
//!   and delivery goes on by itself when it is mended.
//!
//! Known race, accepted: should Slack hide a posted message from its history for longer than the whole search, it is
//! posted twice; the log tells of each post after a search.

mod advice;
mod attempt;
mod confirmation;
mod deliverer;
mod images;
mod message;
mod news;
mod pin;
mod rendering;
mod report;
mod summary;
mod target;
mod update;
mod view;

pub use advice::{advice, cause};
pub(crate) use attempt::Delivery;
pub use deliverer::Deliverer;
pub(crate) use deliverer::persistently;
pub use rendering::Place;
pub use report::preview;
pub use target::{SlotRun, Target};
pub use view::{Shown, may_see, render_view};

use crate::db::outbox::Again;

/// What became of a delivery.
#[derive(Debug, Clone)]
pub(crate) enum Delivered {
    /// Slack shows it.
    Sent,
    /// Recorded already, together with its message.
    Recorded,
    /// Later.
    Again(Again),
    /// It can't be done without an operator; the reason is for them.
    Parked(String),
    /// There is nobody to show it to: somebody who left, or a bot.
    Skipped(String),
    /// Nobody needs it any more.
    Expired,
}
