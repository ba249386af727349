//! What a million tickets cost: the database time of every page, filter, order, search and count of the lists and of each
//! part of a summary, as the worker sends them; and rows a second of an export.
//!
//! `bin/bench` runs it and prints tables in Markdown; with PLANS=1 in the environment each row's plans follow the tables, as
//! PostgreSQL's auto_explain tells them. What is loaded is in `million/tickets.rs`.

#[path = "million/lists.rs"]
mod lists;
#[path = "million/plans.rs"]
mod plans;
#[path = "million/tickets.rs"]
mod tickets;

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use common::secret::Secret;
use harness::servers;
use sqlx::{Connection, PgConnection, PgPool};
use worker::db::statistics::{self, get_summary};
use worker::export::{Selection, write_csv};
use worker::period::Period;

/// Rounds of each measurement.
const ROUNDS: usize = 15;
/// The desk's zone.
const ZONE: Tz = Tz::America__New_York;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(bench());
}

async fn bench() {
    let url = servers::database().await;
    let mut db = PgConnection::connect(&url).await.expect("PostgreSQL answers");
    let started = Instant::now();
    tickets::load(&mut db).await;
    println!("{} tickets loaded in {:.1?}\n", tickets::TICKETS, started.elapsed());
    let pool = worker::db::pool(&Secret::new(url)).expect("a pool");
    lists::measure(&pool).await;
    summaries(&pool).await;
    let started = Instant::now();
    let rows = write_csv(&pool, &Selection::default(), ZONE, &mut tokio::io::sink(), None).await.expect("exported");
    let seconds = started.elapsed().as_secs_f64();
    println!("\nexport of {rows} tickets: {seconds:.1} s, {:.0} rows a second", rows as f64 / seconds);
}

async fn summaries(pool: &PgPool) {
    let mut db = pool.acquire().await.expect("PostgreSQL answers");
    let now: DateTime<Utc> = "2026-11-20T12:00:00Z".parse().expect("a time");
    println!("\n| summary | median | least |\n|---|---|---|");
    for (name, period) in
        [("week", "2026-11-16..2026-11-22"), ("month", "2026-10-01..2026-10-31"), ("year", "2025-11-20..2026-11-20")]
    {
        let period = Period::parse(period).expect("a period");
        let mut times = Vec::new();
        let mut parts: Vec<(&str, Vec<Duration>)> = Vec::new();
        for _ in 0..ROUNDS {
            let started = Instant::now();
            get_summary(&mut db, period, ZONE, [7, 7, 7], now).await.expect("counted");
            times.push(started.elapsed());
            for (part, time) in statistics::time_parts(&mut db, period, ZONE, now).await.expect("counted") {
                match parts.iter_mut().find(|known| known.0 == part) {
                    Some(known) => known.1.push(time),
                    None => parts.push((part, vec![time])),
                }
            }
        }
        println!("{}", row(&format!("**{name}, whole**"), &mut times));
        for (part, mut times) in parts {
            println!("{}", row(&format!("{name}: {part}"), &mut times));
        }
    }
}

/// A row of a table: median and least.
fn row(name: &str, times: &mut [Duration]) -> String {
    times.sort_unstable();
    let ms = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
    format!("| {name} | {} | {} |", ms(times[times.len() / 2]), ms(times[0]))
}
