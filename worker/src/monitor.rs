//! What platforms and Prometheus ask of a worker, where `METRICS_PORT` is set.

use std::future::Future;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use poem::http::StatusCode;
use poem::listener::TcpAcceptor;
use poem::web::Data;
use poem::{EndpointExt, Response, Route, Server, get, handler};
use tokio::net::TcpListener;

use crate::run::Worker;

/// Neither server may keep the asker waiting.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Serves /healthz, /readyz and /metrics until `stop` completes. It is there before the worker, which waits for its
/// servers as long as it takes: a platform must not take that for a dead process.
///
/// # Errors
/// When the listener can't be used.
pub async fn serve(
    listener: TcpListener,
    worker: Arc<OnceLock<Arc<Worker>>>,
    metrics: PrometheusHandle,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let app = Route::new()
        .at("/healthz", get(healthz))
        .at("/readyz", get(readyz))
        .at("/metrics", get(render))
        .data(worker)
        .data(metrics);
    Server::new_with_acceptor(TcpAcceptor::from_tokio(listener)?)
        .run_with_graceful_shutdown(app, stop, Some(Duration::from_secs(1)))
        .await
}

#[handler]
fn healthz() -> &'static str {
    "ok"
}

#[handler]
async fn readyz(worker: Data<&Arc<OnceLock<Arc<Worker>>>>) -> Response {
    let Some(worker) = worker.get() else {
        return not_ready("PostgreSQL or Redis has not answered yet; the log says which");
    };
    let postgres = async { sqlx::query("SELECT 1").execute(&worker.context().db).await.is_ok() };
    let postgres = tokio::time::timeout(TIMEOUT, postgres).await.unwrap_or(false);
    let redis = worker.consumer().ping().await.is_ok();
    let missing = match (postgres, redis) {
        (true, true) => return Response::builder().body("ready"),
        (false, true) => "PostgreSQL does not answer",
        (true, false) => "Redis does not answer",
        (false, false) => "PostgreSQL and Redis do not answer",
    };
    not_ready(missing)
}

fn not_ready(why: &str) -> Response {
    Response::builder().status(StatusCode::SERVICE_UNAVAILABLE).body(format!("not ready: {why}"))
}

#[handler]
fn render(handle: Data<&PrometheusHandle>) -> Response {
    handle.run_upkeep();
    Response::builder().content_type("text/plain; version=0.0.4").body(handle.render())
}
