//! What card, confirmation and direct message show alike of a ticket.

use common::ticket::Status;
use slack_morphism::prelude::*;

use super::blocks::{context, fields, image};
use super::mrkdwn::{inline, link, mention};
use super::{Look, TicketFacts};
use crate::db::images::TicketImage;

/// Slack shows only these as images ("Image block").
const PREVIEWED: [&str; 3] = ["image/png", "image/jpeg", "image/gif"];

/// Campaign, issue type, priority, status, and who.
pub(super) fn facts(facts: &TicketFacts) -> SlackBlock {
    let ticket = &facts.ticket;
    let assignee = ticket.assignee.as_ref().map_or_else(|| "Nobody yet".to_owned(), mention);
    fields(&[
        ("Campaign", inline(&ticket.campaign)),
        ("Issue type", inline(&ticket.issue_type)),
        ("Priority", ticket.priority.label().to_owned()),
        ("Status", status(facts)),
        ("Submitted by", mention(&ticket.submitter)),
        ("Assigned to", assignee),
    ])
}

fn status(facts: &TicketFacts) -> String {
    let badge = facts.ticket.status.badge();
    match facts.ticket.reopened_count {
        0 => badge.to_owned(),
        1 => format!("{badge} (reopened)"),
        n => format!("{badge} (reopened {n} times)"),
    }
}

/// One line for notifications, escaped.
pub(super) fn one_line(facts: &TicketFacts) -> String {
    let ticket = &facts.ticket;
    let status = if ticket.status == Status::Open { "" } else { ticket.status.label() };
    let parts = [
        ticket.number.to_string(),
        ticket.priority.label().to_owned(),
        inline(&ticket.issue_type),
        inline(&ticket.campaign),
        status.to_owned(),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

/// The file under which an image can be previewed by those who see our messages.
pub(super) fn shared_preview(image: &TicketImage) -> Option<&str> {
    previewable(image).then_some(())?;
    image.shared_file_id.as_deref()
}

/// The file under which the submitter can see an image even before it is shared; none where that file is gone.
pub(super) fn own_preview(image: &TicketImage) -> Option<&str> {
    previewable(image).then_some(())?;
    image.shared_file_id.as_deref().or(image.refused.is_none().then_some(&image.file_id))
}

fn previewable(image: &TicketImage) -> bool {
    PREVIEWED.contains(&image.mimetype.as_str())
}

/// The images as blocks where `look` allows and they have a file to show, and a line that links the others.
pub(super) fn images<'a>(
    facts: &'a TicketFacts,
    look: &Look,
    file_of: impl Fn(&'a TicketImage) -> Option<&'a str>,
) -> Vec<SlackBlock> {
    let mut blocks = Vec::new();
    let mut links = Vec::new();
    for picture in &facts.images {
        match file_of(picture).filter(|_| look.previews) {
            Some(file_id) => blocks.push(image(file_id, &picture.name)),
            None => links.push(linked(picture)),
        }
    }
    if !links.is_empty() {
        blocks.push(context([format!("📎 {}", links.join(" · "))]));
    }
    blocks
}

fn linked(image: &TicketImage) -> String {
    let address = image.shared_permalink.as_deref().or(image.permalink.as_deref()).unwrap_or_default();
    let name: String = image.name.chars().take(80).collect();
    let name = link(address, if name.trim().is_empty() { "image" } else { &name });
    if image.refused.is_some() { format!("{name} (not shared)") } else { name }
}
