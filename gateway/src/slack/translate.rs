//! What a request comes to. The translating functions are pure: bytes in, [`Translation`] out.

use poem::Response;
use sha2::{Digest, Sha256};

use crate::producer::NewJob;

/// Which kind of request, since each can be told of trouble in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Command,
    /// A submitted modal, with the block under which trouble can be shown.
    Submission(&'static str),
    Action,
    Event,
}

/// What to do with a request.
pub(super) enum Translation {
    /// Store the job; if that succeeds, answer this.
    Append(Box<NewJob>, Response),
    /// Nothing to do but answer.
    Answer(Response),
    /// Genuine, but not in a shape that we know: keep its bytes for a person to look at.
    Unreadable(&'static str),
    /// Neither a form nor JSON.
    NeitherFormNorJson,
}

impl Translation {
    /// [`Translation::Append`].
    pub(super) fn append(job: NewJob, accepted: Response) -> Self {
        Self::Append(Box::new(job), accepted)
    }
}

/// A job id made from what identifies the request, so that retries and replays have the same. Parts are length-prefixed:
/// no two lists of parts give the same bytes.
pub(super) fn job_id(kind: &str, parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    format!("{kind}:{}", hex::encode(&hash.finalize()[..16]))
}

#[cfg(test)]
mod tests {
    use super::job_id;

    #[test]
    fn an_id_depends_on_every_part_and_its_bounds() {
        assert_eq!(job_id("command", &[b"T1", b"U1"]), job_id("command", &[b"T1", b"U1"]));
        assert_ne!(job_id("command", &[b"T1", b"U1"]), job_id("command", &[b"T1U", b"1"]));
        assert_ne!(job_id("command", &[b"T1", b"U1"]), job_id("command", &[b"T1", b"U2"]));
    }
}
