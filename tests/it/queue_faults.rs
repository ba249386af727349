//! Jobs that can't succeed are given up after a few tries, with their bytes and the reason, and without holding anybody up
//! (FAULTS.md W10); and a commit whose outcome is not known takes effect once (P5).

use std::time::{Duration, Instant};

use common::slack_id::{ChannelId, UserId};
use common::ticket::TicketNumber;
use harness::desk::{Desk, SOON, Settings, TICKETS, test_waits};
use harness::proxy::Proxy;
use harness::slack::{Fault, On, SlackStandIn};
use redis::Value;
use serde_json::json;
use sqlx::PgConnection;
use worker::db::outbox::{self, Claimed, Recorded, Wish};
use worker::delivery::Target;

use crate::filing::{alerts, assert_filed_once, carry_on, open_deliveries, submit, wait_until_done};
use crate::road::{fill_form, open_form};

/// From now on PostgreSQL refuses tickets whose details name poison.
async fn refuse_poison(desk: &Desk) {
    for statement in [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION 'this ticket is poison'; END $$",
        "CREATE TRIGGER refuse BEFORE INSERT ON tickets FOR EACH ROW
         WHEN (NEW.details LIKE '%poison%') EXECUTE FUNCTION refuse()",
    ] {
        sqlx::query(statement).execute(&desk.db).await.unwrap();
    }
}

async fn reason(desk: &Desk) -> String {
    desk.text("SELECT reason FROM dead_letters").await
}

#[tokio::test]
async fn a_job_that_always_fails_is_buried_and_its_neighbours_are_done_meanwhile() {
    let mut desk = Desk::start().await;
    refuse_poison(&desk).await;
    let (ana, ben) = (desk.slack.person("U0AGENT1"), desk.slack.person("U0AGENT2"));
    submit(&desk, &ana, "This is poison, but please read it.").await;
    submit(&desk, &ben, "A neighbour.").await;
    let payload = ben.last_payload().unwrap();
    for n in 1..50 {
        let mut neighbour = payload.clone();
        neighbour["view"]["id"] = json!(format!("V9{n:07}"));
        assert!(ben.send_payload(&neighbour).await.is_ok());
    }
    desk.run();
    let begun = Instant::now();
    while desk.count("SELECT count(*) FROM tickets").await < 50 || desk.queued().await > 0 {
        assert!(begun.elapsed() < SOON, "the neighbours wait\n{}", desk.slack.dump());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let reason = reason(&desk).await;
    assert!(reason.contains("failed 5 times") && reason.contains("this ticket is poison"), "{reason}");
    let kept = desk.text("SELECT convert_from(entry, 'UTF8') FROM dead_letters").await;
    assert!(kept.contains("please read it") && kept.contains("file_ticket.v1"), "its bytes are kept");
    let told = desk.slack.wait_for(SOON, |world| world.direct_messages("U0AGENT1").first().map(|m| m.all_text())).await;
    assert!(told.contains("could not be filed") && told.contains("please read it"), "{told}");
    // The neighbours' modals never were: their confirmations give up.
    sqlx::query("UPDATE outbox SET created_at = created_at - interval '1 min' WHERE target LIKE 'confirmation:%'")
        .execute(&desk.db)
        .await
        .unwrap();
    wait_until_done(&desk, Duration::from_secs(20)).await;
    assert_eq!(alerts(&desk).len(), 1, "an operator is told once");
    desk.finish_with_dead_letters(1).await;
}

/// An entry that a dead worker had read, and others before it.
async fn entry_of_dead_workers(desk: &Desk, deliveries: u32) {
    let stream = desk.stream("tickets");
    desk.redis(&format!("XREADGROUP GROUP workers ghost COUNT 1 STREAMS {stream} >")).await;
    let Value::Array(pending) = desk.redis(&format!("XPENDING {stream} workers - + 1 ghost")).await else {
        panic!("nothing is pending")
    };
    let Some(Value::Array(entry)) = pending.first() else { panic!("nothing is pending") };
    let Value::BulkString(id) = &entry[0] else { panic!("an entry has an id") };
    let id = String::from_utf8_lossy(id);
    let claim = format!("XCLAIM {stream} workers ghost 0 {id} IDLE 60000 RETRYCOUNT {deliveries} JUSTID");
    desk.redis(&claim).await;
}

#[tokio::test]
async fn a_job_whose_processes_died_is_run_alone_once_more_and_may_succeed() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    submit(&desk, &ana, "A crash storm.").await;
    entry_of_dead_workers(&desk, 7).await;
    desk.worker.reclaim().await.unwrap();
    carry_on(&desk).await;
    assert_filed_once(&desk, &ana, 0).await;
    desk.finish().await;
}

#[tokio::test]
async fn a_job_whose_process_died_running_it_alone_is_buried() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    submit(&desk, &ana, "A killer.").await;
    entry_of_dead_workers(&desk, 7).await;
    // What the process that ran it alone had written down before it died.
    sqlx::query("INSERT INTO job_attempts (job_id, ran_alone) SELECT $1, true")
        .bind(format!("submission:{}", ana.view().unwrap().id))
        .execute(&desk.db)
        .await
        .unwrap();
    desk.worker.reclaim().await.unwrap();
    carry_on(&desk).await;
    assert_eq!(desk.count("SELECT count(*) FROM tickets").await, 0);
    assert!(reason(&desk).await.contains("processes died with it"), "{}", reason(&desk).await);
    assert!(ana.direct_messages()[0].all_text().contains("A killer."), "{}", desk.slack.dump());
    desk.finish_with_dead_letters(1).await;
}

#[tokio::test]
async fn a_suspect_that_merely_fails_has_its_usual_tries() {
    let desk = Desk::start().await;
    refuse_poison(&desk).await;
    let ana = desk.slack.person("U0AGENT1");
    submit(&desk, &ana, "Only poison.").await;
    entry_of_dead_workers(&desk, 7).await;
    desk.worker.reclaim().await.unwrap();
    while desk.queued().await > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    carry_on(&desk).await;
    assert!(reason(&desk).await.starts_with("failed 5 times"), "{}", reason(&desk).await);
    desk.finish_with_dead_letters(1).await;
}

/// A desk whose way to PostgreSQL can be cut.
async fn desk_behind_a_proxy() -> (Desk, Proxy) {
    let settings = Settings::private().await;
    let (before_port, rest) = settings.database_url.rsplit_once(':').expect("a port");
    let (port, path) = rest.split_once('/').expect("a database");
    let proxy = Proxy::start(port.parse().expect("a number")).await;
    let through = format!("{before_port}:{}/{path}", proxy.port());
    let settings = Settings { database_url: through, ..settings };
    (Desk::start_with(SlackStandIn::start().await, settings, test_waits()).await, proxy)
}

/// P5: the connection is lost in the commit, before PostgreSQL gets it and after.
#[tokio::test]
async fn a_commit_whose_outcome_is_not_known_makes_one_ticket() {
    for after in [false, true] {
        let (mut desk, proxy) = desk_behind_a_proxy().await;
        let ana = desk.slack.person("U0AGENT1");
        open_form(&desk, &ana).await;
        fill_form(&ana, "Committed or not?");
        proxy.cut_once_on(b"COMMIT", after);
        desk.run();
        assert!(ana.submit().await.expect("sent").is_ok());
        desk.slack.wait_for(6 * SOON, |world| (world.direct_messages("U0AGENT1").len() == 1).then_some(())).await;
        assert_eq!(proxy.cuts(), 1, "the commit's connection was lost");
        assert_eq!(desk.count("SELECT count(*) FROM tickets").await, 1);
        desk.finish().await;
    }
}

#[tokio::test]
async fn a_post_whose_record_has_an_unknown_outcome_is_neither_doubled_nor_searched_for() {
    for arrives in [false, true] {
        let (desk, proxy) = desk_behind_a_proxy().await;
        let ana = desk.slack.person("U0AGENT1");
        let held = desk.slack.fault(On::next("chat.postMessage").channel(TICKETS), Fault::HoldAfter);
        submit(&desk, &ana, "Recorded or not?").await;
        let cut = async {
            held.reached(1, SOON).await;
            // The others are through before the card's record is written.
            while open_deliveries(&desk).await > 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            proxy.cut_once_on(b"COMMIT", arrives);
            held.release();
        };
        tokio::join!(desk.drain(), cut);
        carry_on(&desk).await;
        assert_eq!(proxy.cuts(), 1);
        assert_eq!(desk.slack.count("conversations.history"), 0, "written down at the second try");
        assert_filed_once(&desk, &ana, 0).await;
        desk.finish().await;
    }
}

/// The row that wants this, taken up.
async fn claimed(db: &mut PgConnection, target: &Target) -> Claimed {
    outbox::insert(db, &[Wish::new(target.clone())]).await.unwrap();
    outbox::claim(db, 1, Duration::from_secs(3)).await.unwrap().pop().unwrap()
}

#[tokio::test]
async fn news_whose_record_had_no_answer_are_not_taken_for_a_duplicate() {
    let desk = Desk::start().await;
    let (channel, user) = (ChannelId::parse("D0ANA").unwrap(), UserId::parse("U0AGENT1").unwrap());
    let target = Target::News { ticket: TicketNumber::new(1).unwrap(), user };
    let mut db = desk.db.acquire().await.unwrap();
    for ts in ["1.000001", "2.000002"] {
        let row = claimed(&mut db, &target).await;
        for _ in 0..2 {
            let recorded = outbox::mark_posted(&mut db, &row, &channel, ts, None, &[]).await.unwrap();
            assert_eq!(recorded, Recorded::Kept, "{ts}");
        }
    }
    drop(db);
    desk.finish().await;
}

#[tokio::test]
async fn a_message_that_is_found_after_its_lease_is_leased_again() {
    let desk = Desk::start().await;
    let channel = ChannelId::parse(TICKETS).unwrap();
    let mut db = desk.db.acquire().await.unwrap();
    let row = claimed(&mut db, &Target::Card(TicketNumber::new(1).unwrap())).await;
    sqlx::query("UPDATE outbox SET lease_until = now() - interval '1 s'").execute(&mut *db).await.unwrap();
    assert_eq!(outbox::reclaim(&mut db, Duration::ZERO).await.unwrap(), 1);
    let lease = Some(Duration::from_secs(3));
    assert_eq!(outbox::mark_posted(&mut db, &row, &channel, "1.000001", lease, &[]).await.unwrap(), Recorded::Kept);
    // Whoever found it dies now.
    sqlx::query("UPDATE outbox SET lease_until = lease_until - interval '1 min'").execute(&mut *db).await.unwrap();
    assert_eq!(outbox::reclaim(&mut db, Duration::ZERO).await.unwrap(), 1, "others take it up");
    sqlx::query("DELETE FROM outbox").execute(&mut *db).await.unwrap();
    drop(db);
    desk.finish().await;
}

#[tokio::test]
async fn names_of_dead_workers_do_not_stay_for_ever() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    submit(&desk, &ana, "Left behind.").await;
    entry_of_dead_workers(&desk, 1).await;
    let stream = desk.stream("tickets");
    desk.redis(&format!("XGROUP CREATECONSUMER {stream} workers killed")).await;
    let names = async || format!("{:?}", desk.redis(&format!("XINFO CONSUMERS {stream} workers")).await);
    desk.worker.consumer().forget_idle(SOON).await.unwrap();
    assert!(names().await.contains("killed"), "it may live yet");
    desk.worker.consumer().forget_idle(Duration::ZERO).await.unwrap();
    let left = names().await;
    assert!(!left.contains("killed") && left.contains("ghost"), "what it had is not forgotten: {left}");
    desk.worker.reclaim().await.unwrap();
    carry_on(&desk).await;
    assert_filed_once(&desk, &ana, 0).await;
    desk.finish().await;
}

/// A process that is stopped inside a transaction keeps its rows locked (FAULTS.md W6): what else it left is taken over
/// all the same.
#[tokio::test]
async fn rows_that_a_stopped_process_has_locked_hold_up_no_other_one() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    submit(&desk, &ana, "Left behind.").await;
    carry_on(&desk).await;
    for left in [
        "UPDATE outbox SET state = 'sending', started_at = now(), lease_until = now() - interval '1 s', settled_at = NULL
         WHERE target IN ('card:1', 'filed:1')",
        "UPDATE outbox SET state = 'waiting', waits_for = 'card:1', settled_at = NULL WHERE target = 'notice:1'",
    ] {
        sqlx::query(left).execute(&desk.db).await.expect("left");
    }
    let mut stopped = desk.db.begin().await.expect("a connection");
    let locked = "SELECT FROM outbox WHERE target IN ('card:1', 'notice:1') FOR UPDATE";
    sqlx::query(locked).execute(&mut *stopped).await.expect("locked");
    desk.worker.reclaim().await.expect("it passes over them");
    let left = "SELECT string_agg(target || ' ' || state, ', ' ORDER BY target) FROM outbox
                WHERE target IN ('card:1', 'filed:1', 'notice:1')";
    assert_eq!(desk.text(left).await, "card:1 sending, filed:1 pending, notice:1 waiting");
    stopped.rollback().await.expect("ended");
    desk.worker.reclaim().await.expect("both servers answer");
    carry_on(&desk).await;
    assert_filed_once(&desk, &ana, 0).await;
    desk.finish().await;
}
