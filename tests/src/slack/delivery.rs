//! Requests from Slack to the app: signed, timed, kept; and Slack's own timeout.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::{Inner, SlackStandIn, World, lock, payload, signing};

/// How long Slack waits for an acknowledgement (docs.slack.dev, "Handling user interaction").
pub const ACK_TIMEOUT: Duration = Duration::from_secs(3);

pub(crate) type HttpClient = Client<HttpConnector, Full<Bytes>>;

pub(crate) fn http_client() -> HttpClient {
    Client::builder(TokioExecutor::new()).build(HttpConnector::new())
}

/// A request to the app. The fields may be altered before it is sent: the signature isn't made anew.
#[derive(Debug, Clone)]
pub struct SentRequest {
    /// Path on the gateway.
    pub path: String,
    /// All headers.
    pub headers: Vec<(String, String)>,
    /// Raw body.
    pub body: Vec<u8>,
}

impl SentRequest {
    /// The first header of a name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The request with this header in place of those of the same name.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(header, _)| !header.eq_ignore_ascii_case(name));
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The request without a header.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(header, _)| !header.eq_ignore_ascii_case(name));
        self
    }

    /// The request as Slack sends it again: X-Slack-Retry-Num and X-Slack-Retry-Reason.
    #[must_use]
    pub fn retried(self, number: u32, reason: &str) -> Self {
        self.with_header("X-Slack-Retry-Num", &number.to_string()).with_header("X-Slack-Retry-Reason", reason)
    }
}

/// How a request to the app ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Answered with this HTTP status.
    Answered(u16),
    /// No answer within [`ACK_TIMEOUT`].
    TimedOut,
    /// No connection, or one that ended without an answer.
    Failed(String),
}

/// A request to the app, and how it ended.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// What was sent.
    pub request: SentRequest,
    /// Where to.
    pub gateway: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Body of the answer.
    pub body: Bytes,
    /// Content type of the answer.
    pub content_type: String,
    /// Time to the acknowledgement, body included.
    pub elapsed: Duration,
}

impl Delivery {
    /// HTTP status, where there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self.outcome {
            Outcome::Answered(status) => Some(status),
            _ => None,
        }
    }

    /// Acknowledged: status 200 in time.
    pub fn is_ok(&self) -> bool {
        self.status() == Some(200)
    }

    /// The answer as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The answer as JSON; null where it is empty or none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// Where requests to the app go.
#[derive(Debug, Default)]
pub struct Gateways {
    urls: Vec<String>,
    next: usize,
}

impl Gateways {
    pub(crate) fn set(&mut self, urls: Vec<String>) {
        self.urls = urls.into_iter().map(|url| url.trim_end_matches('/').to_owned()).collect();
        self.next = 0;
    }

    fn next(&mut self) -> Option<String> {
        let url = self.urls.get(self.next % self.urls.len().max(1)).cloned();
        self.next = self.next.wrapping_add(1);
        url
    }
}

/// How Slack behaves towards the app.
#[derive(Debug, Clone, Default)]
pub struct Knobs {
    pub(crate) ack_delay: Duration,
    pub(crate) deliver_events: bool,
    pub(crate) event_retries: Vec<Duration>,
}

impl Inner {
    /// Changes the world and takes the events that this caused.
    pub(crate) fn change_and_take_events<T>(&self, change: impl FnOnce(&mut World) -> T) -> (T, Vec<Value>) {
        self.change(|world| {
            world.events.clear();
            let answer = change(world);
            (answer, std::mem::take(&mut world.events))
        })
    }

    /// Changes the world; events that this caused are delivered in the background, if that is on.
    pub(crate) fn change_and_tell<T>(self: &Arc<Self>, change: impl FnOnce(&mut World) -> T) -> T {
        let (answer, events) = self.change_and_take_events(change);
        if !events.is_empty() && lock(&self.knobs).deliver_events {
            let inner = Arc::clone(self);
            tokio::spawn(async move {
                for event in events {
                    inner.deliver_event(&event).await;
                }
            });
        }
        answer
    }

    fn signed(&self, body: Vec<u8>, content_type: &str, path: &str) -> SentRequest {
        let (secret, now) = self.read(|world| (world.app.signing_secret.clone(), world.now()));
        let timestamp = now.timestamp().to_string();
        let headers = vec![
            ("Content-Type".to_owned(), content_type.to_owned()),
            ("User-Agent".to_owned(), "Slackbot 1.0 (+https://api.slack.com/robots)".to_owned()),
            ("Accept".to_owned(), "application/json,*/*".to_owned()),
            ("X-Slack-Signature".to_owned(), signing::signature(&secret, &timestamp, &body)),
            ("X-Slack-Request-Timestamp".to_owned(), timestamp),
        ];
        SentRequest { path: path.into(), headers, body }
    }

    async fn send(&self, request: &SentRequest) -> Delivery {
        let gateway = lock(&self.gateways).next();
        match gateway {
            Some(gateway) => self.send_to(request, &gateway).await,
            None => Delivery {
                request: request.clone(),
                gateway: String::new(),
                outcome: Outcome::Failed("no gateway is set".into()),
                body: Bytes::new(),
                content_type: String::new(),
                elapsed: Duration::ZERO,
            },
        }
    }

    async fn send_to(&self, request: &SentRequest, gateway: &str) -> Delivery {
        let started = Instant::now();
        let answered = tokio::time::timeout(ACK_TIMEOUT, self.exchange(request, gateway)).await;
        let (outcome, content_type, body) = match answered {
            Ok(Ok((status, content_type, body))) => (Outcome::Answered(status), content_type, body),
            Ok(Err(error)) => (Outcome::Failed(format!("{error:#}")), String::new(), Bytes::new()),
            Err(_) => (Outcome::TimedOut, String::new(), Bytes::new()),
        };
        let gateway = gateway.to_owned();
        Delivery { request: request.clone(), gateway, outcome, body, content_type, elapsed: started.elapsed() }
    }

    async fn exchange(&self, request: &SentRequest, gateway: &str) -> anyhow::Result<(u16, String, Bytes)> {
        let mut builder = http::Request::post(format!("{gateway}{}", request.path));
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let sent = builder.body(Full::new(Bytes::from(request.body.clone())))?;
        let answer = self.client.request(sent).await?;
        let status = answer.status().as_u16();
        let content_type = answer.headers().get(http::header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let body = answer.into_body().collect().await?.to_bytes();
        Ok((status, content_type, body))
    }

    /// Delivers an event in its envelope; again after the set delays while it isn't answered with 2xx.
    async fn deliver_event(&self, event: &Value) -> Delivery {
        let envelope = self.change(|world| payload::event(world, event)).to_string();
        let request = self.signed(envelope.clone().into_bytes(), payload::JSON, payload::EVENTS_PATH);
        let mut delivery = self.send(&request).await;
        let retries = lock(&self.knobs).event_retries.clone();
        for (number, delay) in (1..).zip(retries) {
            let reason = match delivery.outcome {
                Outcome::Answered(200..=299) => break,
                Outcome::Answered(_) => "http_error",
                Outcome::TimedOut => "http_timeout",
                Outcome::Failed(_) => "connection_failed",
            };
            tokio::time::sleep(delay).await;
            let again = self.signed(envelope.clone().into_bytes(), payload::JSON, payload::EVENTS_PATH);
            delivery = self.send(&again.retried(number, reason)).await;
        }
        delivery
    }
}

impl SlackStandIn {
    /// A request with Slack's signature over these bytes, of the workspace's time.
    pub fn signed(&self, body: impl Into<Vec<u8>>, content_type: &str, path: &str) -> SentRequest {
        self.inner().signed(body.into(), content_type, path)
    }

    /// Sends a request to the next gateway, as it is.
    pub async fn send(&self, request: &SentRequest) -> Delivery {
        self.inner().send(request).await
    }

    /// Sends a request again to a gateway, byte for byte, the old signature included.
    pub async fn replay(&self, request: &SentRequest, gateway: &str) -> Delivery {
        self.inner().send_to(request, gateway.trim_end_matches('/')).await
    }

    /// Sends any bytes with any headers to a path of a gateway: for unsigned and broken requests.
    pub async fn raw_post(
        &self,
        gateway: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Delivery {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let request = SentRequest { path: path.into(), headers, body: body.into() };
        self.replay(&request, gateway).await
    }

    /// Delivers an event in a complete envelope.
    pub async fn deliver_event(&self, event: &Value) -> Delivery {
        self.inner().deliver_event(event).await
    }
}
