//! A button or a submitted modal changes a ticket's status or assignee. Rights are judged here, when the change is made,
//! whatever a client sent.

use std::time::Duration;

use common::job::ActOnTicket;
use common::ticket::{Action, TicketNumber};
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::change::{Changed, Request, What, change};
use super::tell::refreshed;
use super::{Outcome, Run, answer, comment};
use crate::db::outbox::{self, Wish};
use crate::db::refusals::{self, Refusal};
use crate::db::{inbox, open_views, tickets};
use crate::delivery::Target;
use crate::views::texts;

/// A modal that is open for longer than this isn't updated any more.
const DIALOG_EXPIRES: Duration = Duration::from_secs(30 * 60);

const KIND: &str = "act_on_ticket.v1";

pub(super) async fn run(run: &Run<'_>, act: &ActOnTicket) -> anyhow::Result<Outcome> {
    let (Some(ticket), Some(action)) = (TicketNumber::new(act.ticket), Action::parse(&act.action)) else {
        return Ok(Outcome::Discard("the ticket or the action is unknown".to_owned()));
    };
    let context = run.context;
    let submitter = tickets::find_ticket(&mut *context.db.acquire().await?, ticket).await?.map(|t| t.submitter);
    let is_submitter = submitter.as_ref() == Some(&act.user);
    let allowed = if act.as_submitter {
        is_submitter && matches!(action, Action::Close | Action::Reopen)
    } else {
        context.system_users.contains(&act.user)
    };
    if !allowed {
        tracing::warn!(job.id = run.job_id, user = %act.user, ticket.number = %ticket, action = action.as_str(), "denied");
        return told(run, act, "denied", &texts::not_a_system_user(&act.user), None).await;
    }
    let assignee = act.assignee.as_ref();
    if action == Action::Reassign && !assignee.is_some_and(|user| context.system_users.contains(user)) {
        return told(run, act, "wrong assignee", texts::NOT_ASSIGNABLE, Some(ticket)).await;
    }
    let comment = act.comment.as_deref().and_then(comment::clean);
    // An internal note is a row of its own: the change itself is for everybody.
    let (note, comment) = match comment {
        Some(text) if !is_submitter && comment::is_internal(&text) => (Some(text), None),
        comment => (None, comment),
    };
    let mut tx = context.db.begin().await?;
    if !inbox::claim(&mut tx, run.job_id, KIND, "changed").await? {
        return Ok(Outcome::Done("was done before"));
    }
    let request = |what| Request { ticket, actor: &act.user, what, surface: act.surface, message_ts: None };
    let text = match change(&mut tx, &request(What::Act { action, assignee, comment })).await? {
        Changed::Done => {
            if let Some(text) = note {
                change(&mut tx, &request(What::Comment { text, internal: true })).await?;
            }
            refresh(&mut tx, act.details_view.as_deref()).await?;
            if let Some(user) = assignee {
                update_dialog(&mut tx, run.job_id, act, json!({ "text": texts::reassigned(ticket, user) })).await?;
            }
            tx.commit().await?;
            context.wake_delivery();
            tracing::info!(job.id = run.job_id, user = %act.user, ticket.number = %ticket, action = action.as_str(), "changed");
            return Ok(Outcome::Done("changed"));
        }
        Changed::NoTicket => texts::no_such_ticket(ticket),
        Changed::Refused(refusal, now, last) => {
            texts::overtaken(&now, refusal, last.as_ref(), &act.user, chrono::Utc::now())
        }
    };
    drop(tx);
    told(run, act, "refused", &text, None).await
}

/// Tells the person privately why nothing was changed, at most once: in the modal where one is open, else by the
/// response URL. `choose_again` brings the reassign modal back.
async fn told(
    run: &Run<'_>,
    act: &ActOnTicket,
    outcome: &str,
    text: &str,
    choose_again: Option<TicketNumber>,
) -> anyhow::Result<Outcome> {
    let mut tx = run.context.db.begin().await?;
    let claimed = inbox::claim(&mut tx, run.job_id, KIND, outcome).await?;
    let mut shown = act.view_id.is_some();
    if claimed {
        if outcome != "refused" {
            let (action, ticket) = (act.action.as_str(), Some(act.ticket));
            let refusal = Refusal { job_id: run.job_id, actor: &act.user, action, ticket, reason: outcome };
            refusals::insert(&mut tx, &refusal).await?;
        }
        match (&act.view_id, &act.details_view) {
            (Some(_), _) => refuse_dialog(&mut tx, run.job_id, act, text, choose_again).await?,
            (None, Some(view_id)) => shown = answer::note(&mut tx, view_id, &act.user, text).await?,
            (None, None) => {}
        }
    }
    tx.commit().await?;
    if claimed && !shown {
        run.tell(act.response_url.as_deref(), text).await;
    }
    run.context.wake_delivery();
    Ok(Outcome::Done("told why not"))
}

/// The modal with the ticket's details, and the list behind it, are to show the newest state.
pub(super) async fn refresh(db: &mut PgConnection, details_view: Option<&str>) -> sqlx::Result<()> {
    let Some(key) = details_view else { return Ok(()) };
    let behind = open_views::find_for_update(db, key).await?.and_then(|view| view.behind);
    outbox::insert(db, &[Some(key), behind.as_deref()].into_iter().flatten().map(refreshed).collect::<Vec<_>>()).await
}

/// "Saving…" becomes the reason, or the form again. Where the modal is closed meanwhile, a direct message tells it and
/// gives the comment back.
pub(crate) async fn refuse_dialog(
    db: &mut PgConnection,
    job_id: &str,
    act: &ActOnTicket,
    text: &str,
    choose_again: Option<TicketNumber>,
) -> sqlx::Result<()> {
    let typed = act.comment.as_deref().and_then(comment::clean).unwrap_or_default();
    let mut payload = json!({ "text": text, "refused": act.user, "typed": typed });
    if let Some(ticket) = choose_again {
        payload["reassign"] = json!(ticket.get());
        payload["round"] = json!(act.round);
        payload["behind"] = json!(act.details_view);
    }
    update_dialog(db, job_id, act, payload).await
}

async fn update_dialog(db: &mut PgConnection, job_id: &str, act: &ActOnTicket, mut payload: Value) -> sqlx::Result<()> {
    let Some(view_id) = &act.view_id else { return Ok(()) };
    payload["view_id"] = json!(view_id);
    payload["external_id"] = json!(job_id);
    let target = Target::Dialog { job_id: job_id.to_owned() };
    outbox::insert(db, &[Wish { payload, expires_after: Some(DIALOG_EXPIRES), ..Wish::new(target) }]).await
}
