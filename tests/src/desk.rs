//! The whole desk in one process: the production gateway and worker on a database and a key space of their own, with the
//! stand-in for Slack. Tests step the worker until it is idle instead of sleeping.

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::clock::Clock;
use common::env::Env;
use common::telemetry::Logs;
use gateway::app::{Gateway, routes};
use poem::Server;
use poem::listener::TcpAcceptor;
use sqlx::{AssertSqlSafe, PgPool};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use worker::config::{Config, Waits};
use worker::run::Worker;

use crate::servers;
use crate::slack::SlackStandIn;

/// Where the cards are.
pub const TICKETS: &str = "C0TICKETS";
/// Where the administrators are told.
pub const ADMIN: &str = "C0ADMIN";
/// How long a test waits for something that comes by itself.
pub const SOON: Duration = Duration::from_secs(10);

/// A running desk.
pub struct Desk {
    /// Slack.
    pub slack: SlackStandIn,
    /// The worker that [`Desk::drain`] steps.
    pub worker: Arc<Worker>,
    /// The desk's database.
    pub db: PgPool,
    /// What gateway and worker are told.
    pub settings: Settings,
    /// The gateway's address.
    pub gateway_url: String,
    tasks: Vec<JoinHandle<()>>,
    stop: CancellationToken,
}

/// What gateway and worker are told.
#[derive(Clone)]
pub struct Settings {
    /// `DATABASE_URL`.
    pub database_url: String,
    /// `REDIS_URL`.
    pub redis_url: String,
    /// `STREAM_PREFIX`.
    pub stream_prefix: String,
    /// Variables beside those, for both.
    pub more: Vec<(String, String)>,
}

impl Settings {
    /// A database and a key space of their own on the shared servers.
    pub async fn private() -> Self {
        Self {
            database_url: servers::database().await,
            redis_url: servers::shared_redis(),
            stream_prefix: format!("test-{}", servers::unique()),
            more: Vec::new(),
        }
    }

    /// The environment of both programs.
    pub fn variables(&self, slack: &SlackStandIn) -> Vec<(String, String)> {
        let pairs = [
            ("SLACK_SIGNING_SECRET", slack.signing_secret()),
            ("SLACK_BOT_TOKEN", slack.token()),
            ("SLACK_API_URL", slack.api_url()),
            ("SLACK_CHANNEL_ID", TICKETS.to_owned()),
            ("ADMIN_CHANNEL", ADMIN.to_owned()),
            ("SYSTEM_USERS", "U0SYS1,U0SYS2,U0SYS3".to_owned()),
            ("DATABASE_URL", self.database_url.clone()),
            ("REDIS_URL", self.redis_url.clone()),
            ("STREAM_PREFIX", self.stream_prefix.clone()),
        ];
        let mut variables: Vec<_> = pairs.map(|(name, value)| (name.to_owned(), value)).to_vec();
        variables.extend(self.more.clone());
        variables
    }
}

/// Waits for tests: short where nothing depends on them, Slack's own where they are the point.
pub fn test_waits() -> Waits {
    Waits {
        poll: Duration::from_millis(20),
        block: Duration::from_millis(200),
        backoff: Duration::from_millis(5),
        trouble_pause: Duration::from_millis(300),
        preview_retry: Duration::from_millis(50),
        alert_update: Duration::from_millis(100),
        schedule: None,
        ..Waits::default()
    }
}

impl Desk {
    /// Starts a desk on the shared servers.
    pub async fn start() -> Self {
        Self::start_with(SlackStandIn::start().await, Settings::private().await, test_waits()).await
    }

    /// Starts a desk with settings of the test's own.
    pub async fn start_with(slack: SlackStandIn, settings: Settings, waits: Waits) -> Self {
        if let Ok(filter) = std::env::var("RUST_LOG") {
            common::telemetry::init_logs(&Logs { filter: Some(filter), ..Logs::DEFAULT });
        }
        let (gateway_url, serving) = start_gateway(&slack, &settings).await;
        slack.set_gateway(&gateway_url);
        let worker = start_worker(&slack, &settings, waits).await;
        // A worker lives, though it is stepped: the gateway looks for its heartbeat.
        worker.consumer().beat().await.expect("Redis takes the heartbeat");
        let beating = tokio::spawn({
            let worker = Arc::clone(&worker);
            async move {
                loop {
                    tokio::time::sleep(Duration::from_secs(3)).await;
                    let _ = worker.consumer().beat().await;
                }
            }
        });
        let db = PgPool::connect_lazy(&settings.database_url).expect("a PostgreSQL address");
        Self { slack, worker, db, settings, gateway_url, tasks: vec![serving, beating], stop: CancellationToken::new() }
    }

    /// Steps the worker until nothing is left that can be done now.
    pub async fn drain(&self) {
        for _ in 0..1000 {
            if self.worker.step().await.expect("both servers answer") == 0 {
                return;
            }
        }
        panic!("the worker never becomes idle\n{}", self.slack.dump());
    }

    /// From here on no worker is heard of but those that run by themselves.
    pub fn stop_beating(&self) {
        self.tasks[1].abort();
    }

    /// Lets the worker run by itself from here on.
    pub fn run(&mut self) {
        self.run_another(Arc::clone(&self.worker));
    }

    /// Starts one more worker, running by itself.
    pub async fn add_worker(&mut self, waits: Waits) -> Arc<Worker> {
        let worker = start_worker(&self.slack, &self.settings, waits).await;
        self.run_another(Arc::clone(&worker));
        worker
    }

    fn run_another(&mut self, worker: Arc<Worker>) {
        let stop = self.stop.clone();
        self.tasks.push(tokio::spawn(worker.run(stop)));
    }

    /// Lets time pass for what waits in PostgreSQL and in Slack, without waiting.
    pub async fn elapse(&self, time: Duration) {
        self.slack.advance(time);
        let statements = [
            "UPDATE outbox SET due_at = due_at - $1, created_at = created_at - $1, started_at = started_at - $1,
                    lease_until = lease_until - $1, expires_at = expires_at - $1, ambiguous_since = ambiguous_since - $1",
            "UPDATE slack_pauses SET until = until - $1",
            "UPDATE job_attempts SET due_at = due_at - $1",
        ];
        for statement in statements {
            let mut tx = self.db.begin().await.expect("PostgreSQL answers");
            // A running worker locks single rows in an order of its own.
            sqlx::query("LOCK TABLE outbox IN EXCLUSIVE MODE")
                .execute(&mut *tx)
                .await
                .expect("the outbox can be locked");
            sqlx::query(statement).bind(time).execute(&mut *tx).await.expect("the outbox can be changed");
            tx.commit().await.expect("PostgreSQL answers");
        }
    }

    /// One number from the database.
    pub async fn count(&self, query: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_one(&self.db).await.expect("a query for one number")
    }

    /// One text from the database; empty where there is none.
    pub async fn text(&self, query: &str) -> String {
        let text: Option<Option<String>> = sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
            .fetch_optional(&self.db)
            .await
            .expect("a query for one text");
        text.flatten().unwrap_or_default()
    }

    /// Sends a command to the desk's Redis.
    pub async fn redis(&self, line: &str) -> redis::Value {
        servers::redis_command(&self.settings.redis_url, line).await.expect("Redis answers")
    }

    /// The key of a lane's stream.
    pub fn stream(&self, lane: &str) -> String {
        format!("{{{}}}:jobs:{lane}", self.settings.stream_prefix)
    }

    /// Redis forgets which jobs it has taken, as after an hour, so that a replay reaches the worker's inbox.
    ///
    /// # Panics
    /// Where there was nothing to forget.
    pub async fn forget_jobs(&self) {
        let keys = self.redis(&format!("KEYS {{{}}}:seen:*", self.settings.stream_prefix)).await;
        let keys: Vec<String> = redis::from_redis_value(keys).expect("keys are texts");
        assert!(!keys.is_empty(), "Redis remembers no job");
        self.redis(&format!("DEL {}", keys.join(" "))).await;
    }

    /// How many entries are in all streams, settled ones gone.
    pub async fn queued(&self) -> i64 {
        let mut queued = 0;
        for lane in ["interactive", "tickets", "background"] {
            match self.redis(&format!("XLEN {}", self.stream(lane))).await {
                redis::Value::Int(n) => queued += n,
                other => panic!("XLEN answered {other:?}"),
            }
        }
        queued
    }

    /// What must hold when a test is over: Slack was asked nothing wrong, nothing is left half done, nothing was given up.
    pub async fn finish(self) {
        self.finish_with_dead_letters(0).await;
    }

    /// The same with this many jobs given up.
    pub async fn finish_with_dead_letters(mut self, dead: i64) {
        self.slack.assert_no_violations();
        assert_eq!(self.slack.read(|world| world.live_broadcasts()), Vec::<String>::new(), "live mentions");
        // Workers that run by themselves may still be recording what Slack shows already.
        let left = "SELECT count(*) FROM outbox WHERE state IN ('sending', 'pending', 'waiting') AND due_at <= now()";
        let started = Instant::now();
        while (self.count(left).await > 0 || self.queued().await > 0) && started.elapsed() < SOON {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(self.count(left).await, 0, "deliveries are left\n{}", self.slack.dump());
        assert_eq!(self.count("SELECT count(*) FROM dead_letters").await, dead, "dead letters");
        assert_eq!(self.queued().await, 0, "entries are left in the streams");
        let twice = "SELECT count(*) FROM (SELECT target FROM slack_messages GROUP BY target HAVING count(*) > 1) t";
        assert_eq!(self.count(twice).await, 0);
        self.stop.cancel();
        for task in self.tasks.drain(2..) {
            tokio::time::timeout(SOON, task).await.expect("the worker stops").expect("the worker did not panic");
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// The production routes on a free port.
pub async fn start_gateway(slack: &SlackStandIn, settings: &Settings) -> (String, JoinHandle<()>) {
    let config =
        gateway::config::Config::from_env(Env::from_pairs(settings.variables(slack))).expect("a valid environment");
    let slack = slack.clone();
    // The stand-in's clock can be advanced; requests are signed with it.
    let gateway = Gateway::new(&config, Clock::of(move || slack.now())).expect("a Redis address");
    let metrics = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("the loopback address has a free port");
    let url = format!("http://{}", listener.local_addr().expect("a bound address"));
    let acceptor = TcpAcceptor::from_tokio(listener).expect("a bound address");
    let serving = tokio::spawn(async move {
        let _ = Server::new_with_acceptor(acceptor).run(routes(Arc::new(gateway), metrics)).await;
    });
    (url, serving)
}

/// A worker that is not running by itself yet.
pub async fn start_worker(slack: &SlackStandIn, settings: &Settings, waits: Waits) -> Arc<Worker> {
    let config = Config::from_env(Env::from_pairs(settings.variables(slack))).expect("a valid environment");
    Arc::new(Worker::start(&Config { waits, ..config }).await.expect("both servers answer"))
}
