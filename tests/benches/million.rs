//! What a million tickets cost: the database time of each part of a summary, and rows a second of an export.
//!
//! Two years of tickets by COPY, 20,000 of them unresolved, three changes of status each; tables vacuumed as a running
//! PostgreSQL keeps them. The summary's parts are measured as the worker sends them.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use harness::servers;
use sqlx::{Connection, Executor, PgConnection};
use worker::db::statistics::{self, get_summary};
use worker::export::{Selection, write_csv};
use worker::period::Period;

const TICKETS: i64 = 1_000_000;
const UNRESOLVED: i64 = 20_000;
const ROUNDS: usize = 15;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(bench());
}

async fn bench() {
    let url = servers::database().await;
    let mut db = PgConnection::connect(&url).await.expect("PostgreSQL answers");
    let started = Instant::now();
    load(&mut db).await;
    println!("{TICKETS} tickets loaded in {:.1?}", started.elapsed());
    let now: DateTime<Utc> = "2026-11-20T12:00:00Z".parse().expect("a time");
    let zone = Tz::America__New_York;
    for (name, period) in [("week", "2026-11-16..2026-11-22"), ("month", "2026-10-01..2026-10-31")] {
        let period = Period::parse(period).expect("a period");
        let mut times = Vec::new();
        let mut parts: Vec<(&str, Vec<Duration>)> = Vec::new();
        for _ in 0..ROUNDS {
            let started = Instant::now();
            get_summary(&mut db, period, zone, [7, 7, 7], now).await.expect("counted");
            times.push(started.elapsed());
            for (part, time) in statistics::time_parts(&mut db, period, zone, now).await.expect("counted") {
                match parts.iter_mut().find(|known| known.0 == part) {
                    Some(known) => known.1.push(time),
                    None => parts.push((part, vec![time])),
                }
            }
        }
        println!("summary of a {name}, whole: median {:.1?}", median(&mut times));
        for (part, mut times) in parts {
            println!("summary of a {name}, {part}: median {:.1?}", median(&mut times));
        }
    }
    let pool = sqlx::PgPool::connect(&url).await.expect("PostgreSQL answers");
    let started = Instant::now();
    let rows = write_csv(&pool, &Selection::default(), zone, &mut tokio::io::sink(), None).await.expect("exported");
    let seconds = started.elapsed().as_secs_f64();
    println!("export of {rows} tickets: {seconds:.1} s, {:.0} rows a second", rows as f64 / seconds);
}

/// Fills the tables by COPY, in pieces.
async fn load(db: &mut PgConnection) {
    let mut tickets = String::new();
    let mut events = String::new();
    let first = 1_731_628_800; // 2024-11-15
    let step = 2 * 365 * 86_400 / TICKETS;
    for n in 1..=TICKETS {
        let created = first + n * step;
        let (assigned, resolved) = (created + 600 + n * 7919 % 86_400, created + 90_000 + n * 104_729 % 600_000);
        let is_open = n > TICKETS - UNRESOLVED;
        let user = n % 40;
        let (status, assignee) = match (is_open, n % 3) {
            (true, 0) => ("open", "\\N".to_owned()),
            (true, _) => ("in_progress", format!("U0SYS{user}")),
            (false, _) => ("resolved", format!("U0SYS{user}")),
        };
        let time = |seconds: i64| DateTime::from_timestamp(seconds, 0).expect("a time").to_rfc3339();
        let first_assigned = if status == "open" { "\\N".to_owned() } else { time(assigned) };
        let resolved_at = if is_open { "\\N".to_owned() } else { time(resolved) };
        let updated = if is_open { time(assigned) } else { time(resolved) };
        let priority = ["high", "medium", "low"][usize::try_from(n % 3).unwrap_or_default()];
        tickets.push_str(&format!(
            "{n}\tU0AGENT{}\tCampaign {}\tIssue {}\t{priority}\tThe dialer drops every second call on line {n}.\t{status}\t{assignee}\t3\t{}\t{updated}\t{first_assigned}\t{resolved_at}\n",
            n % 900, n % 5, n % 18, time(created)
        ));
        events.push_str(&format!("{n}\t1\t{}\tU0AGENT1\tfile\t\\N\topen\t\\N\tmodal\n", time(created)));
        if status != "open" {
            events.push_str(&format!("{n}\t2\t{}\tU0SYS1\tassign\topen\tin_progress\t\\N\tcard\n", time(assigned)));
        }
        if !is_open {
            let at = time(resolved);
            events.push_str(&format!("{n}\t3\t{at}\tU0SYS1\tresolve\tin_progress\tresolved\tRestarted it.\tcard\n"));
        }
        if n % 20_000 == 0 {
            copy(db, "COPY tickets (number, submitter, campaign, issue_type, priority, details, status, assignee, version, created_at, updated_at, first_assigned_at, resolved_at) FROM STDIN", &mut tickets).await;
            copy(db, "COPY ticket_events (ticket, version, at, actor, action, from_status, to_status, comment, surface) FROM STDIN", &mut events).await;
        }
    }
    db.execute("SELECT rebuild_ticket_days()").await.expect("counted");
    for table in ["VACUUM ANALYZE tickets", "VACUUM ANALYZE ticket_events", "VACUUM ANALYZE ticket_days"] {
        db.execute(table).await.expect("vacuumed");
    }
}

async fn copy(db: &mut PgConnection, statement: &'static str, rows: &mut String) {
    let mut copy = db.copy_in_raw(statement).await.expect("COPY begins");
    copy.send(std::mem::take(rows).into_bytes()).await.expect("rows are sent");
    copy.finish().await.expect("COPY ends");
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
