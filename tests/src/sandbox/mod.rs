//! The sandbox: the stand-in for Slack with a page on which a newcomer plays every user of it.
//!
//! The page is drawn on the server from the stand-in's world; its script only keeps it up to date. Everything that
//! somebody does goes through [`crate::actor::Person`], so the app gets what a real Slack would send. Invariants: it
//! listens on the loopback address only, changes something only by POST from its own page, and shows nothing unescaped.

mod acts;
mod blocks;
mod charts;
mod controls;
mod download;
mod elements;
mod emoji;
mod forms;
mod guard;
mod happened;
mod html;
mod inputs;
mod interactions;
mod keeping;
mod live;
mod memory;
mod message;
mod modal;
mod mrkdwn;
mod page;
mod place;
mod reader;
mod relay;
mod rich_text;
mod routes;
mod settings;
mod state_file;
mod tables;
mod timeline;
mod trouble;
mod typed;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result};
use poem::listener::TcpAcceptor;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use settings::Settings;

use crate::slack::{SlackStandIn, World};
use happened::Log;
use memory::Memory;
use state_file::State;
use trouble::Trouble;

/// When Slack sends an event again that was not answered (docs.slack.dev, "Events API").
const EVENT_RETRIES: [Duration; 3] = [Duration::ZERO, Duration::from_secs(60), Duration::from_secs(300)];

/// What the page works on.
struct Sandbox {
    slack: SlackStandIn,
    system_users: Vec<String>,
    state: Option<PathBuf>,
    memory: Mutex<Memory>,
    log: Mutex<Log>,
    trouble: Mutex<Option<Trouble>>,
}

impl Sandbox {
    /// Tells the pages that something changed.
    fn notify(&self) {
        self.slack.inner().notify();
    }
}

/// A running sandbox.
pub struct Running {
    sandbox: Arc<Sandbox>,
    url: String,
    serving: JoinHandle<()>,
    keeping: JoinHandle<Result<()>>,
    ending: CancellationToken,
}

/// Starts the sandbox: from its state file where there is one, else with the default workspace.
///
/// # Errors
/// The port is taken, or the state file can't be read: a message for whoever started it.
pub async fn start(settings: Settings) -> Result<Running> {
    let state = settings.state.as_deref().map(state_file::load).transpose()?.flatten();
    let (mut world, memory) =
        state.map_or_else(|| (World::desk(), Memory::default()), |state: State| (state.world, state.memory));
    let fresh = World::desk().app;
    world.app.token = settings.bot_token.unwrap_or(fresh.token);
    world.app.signing_secret = settings.signing_secret.unwrap_or(fresh.signing_secret);

    let taken = || format!("the sandbox can't listen on 127.0.0.1:{} (SANDBOX_PORT)", settings.port);
    let listener = TcpListener::bind(("127.0.0.1", settings.port)).await.with_context(taken)?;
    let url = format!("http://{}", listener.local_addr().with_context(taken)?);
    let slack = SlackStandIn::start_with(world, 0).await.context("the loopback address has no free port")?;
    // The app reaches all of Slack where it reaches the API.
    slack.change(|world| world.base_url.clone_from(&url));
    slack.set_gateway(settings.gateway_url);
    slack.deliver_events(true);
    slack.event_retries(EVENT_RETRIES.to_vec());

    let sandbox = Arc::new(Sandbox {
        slack,
        system_users: settings.system_users,
        state: settings.state,
        memory: Mutex::new(memory),
        log: Mutex::default(),
        trouble: Mutex::default(),
    });
    let acceptor = TcpAcceptor::from_tokio(listener).with_context(taken)?;
    let app = routes::routes(&sandbox);
    let serving = tokio::spawn(async move {
        let _ = poem::Server::new_with_acceptor(acceptor).run(app).await;
    });
    let ending = CancellationToken::new();
    let keeping = tokio::spawn(keeping::keep(Arc::clone(&sandbox), ending.clone()));
    Ok(Running { sandbox, url, serving, keeping, ending })
}

impl Running {
    /// Where the page is: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The Slack that it plays.
    pub fn slack(&self) -> &SlackStandIn {
        &self.sandbox.slack
    }

    /// Stops and saves.
    ///
    /// # Errors
    /// The state file can't be written.
    pub async fn stop(mut self) -> Result<()> {
        self.serving.abort();
        self.ending.cancel();
        (&mut self.keeping).await.context("saving was interrupted")?
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.serving.abort();
        self.keeping.abort();
    }
}
