//! Pages of tickets: filtered, sorted, searched.
//!
//! A query names only the filters that are set, and is planned anew each time (no prepared statement is kept), so that
//! PostgreSQL plans each combination by itself. A page is one query for its tickets, with one more than it shows, and one
//! for the count where the list goes on, both read from indexes that hold all that is filtered by; a search tells both in one. Of a search's finds the first [`MAX_COUNT`] in its
//! order can be seen; the best are chosen among the newest so many.

use chrono::{DateTime, Utc};
use common::slack_id::UserId;
use common::ticket::Priority;
use sqlx::{PgConnection, Postgres, QueryBuilder};

use super::search::Search;
use super::statistics::STALE_DAYS;
use super::tickets::{COLUMNS, Row, Ticket};
use crate::lists::{Assignee, Filter, MAX_PAGE, Sort};

/// Counts are exact up to this.
pub const MAX_COUNT: i64 = 1000;

/// Which tickets a reader wants to see.
pub struct Wanted<'a> {
    /// Only this person's.
    pub submitter: Option<&'a UserId>,
    /// Who reads.
    pub reader: &'a UserId,
    /// What is filtered.
    pub filter: &'a Filter,
    /// The filter's days as instants: the first that counts, the first that doesn't.
    pub bounds: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    /// Days to resolution by priority, most urgent first.
    pub days: [i32; 3],
}

/// A page of tickets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its tickets.
    pub tickets: Vec<Ticket>,
    /// How many there are in all; above [`MAX_COUNT`] just that there are more.
    pub count: i64,
    /// Which page it is, from 0: the last one where a later was asked for.
    pub page: i64,
    /// Whether there is a page after it.
    pub more: bool,
}

/// A page of `size` tickets.
pub async fn list_page(db: &mut PgConnection, wanted: &Wanted<'_>, page: i64, size: i64) -> sqlx::Result<Page> {
    let page = page.clamp(0, MAX_PAGE);
    match &wanted.filter.search {
        Some(text) => {
            let search = Search::find(db, text).await?;
            list_found(db, wanted, &search, page, size).await
        }
        None => list_all(db, wanted, page, size).await,
    }
}

async fn list_all(db: &mut PgConnection, wanted: &Wanted<'_>, mut page: i64, size: i64) -> sqlx::Result<Page> {
    let mut rows = list_rows(db, wanted, page * size, size + 1).await?;
    if rows.is_empty() && page > 0 {
        // The list ends before; so many are counted as were passed over just now, and no more.
        let count = count_tickets(db, wanted, page * size).await?;
        page = (count - 1).max(0) / size;
        rows = list_rows(db, wanted, page * size, size + 1).await?;
    }
    let shown = usize::try_from(size).unwrap_or_default();
    let more = rows.len() > shown;
    rows.truncate(shown);
    let seen = page * size + i64::try_from(rows.len()).unwrap_or_default();
    // Where the list ends here its length is known.
    let count = if more { count_tickets(db, wanted, MAX_COUNT + 1).await?.max(seen + 1) } else { seen };
    let tickets = rows.into_iter().map(Ticket::try_from).collect::<sqlx::Result<_>>()?;
    Ok(Page { tickets, count, page, more: more && page < MAX_PAGE })
}

/// Which tickets stand on the page is told by indexes alone, which hold every column that is filtered by; only these
/// tickets are read.
async fn list_rows(db: &mut PgConnection, wanted: &Wanted<'_>, offset: i64, limit: i64) -> sqlx::Result<Vec<Row>> {
    let sort = wanted.filter.sort;
    let mut query = QueryBuilder::new(format!("SELECT {COLUMNS} FROM ("));
    if sort == Sort::Priority {
        // One priority after the other, since no index holds them in this order; of each no more than may be shown.
        let only = wanted.filter.priority.as_deref().and_then(Priority::parse);
        let shown =
            Priority::ALL.into_iter().enumerate().filter(|(_, priority)| only.is_none_or(|only| only == *priority));
        let mut between = "SELECT of_page FROM ((";
        for (rank, priority) in shown {
            query.push(std::mem::replace(&mut between, " UNION ALL ("));
            query.push(format!(
                "SELECT number AS of_page, {rank} AS rank, created_at AS at FROM tickets WHERE priority = "
            ));
            query.push_bind(priority.as_str());
            push_filter(&mut query, wanted, None);
            query.push(" ORDER BY created_at DESC, number DESC LIMIT ").push_bind(offset + limit).push(")");
        }
        query.push(") AS ranked ORDER BY rank, at DESC, of_page DESC");
    } else {
        query.push("SELECT number AS of_page FROM tickets WHERE true");
        push_filter(&mut query, wanted, None);
        query.push(" ORDER BY ").push(order(sort));
    }
    query.push(" OFFSET ").push_bind(offset).push(" LIMIT ").push_bind(limit);
    query.push(") AS page JOIN tickets ON number = of_page ORDER BY ").push(order(sort));
    query.build_query_as().persistent(false).fetch_all(db).await
}

/// How many tickets are wanted, up to `most`.
pub async fn count_tickets(db: &mut PgConnection, wanted: &Wanted<'_>, most: i64) -> sqlx::Result<i64> {
    let mut query = QueryBuilder::new("SELECT count(*) FROM (SELECT 1 FROM tickets WHERE true");
    push_filter(&mut query, wanted, None);
    query.push(" LIMIT ").push_bind(most).push(") AS found");
    query.build_query_scalar().persistent(false).fetch_one(db).await
}

async fn list_found(
    db: &mut PgConnection,
    wanted: &Wanted<'_>,
    search: &Search,
    page: i64,
    size: i64,
) -> sqlx::Result<Page> {
    #[derive(sqlx::FromRow)]
    struct Found {
        #[sqlx(flatten)]
        row: Row,
        total: i64,
    }
    let sort = wanted.filter.sort;
    let mut query = QueryBuilder::new("WITH found AS MATERIALIZED (SELECT number, priority, created_at, updated_at, ");
    match sort {
        Sort::Best => search.push_rank(&mut query),
        Sort::Newest | Sort::Oldest | Sort::Priority | Sort::Quiet => {
            query.push("0");
        }
    }
    query.push(" AS rank FROM tickets WHERE true");
    push_filter(&mut query, wanted, Some(search));
    query.push(" ORDER BY ").push(order(sort)).push(" LIMIT ").push_bind(MAX_COUNT + 1);
    query.push("), page AS (SELECT number, row_number() OVER (ORDER BY ");
    query.push(if sort == Sort::Best { "rank DESC, created_at DESC, number DESC" } else { order(sort) });
    query.push(") AS place FROM found ORDER BY place OFFSET (SELECT least(").push_bind(page * size);
    query.push(", greatest(least(count(*), ").push_bind(MAX_COUNT).push(") - 1, 0) / ").push_bind(size);
    query.push(" * ").push_bind(size).push(") FROM found) LIMIT ").push_bind(size);
    query.push(format!(
        ") SELECT {COLUMNS}, (SELECT count(*) FROM found) AS total FROM page JOIN tickets USING (number) ORDER BY place"
    ));
    let found: Vec<Found> = query.build_query_as().persistent(false).fetch_all(db).await?;
    let count = found.first().map_or(0, |found| found.total);
    let last = (count.min(MAX_COUNT) - 1).max(0) / size;
    let page = page.min(last);
    let tickets = found.into_iter().map(|found| found.row.try_into()).collect::<sqlx::Result<_>>()?;
    Ok(Page { tickets, count, page, more: page < last })
}

/// The columns to sort by. Without a search the newest fit best, and of a search's finds the newest are ranked.
fn order(sort: Sort) -> &'static str {
    match sort {
        Sort::Newest | Sort::Best => "created_at DESC, number DESC",
        Sort::Oldest => "created_at, number",
        Sort::Priority => {
            "CASE priority WHEN 'high' THEN 0 WHEN 'medium' THEN 1 ELSE 2 END, created_at DESC, number DESC"
        }
        Sort::Quiet => "updated_at, number",
    }
}

/// Adds the conditions, each begun with `AND`, to a query about `tickets`.
pub fn push_filter(query: &mut QueryBuilder<Postgres>, wanted: &Wanted<'_>, search: Option<&Search>) {
    let filter = wanted.filter;
    if let Some(submitter) = wanted.submitter {
        query.push(" AND submitter = ").push_bind(submitter.to_string());
    }
    if !filter.statuses.is_empty() {
        query.push(" AND status = ANY(").push_bind(filter.statuses.clone()).push(")");
    }
    if let Some(priority) = filter.priority.as_deref().and_then(Priority::parse) {
        query.push(" AND priority = ").push_bind(priority.as_str());
    }
    if let Some(campaign) = &filter.campaign {
        query.push(" AND campaign = ").push_bind(campaign.clone());
    }
    match &filter.assignee {
        Some(Assignee::Me) => {
            query.push(" AND assignee = ").push_bind(wanted.reader.to_string());
        }
        Some(Assignee::User(user)) => {
            query.push(" AND assignee = ").push_bind(user.clone());
        }
        Some(Assignee::Nobody) => {
            query.push(" AND assignee IS NULL");
        }
        None => {}
    }
    if filter.stale {
        query.push(" AND status IN ('open', 'in_progress') AND updated_at < now() - make_interval(days => ");
        query.push_bind(STALE_DAYS).push(")");
    }
    if filter.overdue {
        query.push(
            " AND status IN ('open', 'in_progress') AND created_at < now() - make_interval(days => CASE priority",
        );
        query.push(" WHEN 'high' THEN ").push_bind(wanted.days[0]);
        query.push(" WHEN 'medium' THEN ").push_bind(wanted.days[1]);
        query.push(" ELSE ").push_bind(wanted.days[2]).push(" END)");
    }
    if let Some(from) = wanted.bounds.0 {
        query.push(" AND created_at >= ").push_bind(from);
        if filter.sort == Sort::Quiet {
            // Says nothing new, but where the walk through the updates may begin.
            query.push(" AND updated_at >= ").push_bind(from);
        }
    }
    if let Some(until) = wanted.bounds.1 {
        query.push(" AND created_at < ").push_bind(until);
    }
    if let Some(search) = search {
        query.push(" AND ");
        search.push_condition(query);
    }
}
