//! The routes, and what stands around each of them.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::clock::Clock;
use common::listen;
use common::stream::Keys;
use metrics_exporter_prometheus::PrometheusHandle;
use poem::http::StatusCode;
use poem::middleware::CatchPanic;
use poem::{Endpoint, EndpointExt, IntoResponse, Request, Response, Route, Server, get, post};

use crate::config::Config;
use crate::connections::LimitedAcceptor;
use crate::health;
use crate::outcome::Outcome;
use crate::producer::Producer;
use crate::slack::{self, commands::Command, verify::Verifier};

/// Slack gives up after 3 s; a request that took longer than this is answered 503.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(2800);

/// What the handlers share.
pub struct Gateway {
    pub(crate) verifier: Verifier,
    pub(crate) producer: Producer,
    pub(crate) clock: Clock,
}

impl Gateway {
    /// Prepares a gateway; nothing is connected yet, so it starts while Redis is away.
    ///
    /// # Errors
    /// When the Redis address can't be used.
    pub fn new(config: &Config, clock: Clock) -> Result<Self, redis::RedisError> {
        Ok(Self {
            verifier: Verifier::new(config.signing_secrets.clone(), clock.clone()),
            producer: Producer::new(&config.redis, Keys::new(&config.stream_prefix))?,
            clock,
        })
    }
}

/// All routes. Tests call the same function.
pub fn routes(gateway: Arc<Gateway>, metrics: PrometheusHandle) -> impl Endpoint<Output = Response> {
    let mut route = Route::new();
    for command in Command::ALL {
        route = route.at(command.path(), post(slack::commands::receive).data(command).around(measured(command.path())));
    }
    const EVENTS: &str = "/api/tickets/slack/events";
    route
        .at(EVENTS, post(slack::receive).around(measured(EVENTS)))
        .at("/healthz", get(health::healthz))
        .at("/readyz", get(health::readyz))
        .at("/metrics", get(health::render))
        .data(gateway)
        .data(metrics)
        .with(CatchPanic::new())
        .map_to_response()
}

/// Times a route's answers and cuts off what takes too long.
fn measured<E: Endpoint + 'static>(
    route: &'static str,
) -> impl Fn(Arc<E>, Request) -> std::pin::Pin<Box<dyn Future<Output = poem::Result<Response>> + Send>> + Send + Sync {
    move |endpoint, request| {
        Box::pin(async move {
            let started = Instant::now();
            let response = match tokio::time::timeout(REQUEST_TIMEOUT, endpoint.call(request)).await {
                Ok(Ok(answer)) => answer.into_response(),
                Ok(Err(error)) => error.into_response(),
                Err(_) => Response::builder().status(StatusCode::SERVICE_UNAVAILABLE).finish(),
            };
            let outcome = Outcome::read(&response).as_str();
            metrics::counter!("gateway_requests_total", "route" => route, "outcome" => outcome).increment(1);
            metrics::histogram!("gateway_ack_seconds", "route" => route).record(started.elapsed());
            Ok(response)
        })
    }
}

/// Listens on all interfaces and serves until `stop` completes; then requests under way have `grace` to finish.
///
/// # Errors
/// When the port can't be listened on.
pub async fn serve(
    config: Config,
    metrics: PrometheusHandle,
    stop: impl Future<Output = ()>,
    grace: Duration,
) -> io::Result<()> {
    let gateway = Gateway::new(&config, Clock::system()).map_err(io::Error::other)?;
    let app = routes(Arc::new(gateway), metrics);
    let listener = listen::everywhere(config.port).await?;
    Server::new_with_acceptor(LimitedAcceptor::new(listener)?).run_with_graceful_shutdown(app, stop, Some(grace)).await
}
