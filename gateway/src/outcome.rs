//! What became of a request, for /metrics: the status alone doesn't tell, since Slack wants 200 for nearly everything.

use poem::Response;
use poem::http::StatusCode;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its job is in Redis.
    Accepted,
    /// Its job was in Redis already.
    Duplicate,
    /// It was answered, and there is nothing to do.
    Answered,
    /// No worker lives that would do it.
    NoWorker,
    /// Redis didn't take its job.
    NotStored,
    /// It is not in a shape that we know.
    Unreadable,
    /// It is not signed as Slack signs.
    Unauthorized,
    /// Its body is too large.
    TooLarge,
    /// It came or was answered too slowly.
    Timeout,
    /// A fault of ours.
    Failed,
}

impl Outcome {
    /// Marks an answer with it, unless it is marked already.
    pub(crate) fn of(self, mut answer: Response) -> Response {
        answer.extensions_mut().get_or_insert(self);
        answer
    }

    /// What an answer is marked with; one that was made before any handler ran shows it by its status.
    pub(crate) fn read(answer: &Response) -> Self {
        if let Some(outcome) = answer.extensions().get() {
            return *outcome;
        }
        match answer.status() {
            StatusCode::UNAUTHORIZED => Self::Unauthorized,
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            StatusCode::REQUEST_TIMEOUT | StatusCode::SERVICE_UNAVAILABLE => Self::Timeout,
            status if status.is_client_error() => Self::Unreadable,
            status if status.is_server_error() => Self::Failed,
            _ => Self::Answered,
        }
    }

    /// The label's value.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Answered => "answered",
            Self::NoWorker => "no_worker",
            Self::NotStored => "not_stored",
            Self::Unreadable => "unreadable",
            Self::Unauthorized => "unauthorized",
            Self::TooLarge => "too_large",
            Self::Timeout => "timeout",
            Self::Failed => "failed",
        }
    }
}
