//! Exports that somebody asked for, and the tickets in them.

use chrono::{DateTime, Utc};
use common::slack_id::UserId;
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool, Postgres, QueryBuilder, Transaction};

use super::unknown;
use crate::export::Selection;
use crate::lists::Filter;

/// Old exports are forgotten after so many days.
const KEPT_DAYS: i32 = 30;

/// An export and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Who asked for it.
    pub user: UserId,
    /// `running`, `sent` or `failed`.
    pub state: String,
    /// Tickets written so far.
    pub rows_done: i64,
    /// Tickets in all, once they are counted.
    pub rows_total: Option<i64>,
    /// Our upload, sent but perhaps not completed.
    pub upload_id: Option<String>,
    /// How often Slack was asked in vain whether it was completed.
    pub looks: i32,
    /// What the list was filtered by that it is of; `None` where it is of a period.
    pub filter: Option<Filter>,
}

/// Remembers an export that begins; `true` where it is new.
pub async fn insert(db: &mut PgConnection, job_id: &str, user: &UserId, filter: Option<&Filter>) -> sqlx::Result<bool> {
    let statement = "INSERT INTO exports (job_id, user_id, filter) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    let inserted = sqlx::query(statement).bind(job_id).bind(user.as_str()).bind(filter.map(Json)).execute(db).await?;
    Ok(inserted.rows_affected() == 1)
}

/// The export of this job.
pub async fn find(db: &mut PgConnection, job_id: &str) -> sqlx::Result<Option<Export>> {
    type Columns = (String, String, i64, Option<i64>, Option<String>, i32, Option<Json<Filter>>);
    let row: Option<Columns> = sqlx::query_as(
        "SELECT user_id, state, rows_done, rows_total, upload_id, looks, filter FROM exports WHERE job_id = $1",
    )
    .bind(job_id)
    .fetch_optional(db)
    .await?;
    row.map(|(user, state, rows_done, rows_total, upload_id, looks, filter)| {
        let user = UserId::parse(&user).ok_or_else(|| unknown("user_id"))?;
        Ok(Export { user, state, rows_done, rows_total, upload_id, looks, filter: filter.map(|filter| filter.0) })
    })
    .transpose()
}

/// Remembers how far it is.
pub async fn mark_progress(db: &mut PgConnection, job_id: &str, done: i64, total: i64) -> sqlx::Result<()> {
    sqlx::query("UPDATE exports SET rows_done = $2, rows_total = $3 WHERE job_id = $1 AND state = 'running'")
        .bind(job_id)
        .bind(done)
        .bind(total)
        .execute(db)
        .await?;
    Ok(())
}

/// Remembers our upload before it is completed; `false` where another run of the job was faster: its upload counts.
pub async fn mark_uploaded(db: &mut PgConnection, job_id: &str, upload_id: &str) -> sqlx::Result<bool> {
    let marked = sqlx::query(
        "UPDATE exports SET upload_id = $2, looks = 0 WHERE job_id = $1 AND upload_id IS NULL AND state = 'running'",
    )
    .bind(job_id)
    .bind(upload_id)
    .execute(db)
    .await?;
    Ok(marked.rows_affected() == 1)
}

/// Counts a look for the upload that found nothing.
pub async fn mark_looked(db: &mut PgConnection, job_id: &str) -> sqlx::Result<()> {
    sqlx::query("UPDATE exports SET looks = looks + 1 WHERE job_id = $1").bind(job_id).execute(db).await?;
    Ok(())
}

/// The upload is lost: the next run makes another.
pub async fn mark_lost(db: &mut PgConnection, job_id: &str, upload_id: &str) -> sqlx::Result<()> {
    sqlx::query("UPDATE exports SET upload_id = NULL, looks = 0 WHERE job_id = $1 AND upload_id = $2")
        .bind(job_id)
        .bind(upload_id)
        .execute(db)
        .await?;
    Ok(())
}

/// Settles it as `sent` or `failed`.
pub async fn settle(db: &mut PgConnection, job_id: &str, state: &str) -> sqlx::Result<()> {
    sqlx::query("UPDATE exports SET state = $2 WHERE job_id = $1 AND state = 'running'")
        .bind(job_id)
        .bind(state)
        .execute(db)
        .await?;
    Ok(())
}

/// Forgets old exports; returns how many.
pub async fn prune(db: &mut PgConnection) -> sqlx::Result<u64> {
    let pruned = sqlx::query("DELETE FROM exports WHERE started_at < now() - make_interval(days => $1)")
        .bind(KEPT_DAYS)
        .execute(db)
        .await?;
    Ok(pruned.rows_affected())
}

/// A ticket with everything that its row of an export says.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ExportedTicket {
    /// Its number.
    pub number: i64,
    /// [`common::ticket::Status::as_str`].
    pub status: String,
    /// [`common::ticket::Priority::as_str`].
    pub priority: String,
    /// What it is about.
    pub campaign: String,
    /// What is wrong.
    pub issue_type: String,
    /// Who filed it.
    pub submitter: String,
    /// Their name, where it is known.
    pub submitter_name: Option<String>,
    /// Who works on it.
    pub assignee: Option<String>,
    /// Their name, where it is known.
    pub assignee_name: Option<String>,
    /// What the submitter wrote.
    pub details: String,
    /// What was written since, oldest first, internal notes included.
    pub comments: Option<Json<Vec<ExportedComment>>>,
    /// Where its images are, one a line.
    pub images: Option<String>,
    /// When it was filed.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// When somebody first took it.
    pub first_assigned_at: Option<DateTime<Utc>>,
    /// When it was resolved, where it is.
    pub resolved_at: Option<DateTime<Utc>>,
    /// When it was closed, where it is.
    pub closed_at: Option<DateTime<Utc>>,
    /// How often it was reopened.
    pub reopened_count: i32,
}

/// A comment in an export.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct ExportedComment {
    /// When.
    pub at: DateTime<Utc>,
    /// Who, by id.
    pub actor: String,
    /// Their name, where it is known.
    pub name: Option<String>,
    /// An internal note.
    pub internal: bool,
    /// What was written.
    pub text: String,
}

/// One snapshot for the whole export, however long its reader takes.
pub async fn begin_snapshot(db: &PgPool) -> sqlx::Result<Transaction<'static, Postgres>> {
    let mut tx = db.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    sqlx::query("SET LOCAL idle_in_transaction_session_timeout = '10min'").execute(&mut *tx).await?;
    // It holds nobody up, and the first page of a large table takes a while.
    sqlx::query("SET LOCAL statement_timeout = '30s'").execute(&mut *tx).await?;
    Ok(tx)
}

/// How many tickets are selected.
pub async fn count_tickets(db: &mut PgConnection, selection: &Selection) -> sqlx::Result<i64> {
    let mut query = QueryBuilder::new("SELECT count(*) FROM tickets t WHERE true");
    selection.push_where(&mut query);
    query.build_query_scalar().fetch_one(db).await
}

/// Begins to read the selected tickets, oldest first, in the caller's snapshot.
pub async fn open_cursor(db: &mut PgConnection, selection: &Selection) -> sqlx::Result<()> {
    let mut query = QueryBuilder::new(
        "DECLARE exported NO SCROLL CURSOR FOR
         SELECT t.number, t.status, t.priority, t.campaign, t.issue_type, t.submitter,
                nullif(s.name, '') AS submitter_name, t.assignee, nullif(a.name, '') AS assignee_name, t.details,
                (SELECT jsonb_agg(jsonb_build_object('at', e.at, 'actor', e.actor, 'name', nullif(p.name, ''),
                                                     'internal', e.internal, 'text', e.comment) ORDER BY e.version)
                 FROM ticket_events e LEFT JOIN people p ON p.user_id = e.actor
                 WHERE e.ticket = t.number AND e.comment IS NOT NULL AND NOT e.superseded) AS comments,
                (SELECT string_agg(coalesce(i.shared_permalink, i.permalink, i.name), E'\\n' ORDER BY i.position)
                 FROM ticket_images i WHERE i.ticket = t.number) AS images,
                t.created_at, t.updated_at, t.first_assigned_at, t.resolved_at, t.closed_at, t.reopened_count
         FROM tickets t
         LEFT JOIN people s ON s.user_id = t.submitter
         LEFT JOIN people a ON a.user_id = t.assignee
         WHERE true",
    );
    selection.push_where(&mut query);
    // By creation, as the period is selected: in the order of numbers a late period was read far more slowly.
    query.push(" ORDER BY t.created_at, t.number");
    query.build().execute(db).await?;
    Ok(())
}

/// The next tickets of the cursor; none at its end.
pub async fn list_next(db: &mut PgConnection) -> sqlx::Result<Vec<ExportedTicket>> {
    sqlx::query_as("FETCH 500 FROM exported").fetch_all(db).await
}

/// Everybody in the selected tickets, the authors of comments included, of whom nobody was asked yet.
pub async fn list_nameless(db: &mut PgConnection, selection: &Selection) -> sqlx::Result<Vec<String>> {
    let mut query = QueryBuilder::new("SELECT id FROM (SELECT t.submitter AS id FROM tickets t WHERE true");
    selection.push_where(&mut query);
    query.push(" UNION SELECT t.assignee FROM tickets t WHERE t.assignee IS NOT NULL");
    selection.push_where(&mut query);
    query.push(" UNION SELECT e.actor FROM tickets t JOIN ticket_events e ON e.ticket = t.number");
    query.push(" WHERE e.comment IS NOT NULL AND NOT e.superseded");
    selection.push_where(&mut query);
    query.push(") who WHERE NOT EXISTS (SELECT FROM people p WHERE p.user_id = who.id) ORDER BY id");
    query.build_query_scalar().fetch_all(db).await
}
