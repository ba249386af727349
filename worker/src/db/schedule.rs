//! Slots of the schedule: which ran, and what became of their messages. The rules are in [`crate::schedule`].

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// What is known of a task.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct TaskState {
    /// Its name.
    pub task: String,
    /// Slots up to here are nobody's.
    pub since: DateTime<Utc>,
    /// The newest slot that ran or was skipped.
    pub last: Option<DateTime<Utc>>,
}

/// A slot that was run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Run {
    /// The row.
    pub id: i64,
    /// The number of this run, from 1.
    pub runs: i32,
}

/// A slot with what became of it.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Slot {
    /// The row.
    pub id: i64,
    /// When it was due.
    pub slot: DateTime<Utc>,
    /// Whether every worker was down, and it was too late afterwards.
    pub skipped: bool,
    /// How often it was run.
    pub runs: i32,
    /// Earlier slots that passed while every worker was down.
    pub missed: i32,
    /// Messages that the newest run asked for.
    pub messages: i32,
    /// How long the newest run took to ask.
    pub took_ms: i32,
    /// When it was run or skipped.
    pub ran_at: DateTime<Utc>,
}

/// What became of a slot's messages.
#[derive(Debug, Clone, Default, PartialEq, sqlx::FromRow)]
pub struct Deliveries {
    /// Slack shows them.
    pub sent: i64,
    /// They are on their way.
    pub waiting: i64,
    /// Slack refused them; an operator must help.
    pub parked: i64,
    /// There was nobody to show them to: somebody who left.
    pub skipped: i64,
    /// Why, of one that is not sent.
    pub reason: Option<String>,
    /// When the last of them was settled.
    pub settled_at: Option<DateTime<Utc>>,
}

/// The one clock of the schedule.
pub async fn get_now(db: &mut PgConnection) -> sqlx::Result<DateTime<Utc>> {
    sqlx::query_scalar("SELECT now()").fetch_one(db).await
}

/// All tasks that are known.
pub async fn list_tasks(db: &mut PgConnection) -> sqlx::Result<Vec<TaskState>> {
    sqlx::query_as(
        "SELECT task, since, (SELECT max(slot) FROM schedule_slots s WHERE s.task = t.task) AS last
         FROM schedule_tasks t",
    )
    .fetch_all(db)
    .await
}

/// Makes tasks known from `now` on; those that are known stay as they are.
pub async fn insert_tasks(db: &mut PgConnection, tasks: &[&str], now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO schedule_tasks (task, since) SELECT task, $2 FROM unnest($1::text[]) AS new (task) ON CONFLICT DO NOTHING")
        .bind(tasks)
        .bind(now)
        .execute(db)
        .await?;
    Ok(())
}

/// Claims a slot in the caller's transaction; `None` where another process has it. Two processes that claim the same slot
/// at once wait for each other here, and only one of them gets it.
pub async fn claim_slot(
    db: &mut PgConnection,
    task: &str,
    slot: DateTime<Utc>,
    missed: i32,
    skipped: bool,
) -> sqlx::Result<Option<Run>> {
    sqlx::query_as(
        "INSERT INTO schedule_slots (task, slot, state, runs, missed)
         VALUES ($1, $2, CASE WHEN $4 THEN 'skipped' ELSE 'ran' END, CASE WHEN $4 THEN 0 ELSE 1 END, $3)
         ON CONFLICT (task, slot) DO NOTHING RETURNING id, runs",
    )
    .bind(task)
    .bind(slot)
    .bind(missed)
    .bind(skipped)
    .fetch_optional(db)
    .await
}

/// Claims a slot by an operator's command: also one that was skipped, and with `again` one that ran.
pub async fn claim_slot_by_hand(
    db: &mut PgConnection,
    task: &str,
    slot: DateTime<Utc>,
    again: bool,
) -> sqlx::Result<Option<Run>> {
    sqlx::query_as(
        "INSERT INTO schedule_slots AS s (task, slot, state, runs) VALUES ($1, $2, 'ran', 1)
         ON CONFLICT (task, slot) DO UPDATE SET state = 'ran', runs = s.runs + 1, ran_at = now()
         WHERE s.state = 'skipped' OR $3
         RETURNING id, runs",
    )
    .bind(task)
    .bind(slot)
    .bind(again)
    .fetch_optional(db)
    .await
}

/// An earlier run's messages are told apart from those of the run that follows.
pub async fn forget_deliveries(db: &mut PgConnection, slot: i64) -> sqlx::Result<()> {
    sqlx::query("UPDATE outbox SET slot = NULL WHERE slot = $1").bind(slot).execute(db).await?;
    Ok(())
}

/// What a run came to.
pub async fn mark_run(db: &mut PgConnection, run: Run, messages: usize, took_ms: u128) -> sqlx::Result<()> {
    sqlx::query("UPDATE schedule_slots SET messages = $2, took_ms = $3 WHERE id = $1")
        .bind(run.id)
        .bind(i32::try_from(messages).unwrap_or(i32::MAX))
        .bind(i32::try_from(took_ms).unwrap_or(i32::MAX))
        .execute(db)
        .await?;
    Ok(())
}

/// The newest slot of a task.
pub async fn find_last_slot(db: &mut PgConnection, task: &str) -> sqlx::Result<Option<Slot>> {
    sqlx::query_as(
        "SELECT id, slot, state = 'skipped' AS skipped, runs, missed, messages, took_ms, ran_at
         FROM schedule_slots WHERE task = $1 ORDER BY slot DESC LIMIT 1",
    )
    .bind(task)
    .fetch_optional(db)
    .await
}

/// This slot, if it ran or was skipped.
pub async fn find_slot(db: &mut PgConnection, task: &str, slot: DateTime<Utc>) -> sqlx::Result<Option<Slot>> {
    sqlx::query_as(
        "SELECT id, slot, state = 'skipped' AS skipped, runs, missed, messages, took_ms, ran_at
         FROM schedule_slots WHERE task = $1 AND slot = $2",
    )
    .bind(task)
    .bind(slot)
    .fetch_optional(db)
    .await
}

/// What became of a slot's messages; settled ones are forgotten after a week.
pub async fn get_deliveries(db: &mut PgConnection, slot: i64) -> sqlx::Result<Deliveries> {
    sqlx::query_as(
        "SELECT count(*) FILTER (WHERE state = 'sent') AS sent,
                count(*) FILTER (WHERE state IN ('waiting', 'pending', 'sending')) AS waiting,
                count(*) FILTER (WHERE state = 'parked') AS parked,
                count(*) FILTER (WHERE state = 'expired' AND reason IS NOT NULL) AS skipped,
                max(reason) FILTER (WHERE state <> 'sent') AS reason,
                max(settled_at) AS settled_at
         FROM outbox WHERE slot = $1",
    )
    .bind(slot)
    .fetch_one(db)
    .await
}

/// Forgets slots of long ago; each task's newest stays.
pub async fn prune(db: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query(
        "DELETE FROM schedule_slots s WHERE slot < now() - interval '400 days'
           AND EXISTS (SELECT FROM schedule_slots newer WHERE newer.task = s.task AND newer.slot > s.slot)",
    )
    .execute(db)
    .await?;
    Ok(())
}
