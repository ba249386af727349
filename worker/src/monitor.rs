//! What platforms and Prometheus ask of a worker, where `METRICS_PORT` is set.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use poem::http::StatusCode;
use poem::listener::TcpListener;
use poem::web::Data;
use poem::{EndpointExt, Response, Route, Server, get, handler};

use crate::run::Worker;

/// Neither server may keep the asker waiting.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Serves /healthz, /readyz and /metrics until `stop` completes.
///
/// # Errors
/// When the port can't be listened on.
pub async fn serve(
    port: u16,
    worker: Arc<Worker>,
    metrics: PrometheusHandle,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let app = Route::new()
        .at("/healthz", get(healthz))
        .at("/readyz", get(readyz))
        .at("/metrics", get(render))
        .data(worker)
        .data(metrics);
    Server::new(TcpListener::bind(("::", port)))
        .run_with_graceful_shutdown(app, stop, Some(Duration::from_secs(1)))
        .await
}

#[handler]
fn healthz() -> &'static str {
    "ok"
}

#[handler]
async fn readyz(worker: Data<&Arc<Worker>>) -> Response {
    let postgres = async { sqlx::query("SELECT 1").execute(&worker.context().db).await.is_ok() };
    let postgres = tokio::time::timeout(TIMEOUT, postgres).await.unwrap_or(false);
    let redis = worker.consumer().ping().await.is_ok();
    let missing = match (postgres, redis) {
        (true, true) => return Response::builder().body("ready"),
        (false, true) => "PostgreSQL does",
        (true, false) => "Redis does",
        (false, false) => "PostgreSQL and Redis do",
    };
    Response::builder().status(StatusCode::SERVICE_UNAVAILABLE).body(format!("not ready: {missing} not answer"))
}

#[handler]
fn render(handle: Data<&PrometheusHandle>) -> Response {
    handle.run_upkeep();
    Response::builder().content_type("text/plain; version=0.0.4").body(handle.render())
}
