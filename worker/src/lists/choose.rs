use common::interaction::list;
use common::slack_id::UserId;
use common::ticket::{Priority, Status};

use super::filter::{Assignee, Filter, Sort};
use super::search_text::search_text;
use super::{List, MAX_PAGE, ViewState};
use crate::period::parse_day;

/// The value that takes a choice back. No option's value: those of campaigns begin with [`CAMPAIGN_VALUE`].
pub const ANY: &str = "any";
/// What the values of campaigns begin with, so that one may be called as [`ANY`] is.
pub const CAMPAIGN_VALUE: &str = "=";
/// A campaign's name has at most so many characters, as an option's text.
const MAX_CAMPAIGN: usize = 75;

/// What a modal shows after something was chosen in it. What can't have been offered is passed over.
pub fn choose(state: &ViewState, action_id: &str, values: &[String]) -> ViewState {
    match state {
        ViewState::Details { list: of, ticket, page } => {
            let page = if matches!(action_id, list::OLDER | list::NEWER) { target(values, *page) } else { *page };
            ViewState::Details { list: *of, ticket: *ticket, page }
        }
        ViewState::Page { list: of, filter, page, round } => {
            if matches!(action_id, list::PREVIOUS | list::NEXT) {
                let page = target(values, *page);
                return ViewState::Page { list: *of, filter: filter.clone(), page, round: *round };
            }
            let Some(narrowed) = narrowed(*of, filter, action_id, values) else { return state.clone() };
            // Slack keeps what was chosen in an element through an update; here other elements than the one that was used
            // change too, so they all become new ones.
            let renewed = matches!(action_id, list::CLEAR | list::SEARCH | list::ASSIGNEE | list::ASSIGNEE_USER);
            let round = if renewed { round.wrapping_add(1) } else { *round };
            ViewState::Page { list: *of, filter: narrowed, page: 0, round }
        }
    }
}

/// The page that a button leads to. It carries its target, so that pressing it twice leads no further.
fn target(values: &[String], now: i64) -> i64 {
    values.first().and_then(|value| value.parse().ok()).unwrap_or(now).clamp(0, MAX_PAGE)
}

/// The filter after a choice; `None` where the element is none of this list's.
fn narrowed(of: List, filter: &Filter, action_id: &str, values: &[String]) -> Option<Filter> {
    let mut filter = filter.clone();
    let first = values.first().map(String::as_str).filter(|value| !value.is_empty() && *value != ANY);
    match action_id {
        list::STATUS => {
            let known = |status: &&Status| values.iter().any(|value| value == status.as_str());
            filter.statuses = Status::ALL.iter().filter(known).map(|status| status.as_str().to_owned()).collect();
        }
        list::FROM => filter.from = first.and_then(parse_day),
        list::TO => filter.to = first.and_then(parse_day),
        list::CLEAR => {
            let sort = filter.sort;
            filter = Filter { sort, ..Filter::default() };
            filter.search_for(None);
        }
        // One's own list has no more filters than these.
        _ if of == List::Own => return None,
        list::PRIORITY => filter.priority = first.filter(|v| Priority::parse(v).is_some()).map(str::to_owned),
        list::CAMPAIGN => {
            let name = first.and_then(|value| value.strip_prefix(CAMPAIGN_VALUE));
            filter.campaign = name.map(|name| name.chars().filter(|c| !c.is_control()).take(MAX_CAMPAIGN).collect());
        }
        list::ASSIGNEE | list::ASSIGNEE_USER => {
            filter.assignee = match first {
                Some("me") => Some(Assignee::Me),
                Some("nobody") => Some(Assignee::Nobody),
                other => other.filter(|id| UserId::parse(id).is_some()).map(|id| Assignee::User(id.to_owned())),
            };
        }
        list::ATTENTION => {
            filter.stale = values.iter().any(|value| value == "stale");
            filter.overdue = values.iter().any(|value| value == "overdue");
        }
        list::SORT => {
            filter.sort = Sort::ALL.into_iter().find(|sort| Some(sort.as_str()) == first).unwrap_or_default();
        }
        list::SEARCH => filter.search_for(values.first().and_then(|text| search_text(text)).map(|(text, _)| text)),
        _ => return None,
    }
    Some(filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(filter: Filter, page: i64) -> ViewState {
        ViewState::Page { list: List::All, filter, page, round: 0 }
    }

    fn chosen(state: &ViewState, action_id: &str, value: &str) -> Filter {
        match choose(state, action_id, &[value.to_owned()]) {
            ViewState::Page { filter, .. } => filter,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn filters_combine_and_lead_back_to_the_first_page() {
        let state = choose(&page(Filter::default(), 3), list::STATUS, &["open".into(), "nonsense".into()]);
        let state = choose(&state, list::PRIORITY, &["high".into()]);
        let ViewState::Page { filter, page: 0, round: 0, .. } = &state else { panic!("{state:?}") };
        assert_eq!((filter.statuses.len(), filter.priority.as_deref()), (1, Some("high")));
        let ViewState::Page { filter: next, page: 1, .. } = choose(&state, list::NEXT, &["1".into()]) else { panic!() };
        assert_eq!(&next, filter, "paging keeps them");
        let ViewState::Page { filter, round: 1, .. } = choose(&state, list::CLEAR, &[]) else { panic!() };
        assert!(filter.is_empty());
    }

    #[test]
    fn ones_own_list_has_no_filter_by_assignee() {
        let own = ViewState::first_page(List::Own, Filter::default());
        assert_eq!(choose(&own, list::ASSIGNEE, &["me".into()]), own);
    }

    #[test]
    fn pages_stay_where_lists_reach_whatever_a_button_says() {
        let state = page(Filter::default(), 3);
        for (value, expected) in [("4", 4), ("-7", 0), ("99999999999", MAX_PAGE), ("x", 3), ("9e9", 3)] {
            let ViewState::Page { page, .. } = choose(&state, list::NEXT, &[value.to_owned()]) else { panic!() };
            assert_eq!(page, expected, "{value}");
        }
    }

    #[test]
    fn a_campaign_or_a_search_may_be_called_any() {
        let state = page(Filter::default(), 0);
        assert_eq!(chosen(&state, list::CAMPAIGN, "=any").campaign.as_deref(), Some("any"));
        assert_eq!(chosen(&state, list::CAMPAIGN, "any").campaign, None);
        let found = chosen(&state, list::SEARCH, "any");
        assert_eq!((found.search.as_deref(), found.sort), (Some("any"), Sort::Best));
        let again = chosen(&page(found, 0), list::SEARCH, " \u{0} ");
        assert_eq!((again.search, again.sort), (None, Sort::Newest));
    }

    #[test]
    fn what_can_not_have_been_offered_is_passed_over() {
        let state = page(Filter::default(), 0);
        for day in ["-9999-01-01", "+12345-06-07", "2026-02-30", "\u{0}"] {
            assert_eq!(chosen(&state, list::FROM, day), Filter::default(), "{day}");
        }
        assert_eq!(chosen(&state, list::CAMPAIGN, "=a\u{0}b").campaign.as_deref(), Some("ab"));
        assert_eq!(choose(&state, "list_nonsense", &["x".into()]), state);
    }
}
