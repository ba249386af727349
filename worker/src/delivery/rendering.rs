//! What a message is to show now, and where.

use common::slack_id::UserId;
use common::ticket::TicketNumber;
use sqlx::PgConnection;

use super::{Delivered, Delivery, Target, news, report, summary};
use crate::db::messages::{self, PostedMessage};
use crate::db::outbox::Again;
use crate::db::ticket_events::Change;
use crate::db::{alerts, exports, images, ticket_events, tickets};
use crate::slack::SlackError;
use crate::slack::client::Content;
use crate::slack::error::Trouble;
use crate::views::{self, Look, TicketFacts};

/// Comments on a card.
const SHOWN_COMMENTS: i64 = 3;

/// Where a message belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The channel of the cards.
    TicketChannel,
    /// The administrators' channel.
    AdminChannel,
    /// The direct messages with this person.
    With(UserId),
}

/// What a message is to show.
pub(super) struct Rendered {
    pub(super) place: Place,
    /// The thread it belongs to.
    pub(super) thread_ts: Option<String>,
    pub(super) content: Content,
    /// The same without what Slack may refuse, where there is a difference.
    pub(super) without_previews: Option<Content>,
    /// News: the version up to which it tells.
    pub(super) tells_upto: Option<i32>,
}

impl Rendered {
    pub(super) fn new(place: Place, content: Content) -> Self {
        Self { place, thread_ts: None, content, without_previews: None, tells_upto: None }
    }

    /// The text alone, where Slack refuses the blocks.
    pub(super) fn plain_text(&self) -> Content {
        Content { text: views::limits::clip(&self.content.text, views::limits::MESSAGE_TEXT), blocks: Vec::new() }
    }
}

/// All that is shown of a ticket, read in one go.
pub(super) async fn facts(db: &mut PgConnection, ticket: TicketNumber) -> sqlx::Result<Option<TicketFacts>> {
    let Some(ticket) = tickets::find_ticket(db, ticket).await? else { return Ok(None) };
    let images = images::list_images(db, ticket.number).await?;
    let (comments, comment_count) = ticket_events::list_comments(db, ticket.number, SHOWN_COMMENTS).await?;
    Ok(Some(TicketFacts { ticket, images, comments, comment_count }))
}

/// What this target's message shows now; none where there is nothing to show any more.
pub(super) async fn render(
    delivery: &Delivery<'_>,
    target: &Target,
) -> anyhow::Result<Result<Option<Rendered>, Delivered>> {
    let context = delivery.context;
    let look = context.look();
    let without = Look { previews: false, ..look };
    let mut db = context.db.acquire().await?;
    let rendered = match target {
        Target::Card(ticket) => facts(&mut db, *ticket).await?.map(|facts| {
            let shows_images = facts.images.iter().any(|image| image.shared_file_id.is_some());
            Rendered {
                without_previews: shows_images.then(|| views::card(&facts, &without)),
                ..Rendered::new(Place::TicketChannel, views::card(&facts, &look))
            }
        }),
        Target::Notice(ticket) => {
            let facts = facts(&mut db, *ticket).await?;
            let card = messages::find(&mut db, &Target::Card(*ticket).to_string()).await?;
            drop(db);
            let card_link = match card {
                Some(card) => match permalink(delivery, *ticket, &card).await? {
                    Ok(link) => link,
                    Err(delivered) => return Ok(Err(delivered)),
                },
                None => None,
            };
            facts.map(|facts| Rendered::new(Place::AdminChannel, views::notice(&facts, &look, card_link.as_deref())))
        }
        Target::Filed(ticket) => facts(&mut db, *ticket).await?.map(|facts| {
            let submitter = facts.ticket.submitter.clone();
            Rendered::new(Place::With(submitter), views::filed(&facts, &without))
        }),
        Target::News { ticket, user } => {
            drop(db);
            return news::render(delivery, *ticket, user).await;
        }
        Target::ThreadNote { ticket, version } => {
            let note = delivery.row.target.as_str();
            let stands = messages::find(&mut db, note).await?;
            let Some(card) = messages::find(&mut db, &Target::Card(*ticket).to_string()).await? else {
                let waits_for = Some(Target::Card(*ticket).to_string());
                let reason = "the card is not there yet".to_owned();
                return Ok(Err(Delivered::Again(Again { waits_for, reason, ..Again::default() })));
            };
            // What was taken back before it was told is not told.
            let event = ticket_events::find_said(&mut db, *ticket, *version).await?;
            let event = event.filter(|event| event.change != Change::DeleteComment || stands.is_some());
            event.map(|event| Rendered {
                thread_ts: Some(card.ts),
                ..Rendered::new(Place::TicketChannel, views::thread_note(&event))
            })
        }
        Target::NotFiled { user, .. } => {
            let details = delivery.row.payload.get("details").and_then(|d| d.as_str()).unwrap_or_default();
            Some(Rendered::new(Place::With(user.clone()), views::not_filed(details)))
        }
        Target::NotDone { user, .. } => {
            let text = |name| delivery.row.payload.get(name).and_then(|text| text.as_str()).unwrap_or_default();
            Some(Rendered::new(Place::With(user.clone()), views::not_done(text("text"), text("typed"))))
        }
        Target::Alert { cause, since } => alerts::find(&mut db, cause, *since)
            .await?
            .map(|alert| Rendered::new(Place::AdminChannel, views::alert(&alert.text, alert.count))),
        Target::Summary { .. } => summary::render(&mut db, delivery).await?,
        Target::ExportStatus { job_id } => exports::find(&mut db, job_id)
            .await?
            .map(|export| Rendered::new(Place::With(export.user.clone()), views::export_status(&export))),
        Target::WeeklySummary(_)
        | Target::Overdue { .. }
        | Target::OverdueUnassigned(_)
        | Target::Stale(_)
        | Target::UrgentList => {
            drop(db);
            return report::render(delivery, target).await;
        }
        Target::Pin
        | Target::Confirmation(_)
        | Target::Images(_)
        | Target::Dialog { .. }
        | Target::Again { .. }
        | Target::View { .. }
        | Target::SummaryModal { .. } => None,
    };
    Ok(Ok(rendered))
}

/// The card's address, asked for once; a notice goes without it where Slack refuses to tell.
pub(super) async fn permalink(
    delivery: &Delivery<'_>,
    ticket: TicketNumber,
    card: &PostedMessage,
) -> anyhow::Result<Result<Option<String>, Delivered>> {
    if let Some(link) = &card.permalink {
        return Ok(Ok(Some(link.clone())));
    }
    match delivery.context.slack.permalink(&card.channel, &card.ts).await {
        Ok(link) => {
            let mut db = delivery.context.db.acquire().await?;
            messages::mark_permalink(&mut db, &Target::Card(ticket).to_string(), &link).await?;
            Ok(Ok(Some(link)))
        }
        Err(SlackError::Refused(code)) if !matches!(code.trouble(), Trouble::Token | Trouble::Scope) => Ok(Ok(None)),
        Err(error) => Ok(Err(delivery.after(error, "chat.getPermalink", Some(card.channel.as_str())).await?)),
    }
}
