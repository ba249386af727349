//! Real workers, killed and stopped at the worst moments: whatever happens, an acknowledged ticket is one ticket with one
//! card, one notice and one direct message.

use std::time::{Duration, Instant};

use harness::actor::Upload;
use harness::desk::{ADMIN, SOON, Settings, TICKETS};
use harness::processes::Program;
use harness::servers::{PrivateRedis, redis_command};
use harness::slack::files::TINY_PNG;
use harness::slack::{Call, Fault, On, SlackStandIn, World};
use sqlx::{AssertSqlSafe, PgPool};

/// Recovery of what a dead worker held, with its search in the history.
pub(crate) const RECOVERY: Duration = Duration::from_secs(30);

pub(crate) struct Site {
    pub(crate) slack: SlackStandIn,
    settings: Settings,
    pub(crate) db: PgPool,
    gateway: Program,
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::start_with(Settings::private().await).await
    }

    async fn start_with(settings: Settings) -> Self {
        let slack = SlackStandIn::start().await;
        let gateway = Program::gateway(&slack, &settings).await;
        slack.set_gateway(gateway.url());
        let db = PgPool::connect_lazy(&settings.database_url).expect("a PostgreSQL address");
        Self { slack, settings, db, gateway }
    }

    pub(crate) async fn worker(&self) -> Program {
        Program::worker(&self.slack, &self.settings).await
    }

    /// Opens the form, fills it, submits it; answers whether it was acknowledged.
    pub(crate) async fn submit(&self, user: &str, details: &str) -> bool {
        self.submit_with(user, details, Vec::new()).await
    }

    /// The same with files. Asks again where the form doesn't open, as a person would: a trigger that a killed worker
    /// held is too old for the next one.
    async fn submit_with(&self, user: &str, details: &str, files: Vec<Upload>) -> bool {
        let person = self.slack.person(user);
        let _ = person.close_all().await;
        let is_form = |world: &World| world.top_view(user).filter(|view| view.title["text"] == "New ticket").map(drop);
        for _ in 0..3 {
            assert!(person.command("/new-ticket", "").await.is_ok());
            if self.slack.try_wait_for(SOON / 2, is_form).await.is_some() {
                break;
            }
        }
        crate::road::fill_form(&person, details);
        if !files.is_empty() {
            person.fill("Screenshots", files).expect("the form takes files");
        }
        person.submit().await.expect("filled").is_ok()
    }

    async fn count(&self, query: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_one(&self.db).await.unwrap_or(-1)
    }

    /// Waits, looking every few milliseconds, until a query answers `expected`.
    pub(crate) async fn until(&self, query: &str, expected: i64, within: Duration) {
        let started = Instant::now();
        while self.count(query).await != expected {
            assert!(started.elapsed() < within, "{query} is {}\n{}", self.count(query).await, self.slack.dump());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Lets time pass for the outbox and for Slack.
    pub(crate) async fn elapse(&self, time: Duration) {
        self.slack.advance(time);
        let shift = "UPDATE outbox SET due_at = due_at - $1, started_at = started_at - $1, ambiguous_since = ambiguous_since - $1";
        sqlx::query(shift).bind(time).execute(&self.db).await.expect("the outbox can be changed");
    }

    /// `n` tickets, each shown once everywhere; nothing under way, nothing given up.
    pub(crate) async fn assert_all(&self, n: usize) {
        let shown = |world: &World| {
            let filed = world
                .users
                .keys()
                .map(|user| world.direct_messages(user).iter().filter(|m| m.all_text().contains("is filed")).count());
            // The tests' Redis is not set up to keep what it took, of which operators are told there too.
            let notices = world.messages_in(ADMIN).iter().filter(|m| m.text.starts_with("New ticket")).count();
            let cards = world.messages_in(TICKETS).iter().filter(|message| !message.is_reply()).count();
            (cards, notices, filed.sum::<usize>())
        };
        self.slack.wait_for(Duration::from_secs(90), |world| (shown(world) == (n, n, n)).then_some(())).await;
        // A count of alerts is brought up to date half a minute later.
        let open = "SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending', 'waiting') AND target NOT LIKE 'alert:%'";
        self.until(open, 0, RECOVERY).await;
        assert_eq!(self.slack.read(shown), (n, n, n), "cards, notices, direct messages: no duplicate");
        assert_eq!(self.count("SELECT count(*) FROM tickets").await, i64::try_from(n).expect("few"));
        assert_eq!(self.count("SELECT count(*) FROM dead_letters").await, 0);
        self.slack.assert_no_violations();
    }

    /// Waits until a statement of the worker's waits for a lock.
    pub(crate) async fn until_locked(&self) {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                       AND application_name = 'ticket-worker' AND wait_event_type = 'Lock'";
        self.until(waiting, 1, SOON).await;
    }
}

/// W1, W2: killed in the middle of the transaction.
#[tokio::test]
async fn a_job_of_a_killed_worker_is_taken_over_within_five_seconds() {
    let site = Site::start().await;
    let mut first = site.worker().await;
    let mut lock = site.db.begin().await.expect("a transaction");
    sqlx::query("LOCK TABLE tickets IN ACCESS EXCLUSIVE MODE").execute(&mut *lock).await.expect("locked");
    assert!(site.submit("U0AGENT1", "Killed in the middle").await);
    site.until_locked().await;
    let _second = site.worker().await;
    first.kill();
    let killed = Instant::now();
    lock.rollback().await.expect("released");
    site.until("SELECT count(*) FROM tickets", 1, SOON).await;
    assert!(killed.elapsed() < Duration::from_secs(5), "taken over after {:?}", killed.elapsed());
    site.assert_all(1).await;
}

/// W3: killed after the commit, before the acknowledgement.
#[tokio::test]
async fn a_worker_killed_between_commit_and_acknowledgement_leaves_one_effect() {
    let redis = PrivateRedis::start().await;
    let site = Site::start_with(Settings { redis_url: redis.url(), ..Settings::private().await }).await;
    let mut first = site.worker().await;
    let mut lock = site.db.begin().await.expect("a transaction");
    sqlx::query("LOCK TABLE tickets IN ACCESS EXCLUSIVE MODE").execute(&mut *lock).await.expect("locked");
    assert!(site.submit("U0AGENT1", "Committed, not acknowledged").await);
    site.until_locked().await;
    redis.command("CLIENT PAUSE 60000 WRITE").await.expect("paused");
    lock.rollback().await.expect("released");
    site.until("SELECT count(*) FROM tickets", 1, SOON).await;
    first.kill();
    redis.command("CLIENT UNPAUSE").await.expect("goes on");
    let _second = site.worker().await;
    site.assert_all(1).await;
    let stream = format!("XLEN {{{}}}:jobs:tickets", site.settings.stream_prefix);
    let started = Instant::now();
    while redis.command(&stream).await != Ok(redis::Value::Int(0)) {
        assert!(started.elapsed() < SOON, "the entry is never acknowledged");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// W4: killed before the post left.
#[tokio::test]
async fn a_post_that_never_left_a_killed_worker_is_posted_after_the_search() {
    let site = Site::start().await;
    let mut first = site.worker().await;
    let lost = site.slack.fault(On::next("chat.postMessage").channel(TICKETS), Fault::Hang);
    assert!(site.submit("U0AGENT1", "Never left").await);
    lost.reached(1, SOON).await;
    first.kill();
    lost.remove();
    let _second = site.worker().await;
    // The row is taken over and searched for three times before it is posted again.
    site.until("SELECT count(*) FROM outbox WHERE target = 'card:1' AND ambiguous_since IS NOT NULL", 1, SOON).await;
    site.elapse(Duration::from_secs(45)).await;
    site.assert_all(1).await;
    let of = |call: &Call, method: &str| call.method == method && call.channel() == Some(TICKETS);
    let calls = site.slack.calls();
    let posts: Vec<_> = calls.iter().filter(|call| of(call, "chat.postMessage")).collect();
    assert_eq!(posts.len(), 2, "the lost one and the one after the search");
    let looks = calls.iter().filter(|call| of(call, "conversations.history") && call.number < posts[1].number);
    assert!(looks.count() >= 3, "{}", site.slack.dump());
}

/// W5: killed after Slack had posted, before it was recorded.
#[tokio::test]
async fn a_post_that_a_killed_worker_did_not_record_is_found_and_adopted() {
    let site = Site::start().await;
    let mut first = site.worker().await;
    let held = site.slack.fault(On::next("chat.postMessage").channel(TICKETS), Fault::HoldAfter);
    assert!(site.submit("U0AGENT1", "Posted, not recorded").await);
    held.reached(1, SOON).await;
    first.kill();
    held.remove();
    let _second = site.worker().await;
    site.assert_all(1).await;
}

/// W6: stopped past its lease in the middle of a post, then continued.
#[tokio::test]
async fn a_worker_that_comes_back_from_the_dead_takes_its_duplicate_back() {
    let site = Site::start().await;
    let zombie = site.worker().await;
    let held = site.slack.fault(On::next("chat.postMessage").channel(TICKETS), Fault::HoldBefore);
    assert!(site.submit("U0AGENT1", "Twice for a moment").await);
    held.reached(1, SOON).await;
    let _second = site.worker().await;
    zombie.signal("STOP");
    // Its lease is not waited for: it must hear Slack's answer before it gives up its call.
    let lapse = "UPDATE outbox SET lease_until = now() WHERE target = 'card:1'";
    sqlx::query(lapse).execute(&site.db).await.expect("the lease lapses");
    site.until("SELECT count(*) FROM outbox WHERE target = 'card:1' AND ambiguous_since IS NOT NULL", 1, SOON).await;
    for looks in 1..=3 {
        site.elapse(Duration::from_secs(45)).await;
        let looked =
            format!("SELECT count(*) FROM outbox WHERE target = 'card:1' AND (looks >= {looks} OR state = 'sent')");
        site.until(&looked, 1, SOON).await;
    }
    site.until("SELECT count(*) FROM slack_messages WHERE target = 'card:1'", 1, SOON).await;
    held.release();
    zombie.signal("CONT");
    site.slack.wait_for_calls("chat.delete", 1, RECOVERY).await;
    site.assert_all(1).await;
}

/// W7: asked to stop under load.
#[tokio::test]
async fn a_worker_that_is_asked_to_stop_loses_nothing() {
    let site = Site::start().await;
    let mut first = site.worker().await;
    for n in 0..10 {
        assert!(site.submit("U0AGENT1", &format!("Number {n}")).await);
    }
    let code = first.stop(Duration::from_secs(10)).await;
    assert_eq!(code, Some(0));
    for lane in ["interactive", "tickets", "background"] {
        let ask = format!("XINFO CONSUMERS {{{}}}:jobs:{lane} workers", site.settings.stream_prefix);
        let consumers = redis_command(&site.settings.redis_url, &ask).await.expect("a group");
        assert!(!format!("{consumers:?}").contains(&format!("{}-", first.id())), "it has left {lane}: {consumers:?}");
    }
    assert_eq!(site.count("SELECT count(*) FROM outbox WHERE state = 'sending'").await, 0, "nothing is half done");
    let _second = site.worker().await;
    site.assert_all(10).await;
}

/// P1: PostgreSQL throws everybody out, again and again.
#[tokio::test]
async fn postgres_may_end_all_connections_at_any_time() {
    let site = Site::start().await;
    let _worker = site.worker().await;
    let admin =
        PgPool::connect_lazy(&std::env::var("TEST_DATABASE_URL").expect("set by bin/test")).expect("an address");
    let name: String = sqlx::query_scalar("SELECT current_database()").fetch_one(&site.db).await.expect("a name");
    let trouble = tokio::spawn(async move {
        for _ in 0..40 {
            let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name = 'ticket-worker'";
            let _ = sqlx::query(ended).bind(&name).execute(&admin).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    for n in 0..15 {
        assert!(site.submit("U0AGENT1", &format!("Number {n}")).await);
    }
    trouble.await.expect("no panic");
    site.assert_all(15).await;
}

/// 300 submissions from 20 people at once, three workers, one of them killed in the middle and replaced.
#[tokio::test]
async fn three_hundred_submissions_survive_a_killed_worker() {
    let site = Site::start().await;
    let users: Vec<String> = (0..20).map(|n| format!("U0CROWD{n:02}")).collect();
    site.slack.change(|world| {
        for user in &users {
            world.add_user(user, &user.to_lowercase(), "One of many");
        }
    });
    let mut workers = [site.worker().await, site.worker().await, site.worker().await];
    let site = std::sync::Arc::new(site);
    let crowd: Vec<_> = users
        .into_iter()
        .map(|user| {
            let site = std::sync::Arc::clone(&site);
            tokio::spawn(async move {
                for n in 0..15 {
                    let picture = Upload::new("secretpicture.png", TINY_PNG);
                    let files = if n == 7 { vec![picture] } else { Vec::new() };
                    assert!(site.submit_with(&user, &format!("SECRETTEXT number {n} of {user}"), files).await);
                }
            })
        })
        .collect();
    site.slack.wait_for(Duration::from_secs(60), |world| (world.messages_in(TICKETS).len() >= 100).then_some(())).await;
    workers[0].kill();
    workers[0] = site.worker().await;
    for person in crowd {
        person.await.expect("every submission was acknowledged");
    }
    site.assert_all(300).await;
    let shared = site.slack.read(|world| world.messages_in(TICKETS).iter().filter(|m| m.is_reply()).count());
    assert_eq!(shared, 20, "each picture stands once in its card's thread");
    // Debug builds are larger; release builds are measured by bin/bench.
    let memory: Vec<f64> = workers.iter().map(Program::resident_mib).collect();
    assert!(site.gateway.resident_mib() < 25.0, "gateway: {:.1} MiB", site.gateway.resident_mib());
    assert!(memory.iter().all(|mib| *mib < 60.0), "workers: {memory:.1?} MiB");
    let secrets = [
        site.slack.token(),
        site.slack.signing_secret(),
        "SECRETTEXT".to_owned(),
        "secretpicture".to_owned(),
        "/files-pri/".to_owned(),
        "/upload/".to_owned(),
        "/response/".to_owned(),
        "v0=".to_owned(),
    ];
    for log in workers.iter().map(Program::log).chain([site.gateway.log()]) {
        for secret in &secrets {
            assert!(!log.contains(secret), "{secret} in a log: {:?}", log.lines().find(|line| line.contains(secret)));
        }
    }
}
