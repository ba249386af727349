//! The ticket domain: pure values and rules, no I/O.

mod details;
mod number;
mod priority;
mod status;

pub use details::{Details, DetailsError, MAX_DETAILS_CHARS};
pub use number::TicketNumber;
pub use priority::Priority;
pub use status::{Action, Refusal, Status};

/// Most screenshots a ticket can have.
pub const MAX_IMAGES: usize = 5;
