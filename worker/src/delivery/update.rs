//! Changing a message that stands in Slack.

use serde_json::json;

use super::rendering::Rendered;
use super::{Delivered, Delivery, Target};
use crate::db::messages::{self, PostedMessage};
use crate::db::outbox::{self, Again, Wish};
use crate::retry::backoff;
use crate::slack::SlackError;
use crate::slack::client::update_key;
use crate::slack::error::Trouble;

/// A message sent without its images is completed at most this often.
const MAX_PREVIEW_TRIES: i64 = 6;

/// Makes a message show what is rendered; one that is gone is forgotten, to be posted again. `in_doubt`: an earlier update of this row may still be on its way.
pub(super) async fn update(
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
                    return match slack.update_message(&message.channel, &message.ts, &rendered.plain_text()).await {
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
