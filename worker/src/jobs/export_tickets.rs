//! Tickets as a file in the asker's direct messages.
//!
//! The file is written to disk in one snapshot, sent to Slack, its id stored, and only then completed, which is what makes
//! it appear. A run after a crash or an ambiguous answer completes that same upload: Slack completes an upload once, so
//! the file appears once. Only when Slack refuses it, and has been asked several times over about a minute whether it
//! stands in the conversation, is another one made. A crash before the id is stored leaves bytes that nobody ever sees.

use std::time::Duration;

use anyhow::Context as _;
use common::job::ExportTickets;
use common::slack_id::{ChannelId, UserId};
use serde_json::Value;
use tokio::io::BufWriter;
use tokio::sync::Semaphore;

use super::post_summary::modal_note;
use super::tell::noted;
use super::{Outcome, Run};
use crate::db::exports::{self, Export};
use crate::db::outbox::{self, Wish};
use crate::db::search::Search;
use crate::db::{direct_channels, inbox, open_views};
use crate::delivery::Target;
use crate::export::{Progress, SHOWS_PROGRESS_ABOVE, Selection, names, write_csv};
use crate::lists::{Filter, List, ViewState};
use crate::period::Period;
use crate::slack::SlackError;
use crate::slack::error::Trouble;
use crate::slack::transfer::TransferError;
use crate::views;

const KIND: &str = "export_tickets.v1";
/// Each holds a connection to PostgreSQL while it reads.
static READING: Semaphore = Semaphore::const_new(2);

pub(super) async fn run(run: &Run<'_>, wanted: &ExportTickets) -> anyhow::Result<Outcome> {
    let context = run.context;
    if !context.system_users.contains(&wanted.user) {
        tracing::warn!(job.id = run.job_id, user = %wanted.user, "denied: an export");
        inbox::claim(&mut *context.db.acquire().await?, run.job_id, KIND, "denied").await?;
        return Ok(Outcome::Done("denied"));
    }
    let Some(of) = Of::parse(&wanted.filter) else {
        return Ok(Outcome::Discard("the filter is unknown".to_owned()));
    };
    let export = match begin(run, wanted, &of).await? {
        Begun::Running(export) => export,
        Begun::Settled => return Ok(Outcome::Done("was done before")),
        Begun::UnknownList => return Ok(Outcome::Done("unknown modal")),
    };
    let selection = select(run, &of, &export).await?;
    let channel = direct_channel(run, &wanted.user).await?;
    let upload_id = match export.upload_id {
        Some(upload_id) => {
            if stands_in(run, &upload_id, &channel).await? {
                return finish(run, &upload_id).await;
            }
            upload_id
        }
        None => {
            if let Some(wait) = names::ask(context, &selection).await? {
                return Ok(Outcome::Snooze(wait));
            }
            match upload(run, &selection).await? {
                Ok(upload_id) => upload_id,
                Err(wait) => return Ok(Outcome::Snooze(wait)),
            }
        }
    };
    complete(run, &selection, &channel, &upload_id).await
}

/// What is exported.
enum Of {
    Period(Period),
    /// What the list in the modal of this external id shows.
    List(String),
}

impl Of {
    fn parse(filter: &Value) -> Option<Self> {
        let text = |name| filter.get(name).and_then(Value::as_str);
        match text("list") {
            Some(key) => Some(Self::List(key.to_owned())),
            None => Period::parse(text("period")?).ok().map(Self::Period),
        }
    }
}

/// How an export stands when its job runs.
enum Begun {
    Running(Box<Export>),
    Settled,
    /// There is no such list, or it isn't the asker's.
    UnknownList,
}

/// The export's record, made by its first run: what a list shows is what it showed then.
async fn begin(run: &Run<'_>, wanted: &ExportTickets, of: &Of) -> anyhow::Result<Begun> {
    const NOTE: &str = "📄 Your export is on its way: it comes as a direct message.";
    let mut tx = run.context.db.begin().await?;
    let filter = match of {
        Of::Period(_) => None,
        Of::List(key) => match open_views::find_for_update(&mut tx, key).await? {
            Some(view) if view.user == wanted.user.as_str() => match view.state {
                ViewState::Page { list: List::All, filter, .. } => Some(filter),
                ViewState::Page { list: List::Own, .. } | ViewState::Details { .. } => None,
            },
            _ => None,
        },
    };
    if matches!(of, Of::List(_)) && filter.is_none() && exports::find(&mut tx, run.job_id).await?.is_none() {
        inbox::claim(&mut tx, run.job_id, KIND, "unknown modal").await?;
        tx.commit().await?;
        return Ok(Begun::UnknownList);
    }
    if exports::insert(&mut tx, run.job_id, &wanted.user, filter.as_ref()).await? {
        let note = match (of, &wanted.view_id) {
            (Of::Period(period), Some(view_id)) => Some(modal_note(view_id, *period, NOTE)),
            (Of::List(key), _) => Some(noted(key, NOTE)),
            (Of::Period(_), None) => None,
        };
        outbox::insert(&mut tx, note.as_slice()).await?;
    }
    let export = exports::find(&mut tx, run.job_id).await?;
    tx.commit().await?;
    run.context.wake_delivery();
    Ok(match export {
        Some(export) if export.state == "running" => Begun::Running(Box::new(export)),
        _ => Begun::Settled,
    })
}

async fn select(run: &Run<'_>, of: &Of, export: &Export) -> anyhow::Result<Selection> {
    let context = run.context;
    let timezone = context.look().timezone;
    Ok(match of {
        Of::Period(period) => Selection::of_period(*period, timezone),
        Of::List(_) => {
            let filter: Filter = export.filter.clone().unwrap_or_default();
            let search = match &filter.search {
                Some(text) => Some(Search::find(&mut *context.db.acquire().await?, text).await?),
                None => None,
            };
            Selection::of_list(filter, export.user.clone(), search, timezone, context.days_to_resolution())
        }
    })
}

/// Writes the file and sends it; `Err` is how long to wait, since Slack is busy or another run of this job did so
/// meanwhile.
async fn upload(run: &Run<'_>, selection: &Selection) -> anyhow::Result<Result<String, Duration>> {
    let context = run.context;
    let _reading = READING.acquire().await?;
    // It has no name on disk: nothing is left of it whatever happens.
    let file = tempfile::tempfile().context("a temporary file can't be made")?;
    let mut out = BufWriter::with_capacity(64 * 1024, tokio::fs::File::from_std(file));
    let progress = Progress::new(context, run.job_id);
    let rows = write_csv(&context.db, selection, context.look().timezone, &mut out, Some(progress)).await?;
    let file = out.into_inner();
    let length = file.metadata().await?.len();
    let upload = context.slack.begin_upload(&selection.file_name(), length).await?;
    match context.move_file(context.transfer.upload(file, length, "text/csv", &upload.upload_url)).await {
        Err(TransferError::Busy(wait)) => return Ok(Err(wait)),
        sent => sent?,
    }
    let mut db = context.db.acquire().await?;
    exports::mark_progress(&mut db, run.job_id, rows, rows).await?;
    let is_ours = exports::mark_uploaded(&mut db, run.job_id, &upload.file_id).await?;
    Ok(if is_ours { Ok(upload.file_id) } else { Err(context.waits.looks[0]) })
}

/// Makes the file appear.
async fn complete(
    run: &Run<'_>,
    selection: &Selection,
    channel: &ChannelId,
    upload_id: &str,
) -> anyhow::Result<Outcome> {
    let context = run.context;
    let looks = context.waits.looks;
    let export = exports::find(&mut *context.db.acquire().await?, run.job_id).await?;
    let (rows, looked) = export.map_or((0, 0), |export| (export.rows_done, export.looks));
    let comment = views::export_comment(rows, &selection.title);
    match context.slack.share_upload(upload_id, &selection.file_name(), channel, &comment).await {
        Ok(()) => finish(run, upload_id).await,
        Err(SlackError::Ambiguous(reason)) => {
            tracing::warn!(job.id = run.job_id, reason, "the file may or may not have been sent");
            Ok(Outcome::Snooze(looks[0]))
        }
        Err(SlackError::Refused(code)) if code.trouble() == Trouble::Other => {
            // It may be there already, though not shown yet.
            let mut db = context.db.acquire().await?;
            let wait = usize::try_from(looked).ok().and_then(|looked| looks.get(looked));
            match wait {
                Some(wait) => {
                    exports::mark_looked(&mut db, run.job_id).await?;
                    Ok(Outcome::Snooze(*wait))
                }
                None => {
                    exports::mark_lost(&mut db, run.job_id, upload_id).await?;
                    anyhow::bail!("Slack lost the upload ({code})")
                }
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether the upload is in the conversation.
async fn stands_in(run: &Run<'_>, upload_id: &str, channel: &ChannelId) -> anyhow::Result<bool> {
    match run.context.slack.file(upload_id).await {
        Ok(file) => Ok(file.is_shared_in(channel)),
        Err(SlackError::Refused(code)) if code.trouble() == Trouble::Other => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn finish(run: &Run<'_>, upload_id: &str) -> anyhow::Result<Outcome> {
    let mut tx = run.context.db.begin().await?;
    inbox::claim(&mut tx, run.job_id, KIND, "exported").await?;
    let rows = exports::find(&mut tx, run.job_id).await?.map_or(0, |export| export.rows_done);
    exports::settle(&mut tx, run.job_id, "sent").await?;
    if rows > SHOWS_PROGRESS_ABOVE {
        let target = Target::ExportStatus { job_id: run.job_id.to_owned() };
        outbox::insert(&mut tx, &[Wish::new(target)]).await?;
    }
    tx.commit().await?;
    run.context.wake_delivery();
    tracing::info!(job.id = run.job_id, rows, file = upload_id, "exported");
    Ok(Outcome::Done("exported"))
}

async fn direct_channel(run: &Run<'_>, user: &UserId) -> anyhow::Result<ChannelId> {
    let context = run.context;
    if let Some(channel) = direct_channels::find(&mut *context.db.acquire().await?, user).await? {
        return Ok(channel);
    }
    let channel = context.slack.direct_channel(user).await?;
    direct_channels::insert(&mut *context.db.acquire().await?, user, &channel).await?;
    Ok(channel)
}
