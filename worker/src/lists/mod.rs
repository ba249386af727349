//! Lists of tickets: what is filtered and how, as words, as choices in a modal, and as remembered.

mod choose;
mod filter;
mod search_text;
mod words;

pub use choose::{ANY, CAMPAIGN_VALUE, choose};
pub use filter::{Assignee, Filter, Sort};
pub use search_text::{MAX_SEARCH, cut_note, search_text};
pub use words::{Words, help, parse_words};

use common::ticket::TicketNumber;
use serde::{Deserialize, Serialize};

/// Tickets on a page.
pub const PAGE: i64 = 10;
/// The last page that a list reaches, from 0. Whoever looks for more narrows the list; so no page costs more than the
/// reading of so many tickets.
pub const MAX_PAGE: i64 = 999;
/// Rows of history on a page.
pub const HISTORY_PAGE: i64 = 10;

/// Which list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum List {
    /// One's own tickets.
    Own,
    /// All tickets, for system users.
    All,
}

impl List {
    /// The spelling in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::All => "all",
        }
    }
}

/// What a modal shows; kept in the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "shows", rename_all = "snake_case")]
pub enum ViewState {
    /// A page of a list.
    Page {
        /// Which list.
        list: List,
        /// What is filtered.
        filter: Filter,
        /// The page, from 0.
        page: i64,
        /// Raised when the filters' elements must be new ones.
        #[serde(default)]
        round: u32,
    },
    /// A ticket's details.
    Details {
        /// Which list it was chosen from: decides what can be done.
        list: List,
        /// The ticket's number.
        ticket: i64,
        /// The page of its history, newest first, from 0.
        page: i64,
    },
}

impl ViewState {
    /// The first page of a list.
    pub fn first_page(list: List, filter: Filter) -> Self {
        Self::Page { list, filter, page: 0, round: 0 }
    }

    /// A ticket's details.
    pub fn details(list: List, ticket: TicketNumber) -> Self {
        Self::Details { list, ticket: ticket.get(), page: 0 }
    }
}
