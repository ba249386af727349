//! One job a file. A job claims its id in the inbox in the transaction of its effect; what Slack is to show of it are
//! outbox rows of that same transaction. Jobs that open a modal call Slack first and claim afterwards: a second run
//! finds the trigger used and stops.
//!
//! To add one: a variant in [`common::job::Job`], a file here, an arm in [`run`] (the compiler asks for it).

mod act_in_view;
pub(crate) mod act_on_ticket;
pub(crate) mod answer;
mod change;
pub(crate) mod comment;
mod comment_on_ticket;
mod export_tickets;
mod file_ticket;
mod hear_message;
mod open_form;
mod open_list;
mod open_modal;
mod open_summary;
mod open_ticket_dialog;
mod post_summary;
mod tell;

pub use tell::noted;

use std::time::Duration;

use common::job::{Envelope, Job};
use common::slack_id::TeamId;

use crate::consumer::Consumer;
use crate::context::Context;
use crate::lists::List;
use crate::views;

/// What became of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It has taken effect, now or before.
    Done(&'static str),
    /// Not now, and not by its fault.
    Snooze(Duration),
    /// It can never take effect.
    Discard(String),
}

/// A job with what came with it in the stream.
pub struct Run<'a> {
    /// The worker's clients and settings.
    pub context: &'a Context,
    /// Redis, for its clock.
    pub consumer: &'a Consumer,
    /// The job's id.
    pub job_id: &'a str,
    /// Redis time in milliseconds after which the job's trigger must not be used.
    pub not_after: Option<i64>,
}

impl Run<'_> {
    /// How long the job's trigger may still be used; `None` where it must not be any more.
    async fn time_left(&self) -> anyhow::Result<Option<Duration>> {
        let Some(not_after) = self.not_after else { return Ok(Some(Duration::MAX)) };
        let left = not_after - self.consumer.now().await?;
        Ok(u64::try_from(left).ok().filter(|left| *left > 0).map(Duration::from_millis))
    }

    /// Tells the person something privately. At most once: a failure is logged, not repeated.
    async fn tell(&self, response_url: Option<&str>, text: &str) {
        let Some(response_url) = response_url else { return };
        if let Err(error) = self.context.transfer.respond(response_url, &views::private_text(text)).await {
            tracing::warn!(job.id = self.job_id, %error, "the person could not be told");
        }
    }
}

/// Runs a job.
///
/// # Errors
/// When it failed: by a fault of PostgreSQL, Redis or Slack as a whole, or by its own.
pub async fn run(run: &Run<'_>, envelope: &Envelope) -> anyhow::Result<Outcome> {
    if let Some(team) = &envelope.team
        && !is_ours(run, team, &envelope.job).await?
    {
        return Ok(Outcome::Discard("it comes from another workspace".to_owned()));
    }
    match &envelope.job {
        Job::OpenForm(ask) => open_form::run(run, ask).await,
        Job::FileTicket(filed) => file_ticket::run(run, filed).await,
        Job::Unreadable(request) => {
            Ok(Outcome::Discard(format!("a request to {} can't be read: {}", request.route, request.reason)))
        }
        Job::ActOnTicket(act) => act_on_ticket::run(run, act).await,
        Job::OpenTicketDialog(wanted) => open_ticket_dialog::run(run, wanted).await,
        Job::CommentOnTicket(written) => comment_on_ticket::run(run, written).await,
        Job::HearMessage(heard) => hear_message::run(run, heard).await,
        Job::OpenAgentTickets(ask) => open_list::run(run, ask, List::Own).await,
        Job::OpenSystemTickets(ask) => open_list::run(run, ask, List::All).await,
        Job::ActInView(act) => act_in_view::run(run, act).await,
        Job::OpenSummary(ask) => open_summary::run(run, ask).await,
        Job::PostSummary(wanted) => post_summary::run(run, wanted).await,
        Job::ExportTickets(wanted) => export_tickets::run(run, wanted).await,
    }
}

/// Whether the job comes from our workspace. One that only opens a modal passes once it is too late for that: it does
/// nothing any more but tell so, and whoever waits for the modal isn't left to wait for Slack's word on the workspace.
async fn is_ours(run: &Run<'_>, team: &TeamId, job: &Job) -> anyhow::Result<bool> {
    let left = match job {
        Job::OpenForm(_)
        | Job::OpenAgentTickets(_)
        | Job::OpenSystemTickets(_)
        | Job::OpenSummary(_)
        | Job::OpenTicketDialog(_) => run.time_left().await?,
        Job::FileTicket(_)
        | Job::Unreadable(_)
        | Job::ActOnTicket(_)
        | Job::CommentOnTicket(_)
        | Job::HearMessage(_)
        | Job::ActInView(_)
        | Job::PostSummary(_)
        | Job::ExportTickets(_) => Some(Duration::MAX),
    };
    let Some(left) = left else { return Ok(true) };
    tokio::time::timeout(left, run.context.is_ours(team)).await.unwrap_or(Ok(true))
}
