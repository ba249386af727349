//! The submitted form becomes a ticket.
//!
//! A crash before the commit leaves nothing, and the job is run again; a crash after it leaves the ticket with everything
//! that Slack is to show of it queued, and the next run finds the claim and only acknowledges.

use std::time::Duration;

use common::job::{FileTicket, Surface};
use common::ticket::{Details, MAX_IMAGES, Priority, Status};
use serde_json::json;

use super::{Outcome, Run};
use crate::db::outbox::{self, Wish};
use crate::db::ticket_events::{self, Change, NewEvent, TicketEvent};
use crate::db::tickets::{self, NewTicket};
use crate::db::{images, inbox, statistics};
use crate::delivery::Target;
use crate::request;

/// A modal that is open for longer than this isn't updated any more.
const CONFIRMATION_EXPIRES: Duration = Duration::from_secs(30 * 60);

/// The pinned list links to the card, which is there by then.
const AFTER_THE_CARD: Duration = Duration::from_secs(1);

pub(super) async fn run(run: &Run<'_>, filed: &FileTicket) -> anyhow::Result<Outcome> {
    // The gateway has checked all this; whatever gets here otherwise was not made by it.
    let Some(priority) = Priority::parse(&filed.priority) else {
        return Ok(Outcome::Discard("the priority is unknown".to_owned()));
    };
    let details = match Details::parse(&filed.details) {
        Ok(details) => details,
        Err(error) => return Ok(Outcome::Discard(error.to_string())),
    };
    let is_image = |mimetype: &str| mimetype.is_empty() || mimetype.starts_with("image/");
    if filed.images.len() > MAX_IMAGES || filed.images.iter().any(|image| !is_image(&image.mimetype)) {
        return Ok(Outcome::Discard("the images are too many or no images".to_owned()));
    }
    let mut tx = run.context.db.begin().await?;
    if !inbox::claim(&mut tx, run.job_id, "file_ticket.v1", "filed").await? {
        return Ok(Outcome::Done("was filed before"));
    }
    let new = NewTicket {
        submitter: &filed.user,
        campaign: &filed.campaign,
        issue_type: &filed.issue_type,
        priority,
        details: details.as_str(),
    };
    let ticket = tickets::insert_ticket(&mut tx, &new).await?;
    let event = TicketEvent {
        version: 1,
        at: chrono::Utc::now(),
        actor: filed.user.clone(),
        change: Change::File,
        status: (None, Some(Status::Open)),
        assignee: (None, None),
        comment: None,
        internal: false,
    };
    let event = NewEvent { ticket, event: &event, surface: Surface::Modal, message_ts: None };
    ticket_events::insert_event(&mut tx, &event).await?;
    statistics::count_change(&mut tx, ticket, event.event.status).await?;
    let modal = json!({ "view_id": filed.view_id, "external_id": run.job_id });
    let mut wishes = vec![
        Wish {
            payload: modal.clone(),
            expires_after: Some(CONFIRMATION_EXPIRES),
            ..Wish::new(Target::Confirmation(ticket))
        },
        Wish::new(Target::Card(ticket)),
        Wish { waits_for: Some(Target::Card(ticket)), ..Wish::new(Target::Notice(ticket)) },
        Wish::new(Target::Filed(ticket)),
    ];
    if !filed.images.is_empty() {
        images::insert_images(&mut tx, ticket, &filed.images).await?;
        let waits_for = Some(Target::Card(ticket));
        wishes.push(Wish { payload: modal, waits_for, ..Wish::new(Target::Images(ticket)) });
    }
    outbox::insert(&mut tx, &wishes).await?;
    if priority == Priority::High {
        outbox::insert_urgent_list(&mut tx, AFTER_THE_CARD).await?;
    }
    tx.commit().await?;
    run.context.wake_delivery();
    request::about(ticket);
    Ok(Outcome::Done("filed"))
}
