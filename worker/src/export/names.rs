//! The names of the people in an export, asked of Slack before anything is read: one call a person, once.

use std::time::Duration;

use common::slack_id::UserId;

use super::Selection;
use crate::context::Context;
use crate::db::{exports, people};
use crate::slack::SlackError;
use crate::slack::error::Trouble;

/// Asks for the names that aren't known yet. Slack may want that to wait for so long; then it is to be called again and goes
/// on where it was.
///
/// # Errors
/// When PostgreSQL or Slack as a whole is away.
pub async fn ask(context: &Context, selection: &Selection) -> anyhow::Result<Option<Duration>> {
    let nameless = exports::list_nameless(&mut *context.db.acquire().await?, selection).await?;
    for user in nameless.iter().filter_map(|id| UserId::parse(id)) {
        let name = match context.slack.user_name(&user).await {
            Ok(name) => name,
            Err(SlackError::Paused(wait)) => return Ok(Some(wait)),
            // Without the scope there are no names.
            Err(SlackError::Refused(code)) if code.trouble() == Trouble::Scope => return Ok(None),
            Err(SlackError::Refused(code)) if code.trouble() != Trouble::Token => String::new(),
            Err(error) => return Err(error.into()),
        };
        people::insert(&mut *context.db.acquire().await?, &user, &name).await?;
    }
    Ok(None)
}
