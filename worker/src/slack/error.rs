//! What a failed Slack call means for its caller. Nothing here repeats a response's body: it may hold anything.

use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use slack_morphism::errors::SlackClientError;

/// Slack's answer when it gives no usable `Retry-After`.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(1);
/// A longer `Retry-After` is taken for a mistake; the call is tried again after this long.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);

/// Why a call didn't succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlackError {
    /// Not to be called now; surely not carried out.
    #[error("paused for {} ms", .0.as_millis())]
    Paused(Duration),
    /// Slack said no (`ok: false`); surely not carried out.
    #[error("refused: {0}")]
    Refused(Code),
    /// Slack could not be reached; surely not carried out.
    #[error("Slack can't be reached")]
    Unreachable,
    /// It may or may not have been carried out.
    #[error("no usable answer: {0}")]
    Ambiguous(&'static str),
}

/// Slack's error code with what it said about arguments, such as where a block is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// Such as `channel_not_found`.
    pub code: String,
    /// `response_metadata.messages`: places in our own blocks, never user text.
    pub hints: Vec<String>,
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.code)?;
        match self.hints.first() {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// What a refusal is about, and so who can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The token: nothing works until an operator helps.
    Token,
    /// A scope is missing: this method doesn't work until an operator helps.
    Scope,
    /// The bot may not write into this conversation until an operator helps.
    Conversation,
    /// This person can't be written to.
    Recipient,
    /// The message isn't there, or isn't ours.
    Message,
    /// The modal isn't there any more.
    View,
    /// The trigger is too old or was used.
    Trigger,
    /// Slack doesn't take the blocks or the text.
    Content,
    /// Anything else.
    Other,
}

impl Code {
    /// What the refusal is about.
    pub fn trouble(&self) -> Trouble {
        match self.code.as_str() {
            "invalid_auth"
            | "not_authed"
            | "token_revoked"
            | "token_expired"
            | "account_inactive"
            | "org_login_required"
            | "ekm_access_denied"
            | "team_access_not_granted" => Trouble::Token,
            // Not "access_denied": that is about what the request names, such as one file, and not about the method.
            "missing_scope" | "no_permission" | "not_allowed_token_type" => Trouble::Scope,
            "channel_not_found"
            | "not_in_channel"
            | "is_archived"
            | "restricted_action"
            | "is_inactive"
            | "restricted_action_read_only_channel"
            | "restricted_action_thread_only_channel"
            | "restricted_action_non_threadable_channel"
            | "message_limit_exceeded" => Trouble::Conversation,
            "user_not_found"
            | "users_not_found"
            | "user_disabled"
            | "user_not_visible"
            | "cannot_dm_bot"
            | "not_enough_users"
            | "messages_tab_disabled" => Trouble::Recipient,
            "message_not_found"
            | "cant_update_message"
            | "edit_window_closed"
            | "thread_not_found"
            | "cannot_reply_to_message" => Trouble::Message,
            "not_found" | "view_not_found" | "hash_conflict" => Trouble::View,
            "expired_trigger_id"
            | "invalid_trigger_id"
            | "trigger_expired"
            | "exchanged_trigger_id"
            | "trigger_exchanged" => Trouble::Trigger,
            "invalid_blocks"
            | "invalid_blocks_format"
            | "msg_too_long"
            | "msg_blocks_too_long"
            | "no_text"
            | "too_many_attachments"
            | "invalid_arguments"
            | "invalid_attachments"
            | "view_too_large"
            | "invalid_slack_file"
            | "metadata_too_large" => Trouble::Content,
            _ => Trouble::Other,
        }
    }

    /// A modal is open by this trigger, or of this external id: by us, if we tried before.
    pub fn says_opened_before(&self) -> bool {
        matches!(self.code.as_str(), "exchanged_trigger_id" | "trigger_exchanged" | "duplicate_external_id")
    }

    /// The modal was changed by somebody else since its hash was told.
    pub fn is_hash_conflict(&self) -> bool {
        self.code == "hash_conflict"
    }
}

/// Sorts the library's errors. A 429's wait is returned inside [`SlackError::Paused`].
pub(super) fn classify(error: SlackClientError) -> SlackError {
    match error {
        SlackClientError::RateLimitError(limit) => SlackError::Paused(limit.retry_after.unwrap_or(DEFAULT_RETRY_AFTER)),
        SlackClientError::ApiError(api) => match api.code.as_str() {
            "ratelimited" | "rate_limited" => SlackError::Paused(DEFAULT_RETRY_AFTER),
            // Slack's own failures: "some aspect of the operation succeeded before the error was raised".
            "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" | "team_added_to_org" => {
                SlackError::Ambiguous("an error inside Slack")
            }
            _ => SlackError::Refused(Code { hints: hints(api.http_response_body.as_deref()), code: api.code }),
        },
        SlackClientError::HttpError(http) if http.status_code.is_server_error() => SlackError::Ambiguous("HTTP 5xx"),
        SlackClientError::HttpError(http) => {
            SlackError::Refused(Code { code: format!("http_{}", http.status_code.as_u16()), hints: Vec::new() })
        }
        SlackClientError::HttpProtocolError(protocol) => {
            let cause = protocol.cause.as_ref().and_then(|c| c.downcast_ref::<hyper_util::client::legacy::Error>());
            if cause.is_some_and(hyper_util::client::legacy::Error::is_connect) {
                SlackError::Unreachable
            } else {
                SlackError::Ambiguous("the connection broke")
            }
        }
        SlackClientError::ProtocolError(_) => SlackError::Ambiguous("an unreadable answer"),
        SlackClientError::EndOfStream(_)
        | SlackClientError::SystemError(_)
        | SlackClientError::SocketModeProtocolError(_) => SlackError::Ambiguous("a failure inside the client"),
    }
}

/// How long a 429 asks to be waited for.
pub(super) fn retry_after(headers: &HeaderMap) -> Duration {
    let seconds = headers.get(RETRY_AFTER).and_then(|seconds| seconds.to_str().ok()?.trim().parse().ok());
    let wait = seconds.map(Duration::from_secs).filter(|wait| !wait.is_zero());
    wait.unwrap_or(DEFAULT_RETRY_AFTER).min(LONGEST_RETRY_AFTER)
}

fn hints(body: Option<&str>) -> Vec<String> {
    let body: Option<serde_json::Value> = body.and_then(|body| serde_json::from_str(body).ok());
    let messages = body.as_ref().and_then(|body| body.pointer("/response_metadata/messages")?.as_array());
    let messages = messages.into_iter().flatten().filter_map(serde_json::Value::as_str);
    messages.take(3).map(|message| message.chars().take(200).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_obeyed_between_one_second_and_five_minutes() {
        let asked = |text: &str| retry_after(&HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]));
        assert_eq!(asked("30"), Duration::from_secs(30));
        assert_eq!(retry_after(&HeaderMap::new()), DEFAULT_RETRY_AFTER);
        for useless in ["0", "soon", "-5", "1.5e9", ""] {
            assert_eq!(asked(useless), DEFAULT_RETRY_AFTER, "{useless}");
        }
        assert_eq!(asked("86400"), LONGEST_RETRY_AFTER);
    }
}
