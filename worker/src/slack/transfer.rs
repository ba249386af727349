//! What goes over HTTP beside the Web API: answers to response URLs, and files.
//!
//! These addresses come from outside, so they are followed only where they must lead: response URLs to hooks.slack.com,
//! files to files.slack.com, always https; or, where the Web API is on this machine (tests, the sandbox), to that same
//! host and port. Redirects are not followed. The token goes to file hosts only.

use std::io::SeekFrom;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use common::secret::Secret;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{Either, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use url::Url;

use super::calls;
use super::connector::https;
use super::error::retry_after;
use crate::config::is_loopback;

/// Largest image that is copied; larger ones are linked.
pub const MAX_IMAGE_BYTES: u64 = 20 * 1024 * 1024;
/// What pauses all transfers of files together.
pub const FILE_HOST: &str = "files.slack.com";
/// A response URL answers at once.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of a file that are read at once.
const PIECE: usize = 64 * 1024;
/// An upload may take a second more for each so many bytes.
const SLOWEST_UPLOAD: u64 = 256 * 1024;

type FileBody = StreamBody<BoxStream<'static, std::io::Result<Frame<Bytes>>>>;
type OutgoingBody = Either<Full<Bytes>, Either<Limited<Incoming>, FileBody>>;

/// An HTTP client that goes only where Slack's addresses may lead.
pub struct Transfer {
    client: Client<HttpsConnector<HttpConnector>, OutgoingBody>,
    token: Secret,
    api_url: Url,
    copy_timeout: Duration,
}

/// Why a transfer didn't succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// The address leads elsewhere.
    #[error("the address does not lead to Slack")]
    ForeignAddress,
    /// The file is not to be had, and won't be.
    #[error("{0}")]
    Refused(&'static str),
    /// It may work later.
    #[error("{0}")]
    Failed(&'static str),
    /// The host is not to be called for so long.
    #[error("the file host is paused for {} ms", .0.as_millis())]
    Busy(Duration),
}

impl Transfer {
    /// Prepares the client.
    ///
    /// # Errors
    /// When the machine's trusted certificates can't be read.
    pub fn new(api_url: &Url, token: &Secret, copy_timeout: Duration) -> std::io::Result<Self> {
        let https = https(api_url)?.https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(https);
        Ok(Self { client, token: token.clone(), api_url: api_url.clone(), copy_timeout })
    }

    /// Sends a message to a response URL, once.
    ///
    /// # Errors
    /// When the address leads elsewhere, or the message may not have arrived.
    pub async fn respond(&self, response_url: &str, message: &Value) -> Result<(), TransferError> {
        let url = self.admit(response_url, "hooks.slack.com")?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(url.as_str())
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
            .body(Either::Left(Full::new(Bytes::from(message.to_string()))))
            .map_err(|_| TransferError::ForeignAddress)?;
        let response = self.send("response_url", request, RESPONSE_TIMEOUT).await?;
        if response.status().is_success() {
            Ok(())
        } else {
            Err(TransferError::Refused("the response URL was refused"))
        }
    }

    /// Copies `size` bytes from a file's private address to an upload address, without holding them.
    ///
    /// # Errors
    /// [`TransferError::Refused`] where the file can't be had, [`TransferError::Failed`] and [`TransferError::Busy`] where
    /// it may work later.
    pub async fn copy(&self, from: &str, to: &Url, size: u64, mimetype: &str) -> Result<(), TransferError> {
        let from = self.admit(from, FILE_HOST)?;
        let to = self.admit(to.as_str(), FILE_HOST)?;
        let get = Request::builder()
            .uri(from.as_str())
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token.expose()))
            .body(Either::Left(Full::default()))
            .map_err(|_| TransferError::ForeignAddress)?;
        let file = self.send("file_download", get, self.copy_timeout).await?;
        check_download(&file, size)?;
        let limit = usize::try_from(size).map_err(|_| TransferError::Refused("the file is too large"))?;
        let post = Request::builder()
            .method(Method::POST)
            .uri(to.as_str())
            .header(header::CONTENT_TYPE, mimetype)
            .header(header::CONTENT_LENGTH, size)
            .body(Either::Right(Either::Left(Limited::new(file.into_body(), limit))))
            .map_err(|_| TransferError::ForeignAddress)?;
        let response = self.send("file_upload", post, self.copy_timeout).await?;
        check_upload(&response)
    }

    /// Sends a file of `size` bytes, from its begin, to an upload address, a piece at a time.
    ///
    /// # Errors
    /// [`TransferError::Failed`] and [`TransferError::Busy`] where it may work later.
    pub async fn upload(&self, file: File, size: u64, mimetype: &str, to: &Url) -> Result<(), TransferError> {
        let to = self.admit(to.as_str(), FILE_HOST)?;
        let post = Request::builder()
            .method(Method::POST)
            .uri(to.as_str())
            .header(header::CONTENT_TYPE, mimetype)
            .header(header::CONTENT_LENGTH, size)
            .body(Either::Right(Either::Right(StreamBody::new(pieces(file)))))
            .map_err(|_| TransferError::ForeignAddress)?;
        let limit = self.copy_timeout + Duration::from_secs(size / SLOWEST_UPLOAD);
        let response = self.send("file_upload", post, limit).await?;
        check_upload(&response)
    }

    /// `what` names the transfer among Slack's methods in the log and in /metrics.
    async fn send(
        &self,
        what: &'static str,
        request: Request<OutgoingBody>,
        limit: Duration,
    ) -> Result<Response<Incoming>, TransferError> {
        let started = Instant::now();
        let result = tokio::time::timeout(limit, self.client.request(request)).await;
        let outcome = match &result {
            Ok(Ok(response)) if response.status().is_success() => "ok",
            Ok(Ok(response)) if response.status() == StatusCode::TOO_MANY_REQUESTS => "rate_limited",
            Ok(Ok(_)) => "refused",
            Ok(Err(error)) if error.is_connect() => "unreachable",
            Ok(Err(_)) | Err(_) => "ambiguous",
        };
        calls::record(what, outcome, started);
        match result {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(_)) => Err(TransferError::Failed("the connection broke")),
            Err(_) => Err(TransferError::Failed("no answer in time")),
        }
    }

    fn admit(&self, address: &str, host: &str) -> Result<Url, TransferError> {
        let url = Url::parse(address).map_err(|_| TransferError::ForeignAddress)?;
        let plain = url.username().is_empty() && url.password().is_none();
        let at_slack = url.scheme() == "https" && url.host_str() == Some(host) && url.port().is_none();
        let beside_local_api = is_loopback(&self.api_url)
            && url.scheme() == self.api_url.scheme()
            && url.host() == self.api_url.host()
            && url.port_or_known_default() == self.api_url.port_or_known_default();
        if plain && (at_slack || beside_local_api) { Ok(url) } else { Err(TransferError::ForeignAddress) }
    }
}

/// A file's bytes from its begin.
fn pieces(file: File) -> BoxStream<'static, std::io::Result<Frame<Bytes>>> {
    let read = |(mut file, begun): (File, bool)| async move {
        if !begun {
            file.seek(SeekFrom::Start(0)).await?;
        }
        let mut piece = BytesMut::with_capacity(PIECE);
        let length = file.read_buf(&mut piece).await?;
        Ok((length > 0).then(|| (Frame::data(piece.freeze()), (file, true))))
    };
    futures_util::stream::try_unfold((file, false), read).boxed()
}

fn check_upload<B>(response: &Response<B>) -> Result<(), TransferError> {
    match response.status() {
        status if status.is_success() => Ok(()),
        StatusCode::TOO_MANY_REQUESTS => Err(TransferError::Busy(retry_after(response.headers()))),
        _ => Err(TransferError::Failed("the upload was refused")),
    }
}

fn check_download<B>(file: &Response<B>, size: u64) -> Result<(), TransferError> {
    match file.status() {
        StatusCode::OK => {}
        StatusCode::TOO_MANY_REQUESTS => return Err(TransferError::Busy(retry_after(file.headers()))),
        status if status.is_server_error() => {
            return Err(TransferError::Failed("the file could not be fetched"));
        }
        _ => return Err(TransferError::Refused("the file could not be fetched")),
    }
    let header = |name| file.headers().get(name).and_then(|value| value.to_str().ok());
    // Without the right to read a file Slack answers 200 with its log-in page.
    if header(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/html")) {
        return Err(TransferError::Refused("Slack sent a log-in page instead of the file (files:read missing?)"));
    }
    match header(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok()) {
        Some(length) if length != size => Err(TransferError::Refused("the file has another size than announced")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transfer(api: &str) -> Transfer {
        Transfer::new(&Url::parse(api).unwrap(), &Secret::new("xoxb-1"), RESPONSE_TIMEOUT).unwrap()
    }

    #[test]
    fn only_slacks_hosts_over_https() {
        let slack = transfer("https://slack.com/api");
        assert!(slack.admit("https://hooks.slack.com/commands/T/1/x", "hooks.slack.com").is_ok());
        for foreign in [
            "http://hooks.slack.com/x",
            "https://hooks.slack.com.evil.example/x",
            "https://hooks.slack.com:8443/x",
            "https://hooks.slack.com@evil.example/x",
            "https://u:p@hooks.slack.com/x",
            "https://files.slack.com/x",
            "http://127.0.0.1/x",
            "file:///etc/passwd",
            "nonsense",
        ] {
            assert!(slack.admit(foreign, "hooks.slack.com").is_err(), "{foreign}");
        }
    }

    #[test]
    fn beside_a_local_api_that_host_and_port() {
        let local = transfer("http://127.0.0.1:4000/api");
        assert!(local.admit("http://127.0.0.1:4000/response/1", "hooks.slack.com").is_ok());
        assert!(local.admit("http://127.0.0.1:4001/response/1", "hooks.slack.com").is_err());
        assert!(local.admit("http://localhost:4000/response/1", "hooks.slack.com").is_err());
    }
}
