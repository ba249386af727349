//! The program `worker`.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::NaiveDate;
use clap::{Parser, Subcommand};
use common::env::{Env, EnvError};
use common::{shutdown, telemetry};
use tokio_util::sync::CancellationToken;
use worker::config::{self, Config};
use worker::run::Worker;
use worker::schedule::{Task, command};
use worker::{db, dead, doctor, export, manifest, monitor, parked, period};

/// The ticket desk's worker: consumes jobs, changes PostgreSQL, calls Slack.
#[derive(Parser)]
#[command(name = "worker")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Work until stopped (the default).
    Run,
    /// Bring the database schema up to date and stop.
    Migrate,
    /// Write tickets as comma-separated values to standard output.
    Export {
        /// Filed on this day or later, such as 2026-10-01.
        #[arg(long, value_parser = parse_day)]
        from: Option<NaiveDate>,
        /// Filed on this day or earlier.
        #[arg(long, value_parser = parse_day)]
        to: Option<NaiveDate>,
    },
    /// Run a task of the schedule now, unless its current slot ran already.
    RunTask {
        /// Which.
        task: Task,
        /// Send it again where it ran already.
        #[arg(long)]
        again: bool,
        /// Only say what would be sent.
        #[arg(long)]
        dry_run: bool,
    },
    /// Show each task's last and next slot, and what became of the last.
    Schedule,
    /// Jobs that were given up.
    Dead {
        #[command(subcommand)]
        command: DeadCommand,
    },
    /// What Slack did not take.
    Parked {
        #[command(subcommand)]
        command: ParkedCommand,
    },
    /// Check everything that the desk needs, and say what to mend.
    Doctor {
        /// For scripts.
        #[arg(long)]
        json: bool,
    },
    /// Print the Slack app's manifest, to be pasted at api.slack.com/apps.
    Manifest {
        /// Where Slack reaches the gateway, such as https://tickets.example.com.
        #[arg(long)]
        url: String,
    },
}

#[derive(Subcommand)]
enum ParkedCommand {
    /// Show what is parked, with the reasons.
    List,
    /// Send it again.
    Retry {
        /// Only this one, by its id in the list.
        id: Option<uuid::Uuid>,
    },
}

#[derive(Subcommand)]
enum DeadCommand {
    /// Show the newest ones with their reasons.
    List,
    /// Run one again.
    Redrive {
        /// Its number in the list.
        id: i64,
    },
    /// Drop one for good.
    Drop {
        /// Its number in the list.
        id: i64,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // One TLS provider, chosen before any connection is made.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match carry_out(arguments.command.unwrap_or(Command::Run)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

async fn carry_out(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Run => run(configuration()?).await,
        Command::Migrate => {
            let database_url = config::database_only(Env::process()?)?;
            db::migrate(&database_url).await.context("the database can't be migrated (DATABASE_URL)")
        }
        Command::Doctor { json } => {
            let report = doctor::examine(Env::process()?).await;
            let text = if json { report.json() + "\n" } else { report.text() };
            std::io::stdout().write_all(text.as_bytes()).context("the report can't be printed")?;
            match report.faults() {
                0 => Ok(()),
                1 => anyhow::bail!("1 thing is to be mended"),
                faults => anyhow::bail!("{faults} things are to be mended"),
            }
        }
        Command::Manifest { url } => {
            let manifest = manifest::for_address(&url)?;
            std::io::stdout().write_all(manifest.as_bytes()).context("the manifest can't be printed")
        }
        Command::Export { from, to } => export::to_standard_output(&configuration()?, from, to).await,
        Command::RunTask { task, again, dry_run } => {
            let wanted = command::Wanted { task, again, dry_run };
            command::run_task(&configuration()?, wanted, &mut std::io::stdout()).await
        }
        Command::Schedule => command::show_schedule(&configuration()?, &mut std::io::stdout()).await,
        Command::Parked { command } => {
            let (config, mut out) = (configuration()?, std::io::stdout());
            match command {
                ParkedCommand::List => parked::list(&config, &mut out).await,
                ParkedCommand::Retry { id } => parked::retry(&config, id, &mut out).await,
            }
        }
        Command::Dead { command } => {
            let config = configuration()?;
            match command {
                DeadCommand::List => dead::list(&config, &mut std::io::stdout()).await,
                DeadCommand::Redrive { id } => dead::redrive(&config, id).await,
                DeadCommand::Drop { id } => dead::drop_letter(&config, id).await,
            }
        }
    }
}

fn parse_day(text: &str) -> Result<NaiveDate, &'static str> {
    period::parse_day(text).ok_or("a day is written like 2026-10-31")
}

fn configuration() -> Result<Config, EnvError> {
    Env::process().and_then(Config::from_env)
}

async fn run(config: Config) -> anyhow::Result<()> {
    telemetry::init_logs(config.log_format);
    let metrics = telemetry::init_metrics();
    let stop = CancellationToken::new();
    tokio::spawn({
        let stop = stop.clone();
        async move {
            if let Err(error) = shutdown::requested().await {
                tracing::error!(%error, "can't listen for signals, stopping");
            }
            stop.cancel();
        }
    });
    let worker = tokio::select! {
        worker = Worker::start(&config) => Arc::new(worker?),
        () = stop.cancelled() => return Ok(()),
    };
    if let Some(port) = config.metrics_port {
        let (worker, stop) = (Arc::clone(&worker), stop.clone());
        tokio::spawn(async move {
            if let Err(error) = monitor::serve(port, worker, metrics, stop.cancelled_owned()).await {
                tracing::error!(port, %error, "METRICS_PORT can't be listened on");
            }
        });
    }
    doctor::tell_at_start(worker.context(), worker.consumer()).await;
    worker.run(stop).await;
    Ok(())
}

/// What an operator must read even where logs are off.
#[expect(clippy::print_stderr, reason = "logs may not be set up yet")]
fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("{error:#}");
    ExitCode::FAILURE
}
