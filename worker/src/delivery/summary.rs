//! Summaries: the message in the ticket channel, and the modal with a note.

use chrono::Utc;
use serde_json::Value;
use sqlx::PgConnection;

use super::rendering::{Place, Rendered};
use super::{Delivered, Delivery};
use crate::db::messages;
use crate::db::statistics::{self, Summary};
use crate::period::Period;
use crate::slack::SlackError;
use crate::slack::client::ViewKey;
use crate::slack::error::Trouble;
use crate::views;

/// What waits for a message is also woken when that is given up.
const NOT_POSTED: &str = "⚠️ It could not be posted; the administrators have been told.";

/// The summary of the row's period as it is now; `None` where there is no such period.
async fn facts(db: &mut PgConnection, delivery: &Delivery<'_>) -> sqlx::Result<Option<Summary>> {
    let period = delivery.row.payload.get("period").and_then(Value::as_str).and_then(|text| Period::parse(text).ok());
    let Some(period) = period else { return Ok(None) };
    let context = delivery.context;
    let days = context.form.days_by_priority();
    statistics::get_summary(db, period, context.look().timezone, days, Utc::now()).await.map(Some)
}

pub(super) async fn render(db: &mut PgConnection, delivery: &Delivery<'_>) -> sqlx::Result<Option<Rendered>> {
    Ok(facts(db, delivery).await?.map(|summary| {
        let (with_charts, with_bars) = views::summary_message(&summary);
        Rendered { without_previews: Some(with_bars), ..Rendered::new(Place::TicketChannel, with_charts) }
    }))
}

pub(super) async fn deliver_modal(delivery: &Delivery<'_>, view_id: &str) -> anyhow::Result<Delivered> {
    let text = |name| delivery.row.payload.get(name).and_then(Value::as_str);
    let (summary, is_there) = {
        let mut db = delivery.context.db.acquire().await?;
        let is_there = match text("once_there") {
            Some(target) => messages::find(&mut db, target).await?.is_some(),
            None => true,
        };
        (facts(&mut db, delivery).await?, is_there)
    };
    let Some(summary) = summary else { return Ok(Delivered::Expired) };
    let note = if is_there { text("note") } else { Some(NOT_POSTED) };
    if let Some(lapsed) = delivery.lapsed() {
        return Ok(lapsed);
    }
    match delivery.context.slack.update_view(ViewKey::Id(view_id), views::summary_modal(&summary, note)).await {
        Ok(()) => Ok(Delivered::Sent),
        // It was closed.
        Err(SlackError::Refused(code)) if code.trouble() == Trouble::View => Ok(Delivered::Expired),
        Err(error) => delivery.after(error, "views.update", None).await,
    }
}
