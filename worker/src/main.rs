//! The program `worker`.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use anyhow::Context as _;
use chrono::NaiveDate;
use clap::{Parser, Subcommand};
use common::env::{Env, EnvError};
use common::{listen, shutdown, telemetry};
use tokio_util::sync::CancellationToken;
use worker::config::{self, Config};
use worker::run::Worker;
use worker::schedule::{Task, command};
use worker::{db, dead, doctor, export, manifest, monitor, parked, period, postgres};

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
        url: Option<String>,
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
    /// Drop one for good, after asking.
    Drop {
        /// Its number in the list.
        id: i64,
        /// Don't ask.
        #[arg(long)]
        yes: bool,
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
            match db::migrate(&database_url).await {
                Err(sqlx::migrate::MigrateError::Execute(error)) => Err(postgres::explain(&error).into()),
                result => result.context("the database can't be migrated (DATABASE_URL)"),
            }
        }
        Command::Doctor { json } => {
            let report = doctor::examine(Env::process()).await;
            let text = if json { report.json() + "\n" } else { report.text() };
            std::io::stdout().write_all(text.as_bytes()).context("the report can't be printed")?;
            match report.faults() {
                0 => Ok(()),
                1 => anyhow::bail!("1 thing is to be mended"),
                faults => anyhow::bail!("{faults} things are to be mended"),
            }
        }
        Command::Manifest { url } => {
            let manifest = match url {
                Some(url) => manifest::for_address(&url)?,
                None => {
                    tell(&format!("Replace {} by your gateway's address, or give it: --url", manifest::PLACEHOLDER));
                    manifest::template().to_owned()
                }
            };
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
                DeadCommand::Redrive { id } => dead::redrive(&config, id, &mut std::io::stdout()).await,
                DeadCommand::Drop { id, yes } => {
                    confirm(&format!("Drop dead letter {id} for good?"), yes)?;
                    dead::drop_letter(&config, id, &mut std::io::stdout()).await
                }
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

/// Asks before something is destroyed; where nobody can answer, `--yes` must have been given.
fn confirm(question: &str, yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    let stdin = std::io::stdin();
    anyhow::ensure!(stdin.is_terminal(), "{question} Nobody can be asked here: give --yes");
    tell(&format!("{question} Type yes:"));
    let mut answer = String::new();
    stdin.read_line(&mut answer).context("the answer can't be read")?;
    anyhow::ensure!(answer.trim() == "yes", "nothing was done");
    Ok(())
}

async fn run(config: Config) -> anyhow::Result<()> {
    telemetry::init_logs(&config.logs);
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
    let started = Arc::new(OnceLock::new());
    if let Some(port) = config.metrics_port {
        let listener = listen::everywhere(port).await;
        let listener = listener.with_context(|| format!("worker can't listen on port {port} (METRICS_PORT)"))?;
        tokio::spawn(monitor::serve(listener, Arc::clone(&started), metrics, stop.clone().cancelled_owned()));
    }
    let worker = tokio::select! {
        worker = Worker::start(&config) => Arc::new(worker?),
        () = stop.cancelled() => return Ok(()),
    };
    let _ = started.set(Arc::clone(&worker));
    // Beside the work: a Slack that hangs delays no job.
    tokio::spawn({
        let worker = Arc::clone(&worker);
        async move { doctor::tell_at_start(&config, worker.context(), worker.consumer()).await }
    });
    worker.run(stop).await;
    Ok(())
}

fn fail(error: &anyhow::Error) -> ExitCode {
    tell(&format!("{error:#}"));
    ExitCode::FAILURE
}

/// What an operator must read even where logs are off, and apart from what a command prints.
#[expect(clippy::print_stderr, reason = "logs may not be set up yet")]
fn tell(text: &str) {
    eprintln!("{text}");
}
