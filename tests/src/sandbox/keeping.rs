//! Keeping the state: saved soon after a change, and once more at the end. One task saves, so that an older state never
//! comes after a newer one.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio_util::sync::CancellationToken;

use super::Sandbox;
use super::state_file::{self, State};
use crate::slack::lock;

/// Changes within this time are saved together.
const TOGETHER: Duration = Duration::from_millis(500);
/// More calls than this are not remembered: the page shows the latest only.
const CALLS: usize = 3000;

/// Saves after changes until the end, and then once more.
///
/// # Errors
/// The last state can't be written.
pub(super) async fn keep(sandbox: Arc<Sandbox>, ending: CancellationToken) -> Result<()> {
    let mut changes = sandbox.slack.inner().subscribe();
    let mut failed = false;
    while ending.run_until_cancelled(changed(&mut changes)).await.is_some() {
        forget_old_calls(&sandbox);
        let saved = save(&sandbox).await;
        if let Err(error) = &saved
            && !failed
        {
            tracing::error!("{error:#}");
        }
        failed = saved.is_err();
    }
    save(&sandbox).await
}

async fn changed(changes: &mut tokio::sync::watch::Receiver<u64>) {
    if changes.changed().await.is_err() {
        std::future::pending().await
    }
    tokio::time::sleep(TOGETHER).await;
    changes.borrow_and_update();
}

fn forget_old_calls(sandbox: &Sandbox) {
    if lock(&sandbox.slack.inner().recorder).calls.len() > CALLS {
        sandbox.slack.forget_calls();
    }
}

async fn save(sandbox: &Sandbox) -> Result<()> {
    let Some(path) = sandbox.state.clone() else {
        return Ok(());
    };
    let state = State::new(sandbox.slack.snapshot(), lock(&sandbox.memory).clone());
    let written = tokio::task::spawn_blocking(move || state_file::save(&path, &state.bytes()?));
    written.await.context("saving was interrupted")?
}
