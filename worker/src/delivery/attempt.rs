//! One attempt at one row: which code carries it out, and what a failure comes to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Delivered, Deliverer, Target, advice, cause, confirmation, images, message, pin, report, summary, view};
use crate::context::Context;
use crate::db::alerts;
use crate::db::outbox::{self, Again, Claimed, Wish};
use crate::retry::backoff;
use crate::slack::SlackError;
use crate::slack::error::{Code, Trouble};

/// A wish that fails this often by its own fault is parked; what fails with Slack or PostgreSQL as a whole doesn't count.
const MAX_REFUSALS: i32 = 3;
/// When Slack or PostgreSQL is back, everything follows within seconds, however long it was away.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How many steps of the backoff lie between two such failures.
const BETWEEN_REFUSALS: u32 = 25;

/// A row being delivered.
pub(crate) struct Delivery<'a> {
    pub(crate) context: &'a Context,
    pub(crate) row: &'a Claimed,
    deliverer: &'a Deliverer,
    /// Something that must not be done twice was begun: when this delivery fails now, it may have been done.
    begun: AtomicBool,
    /// An operator was told of what went wrong.
    alerted: AtomicBool,
}

impl<'a> Delivery<'a> {
    /// Nothing is begun yet.
    pub(super) fn new(context: &'a Context, row: &'a Claimed, deliverer: &'a Deliverer) -> Self {
        Self { context, row, deliverer, begun: AtomicBool::new(false), alerted: AtomicBool::new(false) }
    }

    /// Makes the row's target right; an error is PostgreSQL's.
    pub(super) async fn carry_out(&self) -> anyhow::Result<Delivered> {
        let target = Target::parse(&self.row.target);
        match target {
            Some(Target::Dialog { .. }) if self.row.expired => return confirmation::give_up_dialog(self).await,
            _ if self.row.expired => return Ok(Delivered::Expired),
            _ => {}
        }
        match target {
            Some(Target::Confirmation(ticket)) => confirmation::deliver(self, ticket).await,
            Some(Target::Dialog { .. }) => confirmation::deliver_dialog(self).await,
            Some(Target::View { key }) => view::deliver(self, &key).await,
            Some(Target::SummaryModal { view_id }) => summary::deliver_modal(self, &view_id).await,
            Some(Target::Again { target, .. }) => {
                let wish = Wish { payload: self.row.payload.clone(), ..Wish::new(*target) };
                outbox::insert(&mut *self.context.db.acquire().await?, &[wish]).await?;
                Ok(Delivered::Sent)
            }
            Some(Target::Images(ticket)) => images::deliver(self, ticket).await,
            Some(Target::Pin) => pin::deliver(self).await,
            Some(target) => message::deliver(self, &target).await,
            None => {
                // A newer worker's, while old ones still run.
                let (delay, reason) = (self.context.waits.trouble_pause, "this version doesn't know it".to_owned());
                Ok(Delivered::Again(Again { delay, reason, ..Again::default() }))
            }
        }
    }

    /// Whether this worker still holds the row, as far as it can know without asking: checked right before Slack is
    /// written to.
    pub(crate) fn holds_lease(&self) -> bool {
        self.deliverer.holds(self.row)
    }

    /// What a delivery comes to whose lease has lapsed: another worker may have shown something newer meanwhile.
    pub(crate) fn lapsed(&self) -> Option<Delivered> {
        let reason = "the lease lapsed before Slack was called".to_owned();
        (!self.holds_lease()).then(|| Delivered::Again(Again { reason, ..Again::default() }))
    }

    /// An update was carried out. Where an earlier one may still be on its way, it is made right once more when that must
    /// have come.
    pub(crate) async fn updated(&self, in_doubt: bool) -> sqlx::Result<Delivered> {
        if in_doubt && let Some(target) = Target::parse(&self.row.target) {
            let (payload, delay) = (self.row.payload.clone(), self.context.waits.looks[1]);
            let again = Target::Again { of: self.row.id, target: Box::new(target) };
            let wish = Wish { payload, delay, ..Wish::new(again) };
            outbox::insert(&mut *self.context.db.acquire().await?, &[wish]).await?;
        }
        Ok(Delivered::Sent)
    }

    /// An update had no answer: repeated soon, and once more after the first success.
    pub(crate) fn update_in_doubt(&self, reason: &str) -> Delivered {
        match self.later(reason) {
            Delivered::Again(again) => Delivered::Again(Again { ambiguous: true, ..again }),
            other => other,
        }
    }

    /// Something that must not be done twice is about to be begun.
    pub(crate) fn begin(&self) {
        self.begun.store(true, Ordering::SeqCst);
    }

    /// It is known what became of that.
    pub(crate) fn end(&self) {
        self.begun.store(false, Ordering::SeqCst);
    }

    /// Later, since something else failed (PostgreSQL, Slack as a whole): never given up.
    pub(crate) fn later(&self, reason: &str) -> Delivered {
        let delay = backoff(self.context.waits.backoff, self.row.failures).min(LONGEST_WAIT);
        let ambiguous = self.begun.load(Ordering::SeqCst);
        let delay = if ambiguous { self.context.waits.looks[0] } else { delay };
        Delivered::Again(Again {
            delay,
            from_start: ambiguous,
            failed: true,
            ambiguous,
            reason: reason.to_owned(),
            ..Again::default()
        })
    }

    /// It failed by its own fault: given up after a few times, spread over a quarter of a minute, since what answers may
    /// be a broken proxy and not Slack.
    pub(crate) fn failed(&self, reason: &str) -> Delivered {
        let tries = self.row.refusals + 1;
        if tries >= MAX_REFUSALS {
            return Delivered::Parked(reason.to_owned());
        }
        match self.refused(reason) {
            Delivered::Again(again) => {
                let spread = self.context.waits.backoff * BETWEEN_REFUSALS * tries.unsigned_abs();
                Delivered::Again(Again { delay: again.delay.max(spread), ..again })
            }
            other => other,
        }
    }

    /// Later, counted as its own fault; for callers that give up by themselves.
    pub(crate) fn refused(&self, reason: &str) -> Delivered {
        match self.later(reason) {
            Delivered::Again(again) => {
                let patient = backoff(self.context.waits.backoff, self.row.refusals);
                Delivered::Again(Again { refused: true, delay: again.delay.max(patient), ..again })
            }
            other => other,
        }
    }

    /// What a failed idempotent call comes to, but for what its caller handles itself.
    pub(crate) async fn after(
        &self,
        error: SlackError,
        method: &str,
        place: Option<&str>,
    ) -> anyhow::Result<Delivered> {
        Ok(match error {
            SlackError::Paused(delay) => {
                Delivered::Again(Again { delay, reason: "Slack is paused".to_owned(), ..Again::default() })
            }
            SlackError::Unreachable | SlackError::Ambiguous(_) => self.later(&error.to_string()),
            SlackError::Refused(code) => self.after_refusal(&code, method, place).await?,
        })
    }

    /// What a refusal comes to.
    pub(crate) async fn after_refusal(
        &self,
        code: &Code,
        method: &str,
        place: Option<&str>,
    ) -> anyhow::Result<Delivered> {
        let trouble = code.trouble();
        match trouble {
            Trouble::Token | Trouble::Scope | Trouble::Conversation => {
                self.alert(trouble, code, method, place).await?;
                let delay = self.context.waits.trouble_pause;
                Ok(Delivered::Again(Again { delay, reason: code.to_string(), ..Again::default() }))
            }
            Trouble::Recipient => {
                report::tell_of_unreachable(self, code).await?;
                Ok(Delivered::Skipped(code.to_string()))
            }
            Trouble::Message | Trouble::View | Trouble::Trigger | Trouble::Content | Trouble::Other => {
                let delivered = self.failed(&code.to_string());
                if matches!(delivered, Delivered::Parked(_)) {
                    self.alert(trouble, code, method, place).await?;
                }
                Ok(delivered)
            }
        }
    }

    /// Tells an operator, unless it is the telling itself that failed.
    pub(crate) async fn alert(
        &self,
        trouble: Trouble,
        code: &Code,
        method: &str,
        place: Option<&str>,
    ) -> anyhow::Result<()> {
        tracing::error!(delivery.target = self.row.target, %code, method, place, "Slack refuses a delivery");
        let cause = cause(trouble, &code.code, method, place);
        let text = advice(trouble, &code.code, method, place);
        self.raise(&cause, &text).await?;
        Ok(())
    }

    /// Tells an operator, unless it is the telling itself that failed.
    pub(crate) async fn raise(&self, cause: &str, text: &str) -> sqlx::Result<()> {
        self.alerted.store(true, Ordering::SeqCst);
        if self.row.target.starts_with("alert:") {
            return Ok(());
        }
        let mut db = self.context.db.acquire().await?;
        alerts::raise(&mut db, cause, text, self.context.waits.alert_update).await
    }

    /// Nothing is parked in silence.
    pub(super) async fn tell_of_parking(&self, reason: &str) -> sqlx::Result<()> {
        if self.alerted.load(Ordering::SeqCst) {
            return Ok(());
        }
        let kind = self.row.target.split(':').next().unwrap_or_default();
        self.raise(&format!("parked:{kind}:{reason}"), &advice::parked(kind, reason)).await
    }
}
