//! What is still to be done in Slack. The rules are in [`crate::delivery`]; here are the moves, each one statement or one
//! transaction, so that no crash leaves a row between two states.
//!
//! `waiting → pending → sending → sent`, back to `pending` after a failure, or `parked` (an operator must help) or
//! `expired` (nobody needs it any more).

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::messages;
use crate::delivery::Target;
use crate::request;
use common::slack_id::ChannelId;

/// The pinned list follows changes at most this often.
pub const URGENT_LIST_SPACING: Duration = Duration::from_secs(30);

/// Something to be made right in Slack.
pub struct Wish {
    /// What.
    pub target: Target,
    /// What the delivery needs beside the database's state.
    pub payload: Value,
    /// Not before this long from now.
    pub delay: Duration,
    /// Only once this target's message is there.
    pub waits_for: Option<Target>,
    /// Of no use after this long.
    pub expires_after: Option<Duration>,
    /// The schedule's slot that asks for it.
    pub slot: Option<i64>,
}

impl Wish {
    /// Make `target` right, now.
    pub fn new(target: Target) -> Self {
        Self {
            target,
            payload: Value::Object(serde_json::Map::new()),
            delay: Duration::ZERO,
            waits_for: None,
            expires_after: None,
            slot: None,
        }
    }
}

/// A row that was taken up.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Claimed {
    /// The row's id, also the key by which a post is found again in a conversation's history.
    pub id: Uuid,
    /// What to make right.
    pub target: String,
    /// What the delivery needs beside the database's state.
    pub payload: Value,
    /// The number of this claim.
    pub attempt: i32,
    /// How often it failed, for whatever reason.
    pub failures: i32,
    /// How often it failed by its own fault.
    pub refusals: i32,
    /// How often the history was searched for an ambiguous post.
    pub looks: i32,
    /// An earlier post may have arrived.
    pub ambiguous: bool,
    /// When the ambiguous post was begun: Slack's timestamps begin with seconds since 1970.
    pub ambiguous_since: Option<f64>,
    /// Seconds since the wish was made.
    pub age: f64,
    /// It expired before it was taken up.
    pub expired: bool,
    /// The job that wished for it last.
    pub job_id: Option<String>,
}

/// Adds wishes. A wish for a target that is already queued joins that row; its lock is held until the caller commits, so
/// that a delivery can't read the state before and settle the row after the caller's change.
pub async fn insert(db: &mut PgConnection, wishes: &[Wish]) -> sqlx::Result<()> {
    if wishes.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO outbox AS o (target, payload, state, waits_for, due_at, expires_at, slot, job_id)
         SELECT target, payload, CASE WHEN waits_for IS NULL THEN 'pending' ELSE 'waiting' END, waits_for,
                now() + make_interval(secs => delay), now() + make_interval(secs => expires), slot, $7
         FROM unnest($1::text[], $2::jsonb[], $3::text[], $4::float8[], $5::float8[], $6::bigint[])
              AS wish (target, payload, waits_for, delay, expires, slot)
         ON CONFLICT (target) WHERE state IN ('waiting', 'pending')
         DO UPDATE SET payload = o.payload || excluded.payload, slot = coalesce(excluded.slot, o.slot),
                       due_at = CASE WHEN o.failures = 0 AND o.ambiguous_since IS NULL
                                THEN least(o.due_at, excluded.due_at) ELSE o.due_at END,
                       job_id = coalesce(excluded.job_id, o.job_id)",
    )
    .bind(wishes.iter().map(|wish| wish.target.to_string()).collect::<Vec<_>>())
    .bind(wishes.iter().map(|wish| wish.payload.clone()).collect::<Vec<_>>())
    .bind(wishes.iter().map(|wish| wish.waits_for.as_ref().map(Target::to_string)).collect::<Vec<_>>())
    .bind(wishes.iter().map(|wish| wish.delay.as_secs_f64()).collect::<Vec<_>>())
    .bind(wishes.iter().map(|wish| wish.expires_after.map(|after| after.as_secs_f64())).collect::<Vec<_>>())
    .bind(wishes.iter().map(|wish| wish.slot).collect::<Vec<_>>())
    .bind(request::job_id())
    .execute(db)
    .await?;
    Ok(())
}

/// Asks for the pinned list to be brought up to date, at most once in [`URGENT_LIST_SPACING`]: after `delay` where it was
/// left alone for so long, else when that is over. Called last in a transaction, since all changes of urgent tickets meet
/// in this row.
pub async fn insert_urgent_list(db: &mut PgConnection, delay: Duration) -> sqlx::Result<()> {
    let idle: Option<f64> = sqlx::query_scalar(
        "SELECT extract(epoch FROM now() - max(started_at))::float8 FROM outbox WHERE target = 'urgent_list'",
    )
    .fetch_one(&mut *db)
    .await?;
    let idle = Duration::from_secs_f64(idle.unwrap_or(f64::from(u32::MAX)).max(0.0));
    let delay = URGENT_LIST_SPACING.saturating_sub(idle).max(delay);
    insert(db, &[Wish { delay, ..Wish::new(Target::UrgentList) }]).await
}

/// Takes up to `limit` due rows, oldest first, and leases them. Rows that another worker holds, and targets that are
/// being carried out, are passed over.
pub async fn claim(db: &mut PgConnection, limit: i64, lease: Duration) -> sqlx::Result<Vec<Claimed>> {
    sqlx::query_as(
        "UPDATE outbox o
         SET state = 'sending', attempt = o.attempt + 1, started_at = now(),
             lease_until = now() + make_interval(secs => $2)
         WHERE id IN (
             SELECT id FROM outbox due
             WHERE state = 'pending' AND due_at <= now()
               AND NOT EXISTS (SELECT FROM outbox f WHERE f.target = due.target AND f.state = 'sending')
             ORDER BY due_at
             LIMIT $1
             FOR UPDATE SKIP LOCKED)
         RETURNING id, target, payload, attempt, failures, refusals, looks, ambiguous_since IS NOT NULL AS ambiguous,
                   extract(epoch FROM ambiguous_since)::float8 AS ambiguous_since,
                   extract(epoch FROM now() - created_at)::float8 AS age,
                   coalesce(expires_at < now(), false) AS expired, job_id",
    )
    .bind(limit)
    .bind(lease.as_secs_f64())
    .fetch_all(db)
    .await
}

/// How long until the next row is due; `None` where none is queued. A row whose target is being carried out doesn't count:
/// whoever does that looks again afterwards.
pub async fn next_due(db: &mut PgConnection) -> sqlx::Result<Option<Duration>> {
    let seconds: Option<f64> = sqlx::query_scalar(
        "SELECT extract(epoch FROM min(due_at) - now())::float8 FROM outbox due
         WHERE state = 'pending'
           AND NOT EXISTS (SELECT FROM outbox f WHERE f.target = due.target AND f.state = 'sending')",
    )
    .fetch_one(db)
    .await?;
    Ok(seconds.map(|seconds| Duration::from_secs_f64(seconds.max(0.0))))
}

/// Renews the leases of rows that are being carried out; answers which of them are still held.
pub async fn renew(db: &mut PgConnection, claims: &[(Uuid, i32)], lease: Duration) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar(
        "UPDATE outbox o SET lease_until = now() + make_interval(secs => $3)
         FROM unnest($1::uuid[], $2::int[]) AS held (id, attempt)
         WHERE o.id = held.id AND o.attempt = held.attempt AND o.state = 'sending'
         RETURNING o.id",
    )
    .bind(claims.iter().map(|claim| claim.0).collect::<Vec<_>>())
    .bind(claims.iter().map(|claim| claim.1).collect::<Vec<_>>())
    .bind(lease.as_secs_f64())
    .fetch_all(db)
    .await
}

/// What waits for a message that is there is due: it may have come to wait while the message was being posted. What can
/// do without that message is due too once nobody tries to post it any more. Rows that a stopped process has locked are
/// passed over: they hold up no other one.
pub async fn wake_overslept(db: &mut PgConnection) -> sqlx::Result<u64> {
    let woken = sqlx::query(
        "UPDATE outbox SET state = 'pending', waits_for = NULL, due_at = now()
         WHERE id IN (
             SELECT id FROM outbox o
             WHERE state = 'waiting' AND (
                 EXISTS (SELECT FROM slack_messages m WHERE m.target = o.waits_for)
                 OR (target LIKE 'news:%' AND NOT EXISTS (
                     SELECT FROM outbox w WHERE w.target = o.waits_for AND w.state IN ('waiting', 'pending', 'sending'))))
             FOR UPDATE SKIP LOCKED)",
    )
    .execute(db)
    .await?;
    Ok(woken.rows_affected())
}

/// Puts rows whose worker is gone back into the queue. Whether they were posted is not known, so the history is
/// searched first, `look` after they were begun. Locked ones are passed over here too. Returns how many there were.
pub async fn reclaim(db: &mut PgConnection, look: Duration) -> sqlx::Result<usize> {
    let lapsed: Vec<(Uuid, i32)> = sqlx::query_as(
        "SELECT id, attempt FROM outbox WHERE state = 'sending' AND lease_until < now() LIMIT 500 FOR UPDATE SKIP LOCKED",
    )
    .fetch_all(&mut *db)
    .await?;
    let mut reclaimed = 0;
    for (id, attempt) in lapsed {
        let again = Again { delay: look, from_start: true, ambiguous: true, only_lapsed: true, ..Again::default() };
        reclaimed += usize::from(release(db, id, attempt, &again).await?);
    }
    Ok(reclaimed)
}

/// How a row goes back into the queue.
#[derive(Debug, Clone, Default)]
pub struct Again {
    /// When it is due again.
    pub delay: Duration,
    /// `delay` counts from the begin of this attempt, or from the ambiguous post, instead of from now.
    pub from_start: bool,
    /// It failed; the next try comes later than this one did.
    pub failed: bool,
    /// It failed by its own fault.
    pub refused: bool,
    /// It may have been posted.
    pub ambiguous: bool,
    /// The history was searched in vain.
    pub looked: bool,
    /// It surely was not posted.
    pub certain: bool,
    /// Only if its lease has lapsed.
    pub only_lapsed: bool,
    /// It needs this target's message first.
    pub waits_for: Option<String>,
    /// Why, for the operator.
    pub reason: String,
}

/// Puts a row back into the queue; `false` where a newer claim holds it. A younger row queued for the same target is
/// merged into it, since the older one may carry the key of an ambiguous post.
pub async fn release(db: &mut PgConnection, id: Uuid, attempt: i32, again: &Again) -> sqlx::Result<bool> {
    loop {
        match try_release(db, id, attempt, again).await {
            // A younger row was queued just now, too late to be seen.
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {}
            result => return result,
        }
    }
}

async fn try_release(db: &mut PgConnection, id: Uuid, attempt: i32, again: &Again) -> sqlx::Result<bool> {
    let mut tx = db.begin().await?;
    let target: Option<String> = sqlx::query_scalar(
        "SELECT target FROM outbox WHERE id = $1 AND attempt = $2 AND state = 'sending'
           AND ($3 = false OR lease_until < now()) FOR UPDATE",
    )
    .bind(id)
    .bind(attempt)
    .bind(again.only_lapsed)
    .fetch_optional(&mut *tx)
    .await?;
    let Some(target) = target else { return Ok(false) };
    sqlx::query("DELETE FROM outbox WHERE target = $1 AND state IN ('waiting', 'pending')")
        .bind(&target)
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "UPDATE outbox
         SET state = CASE WHEN $9::text IS NULL OR EXISTS (SELECT FROM slack_messages WHERE target = $9)
                          THEN 'pending' ELSE 'waiting' END,
             waits_for = $9,
             ambiguous_since = CASE WHEN $6 THEN NULL WHEN $5 THEN coalesce(ambiguous_since, started_at)
                                    ELSE ambiguous_since END,
             looks = CASE WHEN $6 THEN 0 WHEN $7 THEN looks + 1 ELSE looks END,
             failures = failures + CASE WHEN $4 THEN 1 ELSE 0 END,
             refusals = refusals + CASE WHEN $10 THEN 1 ELSE 0 END,
             due_at = CASE WHEN $3 THEN greatest(now(), coalesce(ambiguous_since, started_at) + make_interval(secs => $2))
                           ELSE now() + make_interval(secs => $2) END,
             lease_until = NULL,
             reason = $8
         WHERE id = $1",
    )
    .bind(id)
    .bind(again.delay.as_secs_f64())
    .bind(again.from_start)
    .bind(again.failed)
    .bind(again.ambiguous)
    .bind(again.certain)
    .bind(again.looked)
    .bind(&again.reason)
    .bind(&again.waits_for)
    .bind(again.refused)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(true)
}

/// What became of a message's post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It is the target's message now.
    Kept,
    /// A newer claim has the row: this post is one too many.
    Fenced,
}

/// Records a post: the row is sent, the message is the target's, what waited for it is due, and so is what shows it. With a
/// `lease` the row stays under way: the message is to be brought up to date yet.
pub async fn mark_posted(
    db: &mut PgConnection,
    claimed: &Claimed,
    channel: &ChannelId,
    ts: &str,
    lease: Option<Duration>,
    shown_by: &[Wish],
) -> sqlx::Result<Recorded> {
    let mut tx = db.begin().await?;
    let kept = sqlx::query(
        "UPDATE outbox SET state = CASE WHEN $3::float8 IS NULL THEN 'sent' ELSE 'sending' END,
                lease_until = now() + make_interval(secs => $3), settled_at = now(), ambiguous_since = NULL, looks = 0
         WHERE id = $1 AND attempt = $2 AND state IN ('sending', 'pending')",
    )
    .bind(claimed.id)
    .bind(claimed.attempt)
    .bind(lease.map(|lease| lease.as_secs_f64()))
    .execute(&mut *tx)
    .await?
    .rows_affected()
        == 1;
    if !kept {
        // The row may have been settled with this very message by whoever found it in the history, or by this claim's
        // first try to say so, whose answer was lost.
        let found = messages::find(&mut tx, &claimed.target).await?;
        let same = found.is_some_and(|message| message.channel == *channel && message.ts == ts);
        let by_this_claim: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT FROM outbox WHERE id = $1 AND attempt = $2 AND state = 'sent')")
                .bind(claimed.id)
                .bind(claimed.attempt)
                .fetch_one(&mut *tx)
                .await?;
        return Ok(if same || by_this_claim { Recorded::Kept } else { Recorded::Fenced });
    }
    if claimed.target.starts_with("news:") {
        // The first is the thread's root.
        messages::insert_first(&mut tx, &claimed.target, channel, ts).await?;
    } else {
        messages::insert(&mut tx, &claimed.target, channel, ts).await?;
    }
    wake_waiting(&mut tx, &claimed.target).await?;
    insert(&mut tx, shown_by).await?;
    tx.commit().await?;
    Ok(Recorded::Kept)
}

/// Keeps something with a row that its later attempts need; `false` where a newer claim holds it.
pub async fn keep(db: &mut PgConnection, claimed: &Claimed, payload: &Value) -> sqlx::Result<bool> {
    let kept = sqlx::query("UPDATE outbox SET payload = payload || $3 WHERE id = $1 AND attempt = $2")
        .bind(claimed.id)
        .bind(claimed.attempt)
        .bind(payload)
        .execute(db)
        .await?;
    Ok(kept.rows_affected() == 1)
}

/// Whether something is still to be done for this target.
pub async fn is_queued(db: &mut PgConnection, target: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM outbox WHERE target = $1 AND state IN ('waiting', 'pending', 'sending'))",
    )
    .bind(target)
    .fetch_one(db)
    .await
}

/// Whether the message at this timestamp may be a post of a ticket's conversation that isn't recorded yet: one is under
/// way, or in doubt, that was begun within a minute of it.
pub async fn may_be_posting(db: &mut PgConnection, ts: &str) -> sqlx::Result<bool> {
    let Ok(posted) = ts.parse::<f64>() else { return Ok(false) };
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM outbox
            WHERE (target LIKE 'card:%' OR target LIKE 'filed:%' OR target LIKE 'news:%')
              AND (state = 'sending' OR (state = 'pending' AND ambiguous_since IS NOT NULL))
              AND abs(extract(epoch FROM coalesce(ambiguous_since, started_at))::float8 - $1) < 60)",
    )
    .bind(posted)
    .fetch_one(db)
    .await
}

/// What waited for this target's message is due.
async fn wake_waiting(db: &mut PgConnection, target: &str) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE outbox SET state = 'pending', waits_for = NULL, due_at = now()
         WHERE waits_for = $1 AND state = 'waiting'",
    )
    .bind(target)
    .execute(db)
    .await?;
    Ok(())
}

/// No card can be posted now: the notices that wait for theirs go out without a link.
pub async fn wake_notices(db: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE outbox SET state = 'pending', waits_for = NULL, due_at = now()
         WHERE state = 'waiting' AND waits_for LIKE 'card:%' AND target LIKE 'notice:%'",
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Settles a row as `sent`, `parked` or `expired`; `false` where a newer claim holds it. What waits for a target that is
/// given up does without it.
pub async fn settle(db: &mut PgConnection, claimed: &Claimed, state: &str, reason: &str) -> sqlx::Result<bool> {
    let settled: i64 = sqlx::query_scalar(
        "WITH settled AS (
             UPDATE outbox SET state = $3, reason = nullif($4, ''), settled_at = now()
             WHERE id = $1 AND attempt = $2 AND state = 'sending' RETURNING target),
         woken AS (
             UPDATE outbox SET state = 'pending', waits_for = NULL, due_at = now()
             WHERE state = 'waiting' AND $3 IN ('parked', 'expired') AND waits_for IN (SELECT target FROM settled))
         SELECT count(*) FROM settled",
    )
    .bind(claimed.id)
    .bind(claimed.attempt)
    .bind(state)
    .bind(reason)
    .fetch_one(db)
    .await?;
    Ok(settled == 1)
}

/// A row that an operator must help with.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Parked {
    /// The row.
    pub id: Uuid,
    /// What was to be made right.
    pub target: String,
    /// Why it was given up.
    pub reason: String,
    /// When.
    pub settled_at: DateTime<Utc>,
}

/// The rows that an operator must help with, newest first.
pub async fn list_parked(db: &mut PgConnection, limit: i64) -> sqlx::Result<Vec<Parked>> {
    sqlx::query_as(
        "SELECT id, target, coalesce(reason, '') AS reason, coalesce(settled_at, created_at) AS settled_at
         FROM outbox WHERE state = 'parked' ORDER BY settled_at DESC LIMIT $1",
    )
    .bind(limit)
    .fetch_all(db)
    .await
}

/// Queues what was parked again, all of it or one row; answers how much that was. What was asked for anew meanwhile is
/// not queued twice.
pub async fn mark_retried(db: &mut PgConnection, id: Option<Uuid>) -> sqlx::Result<u64> {
    let retried = sqlx::query(
        "WITH parked AS (DELETE FROM outbox WHERE state = 'parked' AND ($1::uuid IS NULL OR id = $1) RETURNING *)
         INSERT INTO outbox (id, target, payload, attempt, ambiguous_since, expires_at, created_at)
         SELECT DISTINCT ON (target) id, target, payload, attempt, ambiguous_since, expires_at, created_at
         FROM parked ORDER BY target, settled_at DESC
         ON CONFLICT (target) WHERE state IN ('waiting', 'pending') DO NOTHING",
    )
    .bind(id)
    .execute(db)
    .await?;
    Ok(retried.rows_affected())
}

/// Forgets rows that were settled long ago; parked ones stay.
pub async fn prune(db: &mut PgConnection) -> sqlx::Result<u64> {
    let pruned =
        sqlx::query("DELETE FROM outbox WHERE state IN ('sent', 'expired') AND settled_at < now() - interval '7 days'")
            .execute(db)
            .await?;
    Ok(pruned.rows_affected())
}
