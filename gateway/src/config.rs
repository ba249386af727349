//! The gateway's part of the environment.

use common::env::{Env, EnvError};
use common::redis_server::RedisServer;
use common::secret::Secret;
use common::stream::Keys;
use common::telemetry::Logs;

use crate::producer;

/// Everything the gateway can be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// `SLACK_SIGNING_SECRET`: one, or two separated by a comma while the secret is rotated.
    pub signing_secrets: Vec<Secret>,
    /// `REDIS_URL`, `REDIS_CA`, `REDIS_TLS_VERIFY`.
    pub redis: RedisServer,
    /// `STREAM_PREFIX`.
    pub stream_prefix: String,
    /// `PORT`.
    pub port: u16,
    /// `LOG_FORMAT`, `RUST_LOG`.
    pub logs: Logs,
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
        let redis = RedisServer::from_env(&mut env, |server| producer::client(server).is_ok());
        let prefix =
            env.optional("STREAM_PREFIX", "a short name without braces or blanks", "tickets", Keys::parse_prefix);
        let port = env.optional("PORT", "a port number", "8080", |v| v.parse().ok());
        let logs = Logs::from_env(&mut env);
        let (Ok(signing_secrets), Ok(redis), Ok(prefix), Ok(port), Ok(logs)) = (secrets, redis, prefix, port, logs)
        else {
            return Err(env.into_error("gateway"));
        };
        Ok(Self {
            signing_secrets,
            redis,
            stream_prefix: prefix.unwrap_or_else(|| "tickets".to_owned()),
            port: port.unwrap_or(8080),
            logs,
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
