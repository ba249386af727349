//! What Slack does with the app's answer to a command or a submission.

use serde_json::Value;

use super::delivery::{Delivery, Outcome};
use super::ephemeral::EphemeralSource;
use super::messages::Message;
use super::model::{ApiError, ViewEnd, World};
use super::{SlackStandIn, blocks, inputs, lock, normalise};

impl SlackStandIn {
    /// Shows the answer to a command: an ephemeral or visible message, or Slack's error note.
    pub(crate) fn apply_command_answer(&self, user: &str, channel: &str, command: &str, delivery: &Delivery) {
        if !delivery.is_ok() {
            let error = match delivery.outcome {
                Outcome::TimedOut => "operation_timeout",
                _ => "dispatch_failed",
            };
            let text = format!("{command} failed with the error \"{error}\"");
            self.change(|world| world.note(user, Some(channel), text));
            return;
        }
        if delivery.text().trim().is_empty() {
            return;
        }
        let is_json = delivery.content_type.starts_with("application/json");
        let body = if is_json { delivery.json() } else { serde_json::json!({"text": delivery.text()}) };
        self.change(|world| {
            if !body.is_object() {
                return world.violation(command, "the answer to a command is no JSON object");
            }
            if let Err(error) = show_response(world, command, EphemeralSource::CommandAnswer, user, channel, &body) {
                world.violation(command, format!("the answer is refused: {} {:?}", error.code, error.messages));
            }
        });
    }

    /// Applies the answer to a submission, after the set delay; what Slack refuses of it shows as a banner.
    pub(crate) async fn apply_submission_answer(&self, view_id: &str, delivery: &Delivery) {
        let delay = lock(&self.inner().knobs).ack_delay;
        if delay.is_zero() {
            return self.change(|world| apply_submission(world, view_id, delivery));
        }
        let inner = std::sync::Arc::clone(self.inner());
        let (view_id, delivery) = (view_id.to_owned(), delivery.clone());
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            inner.change_and_tell(|world| apply_submission(world, &view_id, &delivery));
        });
    }
}

/// The keys that an answer to a command or a POST to a response URL may have.
const RESPONSE_KEYS: [&str; 13] = [
    "text",
    "blocks",
    "attachments",
    "response_type",
    "replace_original",
    "delete_original",
    "thread_ts",
    "mrkdwn",
    "unfurl_links",
    "unfurl_media",
    "metadata",
    "parse",
    "link_names",
];

/// Shows a message that answers an interaction.
///
/// # Errors
/// `invalid_arguments`, `no_text`, `invalid_blocks`, …
pub(crate) fn show_response(
    world: &mut World,
    place: &str,
    source: EphemeralSource,
    user: &str,
    channel: &str,
    body: &Value,
) -> Result<(), ApiError> {
    check_response(world, place, body)?;
    if body["response_type"].as_str() == Some("in_channel") {
        let ts = world.mint_ts();
        let bot = world.app.bot_user_id.clone();
        let mut message = Message::blank(channel, ts, &bot);
        message.bot_id = Some(world.app.bot_id.clone());
        body["text"].as_str().unwrap_or_default().clone_into(&mut message.text);
        message.blocks = normalise::blocks(body["blocks"].as_array().map_or(&[][..], Vec::as_slice), world);
        message.thread_ts = body["thread_ts"].as_str().map(Into::into);
        world.insert_message(message);
    } else {
        world.show_ephemeral(source, channel, user, body);
    }
    Ok(())
}

/// Checks the body of an answer.
pub(crate) fn check_response(world: &mut World, place: &str, body: &Value) -> Result<(), ApiError> {
    let fields = body.as_object().ok_or("invalid_payload")?;
    let unknown: Vec<String> = fields
        .keys()
        .filter(|key| !RESPONSE_KEYS.contains(&key.as_str()))
        .map(|key| format!("unknown key {key}"))
        .collect();
    if !unknown.is_empty() {
        return Err(ApiError::with_messages("invalid_arguments", unknown));
    }
    let kind = body["response_type"].as_str().unwrap_or("ephemeral");
    if !["ephemeral", "in_channel"].contains(&kind) {
        return Err(ApiError::with_messages("invalid_arguments", vec![format!("response_type {kind}")]));
    }
    blocks::check_content(world, place, body)
}

fn apply_submission(world: &mut World, view_id: &str, delivery: &Delivery) {
    const PLACE: &str = "answer to view_submission";
    let Some(view) = world.open_view(view_id).cloned() else {
        return;
    };
    if !delivery.is_ok() {
        let text = "We had some trouble connecting. Try again?";
        if let Some(view) = world.views.get_mut(view_id) {
            view.banner = Some(text.into());
        }
        return;
    }
    let answer = delivery.json();
    if delivery.text().trim().is_empty() || answer == serde_json::json!({}) {
        world.pop_view(&view.user, ViewEnd::Submitted);
        return;
    }
    if !delivery.content_type.starts_with("application/json") || !answer.is_object() {
        world.violation(PLACE, format!("neither empty nor a JSON object: {}", delivery.text()));
        return;
    }
    let sent = &answer["view"];
    let refused = match answer["response_action"].as_str() {
        Some("errors") => return show_errors(world, view_id, &answer["errors"]),
        Some("clear") => {
            world.end_stack(&view.user, ViewEnd::Cleared);
            Ok(())
        }
        Some("update") => {
            let checked = world.check_view(PLACE, sent, Some(view_id));
            checked.and_then(|()| world.update_view(view_id, sent).map(|_| ()))
        }
        Some("push") => {
            let checked = world.check_view(PLACE, sent, None);
            checked.and_then(|()| world.push_modal(&view.user, sent).map(|_| ()))
        }
        other => Err(ApiError::new(format!("unknown response_action {other:?}"))),
    };
    if let Err(error) = refused {
        world.violation(PLACE, format!("refused: {} {:?}", error.code, error.messages));
        if let Some(view) = world.views.get_mut(view_id) {
            view.banner = Some("We had some trouble connecting. Try again?".into());
        }
    }
}

fn show_errors(world: &mut World, view_id: &str, errors: &Value) {
    let Some(view) = world.open_view(view_id).cloned() else {
        return;
    };
    let inputs = inputs::elements(&view.blocks).into_iter().filter(|found| found.block["type"] == "input");
    let known: Vec<String> = inputs.map(|found| found.block_id).collect();
    let fields = errors.as_object().cloned().unwrap_or_default();
    if fields.is_empty() {
        world.violation("answer to view_submission", "response_action errors without errors");
    }
    for (block_id, error) in fields {
        if !known.contains(&block_id) {
            world.violation("answer to view_submission", format!("error for {block_id}, which is no input block"));
            continue;
        }
        let Some(text) = error.as_str().filter(|text| !text.is_empty()) else {
            world.violation("answer to view_submission", format!("error for {block_id} is no text"));
            continue;
        };
        if let Some(view) = world.views.get_mut(view_id) {
            view.errors.insert(block_id, text.to_owned());
        }
    }
}
