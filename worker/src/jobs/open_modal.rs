//! Opening a modal with a trigger that lives three seconds and works once.
//!
//! The trigger is not used after its deadline (by Redis' clock). An ambiguous failure is tried again while there is
//! time: if the first try did open the modal, Slack says that the trigger was exchanged, which is success. When there is
//! no time left the person is told privately, at most once, how to try again.
//!
//! A modal that people act in is remembered before Slack is asked to open it, under the job's id, which is its external id.
//! So it works however Slack's answer came to be lost; should it never open, a row is left that is forgotten in a day.

use std::time::Duration;

use common::job::Ask;

use super::tell::tell_with;
use super::{Outcome, Run};
use crate::db::{alerts, inbox, open_views};
use crate::delivery::Shown;
use crate::lists::ViewState;
use crate::slack::SlackError;
use crate::slack::error::Trouble;
use crate::views;

/// Pause before another try at an ambiguous failure.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// The trigger is of no use any more.
const TOO_LATE: &str = "That took too long.";
/// Something is wrong with what we send.
const REFUSED: &str = "Slack refused to open the window; the administrators have been told.";

/// What opens which modal.
pub(super) struct Opening<'a> {
    /// The kind of job, for the inbox.
    pub(super) kind: &'static str,
    /// Who, and the trigger.
    pub(super) ask: &'a Ask,
    /// What to do again if it fails, in mrkdwn.
    pub(super) again: &'a str,
    /// Whether a button that opens the form helps.
    pub(super) offers_form: bool,
    /// What the modal shows, where people act in it: its external id is the job's.
    pub(super) state: Option<ViewState>,
}

/// Opens a modal.
pub(super) async fn open(run: &Run<'_>, opening: &Opening<'_>, shown: impl Into<Shown>) -> anyhow::Result<Outcome> {
    let Shown { mut view, mut without_images } = shown.into();
    if let Some(state) = &opening.state {
        let behind = opening.ask.in_view.as_deref();
        let mut db = run.context.db.acquire().await?;
        open_views::insert(&mut db, run.job_id, &opening.ask.user, state, behind).await?;
    }
    let mut refused = false;
    let reason = loop {
        let Some(left) = run.time_left().await? else { break TOO_LATE };
        let slack = &run.context.slack;
        let opened = match opening.ask.in_view {
            Some(_) => slack.push_view(&opening.ask.trigger_id, view.clone(), left).await,
            None => slack.open_view(&opening.ask.trigger_id, view.clone(), left).await,
        };
        match opened {
            Ok(hash) => return record(run, opening, "opened", hash.as_deref()).await,
            Err(SlackError::Refused(code)) if code.says_opened_before() && !refused => {
                return record(run, opening, "opened", None).await;
            }
            Err(SlackError::Refused(code)) => match (code.trouble(), without_images.take()) {
                // Its images aren't ready yet, or not there any more.
                (Trouble::Content, Some(plain)) => {
                    view = plain;
                    refused = true;
                }
                (Trouble::Trigger, _) => break TOO_LATE,
                // The modal that it was to be pushed on was closed.
                (Trouble::View, _) => return record(run, opening, "closed", None).await,
                (trouble, _) => {
                    tracing::error!(job.id = run.job_id, job.kind = opening.kind, %code, "Slack refuses the modal");
                    alert(run, trouble, &code.code).await?;
                    break REFUSED;
                }
            },
            Err(SlackError::Paused(_)) => break "Slack is very busy right now.",
            Err(error @ (SlackError::Unreachable | SlackError::Ambiguous(_))) => {
                tracing::warn!(job.id = run.job_id, job.kind = opening.kind, %error, "opening a modal, trying again");
                tokio::time::sleep(TRY_AGAIN_AFTER).await;
            }
        }
    };
    not_opened(run, opening, reason).await
}

/// For jobs that read a lot before they open anything: ends one whose trigger is too old, whatever kept it.
pub(super) async fn give_up_if_late(
    run: &Run<'_>,
    ask: &Ask,
    kind: &'static str,
    again: &str,
) -> anyhow::Result<Option<Outcome>> {
    if run.time_left().await?.is_some() {
        return Ok(None);
    }
    let opening = Opening { kind, ask, again, offers_form: false, state: None };
    not_opened(run, &opening, TOO_LATE).await.map(Some)
}

async fn record(
    run: &Run<'_>,
    opening: &Opening<'_>,
    outcome: &'static str,
    hash: Option<&str>,
) -> anyhow::Result<Outcome> {
    let mut tx = run.context.db.begin().await?;
    inbox::claim(&mut tx, run.job_id, opening.kind, outcome).await?;
    if let (Some(hash), Some(_)) = (hash, &opening.state) {
        open_views::mark_opened(&mut tx, run.job_id, hash).await?;
    }
    tx.commit().await?;
    Ok(Outcome::Done(outcome))
}

/// Tells how to try again.
async fn not_opened(run: &Run<'_>, opening: &Opening<'_>, reason: &str) -> anyhow::Result<Outcome> {
    let message = views::form_not_opened(reason, opening.again, opening.offers_form);
    let in_modal = format!("{reason} If nothing opened, please press the button again.");
    tell_with(run, opening.ask, opening.kind, "too late", &in_modal, &message).await?;
    Ok(Outcome::Done("too late"))
}

async fn alert(run: &Run<'_>, trouble: Trouble, code: &str) -> anyhow::Result<()> {
    let text = crate::delivery::advice(trouble, code, "views.open", None);
    let mut db = run.context.db.acquire().await?;
    let cause = crate::delivery::cause(trouble, code, "views.open", None);
    alerts::raise(&mut db, &cause, &text, run.context.waits.alert_update).await?;
    run.context.wake_delivery();
    Ok(())
}
