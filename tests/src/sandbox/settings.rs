//! The sandbox's part of the environment.

use std::path::PathBuf;

use common::env::{Env, EnvError};

/// Everything the sandbox can be told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `SANDBOX_PORT`: where it listens on the loopback address; 0 for any free port.
    pub port: u16,
    /// `SANDBOX_STATE`: the file that keeps the workspace; none: nothing is kept.
    pub state: Option<PathBuf>,
    /// `GATEWAY_URL`: where requests to the app go.
    pub gateway_url: String,
    /// `SLACK_SIGNING_SECRET`; none: the stand-in's.
    pub signing_secret: Option<String>,
    /// `SLACK_BOT_TOKEN`; none: the stand-in's.
    pub bot_token: Option<String>,
    /// `SYSTEM_USERS`: who is listed as a system user.
    pub system_users: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            port: 3000,
            state: None,
            gateway_url: "http://127.0.0.1:8080".into(),
            signing_secret: None,
            bot_token: None,
            system_users: ["U0SYS1", "U0SYS2", "U0SYS3"].map(str::to_owned).to_vec(),
        }
    }
}

impl Settings {
    /// Reads and checks all variables.
    ///
    /// # Errors
    /// One message about every faulty one.
    pub fn from_env(mut env: Env) -> Result<Self, EnvError> {
        let some = |value: &str| Some(value.to_owned());
        let address = |value: &str| {
            let rest = value.strip_prefix("http://")?;
            (!rest.is_empty() && !rest.contains(char::is_whitespace)).then(|| value.to_owned())
        };
        let port = env.optional("SANDBOX_PORT", "a port number", "3000", |value| value.parse().ok());
        let state = env
            .optional("SANDBOX_STATE", "the path of a file", ".dev/sandbox.json", |value| Some(PathBuf::from(value)));
        let gateway = env.optional("GATEWAY_URL", "the gateway's http:// address", "http://127.0.0.1:8080", address);
        // Two during a rotation; Slack signs with the first.
        let first = |value: &str| value.split(',').map(str::trim).find(|part| !part.is_empty()).map(str::to_owned);
        let secret = env.optional("SLACK_SIGNING_SECRET", "a secret", "0123456789abcdef0123456789abcdef", first);
        let token = env.optional("SLACK_BOT_TOKEN", "any token", "xoxb-sandbox", some);
        let people = |value: &str| Some(value.split(',').map(|id| id.trim().to_owned()).collect::<Vec<_>>());
        let system_users = env.optional("SYSTEM_USERS", "user ids separated by commas", "U0SYS1,U0SYS2", people);
        let otherwise = Self::default();
        match (port, state, gateway, secret, token, system_users) {
            (Ok(port), Ok(state), Ok(gateway), Ok(signing_secret), Ok(bot_token), Ok(system_users)) => Ok(Self {
                port: port.unwrap_or(otherwise.port),
                state,
                gateway_url: gateway.unwrap_or(otherwise.gateway_url),
                signing_secret,
                bot_token,
                system_users: system_users.unwrap_or(otherwise.system_users),
            }),
            _ => Err(env.into_error("sandbox")),
        }
    }
}
