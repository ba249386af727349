//! "Post to channel": a summary becomes a message in the ticket channel.
//!
//! The message belongs to the modal: pressing again brings it up to date instead of posting another. The modal says so
//! once the message is there, or that it could not be posted.

use std::time::Duration;

use common::job::PostSummary;
use serde_json::json;

use super::{Outcome, Run};
use crate::db::outbox::{self, Wish};
use crate::db::{inbox, messages};
use crate::delivery::Target;
use crate::period::Period;

const KIND: &str = "post_summary.v1";
/// A modal that is open for longer than this isn't updated any more.
const MODAL_EXPIRES: Duration = Duration::from_secs(30 * 60);

pub(super) async fn run(run: &Run<'_>, wanted: &PostSummary) -> anyhow::Result<Outcome> {
    let Ok(period) = Period::parse(&wanted.period) else {
        return Ok(Outcome::Discard("the period is unknown".to_owned()));
    };
    let mut tx = run.context.db.begin().await?;
    if !run.context.system_users.contains(&wanted.user) {
        tracing::warn!(job.id = run.job_id, user = %wanted.user, "denied: posting a summary");
        inbox::claim(&mut tx, run.job_id, KIND, "denied").await?;
        tx.commit().await?;
        return Ok(Outcome::Done("denied"));
    }
    if !inbox::claim(&mut tx, run.job_id, KIND, "posted").await? {
        return Ok(Outcome::Done("was done before"));
    }
    let id = wanted.view_id.clone().unwrap_or_else(|| run.job_id.to_owned());
    let target = Target::Summary { id };
    let is_there = messages::find(&mut tx, &target.to_string()).await?.is_some();
    let mut wishes = Vec::new();
    if let Some(view_id) = &wanted.view_id {
        let waits_for = (!is_there).then(|| target.clone());
        let mut wish = modal_note(view_id, period, "✅ Posted to the ticket channel.");
        wish.payload["once_there"] = json!(target.to_string());
        wishes.push(Wish { waits_for, ..wish });
    }
    wishes.push(Wish { payload: json!({ "period": period.to_string() }), ..Wish::new(target) });
    outbox::insert(&mut tx, &wishes).await?;
    tx.commit().await?;
    run.context.wake_delivery();
    tracing::info!(job.id = run.job_id, user = %wanted.user, %period, "a summary is posted");
    Ok(Outcome::Done("posted"))
}

/// The summary's modal shows what came of a button.
pub(super) fn modal_note(view_id: &str, period: Period, note: &str) -> Wish {
    Wish {
        payload: json!({ "period": period.to_string(), "note": note }),
        expires_after: Some(MODAL_EXPIRES),
        ..Wish::new(Target::SummaryModal { view_id: view_id.to_owned() })
    }
}
