//! What platforms and Prometheus ask.

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusHandle;
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Response, handler};

use crate::app::Gateway;
use crate::producer::ProducerError;
use crate::slack::verify::WINDOW;

/// 200 while the process lives.
#[handler]
pub(crate) fn healthz() -> &'static str {
    "ok"
}

/// 200 when Redis answers and our clock agrees with its, else 503: without the one nothing can be accepted, and with a
/// wrong clock every request of Slack's would be taken for an old one.
#[handler]
pub(crate) async fn readyz(gateway: Data<&Arc<Gateway>>) -> Response {
    let why = match clock_skew(&gateway).await {
        Ok(seconds) if seconds.unsigned_abs() <= WINDOW => return Response::builder().body("ready"),
        Ok(seconds) => format!("this machine's clock is {seconds} s from Redis': one of the two is wrong"),
        Err(error) => error.to_string(),
    };
    Response::builder().status(StatusCode::SERVICE_UNAVAILABLE).body(format!("not ready: {why}"))
}

/// How many seconds our clock is ahead of Redis'.
async fn clock_skew(gateway: &Gateway) -> Result<i64, ProducerError> {
    let theirs = gateway.producer.time().await?;
    let ahead = gateway.clock.now().timestamp() - theirs;
    metrics::gauge!("gateway_clock_skew_seconds").set(ahead as f64);
    Ok(ahead)
}

/// Prometheus text.
#[handler]
pub(crate) async fn render(gateway: Data<&Arc<Gateway>>, handle: Data<&PrometheusHandle>) -> Response {
    // Where Redis is away the last known stays; /readyz tells.
    let _ = clock_skew(&gateway).await;
    handle.run_upkeep();
    Response::builder().content_type("text/plain; version=0.0.4").body(handle.render())
}
