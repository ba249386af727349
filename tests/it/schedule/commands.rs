//! `worker run-task` and `worker schedule`, as an operator or an outside cron calls them.

use harness::desk::{ADMIN, Desk, TICKETS};
use harness::processes::Program;

use super::{Standing, stand};

fn run(desk: &Desk, arguments: &[&str]) -> (bool, String) {
    Program::worker_command(&desk.settings.variables(&desk.slack), arguments)
}

fn summaries(desk: &Desk) -> usize {
    desk.slack.read(|world| world.messages_in(TICKETS).iter().filter(|m| m.text.starts_with("Weekly summary")).count())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_runs_its_current_slot_once_and_again_only_if_told() {
    let desk = Desk::start().await;
    let (fine, printed) = run(&desk, &["run-task", "weekly-summary", "--dry-run"]);
    assert!(
        fine && printed.contains("Would go to the ticket channel") && printed.contains("Weekly summary"),
        "{printed}"
    );
    assert_eq!(summaries(&desk), 0, "a dry run sends nothing");
    let (fine, printed) = run(&desk, &["run-task", "weekly-summary"]);
    assert!(fine && printed.contains("1 message is sent"), "{printed}");
    assert_eq!(summaries(&desk), 1);
    let (fine, printed) = run(&desk, &["run-task", "weekly-summary"]);
    assert!(fine && printed.contains("It has run already") && printed.contains("--again"), "{printed}");
    assert_eq!(summaries(&desk), 1);
    let (fine, printed) = run(&desk, &["run-task", "weekly-summary", "--again"]);
    assert!(fine && printed.contains("1 message is sent"), "{printed}");
    assert_eq!(summaries(&desk), 2);
    desk.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_calls_at_once_send_one_message() {
    let desk = Desk::start().await;
    let variables = desk.settings.variables(&desk.slack);
    let call = || {
        let variables = variables.clone();
        tokio::task::spawn_blocking(move || Program::worker_command(&variables, &["run-task", "weekly-summary"]))
    };
    let (first, second) = tokio::join!(call(), call());
    let (first, second) = (first.expect("ended"), second.expect("ended"));
    assert!(first.0 && second.0, "{first:?} {second:?}");
    assert_eq!(summaries(&desk), 1, "{first:?} {second:?}");
    desk.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pin_is_refreshed_each_time_and_reports_of_nothing_say_so() {
    let desk = Desk::start().await;
    for _ in 0..2 {
        let (fine, printed) = run(&desk, &["run-task", "pin-high-priority"]);
        assert!(fine && printed.contains("sent"), "{printed}");
    }
    let pinned = desk.slack.read(|world| world.pinned_in(TICKETS).iter().map(|m| m.edits).collect::<Vec<_>>());
    assert_eq!(pinned, [1], "posted, pinned, and updated once");
    for task in ["overdue", "stale"] {
        let (fine, printed) = run(&desk, &["run-task", task]);
        assert!(fine && printed.contains("nothing to send"), "{printed}");
    }
    assert!(desk.slack.read(|world| world.messages_in(ADMIN).is_empty()));
    desk.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_task_can_be_run_by_hand() {
    let desk = Desk::start().await;
    let old = Standing { priority: "high", status: "open", assignee: None, days_old: 20.0, days_quiet: 20.0 };
    stand(&desk, &old).await;
    stand(&desk, &Standing { assignee: Some("U0SYS1"), status: "in_progress", ..old }).await;
    let (fine, printed) = run(&desk, &["run-task", "overdue", "--dry-run"]);
    assert!(fine && printed.contains("a direct message to U0SYS1") && printed.contains("T002"), "{printed}");
    assert!(desk.slack.person("U0SYS1").direct_messages().is_empty());
    let (fine, printed) = run(&desk, &["run-task", "overdue"]);
    assert!(fine && printed.contains("2 messages are sent"), "{printed}");
    assert_eq!(desk.slack.person("U0SYS1").direct_messages().len(), 1);
    let (fine, printed) = run(&desk, &["run-task", "stale"]);
    assert!(fine && printed.contains("1 message is sent"), "{printed}");
    assert_eq!(desk.slack.read(|world| world.messages_in(ADMIN).len()), 2);
    desk.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_task_is_refused_with_the_names_that_there_are() {
    let desk = Desk::start().await;
    for arguments in [&["run-task", "daily"][..], &["run-task"], &["run-task", "stale", "--now"]] {
        let (fine, printed) = run(&desk, arguments);
        assert!(!fine, "{printed}");
    }
    let (_, printed) = run(&desk, &["run-task", "daily"]);
    for task in ["weekly-summary", "overdue", "stale", "pin-high-priority"] {
        assert!(printed.contains(task), "{printed}");
    }
    desk.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schedule_shows_last_and_next_slots_and_what_became_of_them() {
    let desk = Desk::start().await;
    let (fine, printed) = run(&desk, &["schedule"]);
    assert!(
        fine && printed.contains("no worker has been started yet") && printed.contains("America/New_York"),
        "{printed}"
    );
    run(&desk, &["run-task", "weekly-summary"]);
    let (fine, printed) = run(&desk, &["schedule"]);
    assert!(fine, "{printed}");
    let weekly = printed.split("weekly-summary").nth(1).and_then(|rest| rest.split("overdue").next()).expect("shown");
    assert!(weekly.contains("1 message, 1 sent within") && weekly.contains("took"), "{weekly}");
    assert!(weekly.contains("Monday") && weekly.contains("at 9:00 AM E") && weekly.contains(":00:00Z)"), "{weekly}");
    assert_eq!(printed.matches("  next  ").count(), 4, "{printed}");
    desk.finish().await;
}
