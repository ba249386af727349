//! Every slot runs once, on any number of workers; what was missed runs where it is still worth it.

use harness::desk::Desk;
use harness::processes::Program;
use harness::slack::SlackStandIn;
use worker::schedule::Task;
use worker::schedule::run::tick;

use super::{at, tick_at};

/// What ran at this instant, by name; skipped ones in parentheses.
async fn ran(desk: &Desk, now: &str) -> Vec<String> {
    let ran = tick_at(desk, now).await;
    ran.iter()
        .map(|ran| if ran.skipped { format!("({})", ran.task.as_str()) } else { ran.task.as_str().to_owned() })
        .collect()
}

#[tokio::test]
async fn slots_run_once_when_they_are_due() {
    let desk = Desk::start().await;
    // The very first start catches nothing up, whatever day it is.
    assert!(ran(&desk, "2026-11-23T13:59:30Z").await.is_empty());
    assert_eq!(ran(&desk, "2026-11-23T14:00:00Z").await, ["weekly-summary", "overdue", "stale", "pin-high-priority"]);
    assert!(ran(&desk, "2026-11-23T14:00:02Z").await.is_empty());
    assert_eq!(ran(&desk, "2026-11-23T15:00:01Z").await, ["pin-high-priority"]);
    assert_eq!(ran(&desk, "2026-11-24T14:00:00Z").await, ["overdue", "stale", "pin-high-priority"]);
    assert_eq!(
        desk.count(
            "SELECT missed::bigint FROM schedule_slots WHERE task = 'pin-high-priority' ORDER BY slot DESC LIMIT 1"
        )
        .await,
        22
    );
    desk.drain().await;
    desk.finish().await;
}

#[tokio::test]
async fn what_was_missed_runs_on_its_own_day_and_is_skipped_afterwards() {
    let desk = Desk::start().await;
    ran(&desk, "2026-11-20T12:00:00Z").await;
    // Down from Friday to Monday evening: the day's reports come late, the list once.
    assert_eq!(ran(&desk, "2026-11-24T04:00:00Z").await, ["weekly-summary", "overdue", "stale", "pin-high-priority"]);
    let missed = "SELECT missed::bigint FROM schedule_slots WHERE task = 'overdue'";
    assert_eq!(desk.count(missed).await, 3, "Friday, Saturday, Sunday");
    // Down again until after midnight: yesterday's reports are not worth it any more.
    assert_eq!(ran(&desk, "2026-11-26T05:30:00Z").await, ["(overdue)", "(stale)", "pin-high-priority"]);
    assert_eq!(ran(&desk, "2026-11-26T14:00:00Z").await, ["overdue", "stale", "pin-high-priority"]);
    desk.drain().await;
    desk.finish().await;
}

/// T1: eight workers at once.
#[tokio::test]
async fn eight_workers_at_the_same_slot_run_it_once() {
    let desk = Desk::start().await;
    tick_at(&desk, "2026-11-23T13:59:00Z").await;
    let now = Some(at("2026-11-23T14:00:00Z"));
    let ticks = (0..8).map(|_| tick(desk.worker.context(), now));
    let ran: Vec<_> =
        futures_util::future::join_all(ticks).await.into_iter().flat_map(|ran| ran.expect("ran")).collect();
    for task in Task::ALL {
        assert_eq!(ran.iter().filter(|ran| ran.task == task).count(), 1, "{}", task.as_str());
    }
    desk.drain().await;
    desk.finish().await;
}

#[tokio::test]
async fn a_task_whose_transaction_fails_leaves_its_slot_to_the_next_tick() {
    let desk = Desk::start().await;
    tick_at(&desk, "2026-11-23T13:59:00Z").await;
    // The summary can't be asked for, the others can.
    let broken = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$";
    sqlx::query(broken).execute(&desk.db).await.expect("created");
    let trigger = "CREATE TRIGGER refuse BEFORE INSERT ON outbox FOR EACH ROW WHEN (NEW.target LIKE 'weekly%') EXECUTE FUNCTION refuse()";
    sqlx::query(trigger).execute(&desk.db).await.expect("created");
    assert_eq!(ran(&desk, "2026-11-23T14:00:00Z").await, ["overdue", "stale", "pin-high-priority"]);
    assert_eq!(desk.count("SELECT count(*) FROM schedule_slots WHERE task = 'weekly-summary'").await, 0);
    sqlx::query("DROP TRIGGER refuse ON outbox").execute(&desk.db).await.expect("dropped");
    assert_eq!(ran(&desk, "2026-11-23T14:00:02Z").await, ["weekly-summary"]);
    desk.drain().await;
    desk.finish().await;
}

/// Two processes that are started in the same second at a due slot.
#[tokio::test]
async fn two_processes_started_at_a_due_slot_send_one_message() {
    let slack = SlackStandIn::start().await;
    let mut settings = harness::desk::Settings::private().await;
    let folder = tempfile::tempdir().expect("a folder");
    let form = folder.path().join("form.toml");
    // The summary is due all day, so that this very minute it is.
    let text = "campaigns = ['a']\n[[issue_types]]\ngroup = 'g'\ntypes = ['t']\n[schedule]\nweekly-summary = { hour = 0, weekday = '*' }\n";
    std::fs::write(&form, text).expect("written");
    settings.more =
        vec![("TICKET_FORM".to_owned(), form.display().to_string()), ("TIMEZONE".to_owned(), "UTC".to_owned())];
    let db = sqlx::PgPool::connect_lazy(&settings.database_url).expect("an address");
    let known = "INSERT INTO schedule_tasks (task, since) VALUES ('weekly-summary', now() - interval '3 days')";
    sqlx::query(known).execute(&db).await.expect("inserted");
    let (_first, _second) = tokio::join!(Program::worker(&slack, &settings), Program::worker(&slack, &settings));
    let summaries = |world: &harness::slack::World| {
        world.messages_in(harness::desk::TICKETS).iter().filter(|m| m.text.starts_with("Weekly summary")).count()
    };
    slack.wait_for(harness::desk::SOON, |world| (summaries(world) > 0).then_some(())).await;
    let sent: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE target LIKE 'weekly_summary:%'")
        .fetch_one(&db)
        .await
        .expect("counted");
    assert_eq!((sent, slack.read(summaries)), (1, 1));
    slack.assert_no_violations();
}
