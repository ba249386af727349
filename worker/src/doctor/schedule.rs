//! The schedule: whether each task's last slot ran, and when the next is due.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

use super::Check;
use crate::config::Config;
use crate::db::schedule::{self, TaskState};
use crate::schedule::{Task, slots};
use crate::views::mrkdwn::plain_date;

/// A worker that lives runs a slot within seconds.
const LATE: TimeDelta = TimeDelta::minutes(2);

pub(super) async fn check(db: &mut PgConnection, config: &Config) -> sqlx::Result<Vec<Check>> {
    let now = schedule::get_now(db).await?;
    let known = schedule::list_tasks(db).await?;
    Ok(Task::ALL.into_iter().map(|task| judge(config, task, &known, now)).collect())
}

fn name(task: Task) -> &'static str {
    match task {
        Task::WeeklySummary => "schedule: weekly-summary",
        Task::Overdue => "schedule: overdue",
        Task::Stale => "schedule: stale",
        Task::PinHighPriority => "schedule: pin-high-priority",
    }
}

fn judge(config: &Config, task: Task, known: &[TaskState], now: DateTime<Utc>) -> Check {
    let (rule, zone) = (config.form.timetable.rule(task), config.timezone);
    let Some(state) = known.iter().find(|state| state.task == task.as_str()) else {
        return Check::unknown(name(task), "no worker has been started yet", "start one: it keeps the schedule");
    };
    let done = state.last.map_or(state.since, |last| last.max(state.since));
    let due = slots::last(rule, zone, now - LATE).filter(|slot| *slot > done);
    if let Some(slot) = due.filter(|slot| task.is_worth_catching_up(*slot, zone, now)) {
        let found = format!("due since {} and not run", plain_date(slot, zone));
        return Check::fault(name(task), found, "start a worker, and read its log where one runs");
    }
    let last = state.last.map_or_else(|| "none yet".to_owned(), |last| plain_date(last, zone));
    let next = slots::next(rule, zone, now).map_or_else(|| "never".to_owned(), |next| plain_date(next, zone));
    Check::fine(name(task), format!("last slot {last}, next {next}"))
}
