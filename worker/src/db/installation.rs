//! The workspace that this desk is installed in, as Slack last said.

use common::slack_id::TeamId;
use sqlx::PgConnection;

/// Remembers what Slack said.
pub async fn insert(db: &mut PgConnection, team: &TeamId) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO installation (team) VALUES ($1)
         ON CONFLICT (only_one) DO UPDATE SET team = excluded.team, said_at = now()",
    )
    .bind(team.as_str())
    .execute(db)
    .await?;
    Ok(())
}

/// The workspace; `None` before Slack has said it for the first time.
pub async fn find_team(db: &mut PgConnection) -> sqlx::Result<Option<TeamId>> {
    let team: Option<String> = sqlx::query_scalar("SELECT team FROM installation").fetch_optional(db).await?;
    Ok(team.as_deref().and_then(TeamId::parse))
}
