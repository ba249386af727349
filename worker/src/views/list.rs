//! A list of tickets in a modal: filters on top, applied at once and kept while paging, then a page of tickets.

use chrono::NaiveDate;
use common::interaction::{action, list as ids, ticket_value};
use common::ticket::{Priority, Status};
use slack_morphism::prelude::*;

use super::Look;
use super::blocks::{actions, button, context, divider, option, plain, section};
use super::limits::clip;
use super::mrkdwn::{date, inline, mention};
use crate::db::ticket_list::{MAX_COUNT, Page};
use crate::db::tickets::Ticket;
use crate::form::Form;
use crate::lists::{Assignee, Filter, List, PAGE, Sort};

/// How much of a ticket's details a list shows.
const EXCERPT: usize = 160;
/// Slack: at most 100 options in a select ("Select menu element"); two are ours.
const MAX_USERS: usize = 98;
/// Slack: an option's text has at most 75 characters ("Option object").
const OPTION_TEXT: usize = 75;

/// What a list shows.
pub struct Listed<'a> {
    /// Which list.
    pub list: List,
    /// What is filtered.
    pub filter: &'a Filter,
    /// The page.
    pub page: &'a Page,
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
        blocks.push(context([position(listed.page)]));
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
        _ => format!("`{}`", inline(chip)),
    }
}

fn row(ticket: &Ticket, look: &Look) -> SlackBlock {
    let assignee = ticket.assignee.as_ref().map_or_else(|| "nobody yet".to_owned(), mention);
    let excerpt = inline(&clip(&ticket.details.split_whitespace().collect::<Vec<_>>().join(" "), EXCERPT));
    let mut text = format!(
        "*{}* · {} · {}\n{} · {} · {assignee}\n_{excerpt}_\nCreated {}",
        ticket.number,
        ticket.priority.label(),
        ticket.status.badge(),
        inline(&ticket.campaign),
        inline(&ticket.issue_type),
        date(ticket.created_at, look.timezone),
    );
    if ticket.version > 1 {
        text.push_str(&format!("\nUpdated {}", date(ticket.updated_at, look.timezone)));
    }
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

fn position(page: &Page) -> String {
    let first = page.page * PAGE + 1;
    let last = first + i64::try_from(page.tickets.len()).unwrap_or_default() - 1;
    match page.count > MAX_COUNT {
        true => format!("{first}–{last} of {MAX_COUNT}+"),
        false => format!("{first}–{last} of {}", page.count),
    }
}

fn paging(listed: &Listed<'_>) -> Vec<SlackBlockButtonElement> {
    let page = listed.page;
    let shown = page.page * PAGE + i64::try_from(page.tickets.len()).unwrap_or_default();
    let mut buttons = Vec::new();
    if page.page > 0 {
        buttons.push(button(ids::PREVIOUS, "◀ Previous", "previous"));
    }
    if shown < page.count && !page.tickets.is_empty() {
        buttons.push(button(ids::NEXT, "Next ▶", "next"));
    }
    if listed.list == List::All {
        buttons.push(button(ids::OPEN_SEARCH, "🔎 Search", "search"));
    }
    if !listed.filter.is_empty() {
        buttons.push(button(ids::CLEAR, "✖ Clear filters", "clear"));
    }
    buttons.push(button(action::OPEN_FORM, "🎫 New ticket", "form"));
    buttons
}

fn filters(listed: &Listed<'_>) -> Vec<SlackBlock> {
    let filter = listed.filter;
    let statuses = Status::ALL.map(|status| option(status.badge(), status.as_str()));
    let chosen: Vec<_> = Status::ALL
        .iter()
        .filter(|status| filter.statuses.iter().any(|s| s == status.as_str()))
        .map(|status| option(status.badge(), status.as_str()))
        .collect();
    let select = SlackBlockMultiStaticSelectElement::new()
        .with_action_id(ids::STATUS.into())
        .with_placeholder(plain("Any status"))
        .with_options(statuses.to_vec())
        .opt_initial_options((!chosen.is_empty()).then_some(chosen));
    let status = SlackSectionBlock::new()
        .with_block_id(SlackBlockId("filter-status".to_owned()))
        .with_text(SlackBlockText::MarkDown(SlackBlockMarkDownText::new("*Status*".to_owned())))
        .with_accessory(SlackSectionBlockElement::MultiStaticSelect(select));
    let mut elements = Vec::new();
    if listed.list == List::All {
        elements.extend(all_filters(listed));
    }
    let mut days = vec![day(ids::FROM, "From", filter.from), day(ids::TO, "To", filter.to)];
    if listed.list == List::All {
        days.push(sort(filter.sort));
        days.push(attention(filter));
    }
    let mut blocks = vec![status.into()];
    if !elements.is_empty() {
        blocks.push(SlackActionsBlock::new(elements).with_block_id(SlackBlockId("filter-what".to_owned())).into());
    }
    blocks.push(SlackActionsBlock::new(days).with_block_id(SlackBlockId("filter-when".to_owned())).into());
    blocks
}

fn all_filters(listed: &Listed<'_>) -> Vec<SlackActionBlockElement> {
    let filter = listed.filter;
    let priorities = Priority::ALL.iter().map(|p| (p.label().to_owned(), p.as_str().to_owned())).collect();
    // One less than Slack shows: the first option is ours.
    let campaigns = listed.form.campaigns.iter().take(99).map(|name| (name.clone(), name.clone())).collect();
    let mut people =
        vec![("Assigned to me".to_owned(), "me".to_owned()), ("Unassigned".to_owned(), "nobody".to_owned())];
    people.extend(
        listed.users.iter().take(MAX_USERS - 1).map(|(user, name)| (clip(name, OPTION_TEXT), user.to_string())),
    );
    let assignee = filter.assignee.as_ref().map(|assignee| match assignee {
        Assignee::Me => "me",
        Assignee::Nobody => "nobody",
        Assignee::User(id) => id.as_str(),
    });
    vec![
        select(ids::PRIORITY, "Any priority", priorities, filter.priority.as_deref()),
        select(ids::CAMPAIGN, "Any campaign", campaigns, filter.campaign.as_deref()),
        select(ids::ASSIGNEE, "Anyone's", people, assignee),
    ]
}

/// A select whose first option takes the choice back.
fn select(action_id: &str, any: &str, choices: Vec<(String, String)>, chosen: Option<&str>) -> SlackActionBlockElement {
    let options = [(any.to_owned(), "any".to_owned())].into_iter().chain(choices);
    let options: Vec<_> = options.map(|(text, value)| option(&text, &value)).collect();
    let initial = options.iter().find(|option| Some(option.value.as_str()) == chosen.or(Some("any"))).cloned();
    SlackActionBlockElement::StaticSelect(
        SlackBlockStaticSelectElement::new()
            .with_action_id(action_id.into())
            .with_placeholder(plain(any))
            .with_options(options)
            .opt_initial_option(initial),
    )
}

fn sort(sort: Sort) -> SlackActionBlockElement {
    let options = Sort::ALL.map(|sort| option(sort.label(), sort.as_str()));
    SlackActionBlockElement::StaticSelect(
        SlackBlockStaticSelectElement::new()
            .with_action_id(ids::SORT.into())
            .with_placeholder(plain("Order"))
            .with_options(options.to_vec())
            .with_initial_option(option(sort.label(), sort.as_str())),
    )
}

fn attention(filter: &Filter) -> SlackActionBlockElement {
    let choice = |text: &str, value: &str| {
        SlackBlockChoiceItem::new(SlackBlockText::Plain(SlackBlockPlainText::new(text.to_owned())), value.to_owned())
    };
    let options = vec![choice("Stale", "stale"), choice("Overdue", "overdue")];
    let chosen: Vec<_> = [filter.stale, filter.overdue]
        .into_iter()
        .zip(&options)
        .filter(|(is, _)| *is)
        .map(|(_, option)| option.clone())
        .collect();
    let boxes = SlackBlockCheckboxesElement::new(options).with_action_id(ids::ATTENTION.into());
    SlackActionBlockElement::Checkboxes(boxes.opt_initial_options((!chosen.is_empty()).then_some(chosen)))
}

fn day(action_id: &str, placeholder: &str, day: Option<NaiveDate>) -> SlackActionBlockElement {
    let picker =
        SlackBlockDatePickerElement::new().with_action_id(action_id.into()).with_placeholder(plain(placeholder));
    SlackActionBlockElement::DatePicker(picker.opt_initial_date(day.map(|day| day.to_string())))
}
