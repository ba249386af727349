//! The sandbox's page: what it draws, what it does, whom it refuses, and that it remembers.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use harness::sandbox::{self, Running, Settings};
use harness::slack::files::TINY_PNG;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use poem::http::StatusCode;
use serde_json::{Value, json};

/// An app that answers everything with 200 and an empty body, and keeps what it got.
struct App {
    url: String,
    got: Arc<Mutex<Vec<String>>>,
}

impl App {
    async fn start(answer: StatusCode) -> Self {
        let got: Arc<Mutex<Vec<String>>> = Arc::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let keep = Arc::clone(&got);
        let app = poem::endpoint::make(move |mut request: poem::Request| {
            let keep = Arc::clone(&keep);
            async move {
                let body = request.take_body().into_string().await?;
                keep.lock().unwrap().push(body);
                Ok::<StatusCode, poem::Error>(answer)
            }
        });
        let acceptor = poem::listener::TcpAcceptor::from_tokio(listener).unwrap();
        tokio::spawn(async move { poem::Server::new_with_acceptor(acceptor).run(app).await });
        Self { url, got }
    }

    /// The latest interaction.
    fn payload(&self) -> Value {
        let body = self.got.lock().unwrap().last().cloned().unwrap();
        let fields: Vec<(String, String)> = serde_urlencoded::from_str(&body).unwrap();
        serde_json::from_str(&fields.into_iter().find(|(name, _)| name == "payload").unwrap().1).unwrap()
    }
}

struct Answer {
    status: u16,
    text: String,
    headers: http::HeaderMap,
}

async fn send(request: http::Request<Full<bytes::Bytes>>) -> Answer {
    let client: Client<HttpConnector, Full<bytes::Bytes>> =
        Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let (parts, body) = client.request(request).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status.as_u16(), text: String::from_utf8_lossy(&bytes).into_owned(), headers: parts.headers }
}

async fn get(running: &Running, path: &str) -> Answer {
    let request = http::Request::get(format!("{}{path}", running.url()));
    send(request.body(Full::default()).unwrap()).await
}

async fn post(running: &Running, path: &str, fields: &[(&str, &str)]) -> Answer {
    let request = http::Request::post(format!("{}{path}", running.url()))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "same-origin");
    let body = serde_urlencoded::to_string(fields).unwrap();
    send(request.body(Full::from(body)).unwrap()).await
}

/// The app calls Slack on the sandbox's own port.
async fn api(running: &Running, method: &str, args: &Value) -> Value {
    let request = http::Request::post(format!("{}/api/{method}", running.url()))
        .header("content-type", "application/json; charset=utf-8")
        .header("authorization", format!("Bearer {}", running.slack().token()));
    let answer = send(request.body(Full::from(args.to_string())).unwrap()).await;
    let answer: Value = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(answer["ok"], true, "{method}: {answer}");
    answer
}

async fn start(gateway: &str, state: Option<PathBuf>) -> Running {
    let gateway_url = gateway.to_owned();
    sandbox::start(Settings { port: 0, gateway_url, state, ..Settings::default() }).await.unwrap()
}

fn state_file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("sandbox-{name}-{}.json", uuid::Uuid::new_v4().simple()))
}

const HOSTILE: &str = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'><svg/onload=alert(1)> *b*";

#[tokio::test]
async fn hostile_texts_are_shown_and_never_run() {
    let running = start("http://127.0.0.1:9", None).await;
    let plain = json!({"type": "plain_text", "text": HOSTILE.chars().take(74).collect::<String>()});
    let blocks = json!([
        {"type": "header", "text": plain},
        {"type": "section", "text": {"type": "plain_text", "text": HOSTILE}, "fields": [plain]},
        {"type": "image", "image_url": "https://x.invalid/\"onerror=\"alert(1)", "alt_text": HOSTILE, "title": plain},
        {"type": "actions", "block_id": "\"><script>", "elements": [
            {"type": "button", "action_id": "a\"><script>", "text": plain, "value": HOSTILE,
             "confirm": {"title": plain, "text": plain, "confirm": {"type": "plain_text", "text": "<b>"}, "deny": {"type": "plain_text", "text": "<b>"}}},
            {"type": "button", "action_id": "link", "text": plain, "url": "javascript:alert(1)"},
            {"type": "static_select", "action_id": "s", "placeholder": plain, "options": [{"text": plain, "value": HOSTILE}]},
        ]},
        {"type": "data_table", "caption": HOSTILE, "rows": [[{"type": "raw_text", "text": HOSTILE}], [{"type": "raw_text", "text": HOSTILE}]]},
        {"type": "data_visualization", "title": "<script>", "chart": {"type": "pie", "segments": [{"label": "<script>", "value": 1}]}},
    ]);
    api(&running, "chat.postMessage", &json!({"channel": "C0TICKETS", "text": "x", "blocks": blocks})).await;
    post(&running, "/say", &[("as", "U0AGENT1"), ("in", "C0TICKETS"), ("text", HOSTILE)]).await;
    running.slack().change(|world| {
        world.add_user("U0EVIL", "evil", HOSTILE);
        world.add_channel("C0EVIL", "<script>alert(1)</script>", &["U0AGENT1"]);
        world.note("U0AGENT1", None, HOSTILE);
        world.note("U0AGENT1", Some("C0TICKETS"), HOSTILE);
    });
    let page = get(&running, "/?as=U0AGENT1&in=C0TICKETS").await;
    assert_eq!(page.text.matches("<script").count(), 1, "only the page's own script");
    assert!(!page.text.contains("<img src=x") && !page.text.contains("<svg/"), "{}", page.text);
    assert!(!page.text.contains("href=\"javascript"), "a button may lead to pages only");
    assert!(page.text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'self'") && policy.contains("frame-ancestors 'none'"));
}

#[tokio::test]
async fn only_the_page_itself_may_change_something() {
    let running = start("http://127.0.0.1:9", None).await;
    let url = format!("{}/say", running.url());
    let body = "as=U0AGENT1&in=C0GENERAL&text=forged";
    let attempts: [&[(&str, &str)]; 6] = [
        &[],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site"), ("origin", running.url())],
        &[("sec-fetch-site", "same-site")],
        &[("host", "rebound.example"), ("origin", "http://rebound.example"), ("sec-fetch-site", "same-origin")],
    ];
    for headers in attempts {
        let mut request = http::Request::post(&url).header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        assert_eq!(send(request.body(Full::from(body)).unwrap()).await.status, 403, "{headers:?}");
    }
    assert!(running.slack().read(|world| world.messages_in("C0GENERAL").is_empty()));
    let request = http::Request::post(&url).header("origin", running.url());
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(Full::from(body)).unwrap();
    assert_eq!(send(request).await.status, 303);
    assert_eq!(running.slack().read(|world| world.messages_in("C0GENERAL").len()), 1);
    assert_eq!(get(&running, "/say?as=U0AGENT1&in=C0GENERAL&text=x").await.status, 405);
    let rebound = http::Request::get(running.url()).header("host", "rebound.example").body(Full::default()).unwrap();
    assert_eq!(send(rebound).await.status, 403);
}

#[tokio::test]
async fn a_modal_is_filled_refused_and_submitted() {
    let app = App::start(StatusCode::OK).await;
    let running = start(&app.url, None).await;
    let trigger = running.slack().person("U0AGENT1").trigger().id;
    let text = |text: &str| json!({"type": "plain_text", "text": text});
    let view = json!({"type": "modal", "callback_id": "demo", "title": text("Form"), "submit": text("Go"), "blocks": [
        {"type": "input", "block_id": "kind", "label": text("Kind"), "element": {"type": "static_select", "action_id": "k",
         "option_groups": [{"label": text("Phones"), "options": [{"text": text("Mute"), "value": "mute"}]}]}},
        {"type": "input", "block_id": "details", "label": text("Details"),
         "element": {"type": "plain_text_input", "action_id": "d", "multiline": true, "max_length": 20}},
    ]});
    api(&running, "views.open", &json!({"trigger_id": trigger, "view": view})).await;
    let page = get(&running, "/?as=U0AGENT1").await.text;
    assert!(page.contains("role=\"dialog\"") && page.contains("<optgroup label=\"Phones\">"), "{page}");
    assert!(!get(&running, "/?as=U0AGENT2").await.text.contains("role=\"dialog\""), "a modal is one user's");

    let id = running.slack().person("U0AGENT1").view().unwrap().id;
    let mut fields = vec![
        ("as", "U0AGENT1"),
        ("spot", "view"),
        ("view", id.as_str()),
        ("do", "[\"submit\"]"),
        ("in:details=d", "a\r\nb"),
    ];
    post(&running, "/act", &fields).await;
    let page = get(&running, "/?as=U0AGENT1").await.text;
    assert!(page.contains("aria-invalid=\"true\"") && page.contains("Please complete this required field"), "{page}");
    assert!(app.got.lock().unwrap().is_empty(), "a client sends nothing that is incomplete");

    fields.push(("in:kind=k", "mute"));
    post(&running, "/act", &fields).await;
    let values = app.payload()["view"]["state"]["values"].clone();
    assert_eq!(values["details"]["d"]["value"], "a\nb");
    assert_eq!(values["kind"]["k"]["selected_option"]["value"], "mute");
    assert!(running.slack().person("U0AGENT1").view().is_none());
}

#[tokio::test]
async fn files_are_for_those_who_may_see_them() {
    let running = start("http://127.0.0.1:9", None).await;
    let (own, page) = running.slack().change(|world| {
        let own = world.store_file("U0AGENT1", "own.png", TINY_PNG.to_vec());
        (own, world.store_file("U0AGENT1", "page.html", b"<script>alert(1)</script>".to_vec()))
    });
    let answer = get(&running, &format!("/file/{own}?as=U0AGENT1")).await;
    assert_eq!((answer.status, answer.headers["content-type"].to_str().unwrap()), (200, "image/png"));
    assert_eq!(get(&running, &format!("/file/{own}?as=U0AGENT2")).await.status, 404);
    let answer = get(&running, &format!("/file/{page}?as=U0AGENT1")).await;
    assert_eq!(answer.headers["content-type"], "application/octet-stream");
    assert!(answer.headers["content-disposition"].to_str().unwrap().starts_with("attachment"));
}

#[tokio::test]
async fn a_command_that_fails_says_so_and_trouble_is_for_the_app_only() {
    let app = App::start(StatusCode::INTERNAL_SERVER_ERROR).await;
    let running = start(&app.url, None).await;
    let place = [("as", "U0AGENT1"), ("in", "C0GENERAL")];
    post(&running, "/command", &[place[0], place[1], ("text", "/new-ticket now")]).await;
    post(&running, "/command", &[place[0], place[1], ("text", "/nonsense")]).await;
    let page = get(&running, "/?as=U0AGENT1&in=C0GENERAL").await.text;
    assert!(page.contains("/new-ticket failed with the error &quot;dispatch_failed&quot;"), "{page}");
    assert!(page.contains("/nonsense is not a valid command"), "{page}");

    post(&running, "/trouble", &[place[0], place[1], ("kind", "limited")]).await;
    let request = || http::Request::post(format!("{}/api/auth.test", running.url())).body(Full::default()).unwrap();
    let limited = send(request()).await;
    assert_eq!((limited.status, limited.headers["retry-after"].to_str().unwrap()), (429, "5"));
    assert_eq!(get(&running, "/").await.status, 200);
    post(&running, "/trouble", &[place[0], place[1], ("kind", "end")]).await;
    assert_eq!(send(request()).await.status, 200);
}

#[tokio::test]
async fn a_restart_goes_on_where_it_ended() {
    let path = state_file("kept");
    let running = start("http://127.0.0.1:9", Some(path.clone())).await;
    post(&running, "/say", &[("as", "U0AGENT1"), ("in", "C0GENERAL"), ("text", "still here?")]).await;
    let token = running.slack().token();
    running.stop().await.unwrap();
    assert!(!std::fs::read_to_string(&path).unwrap().contains(&token), "secrets stay in the environment");

    let running = start("http://127.0.0.1:9", Some(path.clone())).await;
    assert!(get(&running, "/?as=U0AGENT2&in=C0GENERAL").await.text.contains("still here?"));
    assert_eq!(running.slack().token(), token);
    running.stop().await.unwrap();

    std::fs::write(&path, "{\"version\": 1, \"wor").unwrap();
    let error =
        sandbox::start(Settings { port: 0, state: Some(path.clone()), ..Settings::default() }).await.err().unwrap();
    let message = format!("{error:#}");
    assert!(message.contains(&path.display().to_string()) && message.contains("--fresh"), "{message}");
    std::fs::remove_file(path).unwrap();
}
