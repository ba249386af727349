//! The program `gateway` (Procfile: `web`).

use std::time::Duration;

use common::{env::Env, shutdown, telemetry};
use gateway::{app, config::Config};

/// A platform that sent SIGTERM kills after 10 s (Heroku: 30 s); no request takes longer than 3 s.
const GRACE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> std::process::ExitCode {
    // One TLS provider, chosen before any client is made.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = match Env::process().and_then(Config::from_env) {
        Ok(config) => config,
        Err(error) => return fail(&error.to_string()),
    };
    telemetry::init_logs(&config.logs);
    let metrics = telemetry::init_metrics();
    let port = config.port;
    let stop = async {
        if let Err(error) = shutdown::requested().await {
            tracing::error!(%error, "can't listen for signals, stopping");
        }
    };
    match app::serve(config, metrics, stop, GRACE).await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => fail(&format!("gateway can't listen on port {port} (PORT): {error}")),
    }
}

/// What an operator must read even where logs are off.
#[expect(clippy::print_stderr, reason = "logs may not be set up yet")]
fn fail(message: &str) -> std::process::ExitCode {
    eprintln!("{message}");
    std::process::ExitCode::FAILURE
}
