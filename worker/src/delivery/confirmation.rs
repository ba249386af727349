//! A submitted modal becomes its result: the form the confirmation, "Saving…" what was saved or why not.
//!
//! The modal is found by the external id that the gateway chose in its answer to the submission: before Slack has applied
//! that answer there is no such view, and an update by view id would be overwritten by it. So the external id is tried
//! for a while, and the view id only after that. A modal that was closed is nothing to worry about: a direct message
//! carries the same facts.

use std::time::Duration;

use common::slack_id::UserId;
use common::ticket::TicketNumber;
use serde_json::Value;
use slack_morphism::prelude::SlackView;

use super::rendering::facts;
use super::update::complete_later;
use super::{Delivered, Delivery, Target};
use crate::db::outbox::Again;
use crate::db::tickets;
use crate::jobs::answer;
use crate::retry::backoff;
use crate::slack::SlackError;
use crate::slack::client::ViewKey;
use crate::slack::error::{Code, Trouble};
use crate::views::{self, Look, Round};

/// First wait for a view that Slack doesn't show yet.
const NOT_YET: Duration = Duration::from_millis(40);

/// What came of an update.
enum Updated {
    Done(Delivered),
    /// Slack doesn't take the view's content.
    Refused(Code),
}

pub(super) async fn deliver(delivery: &Delivery<'_>, ticket: TicketNumber) -> anyhow::Result<Delivered> {
    let context = delivery.context;
    let Some(facts) = facts(&mut *context.db.acquire().await?, ticket).await? else { return Ok(Delivered::Expired) };
    let external_id = text(delivery, "external_id");
    let with_images = views::confirmation(&facts, &context.look(), external_id);
    match update(delivery, with_images).await? {
        Updated::Done(delivered) => return Ok(delivered),
        Updated::Refused(code) if facts.images.is_empty() => {
            return delivery.after_refusal(&code, "views.update", None).await;
        }
        Updated::Refused(_) => {}
    }
    let without_images = views::confirmation(&facts, &Look { previews: false, ..context.look() }, external_id);
    match update(delivery, without_images).await? {
        Updated::Done(delivered) => {
            if matches!(delivered, Delivered::Sent) {
                complete_later(delivery).await?;
            }
            Ok(delivered)
        }
        Updated::Refused(code) => delivery.after_refusal(&code, "views.update", None).await,
    }
}

/// "Saving…" becomes what was saved or why not; a wrong choice brings the form back with the error.
pub(super) async fn deliver_dialog(delivery: &Delivery<'_>) -> anyhow::Result<Delivered> {
    let again = delivery.row.payload.get("reassign").and_then(Value::as_i64).and_then(TicketNumber::new);
    let view = match again {
        None => views::dialog_result(text(delivery, "text"), text(delivery, "external_id")),
        Some(number) => {
            let ticket = tickets::find_ticket(&mut *delivery.context.db.acquire().await?, number).await?;
            let Some(ticket) = ticket else { return Ok(Delivered::Expired) };
            let users = delivery.context.system_users_by_name().await?;
            let number = delivery.row.payload.get("round").and_then(Value::as_u64).unwrap_or_default() + 1;
            let behind = delivery.row.payload.get("behind").and_then(Value::as_str);
            let (error, typed) = (Some(text(delivery, "text")), text(delivery, "typed"));
            views::reassign_dialog(&ticket, &users, &Round { number, error, typed, behind })
        }
    };
    match update(delivery, view).await? {
        Updated::Done(Delivered::Expired) => give_up_dialog(delivery).await,
        Updated::Done(delivered) => Ok(delivered),
        Updated::Refused(code) => delivery.after_refusal(&code, "views.update", None).await,
    }
}

/// The modal is closed: that something was refused is told by direct message, that it was done is seen on the card.
pub(super) async fn give_up_dialog(delivery: &Delivery<'_>) -> anyhow::Result<Delivered> {
    let refused = delivery.row.payload.get("refused").and_then(Value::as_str).and_then(UserId::parse);
    if let (Some(user), Some(Target::Dialog { job_id })) = (refused, Target::parse(&delivery.row.target)) {
        let mut db = delivery.context.db.acquire().await?;
        answer::give_back(&mut db, &user, &job_id, text(delivery, "text"), text(delivery, "typed")).await?;
    }
    Ok(Delivered::Expired)
}

fn text<'a>(delivery: &Delivery<'a>, name: &str) -> &'a str {
    delivery.row.payload.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Updates the modal by its external id, or by its view id where that is not to be found for long.
async fn update(delivery: &Delivery<'_>, view: SlackView) -> anyhow::Result<Updated> {
    let context = delivery.context;
    let young = delivery.row.age < context.waits.view_by_external_id.as_secs_f64();
    for key in [ViewKey::External(text(delivery, "external_id")), ViewKey::Id(text(delivery, "view_id"))] {
        if let Some(lapsed) = delivery.lapsed() {
            return Ok(Updated::Done(lapsed));
        }
        return Ok(Updated::Done(match context.slack.update_view(key, view.clone()).await {
            Ok(()) => Delivered::Sent,
            Err(SlackError::Refused(code)) => match code.trouble() {
                Trouble::View if young => {
                    let delay = backoff(NOT_YET, delivery.row.failures);
                    let reason = "Slack has not applied the answer to the submission yet".to_owned();
                    Delivered::Again(Again { delay, failed: true, reason, ..Again::default() })
                }
                Trouble::View => continue,
                Trouble::Content => return Ok(Updated::Refused(code)),
                _ => delivery.after_refusal(&code, "views.update", None).await?,
            },
            Err(error) => delivery.after(error, "views.update", None).await?,
        }));
    }
    Ok(Updated::Done(Delivered::Expired))
}
