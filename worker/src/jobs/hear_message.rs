//! A person's message in a thread: of a ticket's card, or of a direct message about a ticket.
//!
//! Edits and deletions follow their message and keep what stood there in the history. A message that belongs to no ticket
//! is nothing of ours.

use common::job::{HearMessage, MessageChange, Surface};
use common::slack_id::UserId;
use common::ticket::TicketNumber;

use super::change::{Changed, Request, What, change};
use super::{Outcome, Run, comment};
use crate::db::{inbox, messages, ticket_events, tickets};
use crate::delivery::Target;

const KIND: &str = "hear_message.v1";

pub(super) async fn run(run: &Run<'_>, heard: &HearMessage) -> anyhow::Result<Outcome> {
    let context = run.context;
    let Some(thread_ts) = &heard.thread_ts else { return ignored(run).await };
    let root = messages::find_target(&mut *context.db.acquire().await?, &heard.channel, thread_ts).await?;
    let (ticket, surface) = match root.as_deref().and_then(Target::parse) {
        Some(Target::Card(ticket)) => (ticket, Surface::Thread),
        Some(Target::Filed(ticket) | Target::News { ticket, .. }) => (ticket, Surface::DirectMessage),
        _ => return ignored(run).await,
    };
    let names = context.names(&comment::mentioned(&heard.text)).await;
    let text = comment::clean(&comment::plain_text(&heard.text, &names))
        .unwrap_or_else(|| "📎 (a file without words)".to_owned());
    let mut tx = context.db.begin().await?;
    if !inbox::claim(&mut tx, run.job_id, KIND, "heard").await? {
        return Ok(Outcome::Done("was heard before"));
    }
    let earlier = ticket_events::find_by_message(&mut tx, ticket, &heard.ts).await?;
    let submitter = tickets::find_ticket(&mut tx, ticket).await?.map(|ticket| ticket.submitter);
    let internal = surface == Surface::Thread && heard.user != submitter && comment::is_internal(&text);
    let (actor, what) = match (heard.change, earlier, &heard.user) {
        (MessageChange::Posted, None, Some(user)) => (user.clone(), What::Comment { text, internal }),
        (MessageChange::Edited, Some(earlier), _) => {
            // What was internal stays so: an edit must not send it to the submitter.
            let internal = internal || earlier.internal;
            (earlier.actor, What::Edit { text, internal, replaces: earlier.version })
        }
        (MessageChange::Deleted, Some(earlier), _) => {
            (earlier.actor, What::Delete { internal: earlier.internal, replaces: earlier.version })
        }
        _ => {
            tx.commit().await?;
            return Ok(Outcome::Done("nothing of ours"));
        }
    };
    make(run, tx, ticket, &actor, what, surface, &heard.ts).await
}

async fn make(
    run: &Run<'_>,
    mut tx: sqlx::PgTransaction<'_>,
    ticket: TicketNumber,
    actor: &UserId,
    what: What<'_>,
    surface: Surface,
    ts: &str,
) -> anyhow::Result<Outcome> {
    let request = Request { ticket, actor, what, surface, message_ts: Some(ts) };
    match change(&mut tx, &request).await? {
        Changed::Done => {
            tx.commit().await?;
            run.context.wake_delivery();
            Ok(Outcome::Done("heard"))
        }
        Changed::NoTicket | Changed::Refused(..) => Ok(Outcome::Discard("the thread's ticket is gone".to_owned())),
    }
}

async fn ignored(run: &Run<'_>) -> anyhow::Result<Outcome> {
    inbox::claim(&mut *run.context.db.acquire().await?, run.job_id, KIND, "nothing of ours").await?;
    Ok(Outcome::Done("nothing of ours"))
}
