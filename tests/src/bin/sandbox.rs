//! The program `sandbox`: a Slack to play with, on this machine only.

use std::process::ExitCode;

use common::env::Env;
use common::telemetry::{self, Logs};
use harness::sandbox::{self, Settings};

#[tokio::main]
async fn main() -> ExitCode {
    let settings = match Env::process().and_then(Settings::from_env) {
        Ok(settings) => settings,
        Err(error) => return fail(&error.to_string()),
    };
    telemetry::init_logs(&Logs { filter: std::env::var("RUST_LOG").ok(), ..Logs::DEFAULT });
    match run(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("{error:#}")),
    }
}

async fn run(settings: Settings) -> anyhow::Result<()> {
    let state = settings.state.clone();
    let running = sandbox::start(settings).await?;
    match state {
        Some(path) => tracing::info!(state = %path.display(), "the sandbox is at {}", running.url()),
        None => tracing::info!("the sandbox is at {}; without SANDBOX_STATE nothing is kept", running.url()),
    }
    common::shutdown::requested().await?;
    running.stop().await
}

/// What must be read even where logs are off.
#[expect(clippy::print_stderr, reason = "logs may not be set up yet")]
fn fail(message: &str) -> ExitCode {
    eprintln!("{message}");
    ExitCode::FAILURE
}
