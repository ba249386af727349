//! A call between its arrival and its answer: recorded, broken where that was scripted, limited, run.

use std::sync::Arc;
use std::time::Instant;

use futures_util::stream;
use poem::http::{StatusCode, header};
use poem::{Body, Response};
use serde_json::{Value, json};

use super::faults::{Fault, Suffered};
use super::model::World;
use super::{Inner, lock};

/// What the connection does with a call.
pub(super) enum Answer {
    Send(Response),
    Cut,
    Nothing,
}

/// What a run answers: a response and what the recorder keeps of it.
pub(super) struct Ran {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
    pub(super) ok: bool,
    pub(super) error: Option<String>,
    pub(super) answer: Value,
    pub(super) scopes: String,
}

impl Ran {
    /// A response that isn't of the Web API.
    pub(super) fn plain(status: StatusCode, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        let ok = status.is_success();
        let error = (!ok).then(|| status.to_string());
        let scopes = String::new();
        Self { status, content_type, body: body.into(), ok, error, answer: Value::Null, scopes }
    }
}

pub(super) const JSON: &str = "application/json; charset=utf-8";

/// Takes a call through recorder, faults and limits around its run.
pub(super) async fn through(
    inner: &Arc<Inner>,
    name: &str,
    args: Value,
    token_ok: bool,
    run: impl FnOnce(&mut World) -> Ran + Send,
) -> Answer {
    let suffered = lock(&inner.faults).suffer(name, &args);
    let limited = lock(&inner.limits).check(name, &args, Instant::now());
    let number = inner.record_arrival(name, args, token_ok);
    if let Some(suffered) = &suffered {
        inner.record(number, |call| call.fault = Some(format!("{:?}", suffered.fault)));
        if let Some(answer) = before(inner, number, suffered).await {
            return answer;
        }
    }
    if let Some(seconds) = limited {
        return finish(inner, number, too_many(Some(&seconds.to_string())), Some("ratelimited"));
    }
    let ran = inner.change_and_tell(run);
    inner.record(number, |call| {
        call.processed = ran.ok;
        call.answer = ran.answer.clone();
    });
    if let Some(suffered) = &suffered
        && let Some(answer) = after(inner, number, suffered, &ran).await
    {
        return answer;
    }
    let (ok, error) = (ran.ok, ran.error.clone());
    inner.record(number, |call| {
        call.ok = Some(ok);
        call.error = error;
    });
    finish(inner, number, response(ran), None)
}

fn finish(inner: &Inner, number: usize, response: Response, error: Option<&str>) -> Answer {
    inner.record(number, |call| {
        call.status = Some(response.status().as_u16());
        call.finished = Some(Instant::now());
        if let Some(error) = error {
            (call.ok, call.error) = (Some(false), Some(error.to_owned()));
        }
    });
    Answer::Send(response)
}

/// The faults that come before the work; none where the work goes on.
async fn before(inner: &Inner, number: usize, suffered: &Suffered) -> Option<Answer> {
    if !suffered.is_before() {
        return None;
    }
    suffered.hit();
    match &suffered.fault {
        Fault::RateLimited(retry_after) => {
            Some(finish(inner, number, too_many(retry_after.as_deref()), Some("ratelimited")))
        }
        Fault::RateLimitedBare(retry_after) => {
            let mut response = too_many(retry_after.as_deref());
            response.headers_mut().remove(header::CONTENT_TYPE);
            response.set_body(());
            Some(finish(inner, number, response, Some("ratelimited")))
        }
        Fault::Status(code) => Some(finish(inner, number, html_status(*code), None)),
        Fault::Error(code) => {
            let body = json!({"ok": false, "error": code}).to_string();
            Some(finish(inner, number, respond(StatusCode::OK, JSON, body), Some(code)))
        }
        Fault::Answer(body) => Some(finish(inner, number, respond(StatusCode::OK, JSON, body.to_string()), None)),
        Fault::Slow(delay) => {
            tokio::time::sleep(*delay).await;
            None
        }
        Fault::Hang => Some(Answer::Nothing),
        Fault::ResetBefore => Some(Answer::Cut),
        Fault::HoldBefore => {
            suffered.held().await;
            None
        }
        _ => None,
    }
}

/// The faults that come after the work; none where the answer goes out as it is.
async fn after(inner: &Inner, number: usize, suffered: &Suffered, ran: &Ran) -> Option<Answer> {
    if suffered.is_before() {
        return None;
    }
    suffered.hit();
    let half = || ran.body[..ran.body.len() / 2].to_vec();
    match &suffered.fault {
        Fault::StatusAfter(code) => Some(finish(inner, number, html_status(*code), None)),
        Fault::TruncatedJson => Some(finish(inner, number, respond(StatusCode::OK, JSON, half()), None)),
        Fault::HalfAnswer => {
            let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
            let parts = stream::iter([Ok(bytes::Bytes::from(half())), Err(broken)]);
            let body = Body::from_bytes_stream(parts);
            Some(finish(inner, number, Response::builder().content_type(JSON).body(body), None))
        }
        Fault::SlowAnswer(delay) => {
            tokio::time::sleep(*delay).await;
            None
        }
        Fault::HangAfter => Some(Answer::Nothing),
        Fault::ResetAfter => Some(Answer::Cut),
        Fault::HoldAfter => {
            suffered.held().await;
            None
        }
        _ => None,
    }
}

fn response(ran: Ran) -> Response {
    let mut response = respond(ran.status, ran.content_type, ran.body);
    if let Ok(scopes) = ran.scopes.parse() {
        response.headers_mut().insert("x-oauth-scopes", scopes);
    }
    response
}

fn respond(status: StatusCode, content_type: &str, body: impl Into<Body>) -> Response {
    Response::builder().status(status).content_type(content_type).body(body)
}

fn too_many(retry_after: Option<&str>) -> Response {
    let body = json!({"ok": false, "error": "ratelimited"}).to_string();
    let mut response = respond(StatusCode::TOO_MANY_REQUESTS, JSON, body);
    if let Some(value) = retry_after.and_then(|value| value.parse().ok()) {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

fn html_status(code: u16) -> Response {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    html(status, "Something went wrong on our end")
}

pub(super) fn html(status: StatusCode, text: &str) -> Response {
    let body = format!("<!DOCTYPE html><html><head><title>Slack</title></head><body><h1>{text}</h1></body></html>");
    respond(status, "text/html; charset=utf-8", body)
}
