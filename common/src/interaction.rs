//! Names that the worker renders into messages and views, and that the gateway recognises when they come back.
//!
//! A button's `value` carries a ticket's number and nothing else; rights and state are judged by the worker when the
//! action is done, never by what a client sent.

use crate::ticket::{Action, TicketNumber};

/// `callback_id`s of modals that are submitted.
pub mod callback {
    /// The form of `/new-ticket`.
    pub const NEW_TICKET: &str = "new_ticket";
    /// Choose a new assignee.
    pub const REASSIGN: &str = "ticket_reassign";
    /// Write a comment.
    pub const COMMENT: &str = "ticket_comment";
    /// Type what to search for.
    pub const SEARCH: &str = "list_search";
}

/// `block_id`s of the inputs, by which answers to wrong values name them. The one element in such a block has the same text
/// as its `action_id`.
pub mod block {
    /// Select.
    pub const CAMPAIGN: &str = "campaign";
    /// Select with groups.
    pub const ISSUE_TYPE: &str = "issue_type";
    /// Select.
    pub const PRIORITY: &str = "priority";
    /// Text.
    pub const DETAILS: &str = "details";
    /// Files.
    pub const SCREENSHOTS: &str = "screenshots";
    /// Reassign: a user.
    pub const ASSIGNEE: &str = "assignee";
    /// Reassign and Comment: text.
    pub const COMMENT: &str = "comment";
    /// Search: text.
    pub const SEARCH: &str = "search";
}

/// `action_id`s.
pub mod action {
    /// A button that opens the form (with a fresh trigger).
    pub const OPEN_FORM: &str = "open_form";
    /// A button that opens the comment modal.
    pub const COMMENT: &str = "ticket_comment";
    /// A summary's button that posts it to the ticket channel; its value is the period.
    pub const POST_SUMMARY: &str = "summary_post";
    /// A summary's button that exports the tickets of its period; its value is the period.
    pub const EXPORT_PERIOD: &str = "summary_export";
    /// What a menu in a report begins with; followed by the number, so that each in a message has an id of its own. Its
    /// options' values are [`super::menu_value`]s.
    pub const TICKET_MENU: &str = "ticket_menu:";
    /// A button that only leads somewhere (its `url`); its click needs no answer.
    pub const LINK: &str = "link";
}

/// `action_id`s of the elements in lists and in a ticket's details. The gateway passes on whatever begins with
/// [`list::PREFIX`]; the worker knows the rest.
pub mod list {
    /// What they begin with.
    pub const PREFIX: &str = "list_";
    /// Several statuses.
    pub const STATUS: &str = "list_status";
    /// A priority.
    pub const PRIORITY: &str = "list_priority";
    /// A campaign.
    pub const CAMPAIGN: &str = "list_campaign";
    /// Anyone, me, nobody, or a user.
    pub const ASSIGNEE: &str = "list_assignee";
    /// A user, where there are more than a select of ours can hold.
    pub const ASSIGNEE_USER: &str = "list_assignee_user";
    /// Stale, overdue.
    pub const ATTENTION: &str = "list_attention";
    /// The first day.
    pub const FROM: &str = "list_from";
    /// The last day.
    pub const TO: &str = "list_to";
    /// The order.
    pub const SORT: &str = "list_sort";
    /// What was typed in the search modal.
    pub const SEARCH: &str = "list_search";
    /// Open the search modal.
    pub const OPEN_SEARCH: &str = "list_open_search";
    /// Take all filters back.
    pub const CLEAR: &str = "list_clear";
    /// Export what the list shows, all pages of it.
    pub const EXPORT: &str = "list_export";
    /// Go to a page: the value, from 0.
    pub const PREVIOUS: &str = "list_previous";
    /// Go to a page: the value, from 0.
    pub const NEXT: &str = "list_next";
    /// Show a ticket's details; followed by a colon and the number, so that each button of a list has an id of its own.
    pub const VIEW: &str = "list_view";
    /// Older history in the details.
    pub const OLDER: &str = "list_history_older";
    /// Newer history in the details.
    pub const NEWER: &str = "list_history_newer";
    /// The submitter closes an own ticket.
    pub const OWN_CLOSE: &str = "own_close";
    /// The submitter comments on an own ticket.
    pub const OWN_COMMENT: &str = "own_comment";
    /// The submitter reopens an own ticket.
    pub const OWN_REOPEN: &str = "own_reopen";
}

/// The `action_id` of a ticket's button.
pub fn ticket_action_id(ticket_action: Action) -> &'static str {
    match ticket_action {
        Action::Assign => "ticket_assign",
        Action::Reassign => "ticket_reassign",
        Action::Resolve => "ticket_resolve",
        Action::Close => "ticket_close",
        Action::Reopen => "ticket_reopen",
    }
}

/// The action behind a button's `action_id`; `None` for ids that aren't a ticket's action.
pub fn parse_ticket_action_id(action_id: &str) -> Option<Action> {
    Action::ALL.into_iter().find(|action| ticket_action_id(*action) == action_id)
}

/// A button's `value` for a ticket.
pub fn ticket_value(ticket: TicketNumber) -> String {
    ticket.get().to_string()
}

/// The value of a menu's option: what to do to which ticket.
pub fn menu_value(ticket_action: Action, ticket: TicketNumber) -> String {
    format!("{}:{}", ticket_action.as_str(), ticket_value(ticket))
}

/// What a menu's option asks for; only what menus offer.
pub fn parse_menu_value(value: &str) -> Option<(Action, TicketNumber)> {
    let (ticket_action, ticket) = value.split_once(':')?;
    let ticket_action = Action::parse(ticket_action).filter(|a| matches!(a, Action::Resolve | Action::Reassign))?;
    Some((ticket_action, parse_ticket_value(ticket)?))
}

/// The ticket in a button's `value` or a modal's `private_metadata`.
pub fn parse_ticket_value(value: &str) -> Option<TicketNumber> {
    value.parse().ok().and_then(TicketNumber::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_rendered_is_recognised() {
        for ticket_action in Action::ALL {
            assert_eq!(parse_ticket_action_id(ticket_action_id(ticket_action)), Some(ticket_action));
        }
        let ticket = TicketNumber::new(42).unwrap();
        assert_eq!(parse_ticket_value(&ticket_value(ticket)), Some(ticket));
        for forged in ["", "0", "-1", "1 or 1=1", "99999999999999999999"] {
            assert_eq!(parse_ticket_value(forged), None);
        }
        assert_eq!(parse_menu_value(&menu_value(Action::Resolve, ticket)), Some((Action::Resolve, ticket)));
        for forged in ["", "close:42", "resolve", "resolve:0", "drop:42", "resolve:42:1"] {
            assert_eq!(parse_menu_value(forged), None);
        }
    }
}
