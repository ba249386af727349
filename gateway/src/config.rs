//! The gateway's part of the environment.

use common::env::{Env, EnvError};
use common::secret::Secret;
use common::stream::Keys;
use common::telemetry::LogFormat;

/// Everything the gateway can be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// `SLACK_SIGNING_SECRET`: one, or two separated by a comma while the secret is rotated.
    pub signing_secrets: Vec<Secret>,
    /// `REDIS_URL`.
    pub redis_url: Secret,
    /// `STREAM_PREFIX`.
    pub stream_prefix: String,
    /// `PORT`.
    pub port: u16,
    /// `LOG_FORMAT`.
    pub log_format: LogFormat,
}

impl Config {
    /// Reads and checks all variables.
    ///
    /// # Errors
    /// One message about every faulty one.
    pub fn from_env(mut env: Env) -> Result<Self, EnvError> {
        let secrets = env.required(
            "SLACK_SIGNING_SECRET",
            "the app's signing secret (two separated by a comma during rotation)",
            "8f742231b10e8888abcd99yyyzzz85a5",
            signing_secrets,
        );
        let redis_url = env.optional("REDIS_URL", "a redis:// or rediss:// address", "redis://127.0.0.1:6379", |v| {
            redis::Client::open(v).ok().map(|_| Secret::new(v))
        });
        let prefix =
            env.optional("STREAM_PREFIX", "a short name without braces or blanks", "tickets", Keys::parse_prefix);
        let port = env.optional("PORT", "a port number", "8080", |v| v.parse().ok());
        let log_format = env.optional("LOG_FORMAT", "json or pretty", "json", LogFormat::parse);
        let (Ok(signing_secrets), Ok(redis_url), Ok(prefix), Ok(port), Ok(log_format)) =
            (secrets, redis_url, prefix, port, log_format)
        else {
            return Err(env.into_error("gateway"));
        };
        Ok(Self {
            signing_secrets,
            redis_url: redis_url.unwrap_or_else(|| Secret::new("redis://127.0.0.1:6379")),
            stream_prefix: prefix.unwrap_or_else(|| "tickets".to_owned()),
            port: port.unwrap_or(8080),
            log_format: log_format.unwrap_or(LogFormat::Pretty),
        })
    }
}

fn signing_secrets(text: &str) -> Option<Vec<Secret>> {
    let secrets: Vec<_> = text.split(',').map(str::trim).filter(|s| !s.is_empty()).map(Secret::new).collect();
    (1..=2).contains(&secrets.len()).then_some(secrets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_secrets_during_rotation_and_never_none() {
        let secrets =
            |v| Config::from_env(Env::from_pairs([("SLACK_SIGNING_SECRET", v)])).map(|c| c.signing_secrets.len());
        assert_eq!(secrets("a").unwrap(), 1);
        assert_eq!(secrets("a, b").unwrap(), 2);
        for wrong in [" , ", "a,b,c", ""] {
            assert!(secrets(wrong).unwrap_err().to_string().contains("SLACK_SIGNING_SECRET"));
        }
    }
}
