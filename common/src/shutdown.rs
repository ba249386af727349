//! When a process is asked to stop.

use tokio::signal::unix::{SignalKind, signal};

/// Completes when the process receives SIGTERM (a platform's stop) or SIGINT (Ctrl-C).
///
/// # Errors
/// When the signal handlers can't be installed.
pub async fn requested() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM received, stopping"),
        _ = interrupt.recv() => tracing::info!("SIGINT received, stopping"),
    }
    Ok(())
}
