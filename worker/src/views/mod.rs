//! What people see: pure functions from facts to blocks. No I/O, no clock; whoever calls says what time it is.

mod alert;
mod blocks;
mod card;
mod charts;
mod confirmation;
mod details;
mod dialogs;
mod direct_message;
mod export;
#[cfg(test)]
mod fits;
pub mod limits;
mod list;
mod list_filters;
#[cfg(test)]
mod list_snapshots;
pub mod mrkdwn;
mod new_ticket;
mod news;
mod notice;
pub mod reports;
mod responses;
#[cfg(test)]
mod snapshots;
mod summary;
pub mod texts;
mod ticket_fields;
#[cfg(test)]
mod work_snapshots;

pub use alert::alert;
pub use card::card;
pub use confirmation::confirmation;
pub use details::{History, details};
pub use dialogs::{Round, comment_dialog, dialog_result, reassign_dialog, refused, search_dialog};
pub use direct_message::{filed, not_done, not_filed};
pub use export::{export_comment, export_status};
pub use list::{Listed, list};
pub use new_ticket::new_ticket;
pub use news::{news, thread_note};
pub use notice::notice;
pub use responses::{form_not_opened, private_text};
pub use summary::{summary_message, summary_modal};

use chrono_tz::Tz;

use crate::db::images::TicketImage;
use crate::db::ticket_events::TicketEvent;
use crate::db::tickets::Ticket;

/// All that is shown of a ticket.
#[derive(Debug, Clone)]
pub struct TicketFacts {
    /// The ticket.
    pub ticket: Ticket,
    /// Its images.
    pub images: Vec<TicketImage>,
    /// The newest comments that everybody may see, oldest first.
    pub comments: Vec<TicketEvent>,
    /// How many such comments there are in all.
    pub comment_count: i64,
}

/// How things are shown.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// The zone of times in texts that Slack can't localise.
    pub timezone: Tz,
    /// Whether images are shown, or only linked because Slack refused them.
    pub previews: bool,
}
