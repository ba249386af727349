//! The worker's part of the environment.

use std::time::Duration;

use chrono_tz::Tz;
use common::env::{Env, EnvError};
use common::redis_server::RedisServer;
use common::secret::Secret;
use common::slack_id::{ChannelId, UserId};
use common::stream::Keys;
use common::telemetry::Logs;
use url::Url;

use crate::form::Form;
use crate::{postgres, redis};

/// Everything the worker can be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// `SLACK_BOT_TOKEN`.
    pub bot_token: Secret,
    /// `SLACK_API_URL`, without a slash at its end.
    pub slack_api_url: Url,
    /// `SLACK_CHANNEL_ID`: where the cards are.
    pub ticket_channel: Channel,
    /// `ADMIN_CHANNEL`: where notices to administrators go.
    pub admin_channel: Channel,
    /// `SYSTEM_USERS`: who may work on tickets.
    pub system_users: Vec<UserId>,
    /// `STREAM_PREFIX`.
    pub stream_prefix: String,
    /// `TIMEZONE`.
    pub timezone: Tz,
    /// `DATABASE_URL`, with how it is encrypted written out ([`postgres`]).
    pub database_url: Secret,
    /// `REDIS_URL`, `REDIS_CA`, `REDIS_TLS_VERIFY`.
    pub redis: RedisServer,
    /// `METRICS_PORT`.
    pub metrics_port: Option<u16>,
    /// `TICKET_FORM`, read and checked.
    pub form: Form,
    /// `WORKER_CONCURRENCY`: jobs at once per lane.
    pub concurrency: usize,
    /// `LOG_FORMAT`, `RUST_LOG`.
    pub logs: Logs,
    /// How long things wait; not set by the environment.
    pub waits: Waits,
}

/// A channel as an operator names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Channel {
    /// By id.
    Id(ChannelId),
    /// By name, without `#`; resolved once at start.
    Name(String),
}

impl Channel {
    /// `C0123456` or `#name`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix('#') {
            Some(name) if !name.is_empty() => Some(Self::Name(name.to_owned())),
            Some(_) => None,
            None => ChannelId::parse(text).map(Self::Id),
        }
    }
}

/// Every wait of the worker, so that tests need none of them.
#[derive(Debug, Clone)]
pub struct Waits {
    /// An entry or an outbox row whose worker didn't renew it for so long is taken over.
    pub lease: Duration,
    /// How often streams and the outbox are looked at without being woken.
    pub poll: Duration,
    /// How long a blocking read of a stream blocks.
    pub block: Duration,
    /// When, after an ambiguous post, the history is searched for it.
    pub looks: [Duration; 3],
    /// First step of a failed job's or delivery's backoff; doubles from there.
    pub backoff: Duration,
    /// How long a conversation that refuses the bot, or Slack after it refused the token, is left alone.
    pub trouble_pause: Duration,
    /// How long the confirmation looks for its view by external id before it tries the view id.
    pub view_by_external_id: Duration,
    /// How long a message that was sent without its images waits for another try with them.
    pub preview_retry: Duration,
    /// How long a growing operator's alert waits before its count is updated.
    pub alert_update: Duration,
    /// Any call of Slack's Web API; afterwards it is not known whether it was carried out.
    pub slack_call: Duration,
    /// The call that opens a modal: its trigger lives three seconds.
    pub slack_view: Duration,
    /// Fetching a file, or sending it: the largest takes a while.
    pub file_copy: Duration,
    /// How often due slots of the schedule are looked for, in whole seconds; never where `None`.
    pub schedule: Option<u32>,
    /// How long a stopping worker lets jobs and deliveries finish.
    pub grace: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(3),
            poll: Duration::from_millis(500),
            block: Duration::from_secs(2),
            looks: [Duration::from_secs(5), Duration::from_secs(15), Duration::from_secs(45)],
            backoff: Duration::from_millis(200),
            trouble_pause: Duration::from_secs(15),
            view_by_external_id: Duration::from_secs(3),
            preview_retry: Duration::from_secs(3),
            alert_update: Duration::from_secs(30),
            slack_call: Duration::from_secs(10),
            slack_view: Duration::from_secs(2),
            file_copy: Duration::from_secs(60),
            schedule: Some(2),
            grace: Duration::from_secs(8),
        }
    }
}

impl Config {
    /// Reads and checks all variables.
    ///
    /// # Errors
    /// One message about every faulty one.
    pub fn from_env(mut env: Env) -> Result<Self, EnvError> {
        let bot_token = env.required("SLACK_BOT_TOKEN", "the bot token that begins with xoxb-", "xoxb-…", |v| {
            (v.starts_with("xoxb-") && v.len() > 5).then(|| Secret::new(v))
        });
        let slack_api_url = env.optional(
            "SLACK_API_URL",
            "an https address (plain http only towards this machine)",
            "https://slack.com/api",
            api_url,
        );
        let expected = "a channel id or #name";
        let ticket_channel = env.required("SLACK_CHANNEL_ID", expected, "C0123456789", Channel::parse);
        let admin_channel = env.required("ADMIN_CHANNEL", expected, "C0123456789", Channel::parse);
        let system_users =
            env.required("SYSTEM_USERS", "user ids separated by commas", "U0123456789,U0ABCDEFGH", system_users);
        let prefix =
            env.optional("STREAM_PREFIX", "a short name without braces or blanks", "tickets", Keys::parse_prefix);
        let timezone = env.optional("TIMEZONE", "an IANA time zone", "America/New_York", |v| v.parse::<Tz>().ok());
        let database_url = postgres::from_env(&mut env);
        let redis = RedisServer::from_env(&mut env, redis::is_usable);
        let metrics_port = env.optional("METRICS_PORT", "a port number", "9091", |v| v.parse().ok());
        let concurrency = env.optional("WORKER_CONCURRENCY", "a number from 1 to 256", "16", |v| {
            v.parse().ok().filter(|n| (1..=256).contains(n))
        });
        let logs = Logs::from_env(&mut env);
        let form_path = env.optional("TICKET_FORM", "the path of a TOML file", "form.toml", |v| Some(v.to_owned()));
        let form = match form_path {
            Ok(Some(path)) => Form::read(std::path::Path::new(&path))
                .map_err(|error| env.fault("TICKET_FORM", format!("is not usable: {error}"), "form.toml")),
            Ok(None) => Ok(Form::built_in()),
            Err(faulty) => Err(faulty),
        };
        let (
            (Ok(bot_token), Ok(slack_api_url), Ok(ticket_channel), Ok(admin_channel), Ok(system_users)),
            (Ok(prefix), Ok(timezone), Ok(database_url), Ok(redis), Ok(metrics_port)),
            (Ok(concurrency), Ok(logs), Ok(form)),
        ) = (
            (bot_token, slack_api_url, ticket_channel, admin_channel, system_users),
            (prefix, timezone, database_url, redis, metrics_port),
            (concurrency, logs, form),
        )
        else {
            return Err(env.into_error("worker"));
        };
        Ok(Self {
            bot_token,
            slack_api_url: slack_api_url
                .unwrap_or_else(|| Url::parse("https://slack.com/api").expect("a constant address")),
            ticket_channel,
            admin_channel,
            system_users,
            stream_prefix: prefix.unwrap_or_else(|| "tickets".to_owned()),
            timezone: timezone.unwrap_or(Tz::America__New_York),
            database_url,
            redis,
            metrics_port,
            form,
            concurrency: concurrency.unwrap_or(16),
            logs,
            waits: Waits::default(),
        })
    }
}

/// `worker migrate` needs only this one.
///
/// # Errors
/// When it is missing or no PostgreSQL address.
pub fn database_only(mut env: Env) -> Result<Secret, EnvError> {
    postgres::from_env(&mut env).map_err(|_| env.into_error("worker"))
}

fn api_url(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim_end_matches('/')).ok()?;
    let trusted = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    (trusted && url.username().is_empty() && url.query().is_none() && url.fragment().is_none()).then_some(url)
}

/// Whether an address names this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

fn system_users(text: &str) -> Option<Vec<UserId>> {
    let mut users = Vec::new();
    for id in text.split(',').map(str::trim).filter(|id| !id.is_empty()) {
        let user = UserId::parse(id)?;
        if !users.contains(&user) {
            users.push(user);
        }
    }
    (!users.is_empty()).then_some(users)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> Vec<(&'static str, &'static str)> {
        vec![
            ("SLACK_BOT_TOKEN", "xoxb-1"),
            ("SLACK_CHANNEL_ID", "C1TICKETS"),
            ("ADMIN_CHANNEL", "#admin"),
            ("SYSTEM_USERS", " U1 , U2,"),
            ("DATABASE_URL", "postgres://u:p@localhost/t?sslmode=require"),
        ]
    }

    #[test]
    fn defaults_complete_what_is_required() {
        let config = Config::from_env(Env::from_pairs(complete())).unwrap();
        assert_eq!(config.slack_api_url.as_str(), "https://slack.com/api");
        assert_eq!(config.system_users.len(), 2);
        assert_eq!(config.admin_channel, Channel::Name("admin".to_owned()));
        assert_eq!((config.concurrency, config.timezone), (16, Tz::America__New_York));
        assert!(!format!("{config:?}").contains("xoxb-1"), "secrets are not printed");
    }

    #[test]
    fn one_message_names_all_that_is_wrong() {
        let mut pairs = complete();
        pairs.retain(|(name, _)| *name != "SYSTEM_USERS");
        pairs.extend([
            ("SLACK_API_URL", "http://slack.example"),
            ("TIMEZONE", "Mars/Base"),
            ("WORKER_CONCURRENCY", "0"),
        ]);
        pairs.push(("TICKET_FORM", "/does/not/exist.toml"));
        let message = Config::from_env(Env::from_pairs(pairs)).unwrap_err().to_string();
        for name in ["SYSTEM_USERS", "SLACK_API_URL", "TIMEZONE", "WORKER_CONCURRENCY", "TICKET_FORM"] {
            assert!(message.contains(name), "{name} in {message}");
        }
        assert!(message.contains("5 variables"), "{message}");
    }

    #[test]
    fn plain_http_only_towards_this_machine() {
        for fine in
            ["http://127.0.0.1:1234/api/", "http://localhost:3/api", "https://slack.com/api", "http://[::1]:5/api"]
        {
            assert!(api_url(fine).is_some(), "{fine}");
        }
        for wrong in [
            "http://slack.com/api",
            "ftp://localhost",
            "slack.com",
            "https://u@slack.com/api",
            "http://127.0.0.1.nip.io/",
        ] {
            assert!(api_url(wrong).is_none(), "{wrong}");
        }
    }
}
