//! Telling one person something privately, at most once: in the modal where they asked, else by the response URL. In a
//! modal there is no private answer but the modal itself.

use std::time::Duration;

use common::job::Ask;
use serde_json::{Value, json};

use super::Run;
use crate::db::inbox;
use crate::db::outbox::{self, Wish};
use crate::delivery::Target;
use crate::views;

/// A modal that is open for longer than this isn't updated any more.
const VIEW_EXPIRES: Duration = Duration::from_secs(30 * 60);

/// A modal with a list or a ticket shows the newest state.
pub(super) fn refreshed(key: &str) -> Wish {
    let target = Target::View { key: key.to_owned() };
    Wish { expires_after: Some(VIEW_EXPIRES), ..Wish::new(target) }
}

/// The same with a line on top, in mrkdwn.
pub fn noted(key: &str, note: &str) -> Wish {
    Wish { payload: json!({ "note": note }), ..refreshed(key) }
}

/// Claims the job with this outcome and tells its asker `text`. Claims first and tells afterwards: at most once.
pub(super) async fn tell(run: &Run<'_>, ask: &Ask, kind: &str, outcome: &str, text: &str) -> anyhow::Result<()> {
    tell_with(run, ask, kind, outcome, text, &views::private_text(text)).await
}

/// The same with a message of its own for where there is no modal.
pub(super) async fn tell_with(
    run: &Run<'_>,
    ask: &Ask,
    kind: &str,
    outcome: &str,
    text: &str,
    message: &Value,
) -> anyhow::Result<()> {
    let mut tx = run.context.db.begin().await?;
    let claimed = inbox::claim(&mut tx, run.job_id, kind, outcome).await?;
    if let (true, Some(key)) = (claimed, &ask.in_view) {
        outbox::insert(&mut tx, &[noted(key, &format!("⚠️ {text}"))]).await?;
    }
    tx.commit().await?;
    run.context.wake_delivery();
    if let (true, None, Some(response_url)) = (claimed, &ask.in_view, &ask.response_url)
        && let Err(error) = run.context.transfer.respond(response_url, message).await
    {
        tracing::warn!(job.id = run.job_id, %error, "the person could not be told");
    }
    Ok(())
}
