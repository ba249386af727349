//! What the modals with lists and tickets show, and the filters that people used last.

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
}

/// Remembers what a modal shows.
pub async fn insert(
    db: &mut PgConnection,
    view_id: &str,
    user: &UserId,
    state: &ViewState,
    behind: Option<&str>,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO open_views (view_id, user_id, state, behind) VALUES ($1, $2, $3, $4)
         ON CONFLICT (view_id) DO UPDATE SET state = $3",
    )
    .bind(view_id)
    .bind(user.as_str())
    .bind(Json(state))
    .bind(behind)
    .execute(db)
    .await?;
    Ok(())
}

/// What a modal shows; its row is locked, so that two choices in it are made one after the other.
pub async fn find_for_update(db: &mut PgConnection, view_id: &str) -> sqlx::Result<Option<OpenView>> {
    let row: Option<(String, Json<ViewState>, Option<String>)> =
        sqlx::query_as("SELECT user_id, state, behind FROM open_views WHERE view_id = $1 FOR UPDATE")
            .bind(view_id)
            .fetch_optional(db)
            .await?;
    Ok(row.map(|(user, state, behind)| OpenView { user, state: state.0, behind }))
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
