//! What an operator can do about a refusal of Slack's.

use crate::slack::error::Trouble;
use crate::views::mrkdwn::escape;

/// What operators are told of once an hour: a token that is refused by ten methods in five channels is one trouble.
pub fn cause(trouble: Trouble, code: &str, method: &str, place: Option<&str>) -> String {
    match (trouble, place) {
        (Trouble::Token, _) => "token".to_owned(),
        (Trouble::Scope, _) => format!("scope:{method}"),
        (Trouble::Conversation, Some(place)) => format!("conversation:{place}"),
        _ => format!("{method}:{code}:{}", place.unwrap_or_default()),
    }
}

/// What happened and what to do, in mrkdwn; `place` is a conversation's id.
pub fn advice(trouble: Trouble, code: &str, method: &str, place: Option<&str>) -> String {
    let place = place.map_or_else(|| "a conversation".to_owned(), |id| format!("<#{id}>"));
    match trouble {
        Trouble::Token => format!(
            "Slack refuses the bot's token (`{code}`). Set a valid `SLACK_BOT_TOKEN` and restart the workers. \
             Nothing is lost: messages wait until then."
        ),
        Trouble::Scope => format!(
            "The bot may not call `{method}` (`{code}`). Add the missing scope to the app and install it again. \
             What needs it waits until then."
        ),
        Trouble::Conversation => format!(
            "The bot can't write to {place} (`{code}`). Invite it there, unarchive the channel, or correct \
             `SLACK_CHANNEL_ID` / `ADMIN_CHANNEL` and restart the workers. Tickets are kept; their messages follow by themselves."
        ),
        Trouble::Content if method.starts_with("views.") => format!(
            "Slack refused a window of ours (`{method}`: `{code}`), so it did not open. \
             Please report this as a fault of the ticket desk."
        ),
        Trouble::Content => format!(
            "Slack refused the form of a message (`{method}`: `{code}`); it was sent as plain text instead. \
             Please report this as a fault of the ticket desk."
        ),
        Trouble::Recipient | Trouble::Message | Trouble::View | Trouble::Trigger | Trouble::Other => {
            format!("Slack refused `{method}` in {place} three times (`{code}`). {RETRY}")
        }
    }
}

/// What an operator can do about what was parked.
const RETRY: &str = "What should be shown there is parked. Look the code up at Slack's page of the method and mend its \
                     cause; `worker parked list` shows what waits, `worker parked retry` sends it.";

/// A delivery was given up for a reason that is not Slack's; `kind` is that of its target.
pub(super) fn parked(kind: &str, reason: &str) -> String {
    format!(
        "A delivery was given up (`{kind}`: {}). The worker's log has the details; `worker parked list` shows what waits, \
         `worker parked retry` tries it again.",
        escape(reason)
    )
}

/// The bot sees no channel of the name that a variable gives.
pub(super) fn no_such_channel(variable: &str, name: &str) -> String {
    format!(
        "The bot sees no channel `#{}` (`{variable}`). Create it, invite the bot, or correct the variable and restart the \
         workers. Nothing is lost: its messages wait until then.",
        escape(name)
    )
}
