//! A ticket's images, copied into the card's thread so that everybody in the channel can open them.
//!
//! A file given in a modal belongs to its uploader. Each is fetched once with the bot's token and uploaded again; all of a
//! ticket are shared by one call. Our upload's id is stored before that call, so that a second run finds out whether the
//! first one shared it. A refused or vanished file is linked and never costs the ticket.

use common::slack_id::ChannelId;
use common::ticket::TicketNumber;
use serde_json::{Map, Value};

use super::{Delivered, Delivery, Target};
use crate::db::images::{self, TicketImage};
use crate::db::messages::{self, PostedMessage};
use crate::db::outbox::{self, Again, Wish};
use crate::slack::SlackError;
use crate::slack::error::Trouble;
use crate::slack::transfer::{MAX_IMAGE_BYTES, TransferError};

/// An image whose bytes can't be moved is linked after so many tries.
const MAX_TRIES: i32 = 8;

pub(super) async fn deliver(delivery: &Delivery<'_>, ticket: TicketNumber) -> anyhow::Result<Delivered> {
    let (pictures, card) = {
        let mut db = delivery.context.db.acquire().await?;
        (images::list_images(&mut db, ticket).await?, messages::find(&mut db, &Target::Card(ticket).to_string()).await?)
    };
    let Some(card) = card else {
        let waits_for = Some(Target::Card(ticket).to_string());
        return Ok(Delivered::Again(Again {
            waits_for,
            reason: "the card is not there yet".to_owned(),
            ..Again::default()
        }));
    };
    let mut uploads = Vec::new();
    for picture in pictures.iter().filter(|p| p.shared_file_id.is_none() && p.refused.is_none()) {
        match upload(delivery, ticket, picture, &card.channel).await? {
            Ok(Some(upload)) => uploads.push((picture, upload)),
            Ok(None) => {}
            Err(delivered) => return Ok(delivered),
        }
    }
    if !uploads.is_empty()
        && let Some(delivered) = share(delivery, ticket, &card, &uploads).await?
    {
        return Ok(delivered);
    }
    // Card and confirmation can show them now.
    let payload: Map<String, Value> = ["view_id", "external_id"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), delivery.row.payload.get(name)?.clone())))
        .collect();
    let confirmation = Wish {
        payload: Value::Object(payload),
        expires_after: Some(std::time::Duration::from_secs(30 * 60)),
        ..Wish::new(Target::Confirmation(ticket))
    };
    let mut db = delivery.context.db.acquire().await?;
    outbox::insert(&mut db, &[Wish::new(Target::Card(ticket)), confirmation]).await?;
    Ok(Delivered::Sent)
}

/// Copies one image; `None` where there is nothing to share.
async fn upload(
    delivery: &Delivery<'_>,
    ticket: TicketNumber,
    picture: &TicketImage,
    channel: &ChannelId,
) -> anyhow::Result<Result<Option<String>, Delivered>> {
    let context = delivery.context;
    if let Some(upload_id) = &picture.upload_id {
        match context.slack.file(upload_id).await {
            Ok(file) if file.is_shared_in(channel) => {
                let mut db = context.db.acquire().await?;
                images::mark_shared(&mut db, ticket, picture.position, upload_id, file.permalink.as_deref()).await?;
                return Ok(Ok(None));
            }
            // It is there only once it was completed; where it stands shows a little later.
            Ok(_) => {
                let looks = usize::try_from(delivery.row.looks).unwrap_or_default() + 1;
                if let Some(next) = context.waits.looks.get(looks).filter(|_| delivery.row.ambiguous) {
                    let reason = "whether the images were shared does not show yet".to_owned();
                    let (delay, from_start, looked) = (*next, true, true);
                    return Ok(Err(Delivered::Again(Again { delay, from_start, looked, reason, ..Again::default() })));
                }
            }
            Err(SlackError::Refused(code)) if code.trouble() == Trouble::Other => {}
            Err(error) => return Ok(Err(delivery.after(error, "files.info", None).await?)),
        }
    }
    let refuse = async |reason: &str| -> anyhow::Result<Result<Option<String>, Delivered>> {
        tracing::warn!(ticket.number = %ticket, image = picture.position, reason, "an image is linked instead of shared");
        images::mark_refused(&mut *context.db.acquire().await?, ticket, picture.position, reason).await?;
        Ok(Ok(None))
    };
    let file = match context.slack.file(&picture.file_id).await {
        Ok(file) => file,
        Err(SlackError::Refused(code)) if code.trouble() == Trouble::Other => return refuse(&code.code).await,
        Err(error) => return Ok(Err(delivery.after(error, "files.info", None).await?)),
    };
    let mimetype = file.mimetype.as_deref().unwrap_or_default();
    if !mimetype.starts_with("image/") {
        return refuse("it is no image").await;
    }
    if file.size == 0 || file.size > MAX_IMAGE_BYTES {
        return refuse("it is empty or too large to be copied").await;
    }
    let Some(address) = file.url_private_download.as_deref().or(file.url_private.as_deref()) else {
        return refuse("Slack names no address for it").await;
    };
    let name = file.name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or(&picture.name);
    let upload = match context.slack.begin_upload(name, file.size).await {
        Ok(upload) => upload,
        Err(SlackError::Refused(code)) if matches!(code.trouble(), Trouble::Other | Trouble::Content) => {
            delivery.alert(Trouble::Other, &code, "files.getUploadURLExternal", None).await?;
            return refuse(&code.code).await;
        }
        Err(error) => return Ok(Err(delivery.after(error, "files.getUploadURLExternal", None).await?)),
    };
    match context.move_file(context.transfer.copy(address, &upload.upload_url, file.size, mimetype)).await {
        Ok(()) => {}
        Err(TransferError::Busy(delay)) => {
            let reason = "the file host is paused".to_owned();
            return Ok(Err(Delivered::Again(Again { delay, reason, ..Again::default() })));
        }
        Err(TransferError::Failed(reason)) if delivery.row.refusals + 1 < MAX_TRIES => {
            return Ok(Err(delivery.refused(reason)));
        }
        Err(error) => return refuse(&error.to_string()).await,
    }
    let mut db = context.db.acquire().await?;
    images::mark_uploaded(&mut db, ticket, picture.position, &upload.file_id, mimetype).await?;
    Ok(Ok(Some(upload.file_id)))
}

/// Shares the uploads into the thread; `Some` where that has to be tried again.
async fn share(
    delivery: &Delivery<'_>,
    ticket: TicketNumber,
    card: &PostedMessage,
    uploads: &[(&TicketImage, String)],
) -> anyhow::Result<Option<Delivered>> {
    let context = delivery.context;
    if let Some(lapsed) = delivery.lapsed() {
        return Ok(Some(lapsed));
    }
    let files: Vec<_> = uploads.iter().map(|(picture, id)| (id.clone(), picture.name.clone())).collect();
    delivery.begin();
    match context.slack.complete_uploads(&files, &card.channel, &card.ts).await {
        Ok(()) => {}
        // Whether they were shared is found out by the next run, file by file, when Slack has had time to show it.
        Err(SlackError::Ambiguous(reason)) => return Ok(Some(delivery.later(reason))),
        Err(SlackError::Refused(code)) if code.trouble() == Trouble::Message => {
            // The card was deleted by hand: updating it finds that out and posts it again.
            delivery.end();
            let mut db = context.db.acquire().await?;
            outbox::insert(&mut db, &[Wish::new(Target::Card(ticket))]).await?;
            return Ok(Some(delivery.failed(&code.code)));
        }
        Err(error) => {
            delivery.end();
            let place = Some(card.channel.as_str());
            return Ok(Some(delivery.after(error, "files.completeUploadExternal", place).await?));
        }
    }
    for (picture, id) in uploads {
        let permalink = context.slack.file(id).await.ok().and_then(|file| file.permalink);
        let mut db = context.db.acquire().await?;
        images::mark_shared(&mut db, ticket, picture.position, id, permalink.as_deref()).await?;
    }
    Ok(None)
}
