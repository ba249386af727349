//! A ticket's details in a modal: everything on the card, all images, the full history, and what the reader can do.

use common::interaction::{action, list as ids, ticket_action_id, ticket_value};
use common::ticket::Action;
use slack_morphism::prelude::*;

use super::blocks::{actions, button, context, divider, plain, section, user_text};
use super::card::ticket_button;
use super::mrkdwn::date;
use super::news::sentence;
use super::ticket_fields::{facts as field_block, images, own_preview, shared_preview};
use super::{Look, TicketFacts};
use crate::db::ticket_events::TicketEvent;
use crate::lists::{HISTORY_PAGE, List};

/// A page of a ticket's history.
pub struct History<'a> {
    /// Its rows, newest first.
    pub events: &'a [TicketEvent],
    /// How many rows there are.
    pub total: i64,
    /// Which page it is, from 0.
    pub page: i64,
}

/// The details' modal. Comments are shown in full: a page of the longest ones takes some 80 of a modal's blocks.
pub fn details(facts: &TicketFacts, list: List, history: &History<'_>, note: Option<&str>, look: &Look) -> SlackView {
    let ticket = &facts.ticket;
    let mut blocks = Vec::new();
    if let Some(note) = note {
        blocks.push(section(note));
    }
    blocks.push(field_block(facts));
    let (created, updated) = (date(ticket.created_at, look.timezone), date(ticket.updated_at, look.timezone));
    blocks.push(context([format!("Created {created} · Updated {updated}")]));
    blocks.extend(user_text(&ticket.details));
    blocks.extend(match list {
        List::Own => images(facts, look, own_preview),
        List::All => images(facts, look, shared_preview),
    });
    blocks.push(actions(buttons(facts, list)));
    blocks.push(divider());
    blocks.push(section("*History*"));
    for event in history.events {
        let what = sentence(event, &ticket.number.to_string(), &ticket.submitter, false);
        blocks.push(context([format!("{} — {what}", date(event.at, look.timezone))]));
        blocks.extend(event.comment.as_deref().map(user_text).into_iter().flatten());
    }
    let mut pages = Vec::new();
    if history.page > 0 {
        pages.push(button(ids::NEWER, "◀ Newer", &(history.page - 1).to_string()));
    }
    if (history.page + 1) * HISTORY_PAGE < history.total {
        pages.push(button(ids::OLDER, "Older ▶", &(history.page + 1).to_string()));
    }
    if !pages.is_empty() {
        blocks.push(actions(pages));
    }
    SlackView::Modal(SlackModalView::new(plain(&ticket.number.to_string()), blocks).with_close(plain("Back")))
}

fn buttons(facts: &TicketFacts, list: List) -> Vec<SlackBlockButtonElement> {
    let ticket = &facts.ticket;
    let mut buttons: Vec<_> = match list {
        List::All => ticket
            .status
            .possible()
            .map(|possible| ticket_button(ticket_action_id(possible), possible, ticket.number))
            .collect(),
        List::Own => {
            let own = [(Action::Close, ids::OWN_CLOSE), (Action::Reopen, ids::OWN_REOPEN)];
            let possible = own.into_iter().filter(|(possible, _)| ticket.status.apply(*possible).is_ok());
            possible.map(|(possible, id)| ticket_button(id, possible, ticket.number)).collect()
        }
    };
    let comment = match list {
        List::All => action::COMMENT,
        List::Own => ids::OWN_COMMENT,
    };
    buttons.push(button(comment, "💬 Comment", &ticket_value(ticket.number)));
    buttons
}
