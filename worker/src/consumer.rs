//! The worker's side of the streams: read, keep, take over, settle. The protocol is described in [`common::stream`].
//!
//! - Every process is a consumer of its own name. What it has read is its own while it renews the lease: an entry that
//!   was idle for longer is taken over by another worker's XAUTOCLAIM.
//! - Renewing never takes an entry back from a worker that took it over.
//! - A blocking read has a connection to itself: on a shared one it would stall every other command.

use std::time::Duration;

use common::job::Lane;
use common::redis_server::RedisServer;
use common::stream::{FIELD_ID, FIELD_JOB, FIELD_NOT_AFTER, GROUP, HEARTBEAT_TTL, Keys};
use fred::prelude::*;
use fred::types::{ClientUnblockFlag, Expiration, Value};
use futures_util::future::{join_all, try_join_all};

use crate::redis::{COMMAND_TIMEOUT, lasting_client, wait_until_connected};

/// Whose entries of stopped workers become, until somebody takes them over.
const HANDED_BACK: &str = "handed-back";

const SETTLE: &str = r"
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
return redis.call('XDEL', KEYS[1], ARGV[2])";

const RENEW: &str = r"
local lost = {}
for i = 3, #ARGV do
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1)
  if pending[1] and pending[1][2] == ARGV[2] then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost";

const TAKE_OVER: &str = r"
local found = redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], 'COUNT', ARGV[5])
local taken = {}
for _, entry in ipairs(found[2]) do
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], entry[1], entry[1], 1)
  taken[#taken + 1] = { entry[1], entry[2], pending[1] and pending[1][4] or 1 }
end
return { found[1], taken }";

const HAND_BACK: &str = r"
local kept = {}
for i = 4, #ARGV do kept[ARGV[i]] = true end
for _, pending in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 10000, ARGV[2])) do
  if not kept[pending[1]] then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[3], 0, pending[1], 'IDLE', 86400000, 'RETRYCOUNT', 0, 'JUSTID')
  end
end
return 0";

const LEAVE: &str = "return redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])";

const FORGET: &str = r"
for _, facts in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local consumer = {}
  for i = 1, #facts, 2 do consumer[facts[i]] = facts[i + 1] end
  if consumer.pending == 0 and consumer.idle >= tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer.name)
  end
end
return 0";

const NOW: &str = r"
local now = redis.call('TIME')
return string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000))";

/// An entry of a stream.
#[derive(Clone)]
pub struct Entry {
    /// Its id in the stream.
    pub entry_id: String,
    /// The job's id; made from the entry's where that is missing.
    pub job_id: String,
    /// The envelope's JSON, or whatever stands there.
    pub job: Vec<u8>,
    /// Redis time in milliseconds after which its trigger must not be used.
    pub not_after: Option<i64>,
    /// How often it was delivered; more than once means that processes died (or hung) with it.
    pub deliveries: i64,
}

/// This process in the consumer group.
pub struct Consumer {
    commands: Client,
    readers: Vec<Client>,
    keys: Keys,
    name: String,
    lease: Duration,
    block: Duration,
}

impl Consumer {
    /// Connects and waits until Redis answers, however long that takes; tells the log meanwhile.
    ///
    /// # Errors
    /// When the address is unusable.
    pub async fn connect(server: &RedisServer, keys: Keys, lease: Duration, block: Duration) -> anyhow::Result<Self> {
        let commands = lasting_client(server, COMMAND_TIMEOUT)?;
        // The others follow where one has come through, so that trouble is told once.
        wait_until_connected(&commands).await;
        let mut readers = Vec::new();
        for _ in Lane::ALL {
            let reader = lasting_client(server, block + COMMAND_TIMEOUT)?;
            wait_until_connected(&reader).await;
            readers.push(reader);
        }
        let name = format!("{}-{}", std::process::id(), uuid::Uuid::new_v4().simple());
        let consumer = Self { commands, readers, keys, name, lease, block };
        for lane in Lane::ALL {
            while let Err(error) = consumer.create_group(lane).await {
                tracing::error!(error = error.details(), "Redis doesn't take the consumer group, trying again");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        Ok(consumer)
    }

    /// Creates the lane's group, from its stream's beginning, unless it is there.
    pub async fn create_group(&self, lane: Lane) -> Result<(), Error> {
        match self.commands.xgroup_create::<(), _, _, _>(self.keys.stream(lane), GROUP, "0", true).await {
            Err(error) if error.details().contains("BUSYGROUP") => Ok(()),
            result => result,
        }
    }

    /// Reads up to `count` new entries; waits for the first if `block`.
    pub async fn read(&self, lane: Lane, count: usize, block: bool) -> Result<Vec<Entry>, Error> {
        let reader = &self.readers[lane as usize];
        let block = block.then(|| u64::try_from(self.block.as_millis()).unwrap_or(u64::MAX));
        let answer: Value = reader
            .xreadgroup(GROUP, self.name.as_str(), Some(count as u64), block, false, self.keys.stream(lane), ">")
            .await?;
        let streams = match answer {
            Value::Array(streams) => streams,
            Value::Map(map) => map.inner().into_iter().flat_map(|(key, value)| [Value::from(key), value]).collect(),
            _ => return Ok(Vec::new()),
        };
        // One stream was asked for: [[name, entries]] in RESP2, [name, entries] where a map was flattened.
        let entries = match streams.into_iter().next_back() {
            Some(Value::Array(mut pair)) if pair.first().is_some_and(|v| !v.is_array()) && pair.len() == 2 => {
                pair.pop().unwrap_or(Value::Null)
            }
            Some(entries) => entries,
            None => Value::Null,
        };
        Ok(array(entries).into_iter().filter_map(|entry| read_entry(array(entry), 1)).collect())
    }

    /// Takes over up to `count` entries whose worker is gone, from `cursor` on; returns where to go on.
    pub async fn take_over(&self, lane: Lane, cursor: &str, count: usize) -> Result<(String, Vec<Entry>), Error> {
        let arguments: Vec<String> = vec![
            GROUP.to_owned(),
            self.name.clone(),
            self.lease.as_millis().to_string(),
            cursor.to_owned(),
            count.to_string(),
        ];
        let answer: Value = self.commands.eval(TAKE_OVER, vec![self.keys.stream(lane)], arguments).await?;
        let mut parts = array(answer).into_iter();
        let cursor = parts.next().and_then(|v| v.into_string()).unwrap_or_else(|| "0-0".to_owned());
        let taken = array(parts.next().unwrap_or(Value::Null)).into_iter().filter_map(|taken| {
            let mut parts = array(taken);
            let deliveries = parts.pop()?.as_i64()?;
            read_entry(parts, deliveries)
        });
        Ok((cursor, taken.collect()))
    }

    /// Renews the leases of these entries; returns those that another worker took over.
    pub async fn renew(&self, lane: Lane, entries: &[String]) -> Result<Vec<String>, Error> {
        let mut arguments = vec![GROUP.to_owned(), self.name.clone()];
        arguments.extend_from_slice(entries);
        let lost: Value = self.commands.eval(RENEW, vec![self.keys.stream(lane)], arguments).await?;
        Ok(array(lost).into_iter().filter_map(|id| id.into_string()).collect())
    }

    /// Acknowledges and deletes a settled entry, in one step.
    pub async fn settle(&self, lane: Lane, entry_id: &str) -> Result<(), Error> {
        let _: Value = self
            .commands
            .eval(SETTLE, vec![self.keys.stream(lane)], vec![GROUP.to_owned(), entry_id.to_owned()])
            .await?;
        Ok(())
    }

    /// Says that a worker lives.
    pub async fn beat(&self) -> Result<(), Error> {
        let life = i64::try_from(HEARTBEAT_TTL.as_millis()).unwrap_or(i64::MAX);
        self.commands.set(self.keys.heartbeat(), self.name.as_str(), Some(Expiration::PX(life)), None, false).await
    }

    /// Redis' clock in milliseconds.
    pub async fn now(&self) -> Result<i64, Error> {
        let now: String = self.commands.eval(NOW, Vec::<String>::new(), Vec::<String>::new()).await?;
        now.parse().map_err(|_| Error::new(ErrorKind::Parse, "Redis' time is no number"))
    }

    /// The connection for everything but blocking reads.
    pub fn client(&self) -> &Client {
        &self.commands
    }

    /// Where this desk's data are.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Whether Redis answers.
    pub async fn ping(&self) -> Result<(), Error> {
        self.commands.ping(None).await
    }

    /// Ends the blocking reads, so that Redis gives this process nothing more.
    pub async fn stop_reading(&self) {
        let stop = async |reader: &Client| {
            // A connection is quit only when its running command has its answer.
            if let Err(error) = reader.unblock_self(Some(ClientUnblockFlag::Timeout)).await {
                tracing::debug!(error = error.details(), "no read is to be ended");
            }
            reader.quit().await
        };
        let all = join_all(self.readers.iter().map(stop));
        let _ = tokio::time::timeout(COMMAND_TIMEOUT, all).await;
    }

    /// Hands back what was read but not settled, but for what is still `held`, for others to take over at once.
    pub async fn hand_back(&self, held: Vec<(Lane, Vec<String>)>) -> Result<(), Error> {
        let all = held.into_iter().map(async |(lane, held)| {
            let mut arguments = vec![GROUP.to_owned(), self.name.clone(), HANDED_BACK.to_owned()];
            arguments.extend(held);
            self.commands.eval::<Value, _, _, _>(HAND_BACK, vec![self.keys.stream(lane)], arguments).await
        });
        try_join_all(all).await?;
        Ok(())
    }

    /// Strikes the names of processes that have nothing and were not heard of for so long; one that lives all the same is
    /// a consumer again with its next read.
    pub async fn forget_idle(&self, idle: Duration) -> Result<(), Error> {
        for lane in Lane::ALL {
            let arguments = vec![GROUP.to_owned(), idle.as_millis().to_string()];
            let _: Value = self.commands.eval(FORGET, vec![self.keys.stream(lane)], arguments).await?;
        }
        Ok(())
    }

    /// Hands back everything and leaves the group.
    pub async fn leave(&self) -> Result<(), Error> {
        self.hand_back(Lane::ALL.map(|lane| (lane, Vec::new())).into()).await?;
        for lane in Lane::ALL {
            let arguments = vec![GROUP.to_owned(), self.name.clone()];
            let _: Value = self.commands.eval(LEAVE, vec![self.keys.stream(lane)], arguments).await?;
        }
        Ok(())
    }
}

/// Appends a job (see [`common::stream::APPEND`]); returns the script's answer.
///
/// # Errors
/// When Redis is away or refuses to write.
pub async fn append(client: &Client, keys: &Keys, lane: Lane, job_id: &str, job: &str) -> Result<String, Error> {
    let keys = vec![keys.stream(lane), keys.seen(job_id), keys.heartbeat()];
    let kept = common::stream::SEEN_FOR.as_millis().to_string();
    let arguments = vec![job_id.to_owned(), job.to_owned(), kept, "0".to_owned(), "0".to_owned()];
    client.eval(common::stream::APPEND, keys, arguments).await
}

/// The group or its stream is gone: Redis lost its data.
pub fn is_group_missing(error: &Error) -> bool {
    error.details().contains("NOGROUP")
}

fn array(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        _ => Vec::new(),
    }
}

/// `[id, [field, value, …]]`; an entry without our fields is still an entry, to be buried.
fn read_entry(parts: Vec<Value>, deliveries: i64) -> Option<Entry> {
    let mut parts = parts.into_iter();
    let entry_id = parts.next()?.into_string()?;
    let mut entry =
        Entry { job_id: format!("entry:{entry_id}"), entry_id, job: Vec::new(), not_after: None, deliveries };
    let mut fields = array(parts.next().unwrap_or(Value::Null)).into_iter();
    while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
        match name.as_str().as_deref() {
            Some(FIELD_ID) => entry.job_id = value.into_string().unwrap_or(entry.job_id),
            Some(FIELD_JOB) => entry.job = value.as_bytes().map(<[u8]>::to_vec).unwrap_or_default(),
            Some(FIELD_NOT_AFTER) => entry.not_after = value.as_i64(),
            _ => {}
        }
    }
    Some(entry)
}
