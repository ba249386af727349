//! A list of tickets in a modal: filters on top, applied at once and kept while paging, then a page of tickets.

use common::interaction::{action, list as ids, ticket_value};
use slack_morphism::prelude::*;

use super::Look;
use super::blocks::{actions, button, context, divider, plain, section};
use super::limits::clip;
use super::list_filters::filters;
use super::mrkdwn::{code, date, inline, mention};
use super::texts::grouped;
use crate::db::ticket_list::{MAX_COUNT, Page};
use crate::db::tickets::Ticket;
use crate::form::Form;
use crate::lists::{Filter, List, MAX_PAGE, PAGE};

/// How much of a ticket's details a list shows.
const EXCERPT: usize = 160;

/// What a list shows.
pub struct Listed<'a> {
    /// Which list.
    pub list: List,
    /// What is filtered.
    pub filter: &'a Filter,
    /// The page.
    pub page: &'a Page,
    /// Part of the filters' block ids: Slack keeps what was chosen in a block through updates, until it has another id.
    pub round: u32,
    /// What the form offers.
    pub form: &'a Form,
    /// The system users by name.
    pub users: &'a [(common::slack_id::UserId, String)],
    /// What the reader should know of the last choice.
    pub note: Option<&'a str>,
}

/// The list's modal.
pub fn list(listed: &Listed<'_>, look: &Look) -> SlackView {
    let filter = listed.filter;
    let mut blocks = filters(listed);
    if let Some(note) = listed.note {
        blocks.push(section(note));
    }
    if filter.is_backwards() {
        blocks.push(section("⚠️ The days end before they start, so nothing is found."));
    }
    let chips = filter.chips();
    if !chips.is_empty() {
        let chips: Vec<String> = chips.iter().map(|chip| chip_text(chip)).collect();
        blocks.push(context([format!("Shown: {}", chips.join(" · "))]));
    }
    blocks.push(divider());
    for ticket in &listed.page.tickets {
        blocks.push(row(ticket, look));
    }
    if listed.page.tickets.is_empty() {
        blocks.push(section(&empty(listed)));
    } else {
        blocks.push(context([position(listed)]));
    }
    blocks.push(actions(paging(listed)));
    let title = match listed.list {
        List::Own => "My tickets",
        List::All => "All tickets",
    };
    SlackView::Modal(SlackModalView::new(plain(title), blocks).with_close(plain("Close")))
}

/// A mention is ours; everything else in a chip may be somebody's words.
fn chip_text(chip: &str) -> String {
    match chip.strip_prefix("assigned to <@").and_then(|rest| rest.strip_suffix('>')) {
        Some(id) if id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') => chip.to_owned(),
        _ => format!("`{}`", code(chip)),
    }
}

fn row(ticket: &Ticket, look: &Look) -> SlackBlock {
    let assignee = ticket.assignee.as_ref().map_or_else(|| "nobody yet".to_owned(), mention);
    let excerpt = inline(&clip(&ticket.details.split_whitespace().collect::<Vec<_>>().join(" "), EXCERPT));
    let text = format!(
        "*{}* · {} · {}\n{} · {} · {assignee}\n_{excerpt}_\nCreated {} · Updated {}",
        ticket.number,
        ticket.priority.label(),
        ticket.status.badge(),
        inline(&ticket.campaign),
        inline(&ticket.issue_type),
        date(ticket.created_at, look.timezone),
        date(ticket.updated_at, look.timezone),
    );
    let view = button(&format!("{}:{}", ids::VIEW, ticket.number), "View", &ticket_value(ticket.number));
    SlackSectionBlock::new()
        .with_block_id(SlackBlockId(format!("ticket-{}", ticket.number)))
        .with_text(SlackBlockText::MarkDown(SlackBlockMarkDownText::new(clip(&text, super::limits::SECTION_TEXT))))
        .with_accessory(SlackSectionBlockElement::Button(view))
        .into()
}

fn empty(listed: &Listed<'_>) -> String {
    match (listed.filter.is_empty(), listed.list) {
        (true, List::Own) => "You have not filed any ticket yet. File one with the button below or `/new-ticket`.",
        (true, List::All) => "There are no tickets yet. Agents file them with `/new-ticket`.",
        (false, _) => "No ticket fits. Take a filter back, or clear them all.",
    }
    .to_owned()
}

/// Where the page stands; where the list goes on beyond its last page, how to see more.
fn position(listed: &Listed<'_>) -> String {
    let page = listed.page;
    let first = page.page * PAGE + 1;
    let last = first + i64::try_from(page.tickets.len()).unwrap_or_default() - 1;
    let of = if page.count > MAX_COUNT { format!("{}+", grouped(MAX_COUNT)) } else { grouped(page.count) };
    let ends_early = !page.more && page.count > last && (page.page == MAX_PAGE || listed.filter.search.is_some());
    let hint = if ends_early { " · Filters show more of them" } else { "" };
    format!("{}–{} of {of}{hint}", grouped(first), grouped(last))
}

/// Buttons to pages carry their target, so that pressing one twice leads no further than once.
fn paging(listed: &Listed<'_>) -> Vec<SlackBlockButtonElement> {
    let page = listed.page;
    let mut buttons = Vec::new();
    if page.page > 0 {
        buttons.push(button(ids::PREVIOUS, "◀ Previous", &(page.page - 1).to_string()));
    }
    if page.more {
        buttons.push(button(ids::NEXT, "Next ▶", &(page.page + 1).to_string()));
    }
    if listed.list == List::All {
        buttons.push(button(ids::OPEN_SEARCH, "🔎 Search", "search"));
    }
    if !listed.filter.is_empty() {
        buttons.push(button(ids::CLEAR, "✖ Clear filters", "clear"));
    }
    if listed.list == List::All && !page.tickets.is_empty() {
        buttons.push(button(ids::EXPORT, "📄 Export CSV", "export"));
    }
    buttons.push(button(action::OPEN_FORM, "🎫 New ticket", "form"));
    buttons
}
