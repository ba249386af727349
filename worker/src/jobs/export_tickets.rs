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
use super::{Outcome, Run};
use crate::db::exports::{self, Export};
use crate::db::outbox::{self, Wish};
use crate::db::{direct_channels, inbox};
use crate::delivery::Target;
use crate::export::{Progress, SHOWS_PROGRESS_ABOVE, Selection, write_csv};
use crate::period::Period;
use crate::slack::SlackError;
use crate::slack::error::Trouble;
use crate::slack::transfer::TransferError;
use crate::views;

const KIND: &str = "export_tickets.v1";
/// Each holds a connection to PostgreSQL while it reads.
static READING: Semaphore = Semaphore::const_new(2);
/// People whose names are asked of Slack for one export.
const MAX_NAMES: i64 = 50;

pub(super) async fn run(run: &Run<'_>, wanted: &ExportTickets) -> anyhow::Result<Outcome> {
    let context = run.context;
    if !context.system_users.contains(&wanted.user) {
        tracing::warn!(job.id = run.job_id, user = %wanted.user, "denied: an export");
        inbox::claim(&mut *context.db.acquire().await?, run.job_id, KIND, "denied").await?;
        return Ok(Outcome::Done("denied"));
    }
    let Some(selection) = Selection::of_filter(&wanted.filter, context.look().timezone) else {
        return Ok(Outcome::Discard("the filter is unknown".to_owned()));
    };
    let Some(export) = begin(run, wanted).await? else { return Ok(Outcome::Done("was done before")) };
    let channel = direct_channel(run, &wanted.user).await?;
    let upload_id = match export.upload_id {
        Some(upload_id) => {
            if stands_in(run, &upload_id, &channel).await? {
                return finish(run, &upload_id).await;
            }
            upload_id
        }
        None => match upload(run, &selection).await? {
            Ok(upload_id) => upload_id,
            Err(wait) => return Ok(Outcome::Snooze(wait)),
        },
    };
    complete(run, &selection, &channel, &upload_id).await
}

/// The export's record, made by its first run; `None` where it is settled.
async fn begin(run: &Run<'_>, wanted: &ExportTickets) -> anyhow::Result<Option<Export>> {
    let mut tx = run.context.db.begin().await?;
    if exports::insert(&mut tx, run.job_id, &wanted.user).await? {
        let period = wanted.filter.get("period").and_then(Value::as_str).and_then(|text| Period::parse(text).ok());
        if let (Some(view_id), Some(period)) = (&wanted.view_id, period) {
            let note = "📄 Your export is on its way: it comes as a direct message.";
            outbox::insert(&mut tx, &[modal_note(view_id, period, note)]).await?;
        }
    }
    let export = exports::find(&mut tx, run.job_id).await?;
    tx.commit().await?;
    run.context.wake_delivery();
    Ok(export.filter(|export| export.state == "running"))
}

/// Writes the file and sends it; `Err` is how long to wait, since Slack is busy or another run of this job did so
/// meanwhile.
async fn upload(run: &Run<'_>, selection: &Selection) -> anyhow::Result<Result<String, Duration>> {
    let context = run.context;
    let _reading = READING.acquire().await?;
    let nameless = exports::list_nameless(&mut *context.db.acquire().await?, selection, MAX_NAMES).await?;
    context.names(&nameless.iter().map(String::as_str).collect::<Vec<_>>()).await;
    // It has no name on disk: nothing is left of it whatever happens.
    let file = tempfile::tempfile().context("a temporary file can't be made")?;
    let mut out = BufWriter::with_capacity(64 * 1024, tokio::fs::File::from_std(file));
    let progress = Progress::new(&context.db, run.job_id);
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
