//! The HTTP server: Web API methods, response URLs, uploads and downloads, each through the same faults and recorder.
//!
//! A call runs in a task of its own, so that its work is done also when its client is gone meanwhile, as on the real
//! Slack; only the answer is lost then.

use std::net::SocketAddr;
use std::sync::Arc;

use poem::http::{Method, StatusCode, header};
use poem::{Request, Response};
use serde_json::{Map, Value, json};
use tokio::task::JoinHandle;

use super::answering::{Answer, JSON, Ran, html, through};
use super::arguments::{Args, RawArgs};
use super::model::{ApiError, ApiResult, World};
use super::tcp::Connections;
use super::{Inner, hosts, methods};

/// Most bytes of a request's body.
const BODY: usize = 64 * 1024 * 1024;

/// A request, read.
pub(super) struct Asked {
    pub(super) path: String,
    query: String,
    pub(super) get: bool,
    pub(super) bearer: Option<String>,
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
}

pub(crate) fn serve(inner: Arc<Inner>, connections: Connections) -> JoinHandle<()> {
    let app = poem::endpoint::make(move |request| {
        let inner = Arc::clone(&inner);
        async move { Ok::<Response, poem::Error>(handle(inner, request).await) }
    });
    tokio::spawn(async move {
        let _ = poem::Server::new_with_acceptor(connections).run(app).await;
    })
}

async fn handle(inner: Arc<Inner>, request: Request) -> Response {
    let remote = request.remote_addr().as_socket_addr().copied();
    let Some(asked) = read(request).await else {
        return StatusCode::BAD_REQUEST.into();
    };
    let work = tokio::spawn(answer(Arc::clone(&inner), asked));
    match work.await {
        Ok(Answer::Send(response)) => response,
        Ok(Answer::Cut) => cut(&inner, remote),
        Ok(Answer::Nothing) => std::future::pending().await,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into(),
    }
}

fn cut(inner: &Inner, remote: Option<SocketAddr>) -> Response {
    inner.door.cut(remote);
    StatusCode::OK.into()
}

async fn read(mut request: Request) -> Option<Asked> {
    let text = |name: header::HeaderName| {
        request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    let bearer = text(header::AUTHORIZATION).strip_prefix("Bearer ").map(str::to_owned);
    let content_type = text(header::CONTENT_TYPE);
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let get = request.method() == Method::GET;
    let body = request.take_body().into_bytes_limit(BODY).await.ok()?.to_vec();
    Some(Asked { path, query, get, bearer, content_type, body })
}

async fn answer(inner: Arc<Inner>, asked: Asked) -> Answer {
    let mut parts = asked.path.trim_start_matches('/').splitn(2, '/');
    let (area, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default().to_owned());
    match area {
        "api" => api(&inner, &rest, &asked).await,
        "response" => {
            let args: Value = serde_json::from_slice(&asked.body).unwrap_or(Value::Null);
            let run = |world: &mut World| hosts::respond(world, &rest, &asked, &args);
            through(&inner, "response_url", args.clone(), true, run).await
        }
        "upload" => {
            let args = json!({"path": rest, "length": asked.body.len()});
            through(&inner, "upload", args, true, |world| hosts::upload(world, &rest, &asked)).await
        }
        "files-pri" => {
            let token_ok = inner.read(|world| asked.bearer.as_ref() == Some(&world.app.token));
            let args = json!({"path": rest});
            through(&inner, "download", args, token_ok, |world| hosts::download(world, &rest, &asked)).await
        }
        _ => Answer::Send(html(StatusCode::NOT_FOUND, "There's been a glitch…")),
    }
}

async fn api(inner: &Arc<Inner>, name: &str, asked: &Asked) -> Answer {
    let raw = RawArgs::read(&asked.query, &asked.content_type, &asked.body);
    let token = asked.bearer.clone().or_else(|| raw.form_token.clone());
    let token_ok = inner.read(|world| token.as_ref() == Some(&world.app.token) && world.app.token_valid);
    let args = Value::Object(raw.values.clone());
    let run = |world: &mut World| {
        let result = call(world, name, asked, &raw, token.as_deref());
        if let Err(error) = &result
            && error.is_malformed()
        {
            world.violation(name, format!("{} {}", error.code, error.messages.join("; ")));
        }
        api_answer(world, result)
    };
    through(inner, name, args, token_ok, run).await
}

/// Runs a method, after the checks that all methods share.
fn call(world: &mut World, name: &str, asked: &Asked, raw: &RawArgs, token: Option<&str>) -> ApiResult {
    let method = methods::find(name).ok_or("unknown_method")?;
    if raw.query_token {
        world.violation(name, "a token in the query string: it ends in logs");
        return Err("not_allowed_token_type".into());
    }
    let token = token.ok_or("not_authed")?;
    if token != world.app.token {
        return Err("invalid_auth".into());
    }
    if !world.app.token_valid {
        return Err("token_revoked".into());
    }
    methods::need_scope(world, method.scopes)?;
    if let Some(why) = &raw.unreadable {
        return Err(why.as_str().into());
    }
    if raw.json && method.form_only && !asked.get {
        let why = "[ERROR] this method reads a form or a query string, its JSON body was ignored";
        return Err(ApiError::with_messages("invalid_arguments", vec![why.into()]));
    }
    let args = Args::check(&raw.values, method.args)?;
    (method.run)(world, &args)
}

fn api_answer(world: &World, result: ApiResult) -> Ran {
    let scopes = world.app.scopes.iter().map(String::as_str).collect::<Vec<_>>().join(",");
    let (ok, error, fields) = match result {
        Ok(fields) => (true, None, fields),
        Err(error) => (false, Some(error.code.clone()), refusal(error)),
    };
    let answer = Value::Object(fields.clone());
    let mut body = Map::from_iter([("ok".to_owned(), json!(ok))]);
    body.extend(fields);
    let body = Value::Object(body).to_string().into_bytes();
    Ran { status: StatusCode::OK, content_type: JSON, body, ok, error, answer, scopes }
}

fn refusal(error: ApiError) -> Map<String, Value> {
    let mut fields = error.extra;
    fields.insert("error".into(), json!(error.code));
    if !error.messages.is_empty() {
        fields.insert("response_metadata".into(), json!({"messages": error.messages}));
    }
    fields
}
