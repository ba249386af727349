//! Delivering a message: post it if it isn't there, update it if it is.

use common::slack_id::{ChannelId, UserId};
use common::ticket::TicketNumber;
use serde_json::json;
use sqlx::PgConnection;

use super::advice::no_such_channel;
use super::{Delivered, Delivery, Target, news, persistently, report, summary};
use crate::context::ChannelError;
use crate::db::messages::{self, PostedMessage};
use crate::db::news as ticket_news;
use crate::db::outbox::{self, Again, Recorded, Wish};
use crate::db::ticket_events::Change;
use crate::db::{alerts, direct_channels, exports, images, ticket_events, tickets};
use crate::retry::backoff;
use crate::slack::SlackError;
use crate::slack::client::{Content, post_key, update_key};
use crate::slack::error::{Code, Trouble};
use crate::views::{self, Look, TicketFacts};

/// Comments on a card.
const SHOWN_COMMENTS: i64 = 3;
/// A message sent without its images is completed at most this often.
const MAX_PREVIEW_TRIES: i64 = 6;
/// History is searched from this long before the post was begun: clocks differ.
const SEARCH_MARGIN_SECONDS: f64 = 60.0;

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
}

/// All that is shown of a ticket, read in one go.
pub(super) async fn facts(db: &mut PgConnection, ticket: TicketNumber) -> sqlx::Result<Option<TicketFacts>> {
    let Some(ticket) = tickets::find_ticket(db, ticket).await? else { return Ok(None) };
    let images = images::list_images(db, ticket.number).await?;
    let (comments, comment_count) = ticket_events::list_comments(db, ticket.number, SHOWN_COMMENTS).await?;
    Ok(Some(TicketFacts { ticket, images, comments, comment_count }))
}

pub(super) async fn deliver(delivery: &Delivery<'_>, target: &Target) -> anyhow::Result<Delivered> {
    let existing = match target {
        // News are a new message each time.
        Target::News { .. } => None,
        _ => messages::find(&mut *delivery.context.db.acquire().await?, &delivery.row.target).await?,
    };
    let rendered = match render(delivery, target).await? {
        Ok(Some(rendered)) => rendered,
        Ok(None) => return Ok(Delivered::Expired),
        Err(delivered) => return Ok(delivered),
    };
    if let Some(message) = existing {
        let in_doubt = delivery.row.ambiguous;
        return update(delivery, &message, &rendered, in_doubt).await;
    }
    let channel = match channel(delivery, &rendered.place).await? {
        Ok(channel) => channel,
        Err(delivered) => return Ok(delivered),
    };
    if delivery.row.ambiguous {
        return look_for(delivery, target, &channel, &rendered).await;
    }
    post(delivery, target, &channel, &rendered).await
}

async fn render(delivery: &Delivery<'_>, target: &Target) -> anyhow::Result<Result<Option<Rendered>, Delivered>> {
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

/// The conversation where a message belongs.
pub(super) async fn channel(delivery: &Delivery<'_>, place: &Place) -> anyhow::Result<Result<ChannelId, Delivered>> {
    let context = delivery.context;
    let resolved = match place {
        Place::TicketChannel => context.ticket_channel().await.cloned(),
        Place::AdminChannel => context.admin_channel().await.cloned(),
        Place::With(user) => {
            let known = direct_channels::find(&mut *context.db.acquire().await?, user).await?;
            if let Some(channel) = known {
                return Ok(Ok(channel));
            }
            return match context.slack.direct_channel(user).await {
                Ok(channel) => {
                    direct_channels::insert(&mut *context.db.acquire().await?, user, &channel).await?;
                    Ok(Ok(channel))
                }
                Err(error) => Ok(Err(delivery.after(error, "conversations.open", None).await?)),
            };
        }
    };
    Ok(match resolved {
        Ok(channel) => Ok(channel),
        Err(ChannelError::Slack(error)) => Err(delivery.after(error, "conversations.list", None).await?),
        Err(ref error @ ChannelError::NotFound(ref name)) => {
            let variable = if matches!(place, Place::AdminChannel) { "ADMIN_CHANNEL" } else { "SLACK_CHANNEL_ID" };
            tracing::error!(%error, variable, "a channel can't be resolved");
            delivery.raise(&format!("channel:{variable}"), &no_such_channel(variable, name)).await?;
            let delay = context.waits.trouble_pause;
            Err(Delivered::Again(Again { delay, reason: error.to_string(), ..Again::default() }))
        }
    })
}

/// `in_doubt`: an earlier update of this row may still be on its way.
async fn update(
    delivery: &Delivery<'_>,
    message: &PostedMessage,
    rendered: &Rendered,
    in_doubt: bool,
) -> anyhow::Result<Delivered> {
    let slack = &delivery.context.slack;
    // One try at a time for a channel that refuses, until it takes updates again.
    let closed = update_key(&message.channel);
    let _turn = match slack.pace().turn_at(&closed).await {
        Ok(turn) => turn,
        Err(delay) => return delivery.after(SlackError::Paused(delay), "chat.update", None).await,
    };
    let mut content = &rendered.content;
    let plain;
    let mut previews_refused = false;
    loop {
        if let Some(lapsed) = delivery.lapsed() {
            return Ok(lapsed);
        }
        match slack.update_message(&message.channel, &message.ts, content).await {
            Ok(()) => {
                if previews_refused {
                    complete_later(delivery).await?;
                }
                return Ok(delivery.updated(in_doubt).await?);
            }
            Err(SlackError::Ambiguous(reason)) => return Ok(delivery.update_in_doubt(reason)),
            Err(SlackError::Refused(code)) => match code.trouble() {
                Trouble::Message => {
                    // Deleted by hand, or not ours: post it again, and remember the new one.
                    tracing::warn!(delivery.target = delivery.row.target, %code, "a message is gone, posting it again");
                    messages::delete(&mut *delivery.context.db.acquire().await?, &delivery.row.target, &message.ts)
                        .await?;
                    return Ok(Delivered::Again(Again { certain: true, reason: code.to_string(), ..Again::default() }));
                }
                Trouble::Content if !previews_refused && rendered.without_previews.is_some() => {
                    previews_refused = true;
                    content = rendered.without_previews.as_ref().unwrap_or(content);
                }
                Trouble::Content if !content.blocks.is_empty() => {
                    delivery.alert(Trouble::Content, &code, "chat.update", Some(message.channel.as_str())).await?;
                    plain = plain_text(&rendered.content);
                    return match slack.update_message(&message.channel, &message.ts, &plain).await {
                        Ok(()) => Ok(delivery.updated(in_doubt).await?),
                        Err(error) => delivery.after(error, "chat.update", Some(message.channel.as_str())).await,
                    };
                }
                Trouble::Conversation => {
                    slack.pace().pause(&closed, delivery.context.waits.trouble_pause, &code.code).await;
                    return delivery.after_refusal(&code, "chat.update", Some(message.channel.as_str())).await;
                }
                _ => return delivery.after_refusal(&code, "chat.update", Some(message.channel.as_str())).await,
            },
            Err(error) => return delivery.after(error, "chat.update", Some(message.channel.as_str())).await,
        }
    }
}

async fn post(
    delivery: &Delivery<'_>,
    target: &Target,
    channel: &ChannelId,
    rendered: &Rendered,
) -> anyhow::Result<Delivered> {
    let mut content = rendered.content.clone();
    let mut previews_refused = false;
    loop {
        if let Some(lapsed) = delivery.lapsed() {
            return Ok(lapsed);
        }
        delivery.begin();
        let posted = delivery
            .context
            .slack
            .post_message(channel, rendered.thread_ts.as_deref(), &content, delivery.row.id)
            .await;
        if !matches!(posted, Ok(_) | Err(SlackError::Ambiguous(_))) {
            delivery.end();
        }
        match posted {
            Ok((channel, ts)) => {
                let delivered = record(delivery, target, rendered, &channel, &ts, true).await?;
                if previews_refused {
                    complete_later(delivery).await?;
                }
                return Ok(delivered);
            }
            Err(SlackError::Refused(code)) => {
                match refused(delivery, target, channel, rendered, &code, &content).await? {
                    Ok(simpler) => {
                        previews_refused |= !simpler.blocks.is_empty();
                        content = simpler;
                    }
                    Err(delivered) => return Ok(delivered),
                }
            }
            Err(SlackError::Ambiguous(reason)) => {
                tracing::warn!(delivery.target = delivery.row.target, reason, "a post may or may not have arrived");
                return Ok(delivery.later(reason));
            }
            Err(error) => return delivery.after(error, "chat.postMessage", Some(channel.as_str())).await,
        }
    }
}

/// What to post instead, or what the refusal comes to.
async fn refused(
    delivery: &Delivery<'_>,
    target: &Target,
    channel: &ChannelId,
    rendered: &Rendered,
    code: &Code,
    content: &Content,
) -> anyhow::Result<Result<Content, Delivered>> {
    let place = Some(channel.as_str());
    match code.trouble() {
        Trouble::Content if content.blocks == rendered.content.blocks && rendered.without_previews.is_some() => {
            Ok(Ok(rendered.without_previews.clone().unwrap_or_else(|| content.clone())))
        }
        Trouble::Content if !content.blocks.is_empty() => {
            delivery.alert(Trouble::Content, code, "chat.postMessage", place).await?;
            Ok(Ok(plain_text(&rendered.content)))
        }
        Trouble::Conversation if matches!(rendered.place, Place::With(_)) => {
            // The conversation with a person is no operator's matter: it is asked for anew.
            direct_channels::forget(&mut *delivery.context.db.acquire().await?, channel).await?;
            Ok(Err(delivery.failed(&code.to_string())))
        }
        Trouble::Message => match thread_is_gone(delivery, target, rendered, code).await? {
            Some(delivered) => Ok(Err(delivered)),
            None => Ok(Err(delivery.after_refusal(code, "chat.postMessage", place).await?)),
        },
        Trouble::Conversation => {
            // One try at a time for the whole channel until it takes messages again.
            delivery
                .context
                .slack
                .pace()
                .pause(&post_key(channel), delivery.context.waits.trouble_pause, &code.code)
                .await;
            if matches!(target, Target::Card(_)) {
                // The administrators learn of this ticket all the same, and of those whose cards now wait for this pause.
                outbox::wake_notices(&mut *delivery.context.db.acquire().await?).await?;
            }
            Ok(Err(delivery.after_refusal(code, "chat.postMessage", place).await?))
        }
        _ => Ok(Err(delivery.after_refusal(code, "chat.postMessage", place).await?)),
    }
}

/// The message whose thread this belongs into was deleted: it is forgotten. News begin a new thread; a note waits until
/// the card stands there again. `None` where it belongs into no thread.
async fn thread_is_gone(
    delivery: &Delivery<'_>,
    target: &Target,
    rendered: &Rendered,
    code: &Code,
) -> anyhow::Result<Option<Delivered>> {
    let Some(root) = &rendered.thread_ts else { return Ok(None) };
    tracing::warn!(delivery.target = delivery.row.target, %code, "the thread is gone");
    let mut again = Again { certain: true, reason: code.to_string(), ..Again::default() };
    let mut db = delivery.context.db.acquire().await?;
    match target {
        Target::News { ticket, .. } => {
            messages::delete(&mut db, &Target::Filed(*ticket).to_string(), root).await?;
            messages::delete(&mut db, &delivery.row.target, root).await?;
        }
        Target::ThreadNote { ticket, .. } => {
            let card = Target::Card(*ticket);
            messages::delete(&mut db, &card.to_string(), root).await?;
            outbox::insert(&mut db, &[Wish::new(card.clone())]).await?;
            again.waits_for = Some(card.to_string());
        }
        _ => return Ok(None),
    }
    Ok(Some(Delivered::Again(again)))
}

fn plain_text(content: &Content) -> Content {
    Content { text: views::limits::clip(&content.text, views::limits::MESSAGE_TEXT), blocks: Vec::new() }
}

async fn record(
    delivery: &Delivery<'_>,
    target: &Target,
    rendered: &Rendered,
    channel: &ChannelId,
    ts: &str,
    settled: bool,
) -> anyhow::Result<Delivered> {
    // A notice that went out, or is going out, while the card could not be posted gets its link now; a new list is pinned.
    let shown_by = match target {
        Target::Card(ticket) => vec![Wish::new(Target::Notice(*ticket))],
        Target::UrgentList => vec![Wish::new(Target::Pin)],
        _ => Vec::new(),
    };
    let lease = (!settled).then_some(delivery.context.waits.lease);
    let recorded = persistently(async || {
        let mut db = delivery.context.db.acquire().await?;
        outbox::mark_posted(&mut db, delivery.row, channel, ts, lease, &shown_by).await
    });
    let recorded = recorded.await?;
    delivery.end();
    match recorded {
        Recorded::Kept => {
            if let (Target::News { ticket, user }, Some(upto)) = (target, rendered.tells_upto) {
                let told = persistently(async || {
                    let mut db = delivery.context.db.acquire().await?;
                    if ticket_news::mark_told(&mut db, *ticket, user, upto).await? {
                        outbox::insert(&mut db, &[Wish::new(target.clone())]).await?;
                    }
                    Ok(())
                });
                told.await?;
            }
            Ok(Delivered::Recorded)
        }
        Recorded::Fenced => {
            tracing::warn!(
                delivery.target = delivery.row.target,
                "posted after losing the lease, deleting the duplicate"
            );
            if let Err(error) = delivery.context.slack.delete_message(channel, ts).await {
                tracing::error!(delivery.target = delivery.row.target, %error, "a duplicate can't be deleted");
            }
            Ok(Delivered::Recorded)
        }
    }
}

/// Searches the conversation for a post that may have arrived.
async fn look_for(
    delivery: &Delivery<'_>,
    target: &Target,
    channel: &ChannelId,
    rendered: &Rendered,
) -> anyhow::Result<Delivered> {
    let (context, row) = (delivery.context, delivery.row);
    let oldest = row.ambiguous_since.unwrap_or_default() - SEARCH_MARGIN_SECONDS;
    match context.slack.find_delivery(channel, rendered.thread_ts.as_deref(), oldest, row.id).await {
        Ok(Some(ts)) => {
            tracing::info!(delivery.target = row.target, "found in the history what had no answer");
            // The state may have changed since it was posted, so it is brought up to date at once.
            record(delivery, target, rendered, channel, &ts, false).await?;
            let message = PostedMessage { channel: channel.clone(), ts, permalink: None };
            update(delivery, &message, rendered, false).await
        }
        Ok(None) => {
            let done = usize::try_from(row.looks).unwrap_or_default() + 1;
            Ok(Delivered::Again(match context.waits.looks.get(done) {
                Some(next) => Again {
                    delay: *next,
                    from_start: true,
                    looked: true,
                    reason: "not in the history yet".to_owned(),
                    ..Again::default()
                },
                None => Again { certain: true, reason: "never arrived, posting again".to_owned(), ..Again::default() },
            }))
        }
        // In a thread that is gone there is no message either.
        Err(SlackError::Refused(code)) if code.trouble() == Trouble::Message && rendered.thread_ts.is_some() => {
            Ok(Delivered::Again(Again { certain: true, reason: code.to_string(), ..Again::default() }))
        }
        Err(error) => {
            let method = if rendered.thread_ts.is_some() { "conversations.replies" } else { "conversations.history" };
            delivery.after(error, method, Some(channel.as_str())).await
        }
    }
}

/// Slack refused the images (still being processed, not visible yet): try again with them in a while.
pub(super) async fn complete_later(delivery: &Delivery<'_>) -> anyhow::Result<()> {
    let tries = delivery.row.payload.get("preview_tries").and_then(serde_json::Value::as_i64).unwrap_or_default();
    let Some(target) = Target::parse(&delivery.row.target).filter(|_| tries < MAX_PREVIEW_TRIES) else { return Ok(()) };
    if matches!(target, Target::Summary { .. } | Target::WeeklySummary(_)) {
        // A workspace that doesn't know charts doesn't learn them in a minute.
        return Ok(());
    }
    let delay = backoff(delivery.context.waits.preview_retry, i32::try_from(tries).unwrap_or(i32::MAX));
    let mut payload = delivery.row.payload.clone();
    payload["preview_tries"] = json!(tries + 1);
    let mut db = delivery.context.db.acquire().await?;
    outbox::insert(&mut db, &[Wish { payload, delay, ..Wish::new(target) }]).await?;
    Ok(())
}
