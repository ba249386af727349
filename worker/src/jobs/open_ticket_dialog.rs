//! A button opens a modal about a ticket: choose its new assignee, or write a comment.

use common::job::{Dialog, OpenTicketDialog};
use common::ticket::{Action, TicketNumber};

use super::open_modal::{Opening, open};
use super::{Outcome, Run};
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
    let view = match wanted.dialog {
        Dialog::Comment if !is_system_user && ticket.submitter != *user => {
            return refuse(run, wanted, &texts::not_a_system_user(user)).await;
        }
        Dialog::Comment => views::comment_dialog(number, is_system_user, wanted.ask.in_view.as_deref()),
        Dialog::Reassign if !is_system_user => return refuse(run, wanted, &texts::not_a_system_user(user)).await,
        Dialog::Reassign => match ticket.status.apply(Action::Reassign) {
            Err(refusal) => {
                let text = texts::overtaken(&ticket, refusal, last.as_ref(), user, chrono::Utc::now());
                return refuse(run, wanted, &text).await;
            }
            Ok(_) => {
                let users = context.system_users_by_name().await?;
                let round = views::Round { number: 0, error: None, behind: wanted.ask.in_view.as_deref() };
                views::reassign_dialog(&ticket, &users, &round)
            }
        },
    };
    let command = "the button";
    open(run, &Opening { kind: KIND, ask: &wanted.ask, command, offers_form: false, state: None }, view).await
}

/// Tells privately why no modal opens, at most once.
async fn refuse(run: &Run<'_>, wanted: &OpenTicketDialog, text: &str) -> anyhow::Result<Outcome> {
    let claimed = inbox::claim(&mut *run.context.db.acquire().await?, run.job_id, KIND, "refused").await?;
    if claimed {
        tracing::warn!(job.id = run.job_id, user = %wanted.ask.user, ticket.number = request::ticket(), "no modal");
        run.tell(wanted.ask.response_url.as_deref(), text).await;
    }
    Ok(Outcome::Done("told why not"))
}
