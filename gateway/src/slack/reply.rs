//! The answers that Slack, or the person in front of it, gets at once.

use common::interaction::block;
use poem::Response;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::translate::Kind;

/// Taken; nothing to show.
pub(super) fn empty() -> Response {
    Response::builder().status(StatusCode::OK).finish()
}

/// The body is neither a form nor JSON.
pub(super) fn not_understood() -> Response {
    Response::builder().status(StatusCode::BAD_REQUEST).finish()
}

/// Slack's `url_verification`: the challenge comes back.
pub(super) fn challenge(challenge: &str) -> Response {
    json_body(&json!({ "challenge": challenge }))
}

/// A line that only the person who typed the command sees.
fn ephemeral(text: &str) -> Response {
    json_body(&json!({ "response_type": "ephemeral", "text": text }))
}

/// No worker lives, so no modal would open.
pub(super) fn no_worker() -> Response {
    ephemeral(
        "The ticket desk is starting up or being repaired: nothing would happen now. Please try again in a minute.",
    )
}

/// Redis didn't take the job: say so in the way that this kind of request allows.
pub(super) fn not_stored(kind: Kind) -> Response {
    match kind {
        Kind::Command => ephemeral("I couldn't take this now, please try again in a moment."),
        // The modal stays open with everything that was typed.
        Kind::Submission(block_id) => errors([(
            block_id,
            "This couldn't be saved just now. Nothing you typed is lost: please submit again in a moment.".to_owned(),
        )]),
        // A button's answer carries no text: Slack shows a warning sign. An event is sent again by Slack.
        Kind::Action | Kind::Event => Response::builder().status(StatusCode::SERVICE_UNAVAILABLE).finish(),
    }
}

/// What is wrong with the fields of a form, by `block_id`.
pub(super) fn errors<'a>(errors: impl IntoIterator<Item = (&'a str, String)>) -> Response {
    let errors: serde_json::Map<String, Value> =
        errors.into_iter().map(|(block_id, text)| (block_id.to_owned(), Value::String(text))).collect();
    json_body(&json!({ "response_action": "errors", "errors": errors }))
}

/// The form becomes "Submitting…", under an external id by which the worker makes it the confirmation. Updating it by
/// view id alone could arrive at Slack before this answer and be overwritten by it.
pub(super) fn submitting(external_id: &str) -> Response {
    waiting(external_id, "Submitting…", "⏳ *Submitting…*\nYou may close this window: a direct message follows.")
}

/// A modal that the worker must judge becomes "Saving…".
pub(super) fn saving(external_id: &str) -> Response {
    waiting(external_id, "Saving…", "⏳ *Saving…*\nYou may close this window.")
}

fn waiting(external_id: &str, title: &str, text: &str) -> Response {
    json_body(&json!({
        "response_action": "update",
        "view": {
            "type": "modal",
            "title": { "type": "plain_text", "text": title },
            "close": { "type": "plain_text", "text": "Close" },
            "external_id": external_id,
            "blocks": [{ "type": "section", "text": { "type": "mrkdwn", "text": text } }],
        },
    }))
}

fn json_body(value: &Value) -> Response {
    Response::builder().content_type("application/json").body(value.to_string())
}

/// The block under which a form's general trouble is shown.
pub(super) const NEW_TICKET_TROUBLE: &str = block::DETAILS;
