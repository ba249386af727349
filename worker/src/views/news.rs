//! What changed, for one person; and comments in the card's thread.

use common::slack_id::UserId;
use common::ticket::Action;
use slack_morphism::prelude::SlackBlock;

use super::blocks::{context, section, user_text};
use super::limits::clip;
use super::mrkdwn::{inline, link, mention};
use super::texts::past;
use crate::db::ticket_events::{Change, TicketEvent};
use crate::db::tickets::Ticket;
use crate::slack::client::Content;

/// Changes told in one message; what came before them is counted.
const MAX_CHANGES: usize = 12;

/// What happened to a ticket, oldest first.
pub fn news(ticket: &Ticket, events: &[TicketEvent], reader: &UserId, card_link: Option<&str>) -> Content {
    let number = ticket.number.to_string();
    let title = card_link.map_or_else(|| number.clone(), |address| link(address, &number));
    let mut blocks = Vec::new();
    let left_out = events.len().saturating_sub(MAX_CHANGES);
    if left_out > 0 {
        blocks.push(context([format!("{left_out} earlier changes")]));
    }
    for event in &events[left_out..] {
        blocks.push(section(&format!("{} {}", sign(event.change), sentence(event, &title, reader, true))));
        if let Some(comment) = &event.comment {
            blocks.extend(user_text(&clip(comment, 2900)));
        }
    }
    blocks.push(context([format!(
        "{} · {} · {}",
        ticket.status.badge(),
        ticket.priority.label(),
        inline(&ticket.issue_type)
    )]));
    let last = events.last().map(|event| sentence(event, &number, reader, true)).unwrap_or_default();
    Content { text: last, blocks }
}

/// A comment that was written elsewhere, for the card's thread.
pub fn thread_note(event: &TicketEvent) -> Content {
    let who = mention(&event.actor);
    let did = match event.change {
        Change::EditComment => "wrote (edited):",
        Change::Act(Action::Assign | Action::Reassign) => "wrote with the new assignment:",
        Change::Act(Action::Resolve | Action::Close | Action::Reopen) | Change::Comment | Change::File => "wrote:",
        Change::DeleteComment => "took a comment back.",
    };
    let text = format!("💬 {who} {did}");
    let mut blocks: Vec<SlackBlock> = vec![section(&text)];
    blocks.extend(user_text(event.comment.as_deref().unwrap_or_default()));
    Content { text, blocks }
}

fn sign(change: Change) -> &'static str {
    match change {
        Change::File => "🎫",
        Change::Act(Action::Assign) => "🖐",
        Change::Act(Action::Reassign) => "🔁",
        Change::Act(Action::Resolve) => "🟢",
        Change::Act(Action::Close) => "❌",
        Change::Act(Action::Reopen) => "🔄",
        Change::Comment | Change::EditComment | Change::DeleteComment => "💬",
    }
}

/// What was done, in a sentence; "you" where the reader may be addressed.
pub(super) fn sentence(event: &TicketEvent, ticket: &str, reader: &UserId, address: bool) -> String {
    let who = mention(&event.actor);
    match event.change {
        Change::File => format!("{who} filed *{ticket}*."),
        Change::Act(Action::Assign) => format!("{who} took *{ticket}* and works on it."),
        Change::Act(Action::Reassign) => match &event.assignee.1 {
            Some(user) if address && user == reader => format!("{who} assigned *{ticket}* to you."),
            Some(user) => format!("{who} assigned *{ticket}* to {}.", mention(user)),
            None => format!("{who} reassigned *{ticket}*."),
        },
        Change::Act(action) => format!("{who} {} *{ticket}*.", past(action)),
        Change::Comment if event.internal => format!("{who} wrote an internal note on *{ticket}*:"),
        Change::Comment => format!("{who} commented on *{ticket}*:"),
        Change::EditComment => format!("{who} changed a comment on *{ticket}*:"),
        Change::DeleteComment => format!("{who} took a comment on *{ticket}* back."),
    }
}
