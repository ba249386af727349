//! Pages of tickets: filtered, sorted, searched.
//!
//! A query names only the filters that are set, so that PostgreSQL plans each combination by itself. Texts are searched as
//! words first; only where that finds nothing, by similar spelling.

use chrono::{DateTime, Utc};
use common::slack_id::UserId;
use common::ticket::{Priority, TicketNumber};
use sqlx::{PgConnection, Postgres, QueryBuilder};

use super::tickets::{COLUMNS, Row, Ticket};
use crate::lists::{Assignee, Filter, Sort};

/// Counts are exact up to this.
pub const MAX_COUNT: i64 = 1000;
/// Of a search's finds at most the newest so many are ranked.
const MAX_RANKED: i64 = 1000;
/// A ticket without update for this long is stale.
const STALE_DAYS: i32 = 3;

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

/// How a text is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Search {
    Words,
    Spelling,
}

/// A page of tickets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its tickets.
    pub tickets: Vec<Ticket>,
    /// How many there are in all, up to [`MAX_COUNT`] + 1.
    pub count: i64,
    /// Which page it is, from 0: the last one where a later was asked for.
    pub page: i64,
}

/// A page of `size` tickets.
pub async fn list_page(db: &mut PgConnection, wanted: &Wanted<'_>, page: i64, size: i64) -> sqlx::Result<Page> {
    let mut search = Search::Words;
    let mut count = count(db, wanted, search).await?;
    if count == 0 && wanted.filter.search.is_some() {
        search = Search::Spelling;
        count = self::count(db, wanted, search).await?;
    }
    let last = (count - 1).max(0) / size;
    let page = if count > MAX_COUNT { page.max(0) } else { page.clamp(0, last) };
    let rows: Vec<Row> = page_query(wanted, search, page * size, size).build_query_as().fetch_all(db).await?;
    let tickets = rows.into_iter().map(Ticket::try_from).collect::<sqlx::Result<_>>()?;
    Ok(Page { tickets, count, page })
}

async fn count(db: &mut PgConnection, wanted: &Wanted<'_>, search: Search) -> sqlx::Result<i64> {
    let mut query = QueryBuilder::new("SELECT count(*) FROM (SELECT 1 FROM tickets WHERE true");
    push_filter(&mut query, wanted, search);
    query.push(" LIMIT ").push_bind(MAX_COUNT + 1).push(") AS found");
    query.build_query_scalar().fetch_one(db).await
}

fn page_query(wanted: &Wanted<'_>, search: Search, offset: i64, size: i64) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(format!("SELECT {COLUMNS} FROM "));
    match (&wanted.filter.search, wanted.filter.sort) {
        // The best finds first, among the newest.
        (Some(text), Sort::Newest) => {
            query.push("(SELECT * FROM tickets WHERE true");
            push_filter(&mut query, wanted, search);
            query.push(" ORDER BY number DESC LIMIT ").push_bind(MAX_RANKED).push(") AS found ORDER BY ");
            match search {
                Search::Words => {
                    query.push("ts_rank(search, websearch_to_tsquery('english', ").push_bind(text.clone()).push("))");
                }
                Search::Spelling => {
                    query.push("word_similarity(").push_bind(text.clone()).push(", details)");
                }
            }
            query.push(" DESC, number DESC");
        }
        (_, sort) => {
            query.push("tickets WHERE true");
            push_filter(&mut query, wanted, search);
            query.push(match sort {
                Sort::Newest => " ORDER BY number DESC",
                Sort::Oldest => " ORDER BY number",
                Sort::Priority => {
                    " ORDER BY (CASE priority WHEN 'high' THEN 0 WHEN 'medium' THEN 1 ELSE 2 END), number DESC"
                }
                Sort::Quiet => " ORDER BY updated_at, number",
            });
        }
    }
    query.push(" OFFSET ").push_bind(offset).push(" LIMIT ").push_bind(size);
    query
}

fn push_filter(query: &mut QueryBuilder<Postgres>, wanted: &Wanted<'_>, search: Search) {
    let filter = wanted.filter;
    if let Some(submitter) = wanted.submitter {
        query.push(" AND submitter = ").push_bind(submitter.to_string());
    }
    if !filter.statuses.is_empty() {
        query.push(" AND status = ANY(").push_bind(filter.statuses.clone()).push(")");
    }
    if let Some(priority) = filter.priority.as_deref().and_then(Priority::parse) {
        let rank = Priority::ALL.iter().position(|p| *p == priority).unwrap_or_default();
        // The expression that the index holds.
        query.push(" AND (CASE priority WHEN 'high' THEN 0 WHEN 'medium' THEN 1 ELSE 2 END) = ");
        query.push_bind(i32::try_from(rank).unwrap_or_default());
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
    }
    if let Some(until) = wanted.bounds.1 {
        query.push(" AND created_at < ").push_bind(until);
    }
    match (&filter.search, search) {
        (Some(text), Search::Words) => {
            query.push(" AND (search @@ websearch_to_tsquery('english', ").push_bind(text.clone()).push(")");
            if let Ok(number) = text.parse::<TicketNumber>() {
                query.push(" OR number = ").push_bind(number.get());
            }
            query.push(")");
        }
        (Some(text), Search::Spelling) => {
            query.push(" AND ").push_bind(text.clone()).push(" <% details");
        }
        (None, _) => {}
    }
}
