//! Direct messages to a submitter.

use super::blocks::{context, section, user_text};
use super::mrkdwn::{date, escape};
use super::ticket_fields::{facts as field_block, images, one_line, shared_preview};
use super::{Look, TicketFacts};
use crate::slack::client::Content;

/// The ticket is filed; the same facts as in the confirmation.
pub fn filed(facts: &TicketFacts, look: &Look) -> Content {
    let ticket = &facts.ticket;
    let number = ticket.number;
    let mut blocks = vec![section(&format!("✅ Your ticket *{number}* is filed.")), field_block(facts)];
    blocks.extend(user_text(&ticket.details));
    blocks.extend(images(facts, look, shared_preview));
    blocks.push(context([format!("Filed {}", date(ticket.created_at, look.timezone))]));
    Content { text: format!("Your ticket is filed: {}", one_line(facts)), blocks }
}

/// Something was asked for in vain: why, and what was typed is given back.
pub fn not_done(why: &str, typed: &str) -> Content {
    let mut blocks = vec![section(&format!("⚠️ {why}"))];
    if !typed.is_empty() {
        blocks.push(context(["This is what you wrote:".to_owned()]));
        blocks.extend(user_text(typed));
    }
    Content { text: format!("⚠️ {why}"), blocks }
}

/// A submitted form could not be made a ticket; its text is given back.
pub fn not_filed(details: &str) -> Content {
    let text = "⚠️ Your ticket could not be filed. The administrators have been told and can still file it; \
                if it is urgent, please talk to them. This is what you wrote:";
    let mut blocks = vec![section(text)];
    blocks.extend(user_text(details));
    Content { text: escape("Your ticket could not be filed. The administrators have been told."), blocks }
}
