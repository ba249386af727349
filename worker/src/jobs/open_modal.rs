//! Opening a modal with a trigger that lives three seconds and works once.
//!
//! The trigger is not used after its deadline (by Redis' clock). An ambiguous failure is tried again while there is
//! time: if the first try did open the modal, Slack says that the trigger was exchanged, which is success. When there is
//! no time left the person is told privately, at most once, how to try again.

use std::time::Duration;

use common::job::Ask;
use slack_morphism::prelude::SlackView;

use super::{Outcome, Run};
use crate::db::{alerts, inbox, open_views};
use crate::lists::ViewState;
use crate::slack::SlackError;
use crate::slack::error::Trouble;
use crate::views;

/// Pause before another try at an ambiguous failure.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// What opens which modal.
pub(super) struct Opening<'a> {
    /// The kind of job, for the inbox.
    pub(super) kind: &'static str,
    /// Who, and the trigger.
    pub(super) ask: &'a Ask,
    /// What to do again if it fails, as a person would type it.
    pub(super) command: &'a str,
    /// Whether a button that opens the form helps.
    pub(super) offers_form: bool,
    /// What the modal shows, where that is to be remembered.
    pub(super) state: Option<ViewState>,
}

/// Opens `view`.
pub(super) async fn open(run: &Run<'_>, opening: &Opening<'_>, view: SlackView) -> anyhow::Result<Outcome> {
    let reason = loop {
        if let Some(not_after) = run.not_after
            && run.consumer.now().await? > not_after
        {
            break "That took too long.";
        }
        let slack = &run.context.slack;
        let opened = match opening.ask.in_view {
            Some(_) => slack.push_view(&opening.ask.trigger_id, view.clone()).await,
            None => slack.open_view(&opening.ask.trigger_id, view.clone()).await,
        };
        match opened {
            Ok(view_id) => return record(run, opening, Some(&view_id)).await,
            Err(SlackError::Refused(code)) if code.is_exchanged_trigger() => return record(run, opening, None).await,
            Err(SlackError::Refused(code)) => {
                let trouble = code.trouble();
                if trouble == Trouble::Trigger {
                    break "That took too long.";
                }
                tracing::error!(job.id = run.job_id, job.kind = opening.kind, %code, "Slack refuses the modal");
                alert(run, trouble, &code.code).await?;
                break "Slack refused to open the window; the administrators have been told.";
            }
            Err(SlackError::Paused(_)) => break "Slack is very busy right now.",
            Err(error @ (SlackError::Unreachable | SlackError::Ambiguous(_))) => {
                tracing::warn!(job.id = run.job_id, job.kind = opening.kind, %error, "opening a modal, trying again");
                tokio::time::sleep(TRY_AGAIN_AFTER).await;
            }
        }
    };
    tell(run, opening, reason).await
}

async fn record(run: &Run<'_>, opening: &Opening<'_>, view_id: Option<&str>) -> anyhow::Result<Outcome> {
    let mut tx = run.context.db.begin().await?;
    inbox::claim(&mut tx, run.job_id, opening.kind, "opened").await?;
    if let (Some(view_id), Some(state)) = (view_id, &opening.state) {
        open_views::insert(&mut tx, view_id, &opening.ask.user, state, opening.ask.in_view.as_deref()).await?;
    }
    tx.commit().await?;
    Ok(Outcome::Done("opened"))
}

/// Claims first and tells afterwards: at most once.
async fn tell(run: &Run<'_>, opening: &Opening<'_>, reason: &str) -> anyhow::Result<Outcome> {
    let claimed = {
        let mut db = run.context.db.acquire().await?;
        inbox::claim(&mut db, run.job_id, opening.kind, "too late").await?
    };
    if let (true, Some(response_url)) = (claimed, &opening.ask.response_url) {
        let message = views::form_not_opened(reason, opening.command, opening.offers_form);
        if let Err(error) = run.context.transfer.respond(response_url, &message).await {
            tracing::warn!(job.id = run.job_id, %error, "the person could not be told that nothing opened");
        }
    }
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
