//! The protocol between gateway and workers: keys, entry fields and scripts. Neither Redis client lives here.
//!
//! - Every key begins with the hash tag `{prefix}`, so all of them are in one slot and one script may touch them.
//! - One stream per [`Lane`], one consumer group [`GROUP`]. An entry has the fields [`FIELD_ID`], [`FIELD_JOB`] and, where
//!   the job has a deadline, [`FIELD_NOT_AFTER`].
//! - [`APPEND`] appends a job id once: a retry or a replay finds the id's marker and appends nothing. The marker is
//!   written after the entry, in the same script, so it never stands for an entry that isn't there.
//! - An entry leaves its stream only by XACK + XDEL after it was settled. No XTRIM and no MAXLEN: trimmed entries vanish
//!   from XAUTOCLAIM's sight.
//! - [`Keys::heartbeat`] exists while some worker lives.
//!
//! Known race, accepted: if Redis loses the last writes (`appendfsync everysec` and a power cut), an id's marker may be
//! lost with its entry, or the entry appended again; the worker's inbox makes the second one harmless.

use std::time::Duration;

use crate::job::Lane;

/// The consumer group of all workers.
pub const GROUP: &str = "workers";
/// Entry field: the job's id.
pub const FIELD_ID: &str = "id";
/// Entry field: the envelope's JSON.
pub const FIELD_JOB: &str = "job";
/// Entry field: Redis time in milliseconds after which the job's trigger must not be used.
pub const FIELD_NOT_AFTER: &str = "not_after";

/// How long Redis remembers that a job id was appended (the worker's inbox remembers longer).
pub const SEEN_FOR: Duration = Duration::from_secs(3600);
/// How long a trigger is used after the gateway appended its job: Slack lets it live 3 s.
pub const TRIGGER_LIFE: Duration = Duration::from_millis(2500);
/// A worker not heard of for this long is taken for dead.
pub const HEARTBEAT_TTL: Duration = Duration::from_secs(15);

/// Appends a job once and tells whether a worker lives, in one atomic round trip.
///
/// KEYS: stream, seen marker, heartbeat. ARGV: job id, envelope, marker's life in ms, deadline in ms from now or `0`,
/// `1` where the job is wanted only if a worker lives.
/// Answers one of [`APPENDED`], [`SEEN`], [`NO_WORKER`].
pub const APPEND: &str = r"
if redis.call('EXISTS', KEYS[2]) == 1 then return 'seen' end
if ARGV[5] == '1' and redis.call('EXISTS', KEYS[3]) == 0 then return 'no_worker' end
local fields = { 'id', ARGV[1], 'job', ARGV[2] }
if ARGV[4] ~= '0' then
  local now = redis.call('TIME')
  fields[5] = 'not_after'
  fields[6] = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[4])
end
redis.call('XADD', KEYS[1], '*', unpack(fields))
redis.call('SET', KEYS[2], '1', 'PX', ARGV[3])
return 'appended'
";

/// [`APPEND`]'s answer: the job is in its stream.
pub const APPENDED: &str = "appended";
/// [`APPEND`]'s answer: it was appended before.
pub const SEEN: &str = "seen";
/// [`APPEND`]'s answer: no worker lives, nothing was appended.
pub const NO_WORKER: &str = "no_worker";

/// The keys of one installation.
#[derive(Debug, Clone)]
pub struct Keys {
    prefix: String,
}

impl Keys {
    /// Keys under `prefix` (`STREAM_PREFIX`), which becomes their hash tag.
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// A usable prefix is short and has no braces, which would end the hash tag, and no blanks.
    pub fn parse_prefix(text: &str) -> Option<String> {
        let fits = (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic() && c != '{' && c != '}');
        fits.then(|| text.to_owned())
    }

    /// The lane's stream.
    pub fn stream(&self, lane: Lane) -> String {
        format!("{{{}}}:jobs:{}", self.prefix, lane.as_str())
    }

    /// The marker of an appended job id.
    pub fn seen(&self, job_id: &str) -> String {
        format!("{{{}}}:seen:{job_id}", self.prefix)
    }

    /// Exists while some worker lives.
    pub fn heartbeat(&self) -> String {
        format!("{{{}}}:heartbeat", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_are_in_one_hash_slot() {
        let keys = Keys::new("tickets");
        assert_eq!(keys.stream(Lane::Interactive), "{tickets}:jobs:interactive");
        for key in [keys.stream(Lane::Background), keys.seen("a:{b}"), keys.heartbeat()] {
            assert!(key.starts_with("{tickets}:"), "{key}");
        }
        for wrong in ["", "a{b", "a b", "ü"] {
            assert_eq!(Keys::parse_prefix(wrong), None);
        }
    }
}
