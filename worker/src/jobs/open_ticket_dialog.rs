//! A button opens a modal about a ticket: choose its new assignee, or write a comment.

use common::job::{Dialog, OpenTicketDialog};
use common::ticket::{Action, TicketNumber};

use super::open_modal::{Opening, open};
use super::{Outcome, Run, answer};
use crate::db::refusals::{self, Refusal};
use crate::db::{inbox, ticket_events, tickets};
use crate::request;
use crate::views::{self, texts};

const KIND: &str = "open_ticket_dialog.v1";

pub(super) async fn run(run: &Run<'_>, wanted: &OpenTicketDialog) -> anyhow::Result<Outcome> {
    let context = run.context;
    let Some(number) = TicketNumber::new(wanted.ticket) else {
        return Ok(Outcome::Discard("the ticket is unknown".to_owned()));
    };
    request::about(number);
    let user = &wanted.ask.user;
    let (ticket, last) = {
        let mut db = context.db.acquire().await?;
        (tickets::find_ticket(&mut db, number).await?, ticket_events::find_last_action(&mut db, number).await?)
    };
    let Some(ticket) = ticket else { return refuse(run, wanted, &texts::no_such_ticket(number)).await };
    let is_system_user = context.system_users.contains(user);
    // The card's buttons are for system users; submitters have one of their own in their tickets' details.
    let allowed = if wanted.as_submitter {
        ticket.submitter == *user && wanted.dialog == Dialog::Comment
    } else {
        is_system_user
    };
    if !allowed {
        return refuse_as(run, wanted, "denied", &texts::not_a_system_user(user)).await;
    }
    let view = match wanted.dialog {
        Dialog::Comment => {
            let may_be_internal = ticket.submitter != *user;
            views::comment_dialog(number, may_be_internal, wanted.ask.in_view.as_deref())
        }
        Dialog::Reassign => match ticket.status.apply(Action::Reassign) {
            Err(refusal) => {
                let text = texts::overtaken(&ticket, refusal, last.as_ref(), user, chrono::Utc::now());
                return refuse(run, wanted, &text).await;
            }
            Ok(_) => {
                let users = context.system_users_by_name().await?;
                let behind = wanted.ask.in_view.as_deref();
                let round = views::Round { number: 0, error: None, typed: "", behind };
                views::reassign_dialog(&ticket, &users, &round)
            }
        },
    };
    let again = "the button";
    open(run, &Opening { kind: KIND, ask: &wanted.ask, again, offers_form: false, state: None }, view).await
}

async fn refuse(run: &Run<'_>, wanted: &OpenTicketDialog, text: &str) -> anyhow::Result<Outcome> {
    refuse_as(run, wanted, "refused", text).await
}

/// Tells privately why no modal opens, at most once: in the modal where the button is, else by the response URL.
async fn refuse_as(run: &Run<'_>, wanted: &OpenTicketDialog, outcome: &str, text: &str) -> anyhow::Result<Outcome> {
    let user = &wanted.ask.user;
    let mut tx = run.context.db.begin().await?;
    let claimed = inbox::claim(&mut tx, run.job_id, KIND, outcome).await?;
    let mut shown = false;
    if claimed {
        tracing::warn!(job.id = run.job_id, %user, ticket.number = request::ticket(), outcome, "no modal");
        if outcome == "denied" {
            let action = match wanted.dialog {
                Dialog::Reassign => Action::Reassign.as_str(),
                Dialog::Comment => "comment",
            };
            let (ticket, reason) = (Some(wanted.ticket), outcome);
            refusals::insert(&mut tx, &Refusal { job_id: run.job_id, actor: user, action, ticket, reason }).await?;
        }
        if let Some(key) = &wanted.ask.in_view {
            shown = answer::note(&mut tx, key, user, text).await?;
        }
    }
    tx.commit().await?;
    if shown {
        run.context.wake_delivery();
    } else if claimed {
        run.tell(wanted.ask.response_url.as_deref(), text).await;
    }
    Ok(Outcome::Done("told why not"))
}
