//! The conversation between the bot and each person, asked of Slack once.

use common::slack_id::{ChannelId, UserId};
use sqlx::PgConnection;

use super::unknown;

/// The conversation with this person, where it is known.
pub async fn find(db: &mut PgConnection, user: &UserId) -> sqlx::Result<Option<ChannelId>> {
    let channel: Option<String> = sqlx::query_scalar("SELECT channel FROM direct_channels WHERE user_id = $1")
        .bind(user.as_str())
        .fetch_optional(db)
        .await?;
    channel.map(|id| ChannelId::parse(&id).ok_or_else(|| unknown("channel"))).transpose()
}

/// The conversation is gone.
pub async fn forget(db: &mut PgConnection, channel: &ChannelId) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM direct_channels WHERE channel = $1").bind(channel.as_str()).execute(db).await?;
    Ok(())
}

/// Remembers the conversation with this person.
pub async fn insert(db: &mut PgConnection, user: &UserId, channel: &ChannelId) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO direct_channels (user_id, channel) VALUES ($1, $2)
         ON CONFLICT (user_id) DO UPDATE SET channel = $2",
    )
    .bind(user.as_str())
    .bind(channel.as_str())
    .execute(db)
    .await?;
    Ok(())
}
