//! The card: one message in the ticket channel for a ticket's whole life.

use common::interaction::{action, ticket_action_id, ticket_value};
use common::ticket::Action;
use slack_morphism::prelude::*;

use super::blocks::{actions, button, context, header, plain, user_text};
use super::limits::clip;
use super::mrkdwn::{date, mention};
use super::ticket_fields::{facts as field_block, images, one_line, shared_preview};
use super::{Look, TicketFacts};
use crate::slack::client::Content;

/// How much of a comment the card shows; the thread has it all.
const COMMENT_EXCERPT: usize = 500;

/// The ticket as it stands, with the buttons that its status allows.
pub fn card(facts: &TicketFacts, look: &Look) -> Content {
    let ticket = &facts.ticket;
    let mut blocks = vec![header(&format!("🎫 {} · {}", ticket.number, ticket.issue_type)), field_block(facts)];
    blocks.extend(user_text(&ticket.details));
    blocks.extend(images(facts, look, shared_preview));
    let mut times = format!("Created {}", date(ticket.created_at, look.timezone));
    if ticket.version > 1 {
        times.push_str(&format!("\nUpdated {}", date(ticket.updated_at, look.timezone)));
    }
    blocks.extend(comments(facts, look));
    blocks.push(context([times]));
    blocks.push(actions(buttons(facts)));
    Content { text: one_line(facts), blocks }
}

/// The newest comments, the rest as a count.
fn comments(facts: &TicketFacts, look: &Look) -> Vec<SlackBlock> {
    let mut blocks = Vec::new();
    let earlier = facts.comment_count - i64::try_from(facts.comments.len()).unwrap_or_default();
    if earlier > 0 {
        blocks.push(context([format!("💬 {} comments, {earlier} of them earlier", facts.comment_count)]));
    }
    for comment in &facts.comments {
        blocks.push(context([format!("💬 {} · {}", mention(&comment.actor), date(comment.at, look.timezone))]));
        blocks.extend(user_text(&clip(comment.comment.as_deref().unwrap_or_default(), COMMENT_EXCERPT)));
    }
    blocks
}

fn buttons(facts: &TicketFacts) -> Vec<SlackBlockButtonElement> {
    let ticket = &facts.ticket;
    let value = ticket_value(ticket.number);
    ticket
        .status
        .possible()
        .map(|possible| {
            let shown = button(ticket_action_id(possible), label(possible), &value);
            match possible {
                Action::Assign => shown.with_style(SlackBlockButtonStyle::Primary),
                Action::Close => shown.with_confirm(
                    SlackBlockConfirmItem::new(
                        plain(&format!("Close {}?", ticket.number)),
                        SlackBlockText::Plain("The submitter is told. It can be reopened later.".into()),
                        plain("Close it"),
                        plain("Cancel"),
                    )
                    .with_style("danger".to_owned()),
                ),
                Action::Reassign | Action::Resolve | Action::Reopen => shown,
            }
        })
        .chain([button(action::COMMENT, "💬 Comment", &value)])
        .collect()
}

/// What a ticket's button says.
pub(super) fn label(ticket_action: Action) -> &'static str {
    match ticket_action {
        Action::Assign => "🖐 Assign to Me",
        Action::Reassign => "🔁 Reassign",
        Action::Resolve => "🟢 Resolve",
        Action::Close => "❌ Close",
        Action::Reopen => "🔄 Reopen",
    }
}
