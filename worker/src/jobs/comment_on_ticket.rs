//! A comment written in a modal. The modal has closed when this is judged, so a refusal goes by direct message, with what
//! was typed.

use common::job::{CommentOnTicket, Surface};
use common::ticket::TicketNumber;

use super::change::{Changed, Request, What, change};
use super::{Outcome, Run, act_on_ticket, answer, comment};
use crate::db::refusals::{self, Refusal};
use crate::db::{inbox, tickets};
use crate::views::texts;

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
    let is_submitter = submitter.as_ref() == Some(&written.user);
    if !is_system_user && !is_submitter {
        tracing::warn!(job.id = run.job_id, user = %written.user, ticket.number = %ticket, "denied");
        let (action, number, reason) = ("comment", Some(written.ticket), "denied");
        let refusal = Refusal { job_id: run.job_id, actor: &written.user, action, ticket: number, reason };
        refusals::insert(&mut tx, &refusal).await?;
        let why = texts::not_a_system_user(&written.user);
        answer::give_back(&mut tx, &written.user, run.job_id, &why, &text).await?;
        tx.commit().await?;
        run.context.wake_delivery();
        return Ok(Outcome::Done("denied"));
    }
    let internal = !is_submitter && comment::is_internal(&text);
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
