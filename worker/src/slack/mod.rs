//! Slack's side: the calls we make, what their failures mean, and when not to call.

mod calls;
pub mod client;
pub(crate) mod connector;
pub mod error;
pub mod pace;
pub mod transfer;

pub use client::Slack;
pub use error::SlackError;
