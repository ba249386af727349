//! A person's message in a thread: of a ticket's card, or of a direct message about a ticket.
//!
//! Edits and deletions follow their message and keep what stood there in the history. They may be heard in any order: each
//! message's newest change is remembered, and what is older has no effect. A message that belongs to no ticket is nothing
//! of ours; whether it belongs to one isn't known while the post that its thread may hang on is in doubt, so it waits.

use common::job::{HearMessage, MessageChange, Surface};
use common::slack_id::UserId;
use common::ticket::TicketNumber;

use super::change::{Changed, Request, What, change};
use super::{Outcome, Run, answer, comment};
use crate::db::heard_messages::{self, Heard};
use crate::db::outbox::{self, Wish};
use crate::db::refusals::{self, Refusal};
use crate::db::{inbox, messages, ticket_events, tickets};
use crate::delivery::Target;
use crate::views::texts;

const KIND: &str = "hear_message.v1";

pub(super) async fn run(run: &Run<'_>, heard: &HearMessage) -> anyhow::Result<Outcome> {
    let context = run.context;
    if heard.user.is_some() && heard.user == context.identity().await?.bot_user {
        return ignored(run).await;
    }
    let mut db = context.db.acquire().await?;
    if heard.change == MessageChange::Deleted
        && let Some(Target::Card(ticket)) = target_at(&mut db, heard, &heard.ts).await?
    {
        drop(db);
        return post_again(run, ticket).await;
    }
    let known = heard_messages::find_ticket(&mut db, &heard.channel, &heard.ts).await?;
    let ticket = match (known, &heard.thread_ts) {
        (Some(ticket), _) => ticket,
        (None, Some(root)) => match target_at(&mut db, heard, root).await? {
            Some(Target::Card(ticket) | Target::Filed(ticket) | Target::News { ticket, .. }) => ticket,
            Some(_) => return ignored(run).await,
            None if outbox::may_be_posting(&mut db, root).await? => return Ok(Outcome::Snooze(context.waits.poll)),
            None => return ignored(run).await,
        },
        (None, None) => return ignored(run).await,
    };
    drop(db);
    take(run, heard, ticket).await
}

/// What the message at this place of the conversation shows.
async fn target_at(db: &mut sqlx::PgConnection, heard: &HearMessage, ts: &str) -> sqlx::Result<Option<Target>> {
    Ok(messages::find_target(db, &heard.channel, ts).await?.as_deref().and_then(Target::parse))
}

/// The message is a comment on this ticket.
async fn take(run: &Run<'_>, heard: &HearMessage, ticket: TicketNumber) -> anyhow::Result<Outcome> {
    let context = run.context;
    let names = context.names(&comment::mentioned(&heard.text)).await;
    let text = comment::clean(&comment::plain_text(&heard.text, &names))
        .unwrap_or_else(|| "📎 (a file without words)".to_owned());
    let direct = heard.channel.as_str().starts_with('D');
    let surface = if direct { Surface::DirectMessage } else { Surface::Thread };
    let mut tx = context.db.begin().await?;
    if !inbox::claim(&mut tx, run.job_id, KIND, "heard").await? {
        return Ok(Outcome::Done("was heard before"));
    }
    let newest = Heard {
        channel: &heard.channel,
        ts: &heard.ts,
        ticket,
        edited_ts: &heard.edited_ts,
        deleted: heard.change == MessageChange::Deleted,
    };
    let is_newest = heard_messages::mark_newest(&mut tx, &newest).await?;
    let earlier = ticket_events::find_by_message(&mut tx, ticket, &heard.ts).await?;
    let submitter = tickets::find_ticket(&mut tx, ticket).await?.map(|ticket| ticket.submitter);
    let is_submitter = heard.user == submitter;
    let was_internal = heard.earlier_text.as_deref().is_some_and(comment::is_internal);
    let internal = !is_submitter && (comment::is_internal(&text) || was_internal);
    let (actor, what) = match (heard.change, earlier, &heard.user) {
        // An edit that overtook its message is that message.
        (MessageChange::Posted | MessageChange::Edited, None, Some(user)) if is_newest => {
            if direct && !is_submitter && !context.system_users.contains(user) {
                let (action, number, reason) = ("comment", Some(ticket.get()), "denied");
                let refusal = Refusal { job_id: run.job_id, actor: user, action, ticket: number, reason };
                refusals::insert(&mut tx, &refusal).await?;
                answer::give_back(&mut tx, user, run.job_id, &texts::not_a_system_user(user), &text).await?;
                tx.commit().await?;
                context.wake_delivery();
                return Ok(Outcome::Done("denied"));
            }
            (user.clone(), What::Comment { text, internal })
        }
        (MessageChange::Edited, Some(earlier), _) if is_newest => {
            // What was internal stays so: an edit must not send it to the submitter.
            let internal = internal || earlier.internal;
            (earlier.actor, What::Edit { text, internal, replaces: earlier.version })
        }
        (MessageChange::Deleted, Some(earlier), _) if is_newest => {
            (earlier.actor, What::Delete { internal: earlier.internal, replaces: earlier.version })
        }
        _ => {
            tx.commit().await?;
            return Ok(Outcome::Done("nothing new"));
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

/// Somebody deleted the card: the ticket must be seen all the same. Its update finds that it is gone and posts a new one.
async fn post_again(run: &Run<'_>, ticket: TicketNumber) -> anyhow::Result<Outcome> {
    let mut tx = run.context.db.begin().await?;
    if inbox::claim(&mut tx, run.job_id, KIND, "card deleted").await? {
        outbox::insert(&mut tx, &[Wish::new(Target::Card(ticket))]).await?;
    }
    tx.commit().await?;
    run.context.wake_delivery();
    Ok(Outcome::Done("card deleted"))
}

async fn ignored(run: &Run<'_>) -> anyhow::Result<Outcome> {
    inbox::claim(&mut *run.context.db.acquire().await?, run.job_id, KIND, "nothing of ours").await?;
    Ok(Outcome::Done("nothing of ours"))
}
