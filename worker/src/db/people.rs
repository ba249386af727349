//! People's names. A blank one is of somebody whom Slack doesn't know: it needn't be asked again and again.

use common::slack_id::UserId;
use sqlx::PgConnection;

/// The known names of these people, with whether each is due to be asked for again.
pub async fn list(db: &mut PgConnection, users: &[UserId]) -> sqlx::Result<Vec<(String, String, bool)>> {
    sqlx::query_as("SELECT user_id, name, fetched_at < now() - interval '1 day' FROM people WHERE user_id = ANY($1) AND name <> ''")
        .bind(users.iter().map(UserId::as_str).collect::<Vec<_>>())
        .fetch_all(db)
        .await
}

/// Remembers a name.
pub async fn insert(db: &mut PgConnection, user: &UserId, name: &str) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO people (user_id, name) VALUES ($1, $2)
         ON CONFLICT (user_id) DO UPDATE SET name = $2, fetched_at = now()",
    )
    .bind(user.as_str())
    .bind(name)
    .execute(db)
    .await?;
    Ok(())
}
