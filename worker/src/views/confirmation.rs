//! The confirmation: what the form becomes once its ticket is filed.

use slack_morphism::prelude::*;

use super::blocks::{context, plain, section, user_text};
use super::mrkdwn::date;
use super::ticket_fields::{facts as field_block, images, own_preview};
use super::{Look, TicketFacts};

/// The filed ticket, with its images as the submitter may see them.
pub fn confirmation(facts: &TicketFacts, look: &Look, external_id: &str) -> SlackView {
    let ticket = &facts.ticket;
    let mut blocks =
        vec![section(&format!("✅ *{} is filed.* You'll get a direct message about every change.", ticket.number))];
    blocks.push(field_block(facts));
    blocks.extend(user_text(&ticket.details));
    blocks.extend(images(facts, look, own_preview));
    blocks.push(context([format!("Filed {}", date(ticket.created_at, look.timezone))]));
    SlackView::Modal(
        SlackModalView::new(plain("Ticket filed"), blocks)
            .with_close(plain("Done"))
            // An update without it would take the external id away, and a second update could not find the view.
            .with_external_id(external_id.to_owned()),
    )
}
