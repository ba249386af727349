//! Live updates: a Server-Sent Event for each change, a few at most each second. The page then fetches itself anew.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use poem::web::sse::{Event, SSE};

use super::Sandbox;

/// Changes within this time are one event.
const TOGETHER: Duration = Duration::from_millis(60);

/// The stream of changes.
pub(super) fn changes(sandbox: &Arc<Sandbox>) -> SSE {
    let changes = sandbox.slack.inner().subscribe();
    let events = stream::unfold(changes, |mut changes| async move {
        changes.changed().await.ok()?;
        tokio::time::sleep(TOGETHER).await;
        let version = *changes.borrow_and_update();
        Some((Event::message(version.to_string()), changes))
    });
    SSE::new(events).keep_alive(Duration::from_secs(15))
}
