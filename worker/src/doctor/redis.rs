//! Redis: its version, whether it keeps what it took, and what waits in it.

use common::job::Lane;
use common::redis_server::{RedisServer, Trust};
use common::stream::{GROUP, Keys};
use fred::prelude::*;
use fred::types::{CustomCommand, InfoKind, Value};

use super::Check;
use crate::config::Config;
use crate::obstacle::Obstacle;
use crate::redis;

/// The oldest version that has every command and every script feature in use.
const OLDEST: (u64, u64) = (7, 0);
/// An entry that waits longer than this is not being worked on as it should be.
const OVERDUE_MS: i64 = 60_000;

/// How long a stream is, how much of it was read but isn't settled, and how old its first entry is in milliseconds.
pub(crate) const DEPTH: &str = r"
local length = redis.call('XLEN', KEYS[1])
if length == 0 then return { 0, 0, 0 } end
local groups = redis.pcall('XPENDING', KEYS[1], ARGV[1])
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1][1]
local now = redis.call('TIME')
local age = now[1] * 1000 + math.floor(now[2] / 1000) - tonumber(string.match(first, '^%d+'))
return { length, groups.err and 0 or groups[1], math.max(age, 0) }";

pub(super) async fn check(config: &Config) -> Vec<Check> {
    let client = match redis::connect_once(&config.redis).await {
        Ok(client) => client,
        Err(error) => {
            return vec![match error.downcast_ref::<Obstacle>() {
                Some(obstacle) => Check::fault("Redis", &obstacle.found, obstacle.fix),
                None => Check::fault("Redis", format!("{error:#}"), "install ca-certificates, or set REDIS_CA"),
            }];
        }
    };
    let mut checks = vec![encryption(&config.redis)];
    checks.extend(settings(&client).await);
    checks.extend(queues(&client, &Keys::new(&config.stream_prefix)).await);
    let _ = client.quit().await;
    checks
}

/// How the way there is protected: what was configured, since that is what was connected with.
fn encryption(server: &RedisServer) -> Check {
    let found = match (server.is_encrypted(), &server.trust) {
        (false, _) => "none (redis://)",
        (true, Trust::System) => "TLS, verified by the machine's authorities",
        (true, Trust::Ca(_)) => "TLS, verified by REDIS_CA",
        (true, Trust::Nobody) => "TLS, not verified (REDIS_TLS_VERIFY=no)",
    };
    Check::fine("Redis encryption", found)
}

/// Version, persistence and eviction: the cheap part, also looked at when a worker starts.
pub async fn settings(client: &Client) -> Vec<Check> {
    let about = |section| async move { client.info::<String>(Some(section)).await.unwrap_or_default() };
    let (server, persistence, memory) =
        (about(InfoKind::Server).await, about(InfoKind::Persistence).await, about(InfoKind::Memory).await);
    vec![
        version(field(&server, "redis_version")),
        match field(&persistence, "aof_enabled") {
            Some("1") => Check::fine("Redis appendonly", "yes"),
            Some(_) => Check::fault(
                "Redis appendonly",
                "no: a restart loses requests that were accepted",
                "CONFIG SET appendonly yes, and write it into redis.conf",
            ),
            None => untold("Redis appendonly", "yes"),
        },
        fsync(client).await,
        match field(&memory, "maxmemory_policy") {
            Some("noeviction") => Check::fine("Redis maxmemory-policy", "noeviction"),
            Some(policy) => Check::fault(
                "Redis maxmemory-policy",
                format!("{policy}: a full Redis throws accepted requests away"),
                "CONFIG SET maxmemory-policy noeviction, and write it into redis.conf",
            ),
            None => untold("Redis maxmemory-policy", "noeviction"),
        },
    ]
}

fn version(version: Option<&str>) -> Check {
    let Some(version) = version else { return untold("Redis version", "7.0 or newer") };
    let mut numbers = version.split('.').map(|number| number.parse::<u64>().unwrap_or(0));
    let known = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    Check::judge("Redis version", known >= OLDEST, version, "the oldest Redis that works is 7.0: upgrade it")
}

async fn fsync(client: &Client) -> Check {
    const NAME: &str = "Redis appendfsync";
    let command = CustomCommand::new_static("CONFIG", None, false);
    let answer: Result<Value, Error> = client.custom(command, vec!["GET", "appendfsync"]).await;
    let told = match answer {
        Ok(Value::Array(pair)) => pair.into_iter().nth(1).and_then(|value| value.into_string()),
        Ok(Value::Map(map)) => map.inner().into_values().next().and_then(|value| value.into_string()),
        _ => None,
    };
    match told.as_deref() {
        Some("always") => Check::fine(NAME, "always"),
        Some(other) => Check::fault(
            NAME,
            format!("{other}: a power cut may lose requests that were accepted"),
            "CONFIG SET appendfsync always, and write it into redis.conf",
        ),
        None => untold(NAME, "always"),
    }
}

/// Managed servers forbid CONFIG or parts of INFO.
fn untold(name: &'static str, wanted: &str) -> Check {
    Check::unknown(name, "this server doesn't tell", format!("make sure that it is {wanted}"))
}

async fn queues(client: &Client, keys: &Keys) -> Vec<Check> {
    const ALIVE: &str = "workers";
    let mut checks = vec![match client.exists::<i64, _>(keys.heartbeat()).await {
        Ok(1..) => Check::fine(ALIVE, "one is alive"),
        Ok(_) => Check::fault(ALIVE, "none has been seen for 15 s", "start one: until then commands are refused"),
        Err(error) => Check::unknown(ALIVE, format!("can't be seen: {}", error.details()), "mend Redis first"),
    }];
    for lane in Lane::ALL {
        let name = match lane {
            Lane::Interactive => "stream interactive",
            Lane::Tickets => "stream tickets",
            Lane::Background => "stream background",
        };
        checks.push(match depth(client, keys, lane).await {
            Ok((0, ..)) => Check::fine(name, "empty"),
            Ok((length, pending, age)) => Check::judge(
                name,
                age < OVERDUE_MS,
                format!("{length} waiting, {pending} of them taken up, the oldest for {} s", age / 1000),
                "jobs wait too long: start more workers, and read a worker's log for what fails",
            ),
            Err(error) => {
                Check::fault(name, error.details().to_owned(), "the key holds something else, or rights are missing")
            }
        });
    }
    checks
}

/// Length, pending entries and the first entry's age in milliseconds.
pub(crate) async fn depth(client: &Client, keys: &Keys, lane: Lane) -> Result<(i64, i64, i64), Error> {
    client.eval(DEPTH, vec![keys.stream(lane)], vec![GROUP]).await
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn versions_are_compared_by_number() {
        for (text, state) in [
            ("7.0.15", State::Fine),
            ("7.2.4", State::Fine),
            ("10.0.0", State::Fine),
            ("6.2.14", State::Fault),
            ("nonsense", State::Fault),
        ] {
            assert_eq!(version(Some(text)).state, state, "{text}");
        }
        assert_eq!(version(None).state, State::Unknown);
    }

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let info = "# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n";
        assert_eq!(field(info, "maxmemory_policy"), Some("noeviction"));
        assert_eq!(field(info, "maxmemory_human"), None);
    }
}
