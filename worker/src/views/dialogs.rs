//! Modals about a ticket: choose its new assignee, write a comment, and what came of it.

use common::interaction::{block, callback, ticket_value};
use common::slack_id::UserId;
use common::ticket::TicketNumber;
use slack_morphism::prelude::*;

use super::blocks::{context, input, option, plain, section};
use super::limits::{OPTION_TEXT, SELECT_OPTIONS, TITLE, clip};
use crate::db::tickets::Ticket;
use crate::lists::MAX_SEARCH;

/// Slack: a text input takes at most 3000 characters ("Plain-text input element").
const COMMENT_CHARS: u64 = 3000;

/// Which time a modal is shown.
pub struct Round<'a> {
    /// Tells the submissions of one modal apart, from 0.
    pub number: u64,
    /// What was wrong with the last choice.
    pub error: Option<&'a str>,
    /// The comment that was typed then.
    pub typed: &'a str,
    /// The modal with the ticket's details behind it.
    pub behind: Option<&'a str>,
}

/// Choose the new assignee, with a comment if one likes.
pub fn reassign_dialog(ticket: &Ticket, users: &[(UserId, String)], round: &Round<'_>) -> SlackView {
    let mut blocks = Vec::new();
    if let Some(error) = round.error {
        blocks.push(section(&format!("⚠️ {error}")));
    }
    let placeholder = plain("Choose a system user");
    let element = if users.len() > SELECT_OPTIONS {
        let select = SlackBlockUsersSelectElement::new().with_action_id(block::ASSIGNEE.into());
        SlackInputBlockElement::UsersSelect(select.with_placeholder(placeholder))
    } else {
        let options = users.iter().map(|(user, name)| option(&clip(name, OPTION_TEXT), user.as_str()));
        let select = SlackBlockStaticSelectElement::new().with_action_id(block::ASSIGNEE.into());
        select.with_placeholder(placeholder).with_options(options.collect()).into()
    };
    blocks.push(input(block::ASSIGNEE, "New assignee", element).into());
    let comment = comment_input().opt_initial_value((!round.typed.is_empty()).then(|| round.typed.to_owned()));
    blocks.push(input(block::COMMENT, "Comment", comment.into()).with_optional(true).into());
    let metadata = metadata(ticket.number, round.number, round.behind);
    let view = SlackModalView::new(plain(&clip(&format!("Reassign {}", ticket.number), TITLE)), blocks)
        .with_callback_id(callback::REASSIGN.into())
        .with_private_metadata(metadata)
        .with_submit(plain("Reassign"))
        .with_close(plain("Cancel"));
    SlackView::Modal(view)
}

/// Write a comment.
pub fn comment_dialog(ticket: TicketNumber, may_be_internal: bool, behind: Option<&str>) -> SlackView {
    let mut blocks = vec![input(block::COMMENT, "Comment", comment_input().into()).into()];
    if may_be_internal {
        let hint = "The submitter gets it as a direct message. Begin it with 🔒 for an internal note: that never reaches \
                    the submitter, but everybody in the ticket channel can read it.";
        blocks.push(context([hint.to_owned()]));
    }
    let view = SlackModalView::new(plain(&clip(&format!("Comment on {ticket}"), TITLE)), blocks)
        .with_callback_id(callback::COMMENT.into())
        .with_private_metadata(metadata(ticket, 0, behind))
        .with_submit(plain("Comment"))
        .with_close(plain("Cancel"));
    SlackView::Modal(view)
}

/// Type what to search for; `list` is the modal that shows what is found.
pub fn search_dialog(list: &str, searched: Option<&str>) -> SlackView {
    let text = SlackBlockPlainTextInputElement::new()
        .with_action_id(block::SEARCH.into())
        .with_max_length(MAX_SEARCH as u64)
        .with_focus_on_load(true)
        .with_placeholder(plain("Words in details and comments, or a number"))
        .opt_initial_value(searched.map(str::to_owned));
    let blocks = vec![input(block::SEARCH, "Search", text.into()).with_optional(true).into()];
    let view = SlackModalView::new(plain("Search tickets"), blocks)
        .with_callback_id(callback::SEARCH.into())
        .with_private_metadata(list.to_owned())
        .with_submit(plain("Search"))
        .with_close(plain("Cancel"));
    SlackView::Modal(view)
}

/// What came of a submitted modal.
pub fn dialog_result(text: &str, external_id: &str) -> SlackView {
    let view = SlackModalView::new(plain("Ticket desk"), vec![section(text)])
        .with_close(plain("Done"))
        .with_external_id(external_id.to_owned());
    SlackView::Modal(view)
}

/// A modal whose content the reader may not see, or not any more.
pub fn refused(sentence: &str) -> SlackView {
    SlackView::Modal(SlackModalView::new(plain("Ticket desk"), vec![section(sentence)]).with_close(plain("Close")))
}

/// The gateway reads it back; nothing of it decides about rights.
fn metadata(ticket: TicketNumber, round: u64, behind: Option<&str>) -> String {
    let ticket = ticket_value(ticket);
    match (round, behind) {
        (0, None) => ticket,
        (round, None) => format!("{ticket}:{round}"),
        (round, Some(view_id)) => format!("{ticket}:{round}:{view_id}"),
    }
}

fn comment_input() -> SlackBlockPlainTextInputElement {
    SlackBlockPlainTextInputElement::new()
        .with_action_id(block::COMMENT.into())
        .with_multiline(true)
        .with_max_length(COMMENT_CHARS)
}
