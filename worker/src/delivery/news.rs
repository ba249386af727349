//! Telling a person what changed on a ticket: one message for what came together, all in one thread per ticket.
//!
//! The thread's root is the message about the filed ticket for its submitter, and the first news for others. What a
//! message tells is fixed before it is posted, so that a second try after an ambiguous one tells the same; what came
//! later is told by the next message.

use common::slack_id::UserId;
use common::ticket::TicketNumber;
use serde_json::{Value, json};

use super::rendering::{Place, Rendered, permalink};
use super::{Delivered, Delivery, Target};
use crate::db::outbox::{self, Again};
use crate::db::{messages, news, tickets};
use crate::views;

pub(super) async fn render(
    delivery: &Delivery<'_>,
    ticket: TicketNumber,
    user: &UserId,
) -> anyhow::Result<Result<Option<Rendered>, Delivered>> {
    let upto = delivery.row.payload.get("upto").and_then(Value::as_i64).and_then(|upto| i32::try_from(upto).ok());
    let mut db = delivery.context.db.acquire().await?;
    let events = news::list_untold(&mut db, ticket, user, upto).await?;
    let (Some(last), Some(facts)) = (events.last(), tickets::find_ticket(&mut db, ticket).await?) else {
        return Ok(Ok(None));
    };
    let upto = last.version;
    outbox::keep(&mut db, delivery.row, &json!({ "upto": upto })).await?;
    let filed = Target::Filed(ticket).to_string();
    let is_submitter = facts.submitter == *user;
    let mut root = None;
    if is_submitter {
        root = messages::find(&mut db, &filed).await?;
        if root.is_none() && outbox::is_queued(&mut db, &filed).await? {
            let reason = "the message about the filed ticket comes first".to_owned();
            return Ok(Err(Delivered::Again(Again { waits_for: Some(filed), reason, ..Again::default() })));
        }
    }
    if root.is_none() {
        root = messages::find(&mut db, &delivery.row.target).await?;
    }
    let card = messages::find(&mut db, &Target::Card(ticket).to_string()).await?;
    drop(db);
    // System users are in the ticket channel; a submitter may not be.
    let card_link = match card.filter(|_| !is_submitter) {
        Some(card) => match permalink(delivery, ticket, &card).await? {
            Ok(link) => link,
            Err(delivered) => return Ok(Err(delivered)),
        },
        None => None,
    };
    let content = views::news(&facts, &events, user, card_link.as_deref());
    Ok(Ok(Some(Rendered {
        thread_ts: root.map(|root| root.ts),
        tells_upto: Some(upto),
        ..Rendered::new(Place::With(user.clone()), content)
    })))
}
