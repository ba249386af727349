//! Claiming due slots and asking for their messages, both in one transaction.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection};

use super::{Task, slots};
use crate::context::Context;
use crate::db::outbox::{self, Wish};
use crate::db::schedule::{self, Run, TaskState};
use crate::db::{messages, reports};
use crate::delivery::{SlotRun, Target};

/// Digests of one slot follow each other at this distance, so that the cards of people who work meanwhile come between.
const BETWEEN_DIGESTS: Duration = Duration::from_millis(100);
/// Missed slots are counted up to this.
const MAX_MISSED: usize = 10_000;

/// What became of a task that was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ran {
    /// Which.
    pub task: Task,
    /// When it was due.
    pub slot: DateTime<Utc>,
    /// It was too late to be of use.
    pub skipped: bool,
    /// How many messages it asked for.
    pub messages: usize,
}

/// Runs what is due at `now` (by PostgreSQL's clock where `None`) and hasn't been claimed; a task that fails stays due and
/// keeps no other from running.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn tick(context: &Context, now: Option<DateTime<Utc>>) -> sqlx::Result<Vec<Ran>> {
    let mut db = context.db.acquire().await?;
    let now = match now {
        Some(now) => now,
        None => schedule::get_now(&mut db).await?,
    };
    let mut known = schedule::list_tasks(&mut db).await?;
    if Task::ALL.iter().any(|task| find(&known, *task).is_none()) {
        schedule::insert_tasks(&mut db, &Task::ALL.map(Task::as_str), now).await?;
        known = schedule::list_tasks(&mut db).await?;
    }
    let mut ran = Vec::new();
    for task in Task::ALL {
        let Some(state) = find(&known, task) else { continue };
        match run_if_due(&mut db, context, task, state, now).await {
            Ok(done) => ran.extend(done),
            Err(error) => tracing::error!(task = task.as_str(), %error, "a task of the schedule can't be run now"),
        }
    }
    if ran.iter().any(|ran| ran.messages > 0) {
        context.wake_delivery();
    }
    Ok(ran)
}

fn find(known: &[TaskState], task: Task) -> Option<&TaskState> {
    known.iter().find(|state| state.task == task.as_str())
}

async fn run_if_due(
    db: &mut PgConnection,
    context: &Context,
    task: Task,
    state: &TaskState,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<Ran>> {
    let (rule, timezone) = (context.form.timetable.rule(task), context.timezone());
    let done_up_to = state.last.map_or(state.since, |last| last.max(state.since));
    let Some(slot) = slots::last(rule, timezone, now).filter(|slot| *slot > done_up_to) else { return Ok(None) };
    let missed = slots::count_between(rule, timezone, done_up_to, slot, MAX_MISSED);
    let skipped = !task.is_worth_catching_up(slot, timezone, now);
    let started = Instant::now();
    let mut tx = db.begin().await?;
    let claimed =
        schedule::claim_slot(&mut tx, task.as_str(), slot, i32::try_from(missed).unwrap_or(i32::MAX), skipped).await?;
    let Some(run) = claimed else { return Ok(None) };
    let messages = if skipped { 0 } else { ask(&mut tx, context, task, slot, run, started).await? };
    tx.commit().await?;
    tracing::info!(task = task.as_str(), %slot, skipped, missed, messages, "a slot of the schedule");
    Ok(Some(Ran { task, slot, skipped, messages }))
}

/// Asks for a claimed slot's messages, in the transaction that claims it; returns how many there are.
pub(super) async fn ask(
    db: &mut PgConnection,
    context: &Context,
    task: Task,
    slot: DateTime<Utc>,
    run: Run,
    started: Instant,
) -> sqlx::Result<usize> {
    let mut wishes = wishes(db, context, task, SlotRun { slot: slot.timestamp(), run: run.runs }).await?;
    for wish in &mut wishes {
        wish.slot = Some(run.id);
    }
    outbox::insert(db, &wishes).await?;
    schedule::mark_run(db, run, wishes.len(), started.elapsed().as_millis()).await?;
    Ok(wishes.len())
}

/// What a slot has to say, as things are now.
pub(super) async fn wishes(
    db: &mut PgConnection,
    context: &Context,
    task: Task,
    of: SlotRun,
) -> sqlx::Result<Vec<Wish>> {
    let days = context.days_to_resolution();
    Ok(match task {
        Task::WeeklySummary => vec![Wish::new(Target::WeeklySummary(of))],
        Task::Overdue => {
            let assignees = reports::list_overdue_assignees(db, days).await?;
            let target = |assignee| match assignee {
                Some(user) => Target::Overdue { user, of },
                None => Target::OverdueUnassigned(of),
            };
            let spaced = assignees.into_iter().map(target).zip(0u32..);
            spaced.map(|(target, n)| Wish { delay: BETWEEN_DIGESTS * n, ..Wish::new(target) }).collect()
        }
        Task::Stale => {
            let stale = reports::list_stale(db, days, 1).await?;
            if stale.total > 0 { vec![Wish::new(Target::Stale(of))] } else { Vec::new() }
        }
        Task::PinHighPriority => {
            // A list that is not there yet asks for its pin when it is posted.
            let is_there = messages::find(db, &Target::UrgentList.to_string()).await?.is_some();
            let pin = is_there.then(|| Wish::new(Target::Pin));
            [Some(Wish::new(Target::UrgentList)), pin].into_iter().flatten().collect()
        }
    })
}
