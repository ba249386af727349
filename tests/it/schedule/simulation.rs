//! Workers that are killed at random points while a simulated clock goes on: every slot exactly once, every message
//! exactly once.
//!
//! Each worker has a runtime of its own; killing it ends all that it was doing wherever that was, in the middle of a
//! transaction or of a call, as SIGKILL does.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use common::env::Env;
use harness::desk::{ADMIN, Settings, TICKETS, test_waits};
use harness::slack::{SlackStandIn, World};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use sqlx::PgPool;
use tokio::runtime::Runtime;
use worker::config::Config;
use worker::context::Context;
use worker::delivery::Deliverer;
use worker::form::Form;
use worker::schedule::{Task, run, slots};

use super::at;

/// Clocks in Casablanca go back on February 15, 2026, and forward on March 22: both changes within eight weeks.
const EIGHT_WEEKS: (&str, &str) = ("2026-02-09T00:00:00Z", "2026-04-06T00:00:00Z");
/// The digests are due in the hour that clocks skip and repeat, the list around it.
const FORM: &str = "campaigns = ['a']\n[[issue_types]]\ngroup = 'g'\ntypes = ['t']\n[schedule]\n\
                    overdue = { hour = 2, minute = 30 }\npin-high-priority = { hour = '2,9' }\n";

/// A worker process, as far as the schedule and its messages go.
struct SimulatedWorker {
    runtime: Option<Runtime>,
    context: Arc<Context>,
    deliverer: Arc<Deliverer>,
}

impl SimulatedWorker {
    fn start(config: &Config) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let (context, deliverer) = {
            let _inside = runtime.enter();
            let context = Context::new(config).expect("a valid configuration");
            (Arc::clone(&context), Arc::new(Deliverer::new(context)))
        };
        Self { runtime: Some(runtime), context, deliverer }
    }

    /// Looks for due slots and delivers. A worker with a `life` is dead afterwards: killed in the midst of it if it takes
    /// longer than that, which is the answer, or else once it is done.
    async fn work(&mut self, now: DateTime<Utc>, life: Option<Duration>) -> bool {
        let (context, deliverer) = (Arc::clone(&self.context), Arc::clone(&self.deliverer));
        let runtime = self.runtime.as_ref().expect("it lives");
        let work = runtime.spawn(async move {
            run::tick(&context, Some(now)).await.expect("PostgreSQL answers");
            deliverer.reclaim().await.expect("PostgreSQL answers");
            deliverer.step().await.expect("PostgreSQL answers");
        });
        let Some(life) = life else {
            work.await.expect("it does not panic");
            return false;
        };
        let in_time = tokio::time::timeout(life, work).await;
        self.kill();
        in_time.map(|done| done.expect("it does not panic")).is_err()
    }

    fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for SimulatedWorker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Three workers on a database and a workspace of their own.
struct Simulation {
    random: StdRng,
    slack: SlackStandIn,
    db: PgPool,
    config: Config,
    workers: Vec<SimulatedWorker>,
    /// Workers that were killed, and those of them that were at work.
    kills: usize,
    interrupted: usize,
}

impl Simulation {
    async fn start(seed: u64, timezone: &str, form: Option<&str>) -> Self {
        let slack = SlackStandIn::start().await;
        let settings = Settings::private().await;
        let env = Env::from_pairs(settings.variables(&slack));
        let mut config = Config { waits: test_waits(), ..Config::from_env(env).expect("a valid environment") };
        config.timezone = timezone.parse().expect("a zone");
        if let Some(form) = form {
            config.form = Form::parse(form).expect("a valid form");
        }
        let db = PgPool::connect_lazy(&settings.database_url).expect("an address");
        let overdue = "INSERT INTO tickets (submitter, campaign, issue_type, priority, details, status, assignee, created_at, updated_at)
                       SELECT 'U0AGENT1', 'a', 't', 'medium', 'd', 'in_progress', 'U0SYS' || n, '2020-01-01', '2020-01-01'
                       FROM generate_series(1, 2) n";
        sqlx::query(overdue).execute(&db).await.expect("inserted");
        let workers = (0..3).map(|_| SimulatedWorker::start(&config)).collect();
        Self { random: StdRng::seed_from_u64(seed), slack, db, config, workers, kills: 0, interrupted: 0 }
    }

    /// All workers wake around this instant; where some of them are killed, one that lives looks once more.
    async fn pass(&mut self, slot: DateTime<Utc>, kill_one_in: u32) {
        let killed_before = self.kills;
        let mut lives = Vec::new();
        for _ in 0..self.workers.len() {
            let late = TimeDelta::milliseconds(self.random.random_range(0..20_000));
            let killed = self.random.random_ratio(1, kill_one_in);
            // Each order of magnitude alike, so that a quick machine's workers are met at work as a slow one's are.
            lives.push((
                late,
                killed.then(|| Duration::from_micros(2).mul_f64(self.random.random_range(5.0..14.0_f64).exp2())),
            ));
        }
        let works = self.workers.iter_mut().zip(lives).map(|(worker, (late, life))| worker.work(slot + late, life));
        self.interrupted +=
            futures_util::future::join_all(works).await.into_iter().filter(|in_midst| *in_midst).count();
        for worker in self.workers.iter_mut().filter(|worker| worker.runtime.is_none()) {
            self.kills += 1;
            *worker = SimulatedWorker::start(&self.config);
        }
        if self.kills > killed_before {
            self.workers[0].work(slot + TimeDelta::seconds(30), None).await;
        }
        self.settle().await;
    }

    /// Lets time pass until every message is delivered.
    async fn settle(&mut self) {
        let left = "SELECT count(*) FROM outbox WHERE state IN ('waiting', 'pending', 'sending')";
        for _ in 0..50 {
            let left: i64 = sqlx::query_scalar(left).fetch_one(&self.db).await.expect("counted");
            if left == 0 {
                return;
            }
            let by = Duration::from_secs(50);
            self.slack.advance(by);
            let shift =
                "UPDATE outbox SET due_at = due_at - $1, started_at = started_at - $1, created_at = created_at - $1,
                                lease_until = lease_until - $1, ambiguous_since = ambiguous_since - $1";
            sqlx::query(shift).bind(by).execute(&self.db).await.expect("shifted");
            let deliverer = Arc::clone(&self.workers[0].deliverer);
            let runtime = self.workers[0].runtime.as_ref().expect("it lives");
            let work = runtime.spawn(async move {
                deliverer.reclaim().await.expect("PostgreSQL answers");
                deliverer.step().await.expect("PostgreSQL answers");
            });
            work.await.expect("it does not panic");
        }
        panic!("a message is never delivered\n{}", self.slack.dump());
    }

    /// Every slot that came ran, once, and each has its messages.
    async fn assert_exactly_once(&self, passed: &[(Task, DateTime<Utc>)]) {
        for task in Task::ALL {
            let rows: Vec<(DateTime<Utc>, String)> =
                sqlx::query_as("SELECT slot, state FROM schedule_slots WHERE task = $1 ORDER BY slot")
                    .bind(task.as_str())
                    .fetch_all(&self.db)
                    .await
                    .expect("read");
            let came: Vec<_> =
                passed.iter().filter(|(t, _)| *t == task).map(|(_, slot)| (*slot, "ran".to_owned())).collect();
            assert_eq!(rows, came, "{}", task.as_str());
        }
        let came = |task| passed.iter().filter(|(t, _)| *t == task).count();
        let count = |world: &World, channel: &str, begin: &str| {
            world.messages_in(channel).iter().filter(|message| message.text.starts_with(begin)).count()
        };
        self.slack.read(|world| {
            assert_eq!(count(world, TICKETS, "Weekly summary"), came(Task::WeeklySummary), "weekly summaries");
            assert_eq!(count(world, ADMIN, "🕸️"), came(Task::Stale), "stale reports");
            for user in ["U0SYS1", "U0SYS2"] {
                assert_eq!(world.direct_messages(user).len(), came(Task::Overdue), "digests of {user}");
            }
            assert_eq!(count(world, TICKETS, "📌"), 1, "one list");
            assert_eq!(world.pinned_in(TICKETS).len(), 1, "one pin");
        });
        self.slack.assert_no_violations();
    }
}

/// The slots of all tasks between two instants, in order.
fn slots_between(config: &Config, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<(Task, DateTime<Utc>)> {
    let mut all = Vec::new();
    for task in Task::ALL {
        let mut now = from;
        while let Some(slot) = slots::next(config.form.timetable.rule(task), config.timezone, now).filter(|s| *s < to) {
            all.push((task, slot));
            now = slot;
        }
    }
    all.sort_by_key(|(_, slot)| *slot);
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_weeks_with_both_changes_of_clocks_and_workers_that_are_killed() {
    let (mut kills, mut interrupted) = (0, 0);
    for seed in 0..8 {
        let mut simulation = Simulation::start(seed, "Africa/Casablanca", Some(FORM)).await;
        let (from, to) = (at(EIGHT_WEEKS.0), at(EIGHT_WEEKS.1));
        simulation.workers[0].work(from, None).await;
        let passed = slots_between(&simulation.config, from, to);
        assert_eq!(passed.iter().filter(|(task, _)| *task == Task::WeeklySummary).count(), 8);
        assert_eq!(
            passed.iter().filter(|(task, _)| *task == Task::Overdue).count(),
            56,
            "once a day, whatever clocks do"
        );
        let mut instants: Vec<_> = passed.iter().map(|(_, slot)| *slot).collect();
        instants.dedup();
        for slot in instants {
            simulation.pass(slot, 12).await;
        }
        simulation.assert_exactly_once(&passed).await;
        kills += simulation.kills;
        interrupted += simulation.interrupted;
    }
    assert!(interrupted * 4 > kills, "only {interrupted} of {kills} kills met a worker at work");
}

/// Two hundred Mondays, nine o'clock; half of the workers die each time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_due_instants_at_which_half_of_the_workers_die() {
    let mut simulation = Simulation::start(1000, "America/New_York", None).await;
    let mut passed = Vec::new();
    let rule = *simulation.config.form.timetable.rule(Task::WeeklySummary);
    let mut monday = at("2026-01-01T00:00:00Z");
    for seed in 0..200 {
        simulation.random = StdRng::seed_from_u64(seed);
        monday = slots::next(&rule, simulation.config.timezone, monday).expect("another Monday");
        // Known since the minute before, so that nothing else is due.
        let known = "INSERT INTO schedule_tasks (task, since) SELECT task, $2 FROM unnest($1::text[]) AS t (task)
                     ON CONFLICT (task) DO UPDATE SET since = excluded.since";
        sqlx::query(known)
            .bind(Task::ALL.map(Task::as_str))
            .bind(monday - TimeDelta::minutes(1))
            .execute(&simulation.db)
            .await
            .expect("known");
        simulation.pass(monday, 2).await;
        passed.extend(Task::ALL.map(|task| (task, monday)));
    }
    simulation.assert_exactly_once(&passed).await;
    let (kills, interrupted) = (simulation.kills, simulation.interrupted);
    assert!(interrupted * 4 > kills, "only {interrupted} of {kills} kills met a worker at work");
}
