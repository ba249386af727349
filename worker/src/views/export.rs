//! What the asker of an export sees in their direct messages.

use super::blocks::section;
use super::mrkdwn::inline;
use super::texts::grouped;
use crate::db::exports::Export;
use crate::slack::client::Content;

/// How far a large export is, or what became of it.
pub fn export_status(export: &Export) -> Content {
    let done = grouped(export.rows_done);
    let text = match (export.state.as_str(), export.rows_total) {
        ("sent", _) => format!("✅ Your export is ready: {done} tickets."),
        ("failed", _) => {
            "⚠️ Your export could not be finished. The administrators have been told; nothing was changed. \
                          Please try it again later."
                .to_owned()
        }
        (_, Some(total)) if export.rows_done >= total => {
            format!("⏳ Your export: all {} tickets are read and being sent to you…", grouped(total))
        }
        (_, Some(total)) => format!("⏳ Your export: {done} of {} tickets…", grouped(total)),
        (_, None) => "⏳ Your export is being prepared…".to_owned(),
    };
    Content { blocks: vec![section(&text)], text }
}

/// What the file's message says.
pub fn export_comment(tickets: i64, title: &str) -> String {
    let count = if tickets == 1 { "1 ticket".to_owned() } else { format!("{} tickets", grouped(tickets)) };
    format!("📄 {count} · {}", inline(title))
}
