//! The notice about a new ticket in the administrators' channel.

use super::blocks::{context, section};
use super::mrkdwn::{date, inline, link, mention};
use super::ticket_fields::one_line;
use super::{Look, TicketFacts};
use crate::slack::client::Content;

/// A new ticket, with a link to its card once that is there.
pub fn notice(facts: &TicketFacts, look: &Look, card_link: Option<&str>) -> Content {
    let ticket = &facts.ticket;
    let number = ticket.number.to_string();
    let title = card_link.map_or_else(|| number.clone(), |address| link(address, &number));
    let where_to = match card_link {
        Some(address) => link(address, "Open the card"),
        None => "Its card follows as soon as the ticket channel takes it.".to_owned(),
    };
    let text = format!(
        "🆕 New ticket *{title}* · {} · {}\n{} · filed by {}\n{where_to}",
        ticket.priority.label(),
        inline(&ticket.issue_type),
        inline(&ticket.campaign),
        mention(&ticket.submitter),
    );
    let blocks = vec![section(&text), context([date(ticket.created_at, look.timezone)])];
    Content { text: format!("New ticket {}", one_line(facts)), blocks }
}
