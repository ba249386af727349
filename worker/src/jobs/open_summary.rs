//! `/ticket-summary`: the totals open, for system users.

use chrono::Utc;
use common::job::Ask;

use super::open_modal::{Opening, give_up_if_late, open};
use super::tell::tell;
use super::{Outcome, Run};
use crate::db::statistics;
use crate::period::Period;
use crate::views::{self, texts};

const KIND: &str = "open_summary.v1";

pub(super) async fn run(run: &Run<'_>, ask: &Ask) -> anyhow::Result<Outcome> {
    let context = run.context;
    if !context.system_users.contains(&ask.user) {
        return refuse(run, ask, &texts::not_a_system_user(&ask.user)).await;
    }
    let timezone = context.look().timezone;
    let now = Utc::now();
    let period = match Period::parse_words(&ask.text, now.with_timezone(&timezone).date_naive()) {
        Ok(period) => period,
        Err(error) => return refuse(run, ask, &texts::no_period(error)).await,
    };
    if let Some(outcome) = give_up_if_late(run, ask, KIND, "`/ticket-summary`").await? {
        return Ok(outcome);
    }
    let summary = {
        let mut db = context.db.acquire().await?;
        statistics::get_summary(&mut db, period, timezone, context.form.days_by_priority(), now).await?
    };
    let opening = Opening { kind: KIND, ask, again: "`/ticket-summary`", offers_form: false, state: None };
    open(run, &opening, views::summary_modal(&summary, None)).await
}

/// Tells privately why no modal opens, at most once.
async fn refuse(run: &Run<'_>, ask: &Ask, text: &str) -> anyhow::Result<Outcome> {
    tracing::warn!(job.id = run.job_id, user = %ask.user, "no summary");
    tell(run, ask, KIND, "refused", text).await?;
    Ok(Outcome::Done("told why not"))
}
