use common::interaction::list;
use common::slack_id::UserId;
use common::ticket::{Priority, Status};

use super::filter::{Assignee, Filter, Sort};
use super::{List, ViewState};

/// Longest search text that is kept.
const MAX_SEARCH_CHARS: usize = 200;

/// What a modal shows after something was chosen in it. What can't have been offered is passed over.
pub fn choose(state: &ViewState, action_id: &str, values: &[String]) -> ViewState {
    match state {
        ViewState::Details { list: of, ticket, page } => {
            let page = match action_id {
                list::OLDER => page + 1,
                list::NEWER => (page - 1).max(0),
                _ => *page,
            };
            ViewState::Details { list: *of, ticket: *ticket, page }
        }
        ViewState::Page { list: of, filter, page } => match action_id {
            list::PREVIOUS => ViewState::Page { list: *of, filter: filter.clone(), page: (page - 1).max(0) },
            list::NEXT => ViewState::Page { list: *of, filter: filter.clone(), page: page + 1 },
            _ => ViewState::first_page(*of, narrowed(*of, filter, action_id, values)),
        },
    }
}

fn narrowed(of: List, filter: &Filter, action_id: &str, values: &[String]) -> Filter {
    let mut filter = filter.clone();
    let first = values.first().map(String::as_str).filter(|value| !value.is_empty() && *value != "any");
    let day = || first.and_then(|text| text.parse().ok());
    match action_id {
        list::STATUS => filter.statuses = values.iter().filter(|v| Status::parse(v).is_some()).cloned().collect(),
        list::FROM => filter.from = day(),
        list::TO => filter.to = day(),
        list::CLEAR => filter = Filter { sort: filter.sort, ..Filter::default() },
        // One's own list has no more filters than these.
        _ if of == List::Own => {}
        list::PRIORITY => filter.priority = first.filter(|v| Priority::parse(v).is_some()).map(str::to_owned),
        list::CAMPAIGN => filter.campaign = first.map(str::to_owned),
        list::ASSIGNEE => {
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
        list::SEARCH => filter.search = first.map(|text| text.trim().chars().take(MAX_SEARCH_CHARS).collect()),
        _ => {}
    }
    filter
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(filter: Filter, page: i64) -> ViewState {
        ViewState::Page { list: List::All, filter, page }
    }

    #[test]
    fn filters_combine_and_lead_back_to_the_first_page() {
        let state = choose(&page(Filter::default(), 3), list::STATUS, &["open".into(), "nonsense".into()]);
        let state = choose(&state, list::PRIORITY, &["high".into()]);
        let ViewState::Page { filter, page: 0, .. } = &state else { panic!("{state:?}") };
        assert_eq!((filter.statuses.len(), filter.priority.as_deref()), (1, Some("high")));
        let ViewState::Page { filter: next, page: 1, .. } = choose(&state, list::NEXT, &[]) else { panic!() };
        assert_eq!(&next, filter, "paging keeps them");
        let ViewState::Page { filter, .. } = choose(&state, list::CLEAR, &[]) else { panic!() };
        assert!(filter.is_empty());
    }

    #[test]
    fn ones_own_list_has_no_filter_by_assignee() {
        let own = ViewState::first_page(List::Own, Filter::default());
        assert_eq!(choose(&own, list::ASSIGNEE, &["me".into()]), own);
    }
}
