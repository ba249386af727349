//! Tickets as comma-separated values: all of a selection in one snapshot, read by a cursor and written as it comes, so
//! that the number of tickets costs time but no memory.

pub mod csv;
pub mod names;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use chrono::{DateTime, Days, NaiveDate, SecondsFormat, Utc};
use chrono_tz::Tz;
use common::slack_id::UserId;
use common::ticket::{Status, TicketNumber};
use sqlx::{Connection as _, PgPool, Postgres, QueryBuilder};
use tokio::io::{AsyncWrite, AsyncWriteExt, BufWriter};

use crate::config::Config;
use crate::context::Context;
use crate::db;
use crate::db::exports::{self, ExportedComment, ExportedTicket};
use crate::db::outbox::{self, Wish};
use crate::db::search::Search;
use crate::db::ticket_list::{self, Wanted};
use crate::delivery::Target;
use crate::lists::Filter;
use crate::period::{Period, midnight};
use crate::postgres;

/// The first row.
pub const COLUMNS: [&str; 19] = [
    "number",
    "status",
    "priority",
    "campaign",
    "issue type",
    "submitter id",
    "submitter name",
    "assignee id",
    "assignee name",
    "details",
    "comments",
    "image links",
    "created",
    "updated",
    "first assigned",
    "resolved",
    "closed",
    "reopened count",
    "hours to resolution",
];

/// With more tickets than this the asker is shown how far it is.
pub const SHOWS_PROGRESS_ABOVE: i64 = 5000;
/// The message is changed at most this often: Slack limits changes for all messages together.
const PROGRESS_EVERY: Duration = Duration::from_secs(3);

/// Adds conditions to a query about `tickets t`, each begun with `AND`.
pub type PushFilter = Arc<dyn Fn(&mut QueryBuilder<Postgres>) + Send + Sync>;

/// Which tickets are exported.
#[derive(Clone, Default)]
pub struct Selection {
    /// Filed at this time or later.
    pub from: Option<DateTime<Utc>>,
    /// Filed before this time.
    pub to: Option<DateTime<Utc>>,
    /// Further conditions.
    pub push_filter: Option<PushFilter>,
    /// What people call it, in plain text; also part of the file's name.
    pub title: String,
}

impl Selection {
    /// The tickets filed in a period.
    pub fn of_period(period: Period, timezone: Tz) -> Self {
        let (from, to) = period.bounds(timezone);
        Self { from: Some(from), to: Some(to), push_filter: None, title: period.title() }
    }

    /// What a list shows to `reader`, all pages of it; `search` is the filter's text, understood.
    pub fn of_list(filter: Filter, reader: UserId, search: Option<Search>, timezone: Tz, days: [i32; 3]) -> Self {
        let (title, bounds) = (filter.title(), filter.bounds(timezone));
        let push_filter = move |query: &mut QueryBuilder<Postgres>| {
            let wanted = Wanted { submitter: None, reader: &reader, filter: &filter, bounds, days };
            ticket_list::push_filter(query, &wanted, search.as_ref());
        };
        Self { from: None, to: None, push_filter: Some(Arc::new(push_filter)), title }
    }

    /// Adds the conditions to a query about `tickets t` that has a `WHERE` already.
    pub fn push_where(&self, query: &mut QueryBuilder<Postgres>) {
        if let Some(from) = self.from {
            query.push(" AND t.created_at >= ").push_bind(from);
        }
        if let Some(to) = self.to {
            query.push(" AND t.created_at < ").push_bind(to);
        }
        if let Some(push_filter) = &self.push_filter {
            push_filter(query);
        }
    }

    /// The file's name.
    pub fn file_name(&self) -> String {
        let words: Vec<&str> =
            self.title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
        let mut name = format!("tickets {}", words.join(" ")).trim_end().to_lowercase().replace(' ', "-");
        name.truncate(100);
        format!("{name}.csv")
    }
}

/// Who is told how far an export is.
pub struct Progress<'a> {
    context: &'a Context,
    job_id: &'a str,
    shown: Option<Instant>,
}

impl<'a> Progress<'a> {
    /// The asker of this job, in a direct message.
    pub fn new(context: &'a Context, job_id: &'a str) -> Self {
        Self { context, job_id, shown: None }
    }

    async fn show(&mut self, done: i64, total: i64) -> sqlx::Result<()> {
        let due = self.shown.is_none_or(|shown| shown.elapsed() >= PROGRESS_EVERY);
        if !due && done < total {
            return Ok(());
        }
        self.shown = Some(Instant::now());
        let mut tx = self.context.db.begin().await?;
        exports::mark_progress(&mut tx, self.job_id, done, total).await?;
        if total > SHOWS_PROGRESS_ABOVE {
            let target = Target::ExportStatus { job_id: self.job_id.to_owned() };
            outbox::insert(&mut tx, &[Wish::new(target)]).await?;
        }
        tx.commit().await?;
        self.context.wake_delivery();
        Ok(())
    }
}

/// Writes the selected tickets and returns how many there were. Times are in `timezone`, with their offset.
///
/// # Errors
/// When PostgreSQL fails, or `out` can't be written to.
pub async fn write_csv<Out: AsyncWrite + Unpin + Send>(
    db: &PgPool,
    selection: &Selection,
    timezone: Tz,
    out: &mut Out,
    mut progress: Option<Progress<'_>>,
) -> anyhow::Result<i64> {
    let mut snapshot = exports::begin_snapshot(db).await?;
    let total = exports::count_tickets(&mut snapshot, selection).await?;
    if let Some(progress) = &mut progress {
        progress.show(0, total).await?;
    }
    exports::open_cursor(&mut snapshot, selection).await?;
    let mut rows = csv::BYTE_ORDER_MARK.to_vec();
    csv::push_row(&mut rows, COLUMNS);
    let mut done = 0;
    loop {
        let tickets = exports::list_next(&mut snapshot).await?;
        for ticket in &tickets {
            csv::push_row(&mut rows, cells(ticket, timezone));
        }
        out.write_all(&rows).await.context("the export can't be written")?;
        rows.clear();
        done += i64::try_from(tickets.len())?;
        if tickets.is_empty() {
            break;
        }
        if let Some(progress) = &mut progress {
            progress.show(done, total).await?;
        }
    }
    out.flush().await.context("the export can't be written")?;
    snapshot.rollback().await?;
    Ok(done)
}

/// `worker export`: the tickets filed from the first day to the last, both included and both open where they are not given.
/// Names that Slack can't be asked for now are left out.
///
/// # Errors
/// When the last day is before the first, PostgreSQL can't be reached, or nobody reads the output any more.
pub async fn to_standard_output(
    config: &Config,
    first: Option<NaiveDate>,
    last: Option<NaiveDate>,
) -> anyhow::Result<()> {
    if let (Some(first), Some(last)) = (first, last) {
        anyhow::ensure!(first <= last, "--to {last} is before --from {first}");
    }
    let timezone = config.timezone;
    let selection = Selection {
        from: first.map(|day| midnight(day, timezone)),
        to: last.map(|day| midnight(day + Days::new(1), timezone)),
        ..Selection::default()
    };
    // A pool's error wouldn't tell why.
    let connection = db::connect(&config.database_url).await.map_err(|error| postgres::explain(&error))?;
    let _ = connection.close().await;
    let context = Context::new(config)?;
    loop {
        match names::ask(&context, &selection).await {
            Ok(None) => break,
            Ok(Some(wait)) => tokio::time::sleep(wait).await,
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "names are left out");
                break;
            }
        }
    }
    let mut out = BufWriter::new(tokio::io::stdout());
    write_csv(&context.db, &selection, timezone, &mut out, None).await.map_err(|error| {
        match error.downcast::<sqlx::Error>() {
            Ok(error) => postgres::explain(&error).into(),
            Err(error) => error,
        }
    })?;
    Ok(())
}

fn cells(ticket: &ExportedTicket, timezone: Tz) -> [String; 19] {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let time = |at: Option<DateTime<Utc>>| at.map(|at| iso(at, timezone)).unwrap_or_default();
    let comments = ticket.comments.as_ref().map(|comments| comments.0.iter().map(|c| comment(c, timezone)).collect());
    let comments: Vec<String> = comments.unwrap_or_default();
    let hours = ticket.resolved_at.map(|at| (at - ticket.created_at).num_seconds() as f64 / 3600.0);
    [
        TicketNumber::new(ticket.number).map_or_else(|| ticket.number.to_string(), |number| number.to_string()),
        Status::parse(&ticket.status).map_or_else(|| ticket.status.clone(), |status| status.label().to_owned()),
        capitalised(&ticket.priority),
        ticket.campaign.clone(),
        ticket.issue_type.clone(),
        ticket.submitter.clone(),
        text(&ticket.submitter_name),
        text(&ticket.assignee),
        text(&ticket.assignee_name),
        ticket.details.clone(),
        comments.join("\n"),
        text(&ticket.images),
        iso(ticket.created_at, timezone),
        iso(ticket.updated_at, timezone),
        time(ticket.first_assigned_at),
        time(ticket.resolved_at),
        time(ticket.closed_at),
        ticket.reopened_count.to_string(),
        hours.map(|hours| format!("{hours:.2}")).unwrap_or_default(),
    ]
}

fn comment(comment: &ExportedComment, timezone: Tz) -> String {
    let who = comment.name.as_deref().unwrap_or(&comment.actor);
    let internal = if comment.internal { " (internal)" } else { "" };
    format!("{} {who}{internal}: {}", iso(comment.at, timezone), comment.text)
}

fn iso(at: DateTime<Utc>, timezone: Tz) -> String {
    at.with_timezone(&timezone).to_rfc3339_opts(SecondsFormat::Secs, false)
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
