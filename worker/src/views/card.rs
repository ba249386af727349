//! The card: one message in the ticket channel for a ticket's whole life.

use common::interaction::{action, ticket_action_id, ticket_value};
use common::ticket::{Action, TicketNumber};
use slack_morphism::prelude::*;

use super::blocks::{actions, button, context, header, plain, user_text};
use super::limits::clip;
use super::mrkdwn::{date, mention};
use super::ticket_fields::{facts as field_block, images, one_line, shared_preview};
use super::{Look, TicketFacts};
use crate::db::ticket_events::Change;
use crate::slack::client::Content;

/// How much of a comment the card shows; the thread has it all.
const COMMENT_EXCERPT: usize = 500;

/// The ticket as it stands, with the buttons that its status allows.
pub fn card(facts: &TicketFacts, look: &Look) -> Content {
    let ticket = &facts.ticket;
    let mut blocks = vec![header(&format!("🎫 {} · {}", ticket.number, ticket.issue_type)), field_block(facts)];
    blocks.extend(user_text(&ticket.details));
    blocks.extend(images(facts, look, shared_preview));
    let [created, updated] = [ticket.created_at, ticket.updated_at].map(|at| date(at, look.timezone));
    let times = format!("Created {created}\nUpdated {updated}");
    blocks.extend(comments(facts, look));
    blocks.push(context([times]));
    blocks.push(actions(buttons(facts)));
    Content { text: one_line(facts), blocks }
}

/// How many comments there are, and the newest.
fn comments(facts: &TicketFacts, look: &Look) -> Vec<SlackBlock> {
    let mut blocks = Vec::new();
    let earlier = facts.comment_count - i64::try_from(facts.comments.len()).unwrap_or_default();
    match (facts.comment_count, earlier) {
        (0, _) => {}
        (1, _) => blocks.push(context(["1 comment".to_owned()])),
        (count, ..=0) => blocks.push(context([format!("{count} comments")])),
        (count, _) => blocks.push(context([format!("{count} comments, {earlier} of them earlier")])),
    }
    for comment in &facts.comments {
        let edited = if comment.change == Change::EditComment { " · edited" } else { "" };
        let who = mention(&comment.actor);
        blocks.push(context([format!("💬 {who} · {}{edited}", date(comment.at, look.timezone))]));
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
        .map(|possible| ticket_button(ticket_action_id(possible), possible, ticket.number))
        .chain([button(action::COMMENT, "💬 Comment", &value)])
        .collect()
}

/// A ticket's button; Close asks whether one is sure.
pub(super) fn ticket_button(action_id: &str, ticket_action: Action, ticket: TicketNumber) -> SlackBlockButtonElement {
    let shown = button(action_id, label(ticket_action), &ticket_value(ticket));
    match ticket_action {
        Action::Assign => shown.with_style(SlackBlockButtonStyle::Primary),
        Action::Close => shown.with_confirm(
            SlackBlockConfirmItem::new(
                plain(&format!("Close {ticket}?")),
                SlackBlockText::Plain("It can be reopened later.".into()),
                plain("Close it"),
                plain("Cancel"),
            )
            .with_style("danger".to_owned()),
        ),
        Action::Reassign | Action::Resolve | Action::Reopen => shown,
    }
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
