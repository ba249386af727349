//! Delivering a message: post it if it isn't there, update it if it is.

use common::slack_id::ChannelId;

use super::advice::no_such_channel;
use super::rendering::{Place, Rendered, render};
use super::update::{complete_later, update};
use super::{Delivered, Delivery, Target, persistently};
use crate::context::ChannelError;
use crate::db::direct_channels;
use crate::db::messages::{self, PostedMessage};
use crate::db::news as ticket_news;
use crate::db::outbox::{self, Again, Recorded, Wish};
use crate::slack::SlackError;
use crate::slack::client::{Content, post_key};
use crate::slack::error::{Code, Trouble};

/// History is searched from this long before the post was begun: clocks differ.
const SEARCH_MARGIN_SECONDS: f64 = 60.0;

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
            Ok(Ok(rendered.plain_text()))
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
