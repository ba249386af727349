//! A worker that is asked to stop (FAULTS.md W7): it takes nothing more, finishes or hands back, and ends in time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use harness::desk::{Desk, SOON, Settings, start_worker, test_waits};
use harness::processes::Program;
use harness::proxy::Proxy;
use harness::slack::{Fault, On, SlackStandIn};
use tokio_util::sync::CancellationToken;
use worker::config::Waits;

use crate::filing::wait_until_done;
use crate::load::{eventually, filed, settle, submit, template};

/// The forms exist only in payloads: nobody waits for their confirmations.
async fn forget_modals(desk: &Desk) {
    sqlx::query("UPDATE outbox SET created_at = created_at - interval '1 min' WHERE target LIKE 'confirmation:%'")
        .execute(&desk.db)
        .await
        .unwrap();
}

/// A desk whose worker does one job at a time.
async fn narrow_desk(waits: Waits) -> Desk {
    let more = vec![("WORKER_CONCURRENCY".to_owned(), "1".to_owned())];
    let settings = Settings { more, ..Settings::private().await };
    Desk::start_with(SlackStandIn::start().await, settings, waits).await
}

#[tokio::test]
async fn what_comes_while_a_worker_stops_is_another_ones_at_once() {
    let mut desk = Desk::start().await;
    let (ana, ben) = (desk.slack.person("U0AGENT1"), desk.slack.person("U0AGENT2"));
    // Its reads would block for long, and what it does takes long.
    let (long, stop) = (Duration::from_secs(10), CancellationToken::new());
    let waits = Waits { block: long, slack_view: long, ..test_waits() };
    let stopping = start_worker(&desk.slack, &desk.settings, waits).await;
    let stopping = tokio::spawn(stopping.run(stop.clone()));
    let held = desk.slack.fault(On::next("views.open"), Fault::HoldBefore);
    assert!(ana.command("/new-ticket", "").await.is_ok());
    held.reached(1, SOON).await;
    stop.cancel();
    assert!(ben.command("/new-ticket", "").await.is_ok());
    desk.run();
    desk.slack.wait_for(SOON, |world| world.top_view("U0AGENT2").map(drop)).await;
    assert!(!stopping.is_finished(), "it finishes what it has begun");
    held.release();
    desk.slack.wait_for(SOON, |world| world.top_view("U0AGENT1").map(drop)).await;
    tokio::time::timeout(SOON, stopping).await.expect("it ends").expect("without a panic");
    wait_until_done(&desk, SOON).await;
    desk.finish().await;
}

#[tokio::test]
async fn a_worker_ends_in_time_though_postgres_does_not_answer() {
    let settings = Settings::private().await;
    let (before_port, rest) = settings.database_url.rsplit_once(':').expect("a port");
    let (port, path) = rest.split_once('/').expect("a database");
    let proxy = Proxy::start(port.parse().expect("a number")).await;
    let through = format!("{before_port}:{}/{path}", proxy.port());
    let mut desk = Desk::start_with(SlackStandIn::start().await, settings.clone(), test_waits()).await;
    let form = template(&desk).await;
    let more = vec![("WORKER_CONCURRENCY".to_owned(), "2".to_owned())];
    let behind = Settings { database_url: through, more, ..settings };
    let mut worker = Program::worker(&desk.slack, &behind).await;
    proxy.swallow_answers(true);
    for n in 0..6 {
        assert!(submit(&desk, &form, n).await.is_ok());
    }
    let read = async || desk.redis(&format!("XPENDING {} workers", desk.stream("tickets"))).await;
    eventually("it has begun", async || !format!("{:?}", read().await).contains("Int(0)")).await;
    assert_eq!(worker.stop(Duration::from_secs(20)).await, Some(0));
    desk.run();
    eventually("others file it", async || filed(&desk).await.len() == 6).await;
    forget_modals(&desk).await;
    // What the worker could not write down any more is looked for.
    settle(desk).await;
}

#[tokio::test]
async fn a_single_permit_is_enough_for_what_dead_workers_left() {
    let mut desk = narrow_desk(test_waits()).await;
    let form = template(&desk).await;
    assert!(submit(&desk, &form, 1).await.is_ok());
    let stream = desk.stream("tickets");
    desk.redis(&format!("XREADGROUP GROUP workers ghost COUNT 1 STREAMS {stream} >")).await;
    desk.run();
    eventually("it is filed", async || filed(&desk).await == [1]).await;
    forget_modals(&desk).await;
    wait_until_done(&desk, SOON).await;
    desk.finish().await;
}

/// How long ago the lease of each entry that is under way was renewed.
async fn idle(desk: &Desk) -> Vec<i64> {
    let pending = desk.redis(&format!("XPENDING {} workers - + 10", desk.stream("tickets"))).await;
    let redis::Value::Array(pending) = pending else { panic!("XPENDING answered {pending:?}") };
    let idle = pending.into_iter().map(|entry| match entry {
        redis::Value::Array(facts) => match facts[2] {
            redis::Value::Int(idle) => idle,
            _ => panic!("idle is no number"),
        },
        _ => panic!("an entry is no list"),
    });
    idle.collect()
}

#[tokio::test]
async fn what_was_read_and_waits_for_a_permit_keeps_its_lease() {
    // The read that the worker begins with blocks until the second comes.
    let waits = Waits { lease: Duration::from_secs(1), block: Duration::from_secs(30), ..test_waits() };
    let mut desk = narrow_desk(waits).await;
    let form = template(&desk).await;
    let mut lock = desk.db.begin().await.unwrap();
    sqlx::query("LOCK TABLE tickets IN ACCESS EXCLUSIVE MODE").execute(&mut *lock).await.unwrap();
    // One of a dead worker, taken over while a read blocks; that read brings another.
    assert!(submit(&desk, &form, 1).await.is_ok());
    let stream = desk.stream("tickets");
    desk.redis(&format!("XREADGROUP GROUP workers ghost COUNT 1 STREAMS {stream} >")).await;
    desk.run();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                   AND application_name = 'ticket-worker' AND wait_event_type = 'Lock'";
    eventually("the first runs", async || desk.count(waiting).await == 1).await;
    assert!(submit(&desk, &form, 2).await.is_ok());
    eventually("the second was read", async || idle(&desk).await.len() == 2).await;
    let newest = AtomicI64::new(0);
    let renewed = async || {
        let idle = idle(&desk).await[1];
        idle < newest.swap(idle, Ordering::SeqCst)
    };
    eventually("its lease is renewed", renewed).await;
    lock.rollback().await.unwrap();
    eventually("both are filed", async || filed(&desk).await == [1, 2]).await;
    forget_modals(&desk).await;
    wait_until_done(&desk, SOON).await;
    desk.finish().await;
}
