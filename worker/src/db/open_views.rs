//! What the modals with lists and tickets show, and the filters that people used last.
//!
//! A modal is known by its external id, which is the id of the job that opens it: its row is committed before Slack is
//! asked to open it, so that whatever becomes of Slack's answer, a click in it finds the row.

use common::slack_id::UserId;
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::lists::{Filter, List, ViewState};

/// An open modal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenView {
    /// Who has it open.
    pub user: String,
    /// What it shows.
    pub state: ViewState,
    /// The list behind it.
    pub behind: Option<String>,
    /// Slack's hash of what it shows, where Slack told it.
    pub hash: Option<String>,
}

/// Remembers what a modal is going to show; nothing where that is known already.
pub async fn insert(
    db: &mut PgConnection,
    key: &str,
    user: &UserId,
    state: &ViewState,
    behind: Option<&str>,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO open_views (key, user_id, state, behind) VALUES ($1, $2, $3, $4) ON CONFLICT (key) DO NOTHING",
    )
    .bind(key)
    .bind(user.as_str())
    .bind(Json(state))
    .bind(behind)
    .execute(db)
    .await?;
    Ok(())
}

/// Remembers what a modal is to show from now on.
pub async fn mark_state(db: &mut PgConnection, key: &str, state: &ViewState) -> sqlx::Result<()> {
    sqlx::query("UPDATE open_views SET state = $2 WHERE key = $1").bind(key).bind(Json(state)).execute(db).await?;
    Ok(())
}

/// Remembers the hash of the modal as it was opened, unless it was changed before the answer came.
pub async fn mark_opened(db: &mut PgConnection, key: &str, hash: &str) -> sqlx::Result<()> {
    sqlx::query("UPDATE open_views SET hash = $2 WHERE key = $1 AND hash IS NULL")
        .bind(key)
        .bind(hash)
        .execute(db)
        .await?;
    Ok(())
}

/// Remembers the hash of what the modal shows now.
pub async fn mark_shown(db: &mut PgConnection, key: &str, hash: Option<&str>) -> sqlx::Result<()> {
    sqlx::query("UPDATE open_views SET hash = $2 WHERE key = $1").bind(key).bind(hash).execute(db).await?;
    Ok(())
}

/// What a modal shows; its row is locked, so that two choices in it are made one after the other.
pub async fn find_for_update(db: &mut PgConnection, key: &str) -> sqlx::Result<Option<OpenView>> {
    type Columns = (String, Json<ViewState>, Option<String>, Option<String>);
    let row: Option<Columns> =
        sqlx::query_as("SELECT user_id, state, behind, hash FROM open_views WHERE key = $1 FOR UPDATE")
            .bind(key)
            .fetch_optional(db)
            .await?;
    Ok(row.map(|(user, state, behind, hash)| OpenView { user, state: state.0, behind, hash }))
}

/// The filter that this person used last in this list.
pub async fn find_filter(db: &mut PgConnection, user: &UserId, list: List) -> sqlx::Result<Filter> {
    let filter: Option<Json<Filter>> =
        sqlx::query_scalar("SELECT filter FROM list_filters WHERE user_id = $1 AND list = $2")
            .bind(user.as_str())
            .bind(list.as_str())
            .fetch_optional(db)
            .await?;
    Ok(filter.map(|filter| filter.0).unwrap_or_default())
}

/// Remembers a person's filter.
pub async fn save_filter(db: &mut PgConnection, user: &UserId, list: List, filter: &Filter) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO list_filters (user_id, list, filter) VALUES ($1, $2, $3)
         ON CONFLICT (user_id, list) DO UPDATE SET filter = $3",
    )
    .bind(user.as_str())
    .bind(list.as_str())
    .bind(Json(filter))
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets modals that nobody has open any more.
pub async fn prune(db: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM open_views WHERE opened_at < now() - interval '1 day'").execute(db).await?;
    Ok(())
}
