//! A comment written in a modal.

use common::job::{CommentOnTicket, Surface};
use common::ticket::TicketNumber;

use super::change::{Changed, Request, What, change};
use super::{Outcome, Run, act_on_ticket, comment};
use crate::db::{inbox, tickets};

const KIND: &str = "comment_on_ticket.v1";

pub(super) async fn run(run: &Run<'_>, written: &CommentOnTicket) -> anyhow::Result<Outcome> {
    let Some(ticket) = TicketNumber::new(written.ticket) else {
        return Ok(Outcome::Discard("the ticket is unknown".to_owned()));
    };
    let Some(text) = comment::clean(&written.comment) else {
        return Ok(Outcome::Discard("the comment is blank".to_owned()));
    };
    let mut tx = run.context.db.begin().await?;
    if !inbox::claim(&mut tx, run.job_id, KIND, "commented").await? {
        return Ok(Outcome::Done("was written before"));
    }
    let submitter = tickets::find_ticket(&mut tx, ticket).await?.map(|ticket| ticket.submitter);
    let is_system_user = run.context.system_users.contains(&written.user);
    if !is_system_user && submitter.as_ref() != Some(&written.user) {
        tx.commit().await?;
        tracing::warn!(job.id = run.job_id, user = %written.user, ticket.number = %ticket, "denied");
        return Ok(Outcome::Done("denied"));
    }
    let internal = is_system_user && submitter.as_ref() != Some(&written.user) && comment::is_internal(&text);
    let what = What::Comment { text, internal };
    let request = Request { ticket, actor: &written.user, what, surface: Surface::Modal, message_ts: None };
    if let Changed::NoTicket = change(&mut tx, &request).await? {
        return Ok(Outcome::Discard("there is no such ticket".to_owned()));
    }
    act_on_ticket::refresh(&mut tx, written.details_view.as_deref()).await?;
    tx.commit().await?;
    run.context.wake_delivery();
    Ok(Outcome::Done("commented"))
}
