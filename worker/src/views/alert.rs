//! Notices about trouble, for operators.

use super::blocks::{context, section};
use crate::slack::client::Content;

/// What happened, what to do, and how often it came up within the hour.
pub fn alert(text: &str, count: i32) -> Content {
    let times = match count {
        1 => "Once within the hour.".to_owned(),
        n => format!("{n} times within the hour."),
    };
    Content { text: format!("⚠️ {text}"), blocks: vec![section(&format!("⚠️ {text}")), context([times])] }
}
