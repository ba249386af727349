//! `worker run-task` and `worker schedule`: an operator, or an outside cron, runs a task or looks at what ran.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use sqlx::Connection;
use tokio_util::sync::CancellationToken;

use super::{Task, run, slots};
use crate::config::Config;
use crate::context::Context;
use crate::db;
use crate::db::schedule::{self, Slot};
use crate::delivery::{Deliverer, Place, SlotRun, Target, preview};
use crate::views::mrkdwn::plain_date;

/// How long `run-task` waits for its messages to be sent; workers go on with what is left.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it looks.
const LOOKING: Duration = Duration::from_millis(50);

/// What `worker run-task` is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Which task.
    pub task: Task,
    /// Also where its current slot ran already.
    pub again: bool,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// Runs a task's current slot unless it ran already, sends what it asks for, and says so.
///
/// # Errors
/// When a server is away, or the messages can't be sent.
pub async fn run_task(config: &Config, wanted: Wanted, out: &mut impl Write) -> anyhow::Result<()> {
    let (context, now) = prepare(config).await?;
    let rule = context.form.timetable.rule(wanted.task);
    let slot = slots::last(rule, context.timezone(), now).context("this task was never due")?;
    let name = wanted.task.as_str();
    writeln!(out, "{name}, slot of {}", shown(slot, context.timezone()))?;
    if wanted.dry_run {
        return show(&context, wanted, slot, out).await;
    }
    let started = Instant::now();
    let mut connection = context.db.acquire().await?;
    let mut tx = connection.begin().await?;
    // The list is brought up to date each time: that sends nothing new.
    let again = wanted.again || wanted.task == Task::PinHighPriority;
    let Some(claimed) = schedule::claim_slot_by_hand(&mut tx, name, slot, again).await? else {
        tx.rollback().await?;
        let ran_at = schedule::find_slot(&mut connection, name, slot).await?.map(|slot| slot.ran_at);
        let ran_at = ran_at.map_or_else(String::new, |at| format!(" on {}", shown(at, context.timezone())));
        writeln!(out, "It has run already{ran_at}. Nothing is sent; --again sends it again.")?;
        return Ok(());
    };
    schedule::forget_deliveries(&mut tx, claimed.id).await?;
    let asked = run::ask(&mut tx, &context, wanted.task, slot, claimed, started).await?;
    tx.commit().await?;
    if asked == 0 {
        writeln!(out, "There is nothing to send.")?;
        return Ok(());
    }
    drop(connection);
    deliver(&context, claimed.id, out).await
}

/// Prints each task's rule, last and next slot, and what became of the last.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn show_schedule(config: &Config, out: &mut impl Write) -> anyhow::Result<()> {
    let (context, now) = prepare(config).await?;
    let zone = context.timezone();
    let mut connection = context.db.acquire().await?;
    let known = schedule::list_tasks(&mut connection).await?;
    writeln!(out, "Time zone {zone}; now {}", shown(now, zone))?;
    for task in Task::ALL {
        let rule = context.form.timetable.rule(task);
        writeln!(out, "\n{}", task.as_str())?;
        match schedule::find_last_slot(&mut connection, task.as_str()).await? {
            Some(slot) => {
                let deliveries = schedule::get_deliveries(&mut connection, slot.id).await?;
                writeln!(out, "  last  {}: {}", shown(slot.slot, zone), outcome(&slot, &deliveries))?;
            }
            None if known.is_empty() => writeln!(out, "  last  none: no worker has been started yet")?,
            None => writeln!(out, "  last  none since the first start")?,
        }
        match slots::next(rule, zone, now) {
            Some(next) => writeln!(out, "  next  {}", shown(next, zone))?,
            None => writeln!(out, "  next  never")?,
        }
    }
    Ok(())
}

async fn prepare(config: &Config) -> anyhow::Result<(Arc<Context>, DateTime<Utc>)> {
    db::migrate(&config.database_url).await.context("PostgreSQL can't be used (DATABASE_URL)")?;
    let context = Context::new(config)?;
    let now = schedule::get_now(&mut *context.db.acquire().await?).await?;
    Ok((context, now))
}

/// Says what would be sent.
async fn show(context: &Context, wanted: Wanted, slot: DateTime<Utc>, out: &mut impl Write) -> anyhow::Result<()> {
    let mut db = context.db.acquire().await?;
    let ran = schedule::find_slot(&mut db, wanted.task.as_str(), slot).await?.filter(|slot| !slot.skipped);
    let again = wanted.again || wanted.task == Task::PinHighPriority;
    if ran.is_some() && !again {
        writeln!(out, "It has run already; nothing would be sent without --again.")?;
        return Ok(());
    }
    let of = SlotRun { slot: slot.timestamp(), run: ran.map_or(1, |slot| slot.runs + 1) };
    let wishes = run::wishes(&mut db, context, wanted.task, of).await?;
    let mut nothing = true;
    for wish in wishes.iter().filter(|wish| wish.target != Target::Pin) {
        let Some((place, content)) = preview(&mut db, context, &wish.target).await? else { continue };
        nothing = false;
        let place = match place {
            Place::TicketChannel => "the ticket channel".to_owned(),
            Place::AdminChannel => "the administrators' channel".to_owned(),
            Place::With(user) => format!("a direct message to {user}"),
        };
        writeln!(out, "Would go to {place}:\n  {}", content.text.replace('\n', "\n  "))?;
    }
    if nothing {
        writeln!(out, "There is nothing to send.")?;
    }
    Ok(())
}

/// Carries out the outbox until the slot's messages are settled, beside the workers that may do so as well.
async fn deliver(context: &Arc<Context>, slot: i64, out: &mut impl Write) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let deliverer = tokio::spawn(Arc::new(Deliverer::new(Arc::clone(context))).run(stop.clone()));
    let started = Instant::now();
    let became = loop {
        let became = schedule::get_deliveries(&mut *context.db.acquire().await?, slot).await?;
        if became.waiting == 0 || started.elapsed() > PATIENCE {
            break became;
        }
        tokio::time::sleep(LOOKING).await;
    };
    stop.cancel();
    let _ = deliverer.await;
    writeln!(out, "{}", counted(became.sent, "message is sent", "messages are sent"))?;
    let reason = became.reason.map_or_else(String::new, |reason| format!(" ({reason})"));
    if became.skipped > 0 {
        let people = counted(became.skipped, "person", "people");
        writeln!(out, "{people} can't be written to{reason}; the administrators are told")?;
    }
    if became.parked > 0 {
        anyhow::bail!("{}{reason}", counted(became.parked, "message was given up", "messages were given up"));
    }
    if became.waiting > 0 {
        let waiting = counted(became.waiting, "message waits", "messages wait");
        anyhow::bail!("{waiting}{reason}; running workers go on with it");
    }
    Ok(())
}

/// What became of a slot, in a sentence.
fn outcome(slot: &Slot, deliveries: &schedule::Deliveries) -> String {
    let missed = match slot.missed {
        0 => String::new(),
        n => format!("; {} before it passed while every worker was down", counted(n.into(), "slot", "slots")),
    };
    if slot.skipped {
        return format!("skipped, every worker was down until {}{missed}", slot.ran_at.format("%FT%TZ"));
    }
    let late = slot.ran_at - slot.slot;
    let late = if late < TimeDelta::seconds(10) {
        "ran in time".to_owned()
    } else {
        format!("ran at {}", slot.ran_at.format("%FT%TZ"))
    };
    let runs = if slot.runs > 1 { format!(", run {}", slot.runs) } else { String::new() };
    let mut text =
        format!("{late}{runs}, took {} ms, {}", slot.took_ms, counted(slot.messages.into(), "message", "messages"));
    if deliveries.sent > 0 {
        let took = deliveries.settled_at.map_or(TimeDelta::zero(), |at| at - slot.ran_at);
        text.push_str(&format!(", {} sent within {:.1} s", deliveries.sent, took.as_seconds_f64().max(0.0)));
    }
    if deliveries.waiting > 0 {
        text.push_str(&format!(", {} on the way", deliveries.waiting));
    }
    let given_up = deliveries.parked + deliveries.skipped;
    if given_up > 0 {
        let reason = deliveries.reason.as_deref().unwrap_or("no reason is known");
        text.push_str(&format!(", {given_up} given up ({reason})"));
    }
    text + &missed
}

fn shown(at: DateTime<Utc>, zone: Tz) -> String {
    format!("{} ({})", plain_date(at, zone), at.format("%FT%TZ"))
}

fn counted(n: i64, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::schedule::Deliveries;

    #[test]
    fn a_slots_outcome_is_told_in_a_sentence() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let slot = Slot {
            id: 1,
            slot: at("2026-11-23T14:00:00Z"),
            skipped: false,
            runs: 1,
            missed: 0,
            messages: 3,
            took_ms: 12,
            ran_at: at("2026-11-23T14:00:01Z"),
        };
        let sent = Deliveries { sent: 3, settled_at: Some(at("2026-11-23T14:00:02.5Z")), ..Deliveries::default() };
        assert_eq!(outcome(&slot, &sent), "ran in time, took 12 ms, 3 messages, 3 sent within 1.5 s");
        let late = Slot { ran_at: at("2026-11-23T18:00:00Z"), runs: 2, missed: 5, ..slot.clone() };
        let partly = Deliveries { waiting: 1, skipped: 1, reason: Some("user_disabled".to_owned()), ..sent };
        assert_eq!(
            outcome(&late, &partly),
            "ran at 2026-11-23T18:00:00Z, run 2, took 12 ms, 3 messages, 3 sent within 0.0 s, 1 on the way, \
             1 given up (user_disabled); 5 slots before it passed while every worker was down"
        );
        let skipped = Slot { skipped: true, ..slot };
        assert_eq!(
            outcome(&skipped, &Deliveries::default()),
            "skipped, every worker was down until 2026-11-23T14:00:01Z"
        );
    }
}
