//! What platforms and Prometheus ask.

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusHandle;
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Response, handler};

use crate::app::Gateway;

/// 200 while the process lives.
#[handler]
pub(crate) fn healthz() -> &'static str {
    "ok"
}

/// 200 when Redis answers, else 503: without it nothing can be accepted.
#[handler]
pub(crate) async fn readyz(gateway: Data<&Arc<Gateway>>) -> Response {
    match gateway.producer.ping().await {
        Ok(()) => Response::builder().body("ready"),
        Err(error) => Response::builder().status(StatusCode::SERVICE_UNAVAILABLE).body(format!("not ready: {error}")),
    }
}

/// Prometheus text.
#[handler]
pub(crate) fn metrics(handle: Data<&PrometheusHandle>) -> Response {
    handle.run_upkeep();
    Response::builder().content_type("text/plain; version=0.0.4").body(handle.render())
}
