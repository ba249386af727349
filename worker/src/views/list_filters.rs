//! The filters on top of a list: selects, dates, boxes, each showing what is chosen. What is filtered but not offered, such
//! as a campaign that the form has no more, is offered all the same as long as it is chosen.

use std::iter::once;

use chrono::NaiveDate;
use common::interaction::list as ids;
use common::ticket::{Priority, Status};
use slack_morphism::prelude::*;

use super::blocks::{option, plain};
use super::limits::{OPTION_TEXT, SELECT_OPTIONS, clip};
use super::list::Listed;
use crate::lists::{ANY, Assignee, CAMPAIGN_VALUE, Filter, List, Sort};

/// What a select offers: texts and values.
type Choices = Vec<(String, String)>;

/// The blocks; their ids change with [`Listed::round`].
pub(super) fn filters(listed: &Listed<'_>) -> Vec<SlackBlock> {
    let filter = listed.filter;
    let block_id = |name: &str| SlackBlockId(format!("filter-{name}-{}", listed.round));
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
        .with_block_id(block_id("status"))
        .with_text(SlackBlockText::MarkDown(SlackBlockMarkDownText::new("*Status*".to_owned())))
        .with_accessory(SlackSectionBlockElement::MultiStaticSelect(select));
    let mut blocks: Vec<SlackBlock> = vec![status.into()];
    let mut days = vec![day(ids::FROM, "From", filter.from), day(ids::TO, "To", filter.to)];
    if listed.list == List::All {
        let mut elements = vec![priority(filter), campaign(listed)];
        elements.extend(assignee(listed));
        blocks.push(SlackActionsBlock::new(elements).with_block_id(block_id("what")).into());
        days.extend([sort(filter), attention(filter)]);
    }
    blocks.push(SlackActionsBlock::new(days).with_block_id(block_id("when")).into());
    blocks
}

fn priority(filter: &Filter) -> SlackActionBlockElement {
    let choices = Priority::ALL.iter().map(|p| (p.label().to_owned(), p.as_str().to_owned())).collect();
    select(ids::PRIORITY, "Any priority", choices, filter.priority.as_deref())
}

fn campaign(listed: &Listed<'_>) -> SlackActionBlockElement {
    let value = |name: &str| format!("{CAMPAIGN_VALUE}{name}");
    let offered = &listed.form.campaigns;
    let chosen = listed.filter.campaign.as_ref();
    let gone = chosen.filter(|name| !offered.contains(name));
    let choices = offered.iter().chain(gone).map(|name| (name.clone(), value(name))).collect();
    select(ids::CAMPAIGN, "Any campaign", choices, chosen.map(|name| value(name)).as_deref())
}

/// Anyone, me, nobody, or one of the system users; where those are more than a select holds, Slack's own beside it.
fn assignee(listed: &Listed<'_>) -> Vec<SlackActionBlockElement> {
    let chosen = match &listed.filter.assignee {
        None => None,
        Some(Assignee::Me) => Some("me"),
        Some(Assignee::Nobody) => Some("nobody"),
        Some(Assignee::User(id)) => Some(id.as_str()),
    };
    let mut choices =
        vec![("Assigned to me".to_owned(), "me".to_owned()), ("Unassigned".to_owned(), "nobody".to_owned())];
    if listed.users.len() + choices.len() + 2 <= SELECT_OPTIONS {
        choices.extend(listed.users.iter().map(|(user, name)| (name.clone(), user.to_string())));
        if let Some(Assignee::User(id)) = &listed.filter.assignee
            && !choices.iter().any(|(_, value)| value == id)
        {
            choices.push((id.clone(), id.clone()));
        }
        return vec![select(ids::ASSIGNEE, "Anyone's", choices, chosen)];
    }
    let user = match &listed.filter.assignee {
        Some(Assignee::User(id)) => Some(id.clone()),
        Some(Assignee::Me | Assignee::Nobody) | None => None,
    };
    let users = SlackBlockUsersSelectElement::new()
        .with_action_id(ids::ASSIGNEE_USER.into())
        .with_placeholder(plain("Assigned to…"))
        .opt_initial_user(user);
    vec![select(ids::ASSIGNEE, "Anyone's", choices, chosen), SlackActionBlockElement::UsersSelect(users)]
}

/// A select whose first option takes the choice back; in groups where there are more options than Slack shows in one.
fn select(action_id: &str, any: &str, choices: Choices, chosen: Option<&str>) -> SlackActionBlockElement {
    let options: Vec<_> = once((any.to_owned(), ANY.to_owned()))
        .chain(choices)
        .map(|(text, value)| option(&clip(&text, OPTION_TEXT), &value))
        .collect();
    let initial = options.iter().find(|option| option.value == chosen.unwrap_or(ANY)).cloned();
    let select = SlackBlockStaticSelectElement::new()
        .with_action_id(action_id.into())
        .with_placeholder(plain(any))
        .opt_initial_option(initial);
    SlackActionBlockElement::StaticSelect(if options.len() <= SELECT_OPTIONS {
        select.with_options(options)
    } else {
        let groups = options.chunks(options.len().div_ceil(2)).zip(1..);
        let groups = groups.map(|(part, n)| SlackBlockOptionGroup::new(plain(&format!("Part {n}")), part.to_vec()));
        select.with_option_groups(groups.collect())
    })
}

fn sort(filter: &Filter) -> SlackActionBlockElement {
    let offered = Sort::ALL.into_iter().filter(|sort| *sort != Sort::Best || filter.search.is_some());
    let chosen = if filter.sort == Sort::Best && filter.search.is_none() { Sort::Newest } else { filter.sort };
    SlackActionBlockElement::StaticSelect(
        SlackBlockStaticSelectElement::new()
            .with_action_id(ids::SORT.into())
            .with_placeholder(plain("Order"))
            .with_options(offered.map(|sort| option(sort.label(), sort.as_str())).collect())
            .with_initial_option(option(chosen.label(), chosen.as_str())),
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
