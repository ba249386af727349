//! A stand-in for Slack: a stateful workspace behind a strict HTTP server on the loopback address.
//!
//! [`SlackStandIn`] is the handle: it starts the server, reads and changes the [`World`], scripts faults and limits,
//! and shows what was called. What people do is in [`crate::actor`].
//!
//! Invariants: one lock holds the whole world, so a call is applied or not, never half; every change of the world or
//! of the recorder wakes whoever waits. Where Slack's reference leaves a choice, the stricter one is taken.

mod answering;
mod answers;
mod arguments;
pub mod blocks;
mod checker;
pub mod clock;
mod composition;
mod data_blocks;
pub mod delivery;
mod desk;
mod elements;
pub mod entries;
pub mod ephemeral;
pub mod events;
pub mod faults;
pub mod files;
mod hosts;
pub mod inputs;
pub mod limits;
mod message_json;
pub mod messages;
mod methods;
pub mod model;
pub mod mrkdwn;
mod normalise;
pub mod payload;
pub mod people;
pub mod recorder;
mod server;
pub mod signing;
mod tcp;
pub mod triggers;
pub mod views;
mod waiting;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;

pub use delivery::{Delivery, Outcome, SentRequest};
pub use faults::{Fault, FaultHandle, On};
pub use model::{Violation, World};
pub use recorder::Call;

use crate::actor::Person;
use delivery::{Gateways, Knobs};
use faults::Faults;
use limits::Limits;
use recorder::Recorder;
use tcp::Door;

/// A running stand-in. Clones share it; the server ends with the last one.
#[derive(Clone)]
pub struct SlackStandIn {
    inner: Arc<Inner>,
    _running: Arc<Running>,
}

/// What the server and the handles share.
pub(crate) struct Inner {
    world: Mutex<World>,
    pub(crate) recorder: Mutex<Recorder>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) limits: Mutex<Limits>,
    pub(crate) gateways: Mutex<Gateways>,
    pub(crate) knobs: Mutex<Knobs>,
    pub(crate) door: Door,
    pub(crate) client: delivery::HttpClient,
    changed: watch::Sender<u64>,
}

struct Running {
    inner: Arc<Inner>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        self.inner.door.cut_all();
    }
}

/// Locks, also after a panic elsewhere: a failed test must still be able to dump the state.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    pub(crate) fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&lock(&self.world))
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let answer = change(&mut lock(&self.world));
        self.notify();
        answer
    }

    pub(crate) fn notify(&self) {
        self.changed.send_modify(|version| *version += 1);
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

impl SlackStandIn {
    /// Starts the default workspace ([`World::desk`]) on a free port.
    ///
    /// # Panics
    /// Where the loopback address can't be listened on.
    pub async fn start() -> Self {
        Self::start_with(World::desk(), 0).await.expect("the loopback address has a free port")
    }

    /// Starts a workspace on a port (0: any free one).
    ///
    /// # Errors
    /// The port is taken.
    pub async fn start_with(mut world: World, port: u16) -> std::io::Result<Self> {
        let (door, connections, accepting) = Door::open(port).await?;
        world.base_url = format!("http://{}", door.address());
        let inner = Arc::new(Inner {
            world: Mutex::new(world),
            recorder: Mutex::default(),
            faults: Mutex::default(),
            limits: Mutex::default(),
            gateways: Mutex::default(),
            knobs: Mutex::default(),
            door,
            client: delivery::http_client(),
            changed: watch::Sender::new(0),
        });
        let serving = server::serve(Arc::clone(&inner), connections);
        let running = Running { inner: Arc::clone(&inner), tasks: vec![accepting, serving] };
        Ok(Self { inner, _running: Arc::new(running) })
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.inner.door.address())
    }

    /// What `SLACK_API_URL` is set to.
    pub fn api_url(&self) -> String {
        format!("{}/api", self.url())
    }

    /// The bot token.
    pub fn token(&self) -> String {
        self.read(|world| world.app.token.clone())
    }

    /// The signing secret.
    pub fn signing_secret(&self) -> String {
        self.read(|world| world.app.signing_secret.clone())
    }

    /// Looks at the world. Don't call the stand-in from inside.
    pub fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        self.inner.read(look)
    }

    /// Changes the world behind the app's back and wakes who waits; events that this causes are delivered if
    /// [`SlackStandIn::deliver_events`] is on. Don't call the stand-in from inside.
    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        self.inner.change_and_tell(change)
    }

    /// A copy of the whole world, serializable.
    pub fn snapshot(&self) -> World {
        self.read(World::clone)
    }

    /// Puts a snapshot in place of the world; the address stays this server's.
    pub fn restore(&self, mut snapshot: World) {
        snapshot.base_url = self.url();
        self.inner.change(|world| *world = snapshot);
    }

    /// Now, in the workspace's time.
    pub fn now(&self) -> DateTime<Utc> {
        self.read(World::now)
    }

    /// Moves the workspace's time forward.
    pub fn advance(&self, by: Duration) {
        self.inner.change(|world| world.clock.advance(by));
    }

    /// What a real Slack would have refused or warned of.
    pub fn violations(&self) -> Vec<Violation> {
        self.read(|world| world.violations.clone())
    }

    /// Asserts that there are no violations.
    ///
    /// # Panics
    /// With the list, where there are any.
    #[track_caller]
    pub fn assert_no_violations(&self) {
        let violations = self.violations();
        assert!(violations.is_empty(), "Slack would have refused or warned:\n{violations:#?}");
    }

    /// A person of the workspace, who acts through the gateways.
    ///
    /// # Panics
    /// Where there is no such user.
    #[track_caller]
    pub fn person(&self, user_id: &str) -> Person {
        assert!(self.read(|world| world.users.contains_key(user_id)), "no user {user_id} in this workspace");
        Person::new(self.clone(), user_id)
    }

    /// Where requests to the app go: one gateway's base URL.
    pub fn set_gateway(&self, url: impl Into<String>) {
        self.set_gateways(vec![url.into()]);
    }

    /// Where requests to the app go: several gateways' base URLs, in turn.
    pub fn set_gateways(&self, urls: Vec<String>) {
        lock(&self.inner.gateways).set(urls);
    }

    /// The acknowledgement of a submission is applied to the model only this long after it arrived.
    pub fn ack_delay(&self, delay: Duration) {
        lock(&self.inner.knobs).ack_delay = delay;
    }

    /// True: the app hears events about its own posts, edits and pins too, and about changes made by
    /// [`SlackStandIn::change`], as from a real Slack. Off at the start.
    pub fn deliver_events(&self, on: bool) {
        lock(&self.inner.knobs).deliver_events = on;
    }

    /// After how long Slack sends an event again that was not answered with 200 (empty at the start: never).
    pub fn event_retries(&self, delays: Vec<Duration>) {
        lock(&self.inner.knobs).event_retries = delays;
    }

    /// Messages younger than this don't show in history and replies.
    pub fn history_lag(&self, lag: Duration) {
        self.inner.change(|world| world.settings.history_lag_ms = millis(lag));
    }

    /// How long files uploaded from now on are processed.
    pub fn file_processing(&self, delay: Duration) {
        self.inner.change(|world| world.settings.file_processing_ms = millis(delay));
    }

    /// From now on uploaded files never become ready (true), or become ready again (false).
    pub fn files_never_ready(&self, never: bool) {
        self.inner.change(|world| world.settings.files_get_ready = !never);
    }

    /// True: nothing listens any more (connections are refused, open ones are cut). False: listens again.
    pub async fn refuse_connections(&self, refuse: bool) {
        self.inner.door.refuse(refuse).await;
    }

    /// True: connections are accepted and reset at once, open ones are cut.
    pub fn drop_connections(&self, drop: bool) {
        self.inner.door.drop_new(drop);
    }

    /// Makes the bot token invalid: calls answer `token_revoked`.
    pub fn revoke_token(&self) {
        self.inner.change(World::revoke_token);
    }

    /// Makes the bot token valid again.
    pub fn restore_token(&self) {
        self.inner.change(World::restore_token);
    }

    /// Scripts a fault: the calls that `on` describes suffer it.
    pub fn fault(&self, on: On, fault: Fault) -> FaultHandle {
        faults::add(&self.inner, on, fault)
    }

    /// Takes all scripted faults back; held calls go on.
    pub fn clear_faults(&self) {
        faults::clear(&self.inner);
    }

    /// At most `n` calls of a method in each window, beyond that 429 with Retry-After; `per_channel`: counted for each
    /// channel alone.
    pub fn limit(&self, method: &str, per_channel: bool, n: usize, window: Duration) {
        lock(&self.inner.limits).set(method, per_channel, n, window);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
