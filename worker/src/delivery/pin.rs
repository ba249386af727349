//! The pinned list's pin. Pinning what is pinned already changes nothing and posts no notice, so it is simply repeated.

use super::{Delivered, Delivery, Target};
use crate::db::messages;
use crate::db::outbox::{self, Again, Wish};
use crate::slack::SlackError;
use crate::slack::error::Trouble;

pub(super) async fn deliver(delivery: &Delivery<'_>) -> anyhow::Result<Delivered> {
    let context = delivery.context;
    let list = messages::find(&mut *context.db.acquire().await?, &Target::UrgentList.to_string()).await?;
    let Some(list) = list else {
        let waits_for = Some(Target::UrgentList.to_string());
        let reason = "the list is not there yet".to_owned();
        return Ok(Delivered::Again(Again { waits_for, reason, ..Again::default() }));
    };
    match context.slack.pin_message(&list.channel, &list.ts).await {
        Ok(()) => Ok(Delivered::Sent),
        Err(SlackError::Refused(code)) if code.trouble() == Trouble::Message => {
            // The list was deleted by hand: updating it finds that out, posts it again, and asks for its pin.
            outbox::insert(&mut *context.db.acquire().await?, &[Wish::new(Target::UrgentList)]).await?;
            Ok(Delivered::Expired)
        }
        Err(error) => delivery.after(error, "pins.add", Some(list.channel.as_str())).await,
    }
}
