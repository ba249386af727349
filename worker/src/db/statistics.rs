//! What a summary counts.
//!
//! Changes of status are counted by UTC day in the transactions that make them (`ticket_days`); a period's edges that are
//! no whole UTC days are counted from the history itself, so that every sum is exact in every time zone. What was filed and
//! how long things took is in [`super::period_counts`]. The rest are index-only scans of the unresolved tickets.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use common::slack_id::UserId;
use common::ticket::{Priority, Status, TicketNumber};
use sqlx::{Connection, PgConnection};

use super::period_counts::{Done, find_times, list_filed};
use super::unknown;
use crate::period::Period;

/// A ticket without a change for so many days is stale.
pub const STALE_DAYS: i32 = 3;
/// Parts of a day's count.
const SLOTS: i32 = 4;
/// Assignees that are named.
const NAMED_ASSIGNEES: usize = 10;

/// Everything that a summary says.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// What it is about.
    pub period: Period,
    /// Tickets now, in the order of [`Status::ALL`].
    pub by_status: [i64; 4],
    /// Open and In Progress now, in the order of [`Priority::ALL`].
    pub unresolved: [Unresolved; 3],
    /// Who has how many unresolved tickets, most first.
    pub assignees: Vec<(UserId, i64)>,
    /// How many further people have some.
    pub more_assignees: i64,
    /// What happened, by part of the period.
    pub parts: Vec<(String, Changes)>,
    /// What happened in the whole period.
    pub changes: Changes,
    /// What happened in the period before.
    pub before: Changes,
    /// From filing to the first assignment, of tickets first assigned in the period.
    pub to_first_assignment: Option<Times>,
    /// From filing to the resolution, of tickets resolved in the period.
    pub to_resolution: Option<Times>,
    /// Campaigns of the tickets filed in the period, most first.
    pub campaigns: Vec<(String, i64)>,
    /// Issue types of the tickets filed in the period, most first.
    pub issue_types: Vec<(String, i64)>,
}

impl Summary {
    /// All tickets now.
    pub fn tickets(&self) -> i64 {
        self.by_status.iter().sum()
    }
}

/// Unresolved tickets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Unresolved {
    /// All of them.
    pub count: i64,
    /// Nobody has them.
    pub unassigned: i64,
    /// Past the expected time to resolution.
    pub overdue: i64,
    /// Without a change for [`STALE_DAYS`].
    pub stale: i64,
}

/// How often something happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes {
    /// Tickets filed.
    pub opened: i64,
    /// Changes to Resolved.
    pub resolved: i64,
    /// Changes to Closed.
    pub closed: i64,
    /// Resolved or closed tickets made Open again.
    pub reopened: i64,
}

/// How long something took, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Times {
    /// Half of the tickets took no longer.
    pub median: f64,
    /// Nine of ten took no longer.
    pub p90: f64,
}

/// Counts a change of status (before, after) of a ticket on the day it was saved, in the transaction that makes it; nothing
/// where there is none.
pub async fn count_change(
    db: &mut PgConnection,
    ticket: TicketNumber,
    status: (Option<Status>, Option<Status>),
) -> sqlx::Result<()> {
    let (from, Some(to)) = status else { return Ok(()) };
    sqlx::query(
        "INSERT INTO ticket_days AS d (day, from_status, to_status, slot, count)
         SELECT (updated_at AT TIME ZONE 'UTC')::date, $1, $2, pg_backend_pid() % $3, 1 FROM tickets WHERE number = $4
         ON CONFLICT (day, from_status, to_status, slot) DO UPDATE SET count = d.count + 1",
    )
    .bind(from.map_or("new", Status::as_str))
    .bind(to.as_str())
    .bind(SLOTS)
    .bind(ticket.get())
    .execute(db)
    .await?;
    Ok(())
}

/// Everything about `period` in one snapshot. `days_to_resolution` says within how many days a ticket of each priority, in
/// the order of [`Priority::ALL`], should be resolved.
pub async fn get_summary(
    db: &mut PgConnection,
    period: Period,
    timezone: Tz,
    days_to_resolution: [u32; 3],
    now: DateTime<Utc>,
) -> sqlx::Result<Summary> {
    let mut tx = db.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let (from, to) = period.bounds(timezone);
    let parts = period.parts(timezone);
    let mut spans = vec![period.before().bounds(timezone)];
    spans.extend(parts.iter().map(|part| (part.from, part.to)));
    let counted = list_changes(&mut tx, &spans).await?;
    let (assignees, more_assignees) = list_assignees(&mut tx).await?;
    let (campaigns, issue_types) = list_filed(&mut tx, from, to).await?;
    let summary = Summary {
        period,
        by_status: get_by_status(&mut tx).await?,
        unresolved: get_unresolved(&mut tx, days_to_resolution, now).await?,
        assignees,
        more_assignees,
        before: counted.first().copied().unwrap_or_default(),
        changes: counted.iter().skip(1).copied().fold(Changes::default(), Changes::plus),
        parts: parts.into_iter().map(|part| part.label).zip(counted.into_iter().skip(1)).collect(),
        to_first_assignment: find_times(&mut tx, Done::FirstAssignment, from, to).await?,
        to_resolution: find_times(&mut tx, Done::Resolution, from, to).await?,
        campaigns,
        issue_types,
    };
    tx.commit().await?;
    Ok(summary)
}

/// How long each part of [`get_summary`] takes, for the benchmark.
pub async fn time_parts(
    db: &mut PgConnection,
    period: Period,
    timezone: Tz,
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<(&'static str, std::time::Duration)>> {
    let (from, to) = period.bounds(timezone);
    let mut spans = vec![period.before().bounds(timezone)];
    spans.extend(period.parts(timezone).iter().map(|part| (part.from, part.to)));
    let mut times = Vec::new();
    let mut started = std::time::Instant::now();
    let mut lap = |part| times.push((part, std::mem::replace(&mut started, std::time::Instant::now()).elapsed()));
    get_by_status(db).await?;
    lap("totals by status");
    get_unresolved(db, [7; 3], now).await?;
    lap("unresolved by priority, unassigned, overdue, stale");
    list_assignees(db).await?;
    lap("unresolved by assignee");
    list_changes(db, &spans).await?;
    lap("changes by day or week, and of the period before");
    list_filed(db, from, to).await?;
    lap("filed by campaign and issue type");
    find_times(db, Done::FirstAssignment, from, to).await?;
    lap("quantiles of time to first assignment");
    find_times(db, Done::Resolution, from, to).await?;
    lap("quantiles of time to resolution");
    Ok(times)
}

impl Changes {
    fn plus(self, other: Self) -> Self {
        Self {
            opened: self.opened + other.opened,
            resolved: self.resolved + other.resolved,
            closed: self.closed + other.closed,
            reopened: self.reopened + other.reopened,
        }
    }
}

/// How many tickets have each status, in the order of [`Status::ALL`]: from the counts by day, since counting the tickets
/// reads all of them.
pub async fn get_by_status(db: &mut PgConnection) -> sqlx::Result<[i64; 4]> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT status, sum(count)::bigint
         FROM (SELECT to_status AS status, count FROM ticket_days
               UNION ALL SELECT from_status, -count FROM ticket_days WHERE from_status <> 'new') change
         GROUP BY status",
    )
    .fetch_all(db)
    .await?;
    Ok(Status::ALL.map(|status| rows.iter().find(|row| row.0 == status.as_str()).map_or(0, |row| row.1)))
}

async fn get_unresolved(
    db: &mut PgConnection,
    days_to_resolution: [u32; 3],
    now: DateTime<Utc>,
) -> sqlx::Result<[Unresolved; 3]> {
    let rows: Vec<(String, i64, i64, i64, i64)> = sqlx::query_as(
        "SELECT priority, count(*), count(*) FILTER (WHERE assignee IS NULL),
                count(*) FILTER (WHERE created_at < CASE priority WHEN 'high' THEN $1 WHEN 'medium' THEN $2 ELSE $3 END),
                count(*) FILTER (WHERE updated_at < $4)
         FROM tickets WHERE status IN ('open', 'in_progress') GROUP BY priority",
    )
    .bind(now - TimeDelta::days(days_to_resolution[0].into()))
    .bind(now - TimeDelta::days(days_to_resolution[1].into()))
    .bind(now - TimeDelta::days(days_to_resolution[2].into()))
    .bind(now - TimeDelta::days(STALE_DAYS.into()))
    .fetch_all(db)
    .await?;
    Ok(Priority::ALL.map(|priority| {
        let row = rows.iter().find(|row| row.0 == priority.as_str());
        row.map_or_else(Unresolved::default, |(_, count, unassigned, overdue, stale)| Unresolved {
            count: *count,
            unassigned: *unassigned,
            overdue: *overdue,
            stale: *stale,
        })
    }))
}

async fn list_assignees(db: &mut PgConnection) -> sqlx::Result<(Vec<(UserId, i64)>, i64)> {
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(
        "SELECT assignee, count(*), count(*) OVER ()
         FROM tickets WHERE status IN ('open', 'in_progress') AND assignee IS NOT NULL
         GROUP BY assignee ORDER BY count(*) DESC, assignee LIMIT $1",
    )
    .bind(i64::try_from(NAMED_ASSIGNEES).unwrap_or(i64::MAX))
    .fetch_all(db)
    .await?;
    let all = rows.first().map_or(0, |row| row.2);
    let named = rows
        .into_iter()
        .map(|(id, count, _)| Ok((UserId::parse(&id).ok_or_else(|| unknown("assignee"))?, count)))
        .collect::<sqlx::Result<Vec<_>>>()?;
    let more = all - i64::try_from(named.len()).unwrap_or_default();
    Ok((named, more))
}

/// What happened in each span: its whole UTC days from the daily counts, the rest from the history.
async fn list_changes(db: &mut PgConnection, spans: &[(DateTime<Utc>, DateTime<Utc>)]) -> sqlx::Result<Vec<Changes>> {
    let (mut days, mut edges) = (Vec::new(), Vec::new());
    for (span, (from, to)) in (0i32..).zip(spans) {
        let cut = cut(*from, *to);
        days.extend(cut.days.map(|(first, end)| (span, first, end)));
        edges.extend(cut.edges.into_iter().map(|(from, to)| (span, from, to)));
    }
    let rows: Vec<(i32, String, String, i64)> = sqlx::query_as(
        "SELECT span, from_status, to_status, sum(count)::bigint
         FROM (SELECT span, c.from_status, c.to_status, c.count
               FROM unnest($1::int[], $2::date[], $3::date[]) AS days (span, first, past)
               CROSS JOIN LATERAL (SELECT from_status, to_status, count FROM ticket_days
                                   WHERE day >= first AND day < past) c
               UNION ALL
               SELECT span, c.from_status, c.to_status, c.count
               FROM unnest($4::int[], $5::timestamptz[], $6::timestamptz[]) AS edge (span, lower, upper)
               CROSS JOIN LATERAL (SELECT coalesce(from_status, 'new') AS from_status, to_status, count(*) AS count
                                   FROM ticket_events
                                   WHERE to_status IS NOT NULL AND at >= lower AND at < upper GROUP BY 1, 2) c
              ) counted
         GROUP BY span, from_status, to_status",
    )
    .bind(days.iter().map(|day| day.0).collect::<Vec<_>>())
    .bind(days.iter().map(|day| day.1).collect::<Vec<_>>())
    .bind(days.iter().map(|day| day.2).collect::<Vec<_>>())
    .bind(edges.iter().map(|edge| edge.0).collect::<Vec<_>>())
    .bind(edges.iter().map(|edge| edge.1).collect::<Vec<_>>())
    .bind(edges.iter().map(|edge| edge.2).collect::<Vec<_>>())
    .fetch_all(db)
    .await?;
    let mut changes = vec![Changes::default(); spans.len()];
    for (span, from, to, count) in rows {
        let Some(changes) = usize::try_from(span).ok().and_then(|span| changes.get_mut(span)) else { continue };
        match (from.as_str(), Status::parse(&to)) {
            ("new", _) => changes.opened += count,
            (_, Some(Status::Open)) => changes.reopened += count,
            (_, Some(Status::Resolved)) => changes.resolved += count,
            (_, Some(Status::Closed)) => changes.closed += count,
            _ => {}
        }
    }
    Ok(changes)
}

/// A span cut into whole UTC days and what is left at its edges.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) days: Option<(NaiveDate, NaiveDate)>,
    pub(super) edges: Vec<(DateTime<Utc>, DateTime<Utc>)>,
}

pub(super) fn cut(from: DateTime<Utc>, to: DateTime<Utc>) -> Cut {
    let start_of = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    let from_day = from.date_naive();
    let first = if start_of(from_day) == from { from_day } else { from_day + Days::new(1) };
    let end = to.date_naive();
    if first >= end {
        return Cut { days: None, edges: vec![(from, to)] };
    }
    let edges = [(from, start_of(first)), (start_of(end), to)].into_iter().filter(|(from, to)| from < to);
    Cut { days: Some((first, end)), edges: edges.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_span_is_cut_at_utc_midnights() {
        let day = |text: &str| crate::period::parse_day(text).unwrap();
        let (from, to) = (at("2026-11-01T04:00:00Z"), at("2026-11-04T05:00:00Z"));
        assert_eq!(
            cut(from, to),
            Cut {
                days: Some((day("2026-11-02"), day("2026-11-04"))),
                edges: vec![(from, at("2026-11-02T00:00:00Z")), (at("2026-11-04T00:00:00Z"), to)],
            }
        );
        assert_eq!(cut(from, at("2026-11-02T04:00:00Z")).days, None, "no whole day in it");
        let whole = cut(at("2026-11-01T00:00:00Z"), at("2026-11-03T00:00:00Z"));
        assert_eq!(whole, Cut { days: Some((day("2026-11-01"), day("2026-11-03"))), edges: vec![] });
    }
}
