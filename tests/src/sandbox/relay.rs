//! Slack's own addresses on the sandbox's port: passed on to the stand-in, which listens on a port of its own.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use poem::http::{StatusCode, header};
use poem::{Body, Request, Response};

use super::Sandbox;

const BYTES: usize = 64 * 1024 * 1024;

/// What is passed on.
pub(super) const AREAS: [&str; 4] = ["/api", "/response", "/upload", "/files-pri"];

/// Passes a request on and its answer back.
pub(super) async fn pass(sandbox: Arc<Sandbox>, request: Request) -> Response {
    match try_pass(&sandbox, request).await {
        Ok(response) => response,
        Err(error) => {
            tracing::warn!(error = format!("{error:#}"), "a call didn't reach the stand-in");
            StatusCode::BAD_GATEWAY.into()
        }
    }
}

async fn try_pass(sandbox: &Sandbox, request: Request) -> anyhow::Result<Response> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut builder = http::Request::builder().method(parts.method).uri(format!("{}{path}", sandbox.slack.url()));
    for (name, value) in &parts.headers {
        if ![header::HOST, header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH].contains(name) {
            builder = builder.header(name, value);
        }
    }
    let body = body.into_bytes_limit(BYTES).await?;
    let answer = sandbox.slack.inner().client.request(builder.body(Full::<Bytes>::new(body))?).await?;
    let (parts, body) = answer.into_parts();
    let bytes = body.collect().await?.to_bytes();
    let mut response = Response::builder().status(parts.status).body(Body::from_bytes(bytes));
    for (name, value) in &parts.headers {
        if ![header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH].contains(name) {
            response.headers_mut().append(name, value.clone());
        }
    }
    Ok(response)
}
