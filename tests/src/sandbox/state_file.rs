//! The state file: the workspace and the sandbox's memory as JSON, written whole beside the old one and put in its
//! place, so that a crash leaves the old or the new state, never half of one.
//!
//! It holds no secrets: token and signing secret come from the environment. What no longer matters is left out, such as
//! triggers that expired and views that ended long ago.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::memory::Memory;
use crate::slack::World;

/// Changes when an older file can't be read any more.
const VERSION: u32 = 1;

/// What is in the file.
#[derive(Serialize, Deserialize)]
pub(super) struct State {
    version: u32,
    pub(super) world: World,
    #[serde(default)]
    pub(super) memory: Memory,
}

impl State {
    /// The state to write.
    pub(super) fn new(mut world: World, memory: Memory) -> Self {
        world.app.token.clear();
        world.app.signing_secret.clear();
        let now = world.now();
        world.triggers.retain(|_, trigger| now - trigger.issued_at < TimeDelta::hours(1));
        world.response_urls.retain(|_, url| now - url.issued_at < TimeDelta::hours(1));
        world.views.retain(|_, view| view.end.is_none() || now - view.opened_at < TimeDelta::days(1));
        Self { version: VERSION, world, memory }
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// Never for a state that was read or made here.
    pub(super) fn bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).context("the state is no JSON")
    }
}

/// Reads the file; none where there is none yet.
///
/// # Errors
/// It can't be read, or is no state of this version: one message that says what to do.
pub(super) fn load(path: &Path) -> Result<Option<State>> {
    let help = || {
        format!(
            "The sandbox can't go on from {} (SANDBOX_STATE). Move that file away, or run bin/dev --fresh, to begin anew",
            path.display()
        )
    };
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(help),
    };
    let state: State = serde_json::from_slice(&bytes).with_context(help)?;
    anyhow::ensure!(state.version == VERSION, "{}: its version is {}, not {VERSION}", help(), state.version);
    Ok(Some(state))
}

/// Writes the file.
///
/// # Errors
/// The folder can't be written to.
pub(super) fn save(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || -> std::io::Result<()> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder)?;
        }
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let mut file = fs::File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().with_context(|| format!("the sandbox's state can't be written to {}", path.display()))
}
