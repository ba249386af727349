//! The messages that stand in Slack, by what they show (see [`crate::delivery::Target`]).

use common::slack_id::{ChannelId, UserId};
use sqlx::PgConnection;

use super::unknown;

/// A message in Slack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostedMessage {
    /// Its conversation.
    pub channel: ChannelId,
    /// Its timestamp, which identifies it there.
    pub ts: String,
    /// Its address, where it was asked for.
    pub permalink: Option<String>,
}

/// The message that shows this target.
pub async fn find(db: &mut PgConnection, target: &str) -> sqlx::Result<Option<PostedMessage>> {
    let row: Option<(String, String, Option<String>)> =
        sqlx::query_as("SELECT channel, ts, permalink FROM slack_messages WHERE target = $1")
            .bind(target)
            .fetch_optional(db)
            .await?;
    row.map(|(channel, ts, permalink)| {
        let channel = ChannelId::parse(&channel).ok_or_else(|| unknown("channel"))?;
        Ok(PostedMessage { channel, ts, permalink })
    })
    .transpose()
}

/// What the message at this place shows, or showed before it was posted again elsewhere.
pub async fn find_target(db: &mut PgConnection, channel: &ChannelId, ts: &str) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(
        "SELECT target FROM slack_messages WHERE channel = $1 AND ts = $2
         UNION ALL SELECT target FROM former_messages WHERE channel = $1 AND ts = $2 LIMIT 1",
    )
    .bind(channel.as_str())
    .bind(ts)
    .fetch_optional(db)
    .await
}

/// What the newest overdue digest of a person is called.
pub async fn find_digest(db: &mut PgConnection, user: &UserId) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(
        "SELECT target FROM slack_messages WHERE target LIKE 'overdue:%' AND split_part(target, ':', 2) = $1
         ORDER BY posted_at DESC LIMIT 1",
    )
    .bind(user.as_str())
    .fetch_optional(db)
    .await
}

/// Remembers a message.
pub async fn insert(db: &mut PgConnection, target: &str, channel: &ChannelId, ts: &str) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO slack_messages (target, channel, ts) VALUES ($1, $2, $3)
         ON CONFLICT (target) DO UPDATE SET channel = $2, ts = $3, permalink = NULL, posted_at = now()",
    )
    .bind(target)
    .bind(channel.as_str())
    .bind(ts)
    .execute(db)
    .await?;
    Ok(())
}

/// Remembers a message unless an earlier one is remembered.
pub async fn insert_first(db: &mut PgConnection, target: &str, channel: &ChannelId, ts: &str) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO slack_messages (target, channel, ts) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(target)
        .bind(channel.as_str())
        .bind(ts)
        .execute(db)
        .await?;
    Ok(())
}

/// Remembers a message's address.
pub async fn mark_permalink(db: &mut PgConnection, target: &str, permalink: &str) -> sqlx::Result<()> {
    sqlx::query("UPDATE slack_messages SET permalink = $2 WHERE target = $1")
        .bind(target)
        .bind(permalink)
        .execute(db)
        .await?;
    Ok(())
}

/// The message is gone from Slack, or can't be changed; its place is kept, since its thread may go on. `ts` guards
/// against forgetting a newer one.
pub async fn delete(db: &mut PgConnection, target: &str, ts: &str) -> sqlx::Result<()> {
    sqlx::query(
        "WITH gone AS (DELETE FROM slack_messages WHERE target = $1 AND ts = $2 RETURNING channel, ts, target)
         INSERT INTO former_messages (channel, ts, target) SELECT channel, ts, target FROM gone ON CONFLICT DO NOTHING",
    )
    .bind(target)
    .bind(ts)
    .execute(db)
    .await?;
    Ok(())
}
