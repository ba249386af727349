//! Telling a person privately what came of what they asked for, where it can't be seen on the card.

use common::slack_id::UserId;
use serde_json::json;
use sqlx::PgConnection;

use super::tell::noted;
use crate::db::open_views;
use crate::db::outbox::{self, Wish};
use crate::delivery::Target;

/// Shows a sentence in the modal of this external id, where it is known to be this person's; answers whether it is.
pub(super) async fn note(db: &mut PgConnection, key: &str, user: &UserId, text: &str) -> sqlx::Result<bool> {
    let theirs = open_views::find_for_update(db, key).await?.is_some_and(|view| view.user == user.as_str());
    if theirs {
        outbox::insert(db, &[noted(key, &format!("⚠️ {text}"))]).await?;
    }
    Ok(theirs)
}

/// Says so in a direct message, and gives back what was typed.
pub(crate) async fn give_back(
    db: &mut PgConnection,
    user: &UserId,
    job_id: &str,
    text: &str,
    typed: &str,
) -> sqlx::Result<()> {
    let target = Target::NotDone { user: user.clone(), job_id: job_id.to_owned() };
    let payload = json!({ "text": text, "typed": typed });
    outbox::insert(db, &[Wish { payload, ..Wish::new(target) }]).await
}
