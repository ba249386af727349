//! From a job's run to what happens with its entry: the one place where jobs are acknowledged, tried again or buried.
//!
//! The entry stays in the consumer group's pending list, with its lease renewed, until it is settled. Failures are counted
//! in PostgreSQL. What fails because PostgreSQL, Redis or Slack as a whole is away uses up no try.

use std::time::Duration;

use common::job::{ActInView, DecodeError, Envelope, Job, Lane, OpenTicketDialog};
use serde_json::json;
use sqlx::PgConnection;

use crate::consumer::Entry;
use crate::context::Context;
use crate::db::dead_letters::{self, NewDeadLetter};
use crate::db::outbox::{self, Wish};
use crate::db::{alerts, attempts, exports, inbox};
use crate::delivery::Target;
use crate::jobs::{Outcome, act_on_ticket, answer, comment, noted};
use crate::retry::backoff;
use crate::slack::SlackError;
use crate::slack::error::Trouble;
use crate::views::{self, texts};

/// A job that fails this often is buried.
pub const MAX_FAILURES: i32 = 5;
/// Between two tries: a job beyond help is buried, and its owner told, within half a minute.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// A job whose processes died this often is run alone, once, before it is buried.
pub const MAX_DEATHS: i64 = 3;

/// What whoever waits for a buried job is told.
const GIVEN_UP: &str = "⚠️ That did not work; the administrators have been told. Nothing was changed.";

/// What to do with an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is settled: acknowledge.
    Acknowledge(&'static str),
    /// Run it again after this long; whether others should be run meanwhile.
    Again {
        /// How long to wait.
        wait: Duration,
        /// It waits for something that all jobs need.
        infrastructure: bool,
    },
}

/// Judges a job's run, this worker's `first` with it or a later one; buries what is beyond help.
///
/// # Errors
/// When PostgreSQL is away, so that nothing can be counted or buried now.
pub async fn judge(
    context: &Context,
    lane: Lane,
    entry: &Entry,
    kind: &str,
    first: bool,
    result: anyhow::Result<Outcome>,
) -> sqlx::Result<Verdict> {
    match result {
        Ok(Outcome::Done(how)) => Ok(Verdict::Acknowledge(how)),
        Ok(Outcome::Snooze(wait)) => Ok(Verdict::Again { wait, infrastructure: false }),
        Ok(Outcome::Discard(reason)) => {
            bury(context, lane, entry, kind, &reason).await?;
            Ok(Verdict::Acknowledge("buried"))
        }
        Err(error) if is_infrastructure(&error) => {
            if first {
                tracing::warn!(job.id = entry.job_id, job.kind = kind, error = format!("{error:#}"), "postponed");
            }
            let paused = error.chain().find_map(|cause| match cause.downcast_ref::<SlackError>() {
                Some(SlackError::Paused(left)) => Some(*left),
                _ => None,
            });
            // A pause may be ended by hand before its time, so it is looked at now and then.
            let wait = paused.map_or(Duration::ZERO, |left| left.min(context.waits.trouble_pause));
            Ok(Verdict::Again { wait: wait.max(backoff(context.waits.backoff, 2)), infrastructure: true })
        }
        Err(error) => {
            let reason = format!("{error:#}");
            tracing::error!(job.id = entry.job_id, job.kind = kind, error = reason, "a job failed");
            let failures = attempts::mark_failed(&mut *context.db.acquire().await?, &entry.job_id, &reason).await?;
            if failures >= MAX_FAILURES {
                bury(context, lane, entry, kind, &format!("failed {failures} times: {reason}")).await?;
                return Ok(Verdict::Acknowledge("buried"));
            }
            let wait = backoff(context.waits.backoff, failures * 2).min(LONGEST_WAIT);
            attempts::mark_due(&mut *context.db.acquire().await?, &entry.job_id, wait).await?;
            Ok(Verdict::Again { wait, infrastructure: false })
        }
    }
}

/// Whether a job failed because of what all jobs need.
fn is_infrastructure(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        if let Some(error) = cause.downcast_ref::<sqlx::Error>() {
            return is_database_away(error);
        }
        if let Some(error) = cause.downcast_ref::<SlackError>() {
            return match error {
                SlackError::Refused(code) => matches!(code.trouble(), Trouble::Token | Trouble::Scope),
                SlackError::Paused(_) | SlackError::Unreachable | SlackError::Ambiguous(_) => true,
            };
        }
        cause.downcast_ref::<fred::error::Error>().is_some()
    })
}

/// The server is away, full, read-only or busy, or the transaction lost a race: the same may succeed later.
pub fn is_database_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            // Connection, resources, operator intervention, read-only, serialization and deadlock, lock and statement timeouts.
            ["08", "53", "57", "58", "25006", "25P03", "40", "55P03"].iter().any(|class| code.starts_with(class))
        }),
        _ => false,
    }
}

/// Gives a job up: its bytes and the reason are kept, its id is claimed so that it can't come back, an operator is told,
/// and so is whoever waits for it.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn bury(context: &Context, lane: Lane, entry: &Entry, kind: &str, reason: &str) -> sqlx::Result<()> {
    let envelope = Envelope::decode(&entry.job);
    let bytes = match &envelope {
        Ok(Envelope { job: Job::Unreadable(request), .. }) => decode_hex(&request.body_hex),
        _ => entry.job.clone(),
    };
    let mut tx = context.db.begin().await?;
    let claimed = inbox::claim(&mut tx, &entry.job_id, kind, "buried").await?;
    let asker = envelope.as_ref().ok().and_then(|envelope| Asker::of(&envelope.job));
    if claimed {
        if let Some(Asker::In(key)) = &asker {
            outbox::insert(&mut tx, &[noted(key, GIVEN_UP)]).await?;
        }
        let letter = NewDeadLetter { job_id: &entry.job_id, lane: lane.as_str(), kind, entry: &bytes, reason };
        dead_letters::insert(&mut tx, &letter).await?;
        tell_whoever_waits(&mut tx, &entry.job_id, envelope.as_ref().ok().map(|envelope| &envelope.job)).await?;
        let text = format!(
            "A job was given up (`{kind}`). `worker dead list` shows it with the reason; `worker dead redrive ID` runs it again."
        );
        alerts::raise(&mut tx, &format!("dead_letter:{kind}"), &text, context.waits.alert_update).await?;
        attempts::forget(&mut tx, &entry.job_id).await?;
    }
    tx.commit().await?;
    context.wake_delivery();
    if let (true, Some(Asker::At(response_url))) = (claimed, asker)
        && let Err(error) = context.transfer.respond(response_url, &views::private_text(GIVEN_UP)).await
    {
        tracing::warn!(job.id = entry.job_id, %error, "the person could not be told");
    }
    tracing::error!(job.id = entry.job_id, job.kind = kind, lane = lane.as_str(), reason, "buried as a dead letter");
    Ok(())
}

/// Whoever waits for the job's effect learns that it doesn't come; what they typed is given back.
async fn tell_whoever_waits(db: &mut PgConnection, job_id: &str, job: Option<&Job>) -> sqlx::Result<()> {
    let job_id = job_id.to_owned();
    match job {
        Some(Job::FileTicket(filed)) => {
            let target = Target::NotFiled { user: filed.user.clone(), job_id };
            let payload = json!({ "details": comment::clean(&filed.details).unwrap_or_default() });
            outbox::insert(db, &[Wish { payload, ..Wish::new(target) }]).await
        }
        Some(Job::ExportTickets(_)) => {
            exports::settle(db, &job_id, "failed").await?;
            outbox::insert(db, &[Wish::new(Target::ExportStatus { job_id })]).await
        }
        Some(Job::ActOnTicket(act)) if act.view_id.is_some() => {
            act_on_ticket::refuse_dialog(db, &job_id, act, texts::GIVEN_UP, None).await
        }
        Some(Job::ActOnTicket(act)) => answer::give_back(db, &act.user, &job_id, texts::GIVEN_UP, "").await,
        Some(Job::CommentOnTicket(written)) => {
            let typed = comment::clean(&written.comment).unwrap_or_default();
            answer::give_back(db, &written.user, &job_id, texts::GIVEN_UP, &typed).await
        }
        // The rest is told where it was asked (see [`Asker`]), belongs to nobody, or stands in Slack all the same.
        Some(
            Job::OpenForm(_)
            | Job::OpenAgentTickets(_)
            | Job::OpenSystemTickets(_)
            | Job::OpenSummary(_)
            | Job::OpenTicketDialog(_)
            | Job::ActInView(_)
            | Job::PostSummary(_)
            | Job::HearMessage(_)
            | Job::Unreadable(_),
        )
        | None => Ok(()),
    }
}

/// Where somebody waits for a job that shows them something.
enum Asker<'a> {
    /// In the modal of this external id.
    In(&'a str),
    /// At this response URL.
    At(&'a str),
}

impl<'a> Asker<'a> {
    fn of(job: &'a Job) -> Option<Self> {
        let (modal, response_url) = match job {
            Job::OpenForm(ask) | Job::OpenAgentTickets(ask) | Job::OpenSystemTickets(ask) | Job::OpenSummary(ask) => {
                (&ask.in_view, &ask.response_url)
            }
            Job::OpenTicketDialog(OpenTicketDialog { ask, .. }) | Job::ActInView(ActInView { ask, .. }) => {
                (&ask.in_view, &ask.response_url)
            }
            // They are told by a direct message, or wrote what nobody waits for.
            Job::FileTicket(_)
            | Job::ActOnTicket(_)
            | Job::CommentOnTicket(_)
            | Job::HearMessage(_)
            | Job::PostSummary(_)
            | Job::ExportTickets(_)
            | Job::Unreadable(_) => return None,
        };
        modal.as_deref().map(Self::In).or(response_url.as_deref().map(Self::At))
    }
}

/// The kind of an entry that can't be decoded, for dead letters and metrics.
pub fn kind_of_undecodable(error: &DecodeError) -> &'static str {
    match error {
        DecodeError::UnknownKind => "unknown",
        DecodeError::Malformed => "undecodable",
    }
}

fn decode_hex(text: &str) -> Vec<u8> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    text.as_bytes().chunks_exact(2).filter_map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}
