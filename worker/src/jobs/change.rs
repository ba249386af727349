//! Changing a ticket: the one place where a change, its history row, who is told, and what Slack is to show of it are put
//! into one transaction.
//!
//! A change is decided on a version that was read, and saved only over that version. Whoever is slower reads again and
//! decides again, and so learns what happened instead.

use std::time::Duration;

use common::job::Surface;
use common::slack_id::UserId;
use common::ticket::{Action, Priority, Refusal, Status, TicketNumber};
use sqlx::PgConnection;

use crate::db::outbox::{self, Wish};
use crate::db::ticket_events::{self, Change, NewEvent, TicketEvent};
use crate::db::tickets::{self, Ticket};
use crate::db::{messages, news, statistics};
use crate::delivery::Target;

/// Changes that follow each other this quickly are told in one message.
const NEWS_DELAY: Duration = Duration::from_secs(2);

/// What somebody wants to do to a ticket.
pub(super) struct Request<'a> {
    pub(super) ticket: TicketNumber,
    pub(super) actor: &'a UserId,
    pub(super) what: What<'a>,
    pub(super) surface: Surface,
    pub(super) message_ts: Option<&'a str>,
}

/// The change itself.
pub(super) enum What<'a> {
    /// A change of status or assignee, with a comment where one was written.
    Act { action: Action, assignee: Option<&'a UserId>, comment: Option<String> },
    /// A comment.
    Comment { text: String, internal: bool },
    /// A comment's new text; the version of the row it replaces.
    Edit { text: String, internal: bool, replaces: i32 },
    /// A comment taken back; the version of the row it was.
    Delete { internal: bool, replaces: i32 },
}

/// What became of it.
pub(super) enum Changed {
    /// It is done.
    Done,
    /// There is no such ticket.
    NoTicket,
    /// It isn't possible in the ticket's state; with the ticket and the change that led there.
    Refused(Refusal, Box<Ticket>, Option<TicketEvent>),
}

/// Makes the change, inside the caller's transaction.
pub(super) async fn change(db: &mut PgConnection, request: &Request<'_>) -> sqlx::Result<Changed> {
    crate::request::about(request.ticket);
    loop {
        let Some(before) = tickets::find_ticket(db, request.ticket).await? else { return Ok(Changed::NoTicket) };
        let (after, event) = match decide(&before, request) {
            Ok(decided) => decided,
            Err(refusal) => {
                let last = ticket_events::find_last_action(db, request.ticket).await?;
                return Ok(Changed::Refused(refusal, Box::new(before), last));
            }
        };
        if !tickets::save_ticket(db, before.version, &after).await? {
            continue;
        }
        let new = NewEvent {
            ticket: request.ticket,
            event: &event,
            surface: request.surface,
            message_ts: request.message_ts,
        };
        if let What::Edit { replaces, .. } | What::Delete { replaces, .. } = request.what {
            ticket_events::mark_superseded(db, request.ticket, replaces, event.internal).await?;
        }
        ticket_events::insert_event(db, &new).await?;
        statistics::count_change(db, request.ticket, event.status).await?;
        if event.comment.is_some() || matches!(request.what, What::Delete { .. }) {
            ticket_events::update_searched_text(db, request.ticket).await?;
        }
        let recipients = recipients(&before, &after, &event);
        news::insert(db, request.ticket, event.version, &recipients).await?;
        // A comment has one note in the card's thread, whatever becomes of it.
        let noted = match request.message_ts {
            Some(ts) => ticket_events::find_first_version(db, request.ticket, ts).await?,
            None => None,
        };
        outbox::insert(db, &wishes(request, &event, &recipients, noted.unwrap_or(event.version))).await?;
        if event.status != (None, None) || event.assignee != (None, None) {
            refresh_reports(db, &before).await?;
        }
        return Ok(Changed::Done);
    }
}

/// The messages that list the ticket are to show the change: its former assignee's overdue digest, and the pinned list.
async fn refresh_reports(db: &mut PgConnection, before: &Ticket) -> sqlx::Result<()> {
    if let Some(assignee) = &before.assignee
        && let Some(digest) = messages::find_digest(db, assignee).await?.as_deref().and_then(Target::parse)
    {
        outbox::insert(db, &[Wish::new(digest)]).await?;
    }
    if before.priority == Priority::High {
        outbox::insert_urgent_list(db, Duration::ZERO).await?;
    }
    Ok(())
}

/// The ticket after the change, and its history row.
fn decide(before: &Ticket, request: &Request<'_>) -> Result<(Ticket, TicketEvent), Refusal> {
    let mut after = Ticket { version: before.version + 1, ..before.clone() };
    let (change, comment, internal) = match &request.what {
        What::Act { action, assignee, comment } => {
            after.status = before.status.apply(*action)?;
            match action {
                Action::Assign => after.assignee = Some(request.actor.clone()),
                Action::Reassign if before.assignee.as_ref() == *assignee => return Err(Refusal::AlreadyAssigned),
                Action::Reassign => after.assignee = assignee.cloned(),
                Action::Reopen => {
                    after.assignee = None;
                    after.reopened_count += 1;
                }
                Action::Resolve | Action::Close => {}
            }
            (Change::Act(*action), comment.clone(), false)
        }
        What::Comment { text, internal } => (Change::Comment, Some(text.clone()), *internal),
        What::Edit { text, internal, .. } => (Change::EditComment, Some(text.clone()), *internal),
        What::Delete { internal, .. } => (Change::DeleteComment, None, *internal),
    };
    let event = TicketEvent {
        version: after.version,
        at: before.updated_at,
        actor: request.actor.clone(),
        change,
        status: changed(before.status, after.status),
        assignee: if before.assignee == after.assignee {
            (None, None)
        } else {
            (before.assignee.clone(), after.assignee.clone())
        },
        comment,
        internal,
    };
    Ok((after, event))
}

fn changed(before: Status, after: Status) -> (Option<Status>, Option<Status>) {
    if before == after { (None, None) } else { (Some(before), Some(after)) }
}

/// The submitter, the former and the new assignee; nobody about what they did themselves, and no submitter about an
/// internal note.
fn recipients<'a>(before: &'a Ticket, after: &'a Ticket, event: &TicketEvent) -> Vec<&'a UserId> {
    let submitter = (!event.internal).then_some(&before.submitter);
    let mut recipients = Vec::new();
    for user in [submitter, before.assignee.as_ref(), after.assignee.as_ref()].into_iter().flatten() {
        let is_submitter = event.internal && *user == before.submitter;
        if *user != event.actor && !is_submitter && !recipients.contains(&user) {
            recipients.push(user);
        }
    }
    recipients
}

fn wishes(request: &Request<'_>, event: &TicketEvent, recipients: &[&UserId], noted: i32) -> Vec<Wish> {
    let ticket = request.ticket;
    let mut wishes = vec![Wish::new(Target::Card(ticket))];
    wishes.extend(
        recipients
            .iter()
            .map(|user| Wish { delay: NEWS_DELAY, ..Wish::new(Target::News { ticket, user: (*user).clone() }) }),
    );
    // What was written elsewhere joins the conversation in the card's thread, and leaves it when it is taken back.
    let said = event.comment.is_some() || event.change == Change::DeleteComment;
    if said && request.surface != Surface::Thread {
        wishes.push(Wish::new(Target::ThreadNote { ticket, version: noted }));
    }
    wishes
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use common::ticket::Priority;

    fn user(id: &str) -> UserId {
        UserId::parse(id).unwrap()
    }

    fn ticket(status: Status, assignee: Option<&str>) -> Ticket {
        let at = DateTime::from_timestamp(1_795_460_580, 0).unwrap();
        Ticket {
            number: TicketNumber::new(1).unwrap(),
            submitter: user("UAGENT"),
            campaign: "c".into(),
            issue_type: "i".into(),
            priority: Priority::High,
            details: "d".into(),
            status,
            assignee: assignee.map(user),
            version: 3,
            reopened_count: 0,
            created_at: at,
            updated_at: at,
            resolved_at: None,
            closed_at: None,
        }
    }

    fn told(before: &Ticket, actor: &str, what: What<'_>) -> Vec<String> {
        let actor = user(actor);
        let request = Request { ticket: before.number, actor: &actor, what, surface: Surface::Card, message_ts: None };
        let (after, event) = decide(before, &request).expect("possible");
        recipients(before, &after, &event).into_iter().map(ToString::to_string).collect()
    }

    fn act(action: Action) -> What<'static> {
        What::Act { action, assignee: None, comment: None }
    }

    #[test]
    fn who_is_told_of_what() {
        assert_eq!(told(&ticket(Status::Open, None), "U1", act(Action::Assign)), ["UAGENT"]);
        let new = user("U2");
        let reassign = What::Act { action: Action::Reassign, assignee: Some(&new), comment: None };
        assert_eq!(told(&ticket(Status::InProgress, Some("U1")), "U3", reassign), ["UAGENT", "U1", "U2"]);
        assert_eq!(told(&ticket(Status::InProgress, Some("U1")), "U1", act(Action::Resolve)), ["UAGENT"]);
        assert_eq!(told(&ticket(Status::Resolved, Some("U1")), "UAGENT", act(Action::Reopen)), ["U1"]);
        let note = || What::Comment { text: "🔒 x".into(), internal: true };
        assert_eq!(told(&ticket(Status::InProgress, Some("U1")), "U3", note()), ["U1"]);
        assert!(told(&ticket(Status::InProgress, Some("UAGENT")), "U3", note()).is_empty());
    }

    #[test]
    fn reopening_unassigns_and_remembers() {
        let actor = user("U1");
        let before = ticket(Status::Closed, Some("U2"));
        let request = Request {
            ticket: before.number,
            actor: &actor,
            what: act(Action::Reopen),
            surface: Surface::Card,
            message_ts: None,
        };
        let (after, event) = decide(&before, &request).unwrap();
        assert_eq!((after.status, after.assignee, after.reopened_count, after.version), (Status::Open, None, 1, 4));
        assert_eq!(event.assignee, (Some(user("U2")), None));
    }
}
