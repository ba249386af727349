//! How slack-morphism's calls go over HTTP.
//!
//! Its own connector reads a 429's body before its status, and takes a body without a content type for JSON: a 429 with
//! an empty body, as proxies send them, comes out as an unreadable answer, and its `Retry-After` is lost. Here the status
//! decides first. Nothing is logged: addresses carry file names, bodies carry what people wrote.

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::request::Builder;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper_rustls::builderstates::WantsSchemes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use serde::{Deserialize, Serialize};
use slack_morphism::errors::*;
use slack_morphism::multipart_form::FileMultipartData;
use slack_morphism::prelude::*;
use url::Url;

use super::error::retry_after;

/// Slack's Web API at one address.
pub(super) struct Connector {
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    api_url: String,
}

/// How connections are made: trusting the machine's certificates, which it need not have for an API on itself.
///
/// # Errors
/// When they are needed and can't be read.
pub(crate) fn https(api_url: &Url) -> std::io::Result<HttpsConnectorBuilder<WantsSchemes>> {
    if api_url.scheme() == "http" {
        let trusting_nobody = ClientConfig::builder().with_root_certificates(RootCertStore::empty());
        return Ok(HttpsConnectorBuilder::new().with_tls_config(trusting_nobody.with_no_client_auth()));
    }
    HttpsConnectorBuilder::new().with_native_roots()
}

/// What every answer has.
#[derive(Deserialize)]
struct Envelope {
    error: Option<String>,
}

impl Connector {
    /// Calls the methods below `api_url`.
    pub(super) fn new(https: HttpsConnector<HttpConnector>, api_url: &Url) -> Self {
        let http = Client::builder(TokioExecutor::new()).build(https);
        Self { http, api_url: api_url.as_str().trim_end_matches('/').to_owned() }
    }

    async fn send<RS>(&self, request: Builder, body: Bytes, token: Option<&SlackApiToken>) -> ClientResult<RS>
    where
        RS: for<'de> Deserialize<'de>,
    {
        let request = match token {
            Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {}", token.token_value.value())),
            None => request,
        };
        let request = request.body(Full::new(body)).map_err(|error| broken(Box::new(error)))?;
        let response = self.http.request(request).await.map_err(|error| broken(Box::new(error)))?;
        match response.status() {
            StatusCode::TOO_MANY_REQUESTS => Err(SlackClientError::RateLimitError(
                SlackRateLimitError::new().with_retry_after(retry_after(response.headers())),
            )),
            StatusCode::OK => {
                let body = response.into_body().collect().await.map_err(|error| broken(Box::new(error)))?.to_bytes();
                read(&body)
            }
            status => Err(SlackClientError::HttpError(SlackClientHttpError::new(status))),
        }
    }
}

fn broken(cause: Box<dyn std::error::Error + Send + Sync>) -> SlackClientError {
    SlackClientError::HttpProtocolError(SlackClientHttpProtocolError::new().with_cause(cause))
}

/// The answer, or Slack's error; whatever the content type says.
fn read<RS: for<'de> Deserialize<'de>>(body: &[u8]) -> ClientResult<RS> {
    let unreadable = |error| SlackClientError::ProtocolError(SlackClientProtocolError::new(error));
    let envelope: Envelope = serde_json::from_slice(body).map_err(unreadable)?;
    match envelope.error {
        None => serde_json::from_slice(body).map_err(unreadable),
        Some(code) => {
            let body = String::from_utf8_lossy(body).into_owned();
            Err(SlackClientError::ApiError(SlackClientApiError::new(code).with_http_response_body(body)))
        }
    }
}

fn not_used<'a, RS: Send + 'a>() -> BoxFuture<'a, ClientResult<RS>> {
    let message = "this way of calling is not used here".to_owned();
    let error = SlackClientError::SystemError(SlackClientSystemError::new().with_message(message));
    std::future::ready(Err(error)).boxed()
}

impl SlackClientHttpConnector for Connector {
    fn create_method_uri_path(&self, method_relative_uri: &str) -> ClientResult<Url> {
        Ok(format!("{}/{method_relative_uri}", self.api_url).parse()?)
    }

    fn http_get_uri<'a, RS>(
        &'a self,
        full_uri: Url,
        context: SlackClientApiCallContext<'a>,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RS: for<'de> Deserialize<'de> + Send + 'a,
    {
        let request = Request::builder().method(Method::GET).uri(full_uri.as_str());
        self.send(request, Bytes::new(), context.token).boxed()
    }

    fn http_post_uri<'a, RQ, RS>(
        &'a self,
        full_uri: Url,
        request_body: &'a RQ,
        context: SlackClientApiCallContext<'a>,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RQ: Serialize + Send + Sync,
        RS: for<'de> Deserialize<'de> + Send + 'a,
    {
        async move {
            let body = serde_json::to_vec(request_body).map_err(|error| {
                SlackClientError::SystemError(SlackClientSystemError::new().with_cause(Box::new(error)))
            })?;
            let request = Request::builder()
                .method(Method::POST)
                .uri(full_uri.as_str())
                .header(header::CONTENT_TYPE, "application/json; charset=utf-8");
            self.send(request, body.into(), context.token).await
        }
        .boxed()
    }

    fn http_get_with_client_secret<'a, RS>(
        &'a self,
        _: Url,
        _: &'a SlackClientId,
        _: &'a SlackClientSecret,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RS: for<'de> Deserialize<'de> + Send + 'a,
    {
        not_used()
    }

    fn http_post_uri_multipart_form<'a, 'p, RS, PT, TS>(
        &'a self,
        _: Url,
        _: Option<FileMultipartData<'p>>,
        _: &'p PT,
        _: SlackClientApiCallContext<'a>,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RS: for<'de> Deserialize<'de> + Send + 'a,
        PT: IntoIterator<Item = (&'p str, Option<TS>)> + Clone,
        TS: AsRef<str> + 'p + Send,
    {
        not_used()
    }

    fn http_post_uri_binary<'a, RS>(
        &'a self,
        _: Url,
        _: String,
        _: &'a [u8],
        _: SlackClientApiCallContext<'a>,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RS: for<'de> Deserialize<'de> + Send + 'a,
    {
        not_used()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_below_the_address_with_and_without_a_path() {
        for (address, method) in [
            ("https://slack.com/api", "https://slack.com/api/auth.test"),
            ("http://127.0.0.1:4000/api/", "http://127.0.0.1:4000/api/auth.test"),
            ("http://127.0.0.1:4000", "http://127.0.0.1:4000/auth.test"),
        ] {
            let address = Url::parse(address).unwrap();
            let https = https(&address).unwrap().https_or_http().enable_http1().build();
            assert_eq!(Connector::new(https, &address).create_method_uri_path("auth.test").unwrap().as_str(), method);
        }
    }
}
