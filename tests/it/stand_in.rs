//! The stand-in for Slack, tested itself: what it refuses, what it remembers, what it breaks on demand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use harness::actor::{Entry, Field, Spot, Upload};
use harness::slack::files::TINY_PNG;
use harness::slack::model::ViewEnd;
use harness::slack::{Fault, On, Outcome, SlackStandIn, World, mrkdwn, signing};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use serde_json::{Value, json};

const TICKETS: &str = "C0TICKETS";
const SOON: Duration = Duration::from_secs(5);

/// A client of the Web API.
struct Api {
    slack: SlackStandIn,
    client: Client<HttpConnector, Full<bytes::Bytes>>,
}

type Answer = Result<(u16, http::HeaderMap, Vec<u8>), hyper_util::client::legacy::Error>;

impl Api {
    async fn start() -> Self {
        let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        Self { slack: SlackStandIn::start().await, client }
    }

    async fn send(&self, verb: &str, url: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let mut request = http::Request::builder().method(verb).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::from(body)).expect("the request is well formed");
        let answer = self.client.request(request).await?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
        Ok((head.status.as_u16(), head.headers, body))
    }

    async fn raw(&self, method: &str, args: &Value) -> Answer {
        let url = format!("{}/{method}", self.slack.api_url());
        let token = format!("Bearer {}", self.slack.token());
        let headers = [("Authorization", token.as_str()), ("Content-Type", "application/json; charset=utf-8")];
        self.send("POST", &url, &headers, args.to_string().into_bytes()).await
    }

    /// Calls with a JSON body.
    async fn call(&self, method: &str, args: Value) -> Value {
        let (_, _, body) = self.raw(method, &args).await.expect("the stand-in answers");
        serde_json::from_slice(&body).expect("the answer is JSON")
    }

    /// Calls with a form body.
    async fn form(&self, method: &str, args: &[(&str, &str)]) -> Value {
        let url = format!("{}/{method}", self.slack.api_url());
        let token = format!("Bearer {}", self.slack.token());
        let headers = [("Authorization", token.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
        let body = serde_urlencoded::to_string(args).expect("pairs of strings are a form");
        let (_, _, body) = self.send("POST", &url, &headers, body.into_bytes()).await.expect("an answer");
        serde_json::from_slice(&body).expect("the answer is JSON")
    }

    async fn post(&self, text: &str) -> String {
        let answer = self.call("chat.postMessage", json!({"channel": TICKETS, "text": text})).await;
        answer["ts"].as_str().expect("the message was posted").to_owned()
    }

    fn trigger(&self) -> String {
        self.slack.person("U0AGENT1").trigger().id
    }
}

/// A gateway that answers what it was told to, then 200 with nothing.
struct App {
    url: String,
    answers: Arc<Mutex<VecDeque<(u16, Value)>>>,
    bodies: Arc<Mutex<Vec<(String, http::HeaderMap, String)>>>,
}

impl App {
    async fn start(slack: &SlackStandIn) -> Self {
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.expect("a free port");
        let address = acceptor.local_addr()[0].as_socket_addr().copied().expect("a TCP address");
        let answers: Arc<Mutex<VecDeque<(u16, Value)>>> = Arc::default();
        let bodies: Arc<Mutex<Vec<(String, http::HeaderMap, String)>>> = Arc::default();
        let (queue, seen) = (Arc::clone(&answers), Arc::clone(&bodies));
        let app = poem::endpoint::make(move |mut request: poem::Request| {
            let (queue, seen) = (Arc::clone(&queue), Arc::clone(&seen));
            async move {
                let body = request.take_body().into_string().await.unwrap_or_default();
                let path = request.uri().path().to_owned();
                seen.lock().expect("no panic").push((path, request.headers().clone(), body));
                let (status, body) = queue.lock().expect("no panic").pop_front().unwrap_or((200, Value::Null));
                let status = poem::http::StatusCode::from_u16(status).expect("a status");
                let builder = poem::Response::builder().status(status);
                Ok::<_, poem::Error>(if body.is_null() {
                    builder.finish()
                } else {
                    builder.content_type("application/json").body(body.to_string())
                })
            }
        });
        tokio::spawn(poem::Server::new_with_acceptor(acceptor).run(app));
        let url = format!("http://{address}");
        slack.set_gateway(&url);
        Self { url, answers, bodies }
    }

    fn answers(&self, status: u16, body: Value) {
        self.answers.lock().expect("no panic").push_back((status, body));
    }

    fn last(&self) -> (String, http::HeaderMap, String) {
        self.bodies.lock().expect("no panic").last().expect("a request came").clone()
    }
}

fn plain(text: &str) -> Value {
    json!({"type": "plain_text", "text": text})
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})
}

fn options(count: usize) -> Value {
    (0..count).map(|n| json!({"text": plain(&format!("Option {n}")), "value": format!("o{n}")})).collect()
}

fn modal(title: &str) -> Value {
    json!({"type": "modal", "title": plain(title), "blocks": [section("Hello")]})
}

fn form_view() -> Value {
    json!({
        "type": "modal", "callback_id": "new", "title": plain("New ticket"), "submit": plain("Submit"),
        "close": plain("Cancel"), "notify_on_close": true, "private_metadata": "m",
        "blocks": [
            {"type": "input", "block_id": "details", "label": plain("Details"),
             "element": {"type": "plain_text_input", "action_id": "text", "multiline": true, "max_length": 20}},
            {"type": "input", "block_id": "priority", "label": plain("Priority"),
             "element": {"type": "static_select", "action_id": "pick", "options": options(3)}},
            {"type": "input", "block_id": "files", "label": plain("Screenshots"), "optional": true,
             "element": {"type": "file_input", "action_id": "upload", "max_files": 5}},
            {"type": "actions", "block_id": "row", "elements": [
                {"type": "button", "action_id": "go", "text": plain("Go"), "value": "1"},
                {"type": "users_select", "action_id": "who"}]},
        ],
    })
}

#[tokio::test]
async fn refuses_what_is_not_allowed_to_call() {
    let api = Api::start().await;
    let url = format!("{}/auth.test", api.slack.api_url());
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let code = async |url: &str, headers: &[(&str, &str)]| {
        let (_, _, body) = api.send("POST", url, headers, Vec::new()).await.expect("an answer");
        serde_json::from_slice::<Value>(&body).expect("JSON")["error"].clone()
    };
    assert_eq!(code(&url, &[form]).await, "not_authed");
    assert_eq!(code(&url, &[form, ("Authorization", "Bearer xoxb-wrong")]).await, "invalid_auth");
    let in_query = format!("{url}?token={}", api.slack.token());
    assert_eq!(code(&in_query, &[form]).await, "not_allowed_token_type");
    assert_eq!(api.call("auth.test", json!({})).await["user_id"], "U0BOT");
    assert_eq!(api.call("chat.meow", json!({})).await["error"], "unknown_method");

    api.slack.revoke_token();
    assert_eq!(api.call("auth.test", json!({})).await["error"], "token_revoked");
    api.slack.restore_token();
    api.slack.change(|world| world.remove_scope("chat:write"));
    let answer = api.call("chat.postMessage", json!({"channel": TICKETS, "text": "x"})).await;
    assert_eq!((&answer["error"], &answer["needed"]), (&json!("missing_scope"), &json!("chat:write")));
    assert_eq!(api.slack.count("auth.test"), 5);
    assert!(!api.slack.violations().is_empty());
}

#[tokio::test]
async fn refuses_arguments_it_does_not_know_or_cannot_read() {
    let api = Api::start().await;
    let refused = |answer: &Value, what: &str| {
        assert_eq!(answer["error"], "invalid_arguments", "{answer}");
        assert!(answer["response_metadata"]["messages"].to_string().contains(what), "{answer}");
    };
    refused(&api.call("chat.postMessage", json!({"channel": TICKETS, "text": "x", "chanel": 1})).await, "chanel");
    refused(&api.call("chat.postMessage", json!({"channel": TICKETS, "text": 5})).await, "text");
    refused(&api.call("chat.update", json!({"channel": TICKETS, "ts": 1.5, "text": "x"})).await, "ts");
    refused(&api.call("pins.add", json!({"channel": TICKETS})).await, "timestamp");
    refused(&api.call("users.info", json!({"user": "U0SYS1"})).await, "form");
    assert_eq!(api.form("users.info", &[("user", "U0SYS1")]).await["user"]["real_name"], "Sam Systems");
    assert_eq!(api.form("users.info", &[("user", "U0NOBODY")]).await["error"], "user_not_found");
    assert_eq!(api.slack.violations().len(), 5);
}

#[tokio::test]
async fn keeps_messages_and_threads() {
    let api = Api::start().await;
    let post = async |args: Value| api.call("chat.postMessage", args).await;
    let parent = api.post("parent").await;
    let reply = post(json!({"channel": TICKETS, "text": "reply", "thread_ts": parent})).await;
    let reply_ts = reply["ts"].as_str().expect("posted").to_owned();
    assert_eq!(reply["message"]["thread_ts"], json!(parent));
    for (args, code) in [
        (json!({"channel": TICKETS, "text": "x", "thread_ts": "1.000000"}), "message_not_found"),
        (json!({"channel": TICKETS}), "no_text"),
        (json!({"channel": TICKETS, "text": "x".repeat(40_001)}), "msg_too_long"),
        (json!({"channel": "C0NONE", "text": "x"}), "channel_not_found"),
        (json!({"channel": "C0GENERAL", "text": "x"}), "not_in_channel"),
        (json!({"channel": "U0BOT", "text": "x"}), "cannot_dm_bot"),
        (json!({"channel": TICKETS, "text": "x", "metadata": {"event_type": "t"}}), "invalid_metadata_format"),
    ] {
        assert_eq!(post(args.clone()).await["error"], code, "{args}");
    }
    api.slack.change(|world| world.deactivate_user("U0AGENT3"));
    assert_eq!(post(json!({"channel": "U0AGENT3", "text": "x"})).await["error"], "user_disabled");
    let dm = post(json!({"channel": "U0AGENT1", "text": "hello"})).await;
    assert!(dm["channel"].as_str().is_some_and(|id| id.starts_with('D')));
    let opened = api.call("conversations.open", json!({"users": "U0AGENT1"})).await;
    assert_eq!((&opened["channel"]["id"], &opened["already_open"]), (&dm["channel"], &json!(true)));

    let update = api.call("chat.update", json!({"channel": TICKETS, "ts": parent, "text": "new"})).await;
    assert_eq!(update["message"]["text"], "new");
    let (theirs, _) = api.slack.person("U0SYS1").say(TICKETS, "mine").await;
    let update = json!({"channel": TICKETS, "ts": theirs, "text": "new"});
    assert_eq!(api.call("chat.update", update).await["error"], "cant_update_message");
    let link = api.form("chat.getPermalink", &[("channel", TICKETS), ("message_ts", &reply_ts)]).await;
    assert!(link["permalink"].as_str().is_some_and(|link| link.contains("thread_ts=")), "{link}");

    for (method, code) in
        [("pins.add", ""), ("pins.add", "already_pinned"), ("pins.remove", ""), ("pins.remove", "no_pin")]
    {
        let answer = api.call(method, json!({"channel": TICKETS, "timestamp": parent})).await;
        assert_eq!(answer["error"].as_str().unwrap_or_default(), code, "{method}");
    }
    api.slack.change(|world| world.delete_message(TICKETS, &parent));
    let update = json!({"channel": TICKETS, "ts": parent, "text": "x"});
    assert_eq!(api.call("chat.update", update).await["error"], "message_not_found");
    api.slack.change(|world| world.archive(TICKETS, true));
    assert_eq!(post(json!({"channel": TICKETS, "text": "x"})).await["error"], "is_archived");
}

#[tokio::test]
async fn shows_history_with_lag_metadata_and_pages() {
    let api = Api::start().await;
    let metadata = json!({"event_type": "outbox", "event_payload": {"id": "7"}});
    let args = json!({"channel": TICKETS, "text": "first", "metadata": metadata});
    let first = api.call("chat.postMessage", args).await["ts"].as_str().expect("posted").to_owned();
    let second = api.post("second").await;
    let history = async |more: &[(&str, &str)]| {
        let mut args = vec![("channel", TICKETS)];
        args.extend_from_slice(more);
        api.form("conversations.history", &args).await
    };
    let texts = |answer: &Value| -> Vec<String> {
        let messages = answer["messages"].as_array().expect("messages");
        messages.iter().map(|message| message["text"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(texts(&history(&[]).await), ["second", "first"]);
    let with = history(&[("include_all_metadata", "true"), ("oldest", &first), ("inclusive", "true")]).await;
    assert_eq!(with["messages"][1]["metadata"], metadata);
    assert_eq!(texts(&history(&[("oldest", &first)]).await), ["second"]);
    assert_eq!(texts(&history(&[("latest", &second)]).await), ["first"]);
    let page = history(&[("limit", "1")]).await;
    let cursor = page["response_metadata"]["next_cursor"].as_str().expect("a cursor");
    assert_eq!((texts(&page), page["has_more"].clone()), (vec!["second".into()], json!(true)));
    assert_eq!(texts(&history(&[("limit", "1"), ("cursor", cursor)]).await), ["first"]);

    api.slack.history_lag(Duration::from_secs(10));
    assert!(texts(&history(&[]).await).is_empty());
    api.slack.advance(Duration::from_secs(11));
    assert_eq!(texts(&history(&[]).await).len(), 2);
    api.slack.change(|world| world.remove_bot(TICKETS));
    assert_eq!(history(&[]).await["error"], "not_in_channel");
}

#[tokio::test]
async fn refuses_blocks_beyond_the_limits() {
    let api = Api::start().await;
    let select = |count| json!({"type": "static_select", "action_id": "s", "options": options(count)});
    let actions = |elements: Value| json!([{"type": "actions", "elements": elements}]);
    let button = |text: &str| json!({"type": "button", "text": plain(text)});
    let chart = |categories: usize, labels: usize| {
        let point = |n: usize| json!({"label": format!("{n}"), "value": n});
        json!([{"type": "data_visualization", "title": "t", "chart": {
            "type": "bar", "series": [{"name": "s", "data": (0..labels).map(point).collect::<Value>()}],
            "axis_config": {"categories": (0..categories).map(|n| n.to_string()).collect::<Value>()}}}])
    };
    let mut initial = select(2);
    initial["initial_option"] = json!({"text": plain("Other"), "value": "o0"});
    let refused = [
        json!((0..51).map(|_| json!({"type": "divider"})).collect::<Value>()),
        json!([]),
        json!([section(&"x".repeat(3001))]),
        json!([section("")]),
        json!([{"type": "section"}]),
        json!([{"type": "section", "fields": vec![section("f")["text"].clone(); 11]}]),
        json!([{"type": "header", "text": plain(&"x".repeat(151))}]),
        json!([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}]),
        json!([{"type": "meow"}]),
        json!([{"type": "divider", "color": "red"}]),
        json!([{"type": "divider", "block_id": "a"}, {"type": "divider", "block_id": "a"}]),
        actions(json!([])),
        actions(json!(vec![button("b"); 26])),
        actions(json!([button(&"x".repeat(76))])),
        actions(json!([select(101)])),
        actions(json!([initial])),
        actions(json!([{"type": "button", "text": plain("a"), "style": "green"}])),
        actions(
            json!([{"type": "button", "text": plain("a"), "action_id": "i"}, {"type": "overflow", "action_id": "i", "options": options(2)}]),
        ),
        actions(json!([{"type": "overflow", "options": options(6)}])),
        actions(json!([{"type": "datepicker", "initial_date": "2026-13-01"}])),
        actions(json!([{"type": "button", "text": plain("a"), "confirm": {"title": plain("t")}}])),
        json!([{"type": "image", "image_url": "https://example.com/a.png"}]),
        json!([{"type": "image", "alt_text": "a"}]),
        json!([{"type": "image", "alt_text": "a", "slack_file": {"id": "F0NONE"}}]),
        json!([{"type": "input", "label": plain("l"), "element": {"type": "file_input"}}]),
        json!([{"type": "alert", "text": plain("only modals")}]),
        json!([{"type": "context", "elements": []}]),
        chart(21, 21),
        chart(2, 3),
    ];
    for blocks in refused {
        let args = json!({"channel": TICKETS, "text": "t", "blocks": blocks});
        let answer = api.call("chat.postMessage", args).await;
        assert_eq!(answer["error"], "invalid_blocks", "{blocks}");
        assert!(answer["response_metadata"]["messages"][0].as_str().is_some_and(|m| m.contains("json-pointer")));
    }
    let fine = json!([
        section(&"x".repeat(3000)),
        {"type": "header", "text": plain("h")},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "<@U0SYS1> <!date^1^{date_long} {time}|then> <https://a.b|c>"}]},
        {"type": "actions", "elements": [button("Go"), select(100)]},
        {"type": "image", "image_url": "https://example.com/a.png", "alt_text": "a"},
        chart(2, 2)[0],
    ]);
    let violations = api.slack.violations().len();
    let args = json!({"channel": TICKETS, "text": "t", "blocks": fine});
    assert_eq!(api.call("chat.postMessage", args).await["ok"], true);
    assert_eq!(api.slack.violations().len(), violations);
    api.slack.change(|world| world.settings.unknown_blocks.insert("data_visualization".into()));
    let args = json!({"channel": TICKETS, "text": "t", "blocks": chart(2, 2)});
    assert_eq!(api.call("chat.postMessage", args).await["error"], "invalid_blocks");
    let validated = api.call("blocks.validate", json!({"blocks": "[{\"type\":\"meow\"}]"})).await;
    assert_eq!(
        (&validated["error"], &validated["errors"][0]["pointer"]),
        (&json!("invalid_blocks"), &json!("/blocks/0/type"))
    );
}

#[tokio::test]
async fn refuses_views_beyond_the_limits() {
    let api = Api::start().await;
    let mut without_submit = form_view();
    without_submit.as_object_mut().expect("an object").remove("submit");
    let mut bulky = form_view();
    bulky["private_metadata"] = json!("x".repeat(3001));
    let mut twice = form_view();
    twice["blocks"][1]["block_id"] = json!("details");
    let mut too_many = modal("t");
    too_many["blocks"] = json!(vec![json!({"type": "divider"}); 101]);
    let mut chart = modal("t");
    chart["blocks"] = json!([{"type": "data_visualization", "title": "t", "chart": {"type": "pie", "segments": [{"label": "a", "value": 1}]}}]);
    for view in [without_submit, bulky, twice, too_many, chart, modal(&"x".repeat(25)), json!({"type": "modal"})] {
        let answer = api.call("views.open", json!({"trigger_id": api.trigger(), "view": view})).await;
        assert_eq!(answer["error"], "invalid_arguments", "{view}");
    }
    let mut alert = form_view();
    alert["blocks"][3] = json!({"type": "alert", "text": plain("Careful"), "level": "warning"});
    let answer = api.call("views.open", json!({"trigger_id": api.trigger(), "view": alert})).await;
    assert_eq!(answer["ok"], true, "{answer}");
}

#[tokio::test]
async fn triggers_live_three_seconds_and_once() {
    let api = Api::start().await;
    let trigger = api.trigger();
    let open = async |trigger: &str| api.call("views.open", json!({"trigger_id": trigger, "view": modal("t")})).await;
    assert_eq!(open(&trigger).await["ok"], true);
    assert_eq!(open(&trigger).await["error"], "exchanged_trigger_id");
    assert_eq!(open("nonsense").await["error"], "invalid_trigger_id");
    let late = api.trigger();
    api.slack.advance(Duration::from_millis(3100));
    assert_eq!(open(&late).await["error"], "expired_trigger_id");
    assert_eq!(api.slack.read(|world| world.late_triggers().len()), 1);
}

#[tokio::test]
async fn keeps_view_stacks_hashes_and_external_ids() {
    let api = Api::start().await;
    let mut root = form_view();
    root["external_id"] = json!("job-1");
    let opened = api.call("views.open", json!({"trigger_id": api.trigger(), "view": root})).await;
    let (id, hash) = (opened["view"]["id"].clone(), opened["view"]["hash"].clone());
    assert_eq!(opened["view"]["state"]["values"]["priority"]["pick"]["selected_option"], Value::Null);
    let ben = api.slack.person("U0AGENT2").trigger().id;
    let duplicate = api.call("views.open", json!({"trigger_id": ben, "view": root})).await;
    assert_eq!(duplicate["error"], "duplicate_external_id");

    let ana = api.slack.person("U0AGENT1");
    ana.fill("Details", "kept").expect("there is such an input");
    let update = async |args: Value| api.call("views.update", args).await;
    let updated = update(json!({"external_id": "job-1", "view": root, "hash": hash})).await;
    assert_eq!(updated["view"]["state"]["values"]["details"]["text"]["value"], "kept");
    let conflict = update(json!({"view_id": id, "view": modal("x"), "hash": hash})).await;
    assert_eq!(conflict["error"], "hash_conflict");
    assert_eq!(update(json!({"external_id": "none", "view": modal("x")})).await["error"], "not_found");

    for _ in 0..2 {
        let pushed = api.call("views.push", json!({"trigger_id": api.trigger(), "view": modal("above")})).await;
        assert_eq!(pushed["view"]["root_view_id"], id);
    }
    let full = api.call("views.push", json!({"trigger_id": api.trigger(), "view": modal("x")})).await;
    assert_eq!(full["error"], "push_limit_reached");
    assert_eq!(api.slack.read(|world| world.stacks["U0AGENT1"].len()), 3);

    let home = json!({"type": "home", "blocks": [section("Home")]});
    let published = api.call("views.publish", json!({"user_id": "U0AGENT1", "view": home})).await;
    let hash = published["view"]["hash"].clone();
    assert_eq!(api.call("views.publish", json!({"user_id": "U0AGENT1", "view": home})).await["ok"], true);
    let late = api.call("views.publish", json!({"user_id": "U0AGENT1", "view": home, "hash": hash})).await;
    assert_eq!(late["error"], "hash_conflict");
}

#[tokio::test]
async fn breaks_on_demand() {
    let api = Api::start().await;
    let args = json!({"channel": TICKETS, "text": "x"});
    let send = async || api.raw("chat.postMessage", &args).await;
    let on = || On::next("chat.postMessage").channel(TICKETS);
    let posted = || api.slack.read(|world| world.messages_in(TICKETS).len());

    api.slack.fault(on(), Fault::RateLimited(Some("7".into())));
    let (status, headers, _) = send().await.expect("an answer");
    assert_eq!((status, headers["retry-after"].to_str().expect("text")), (429, "7"));
    assert!(headers.contains_key("date"));
    api.slack.fault(on(), Fault::Status(503));
    let (status, _, body) = send().await.expect("an answer");
    assert!(status == 503 && body.starts_with(b"<!DOCTYPE"));
    api.slack.fault(on(), Fault::Error("zzz".into()));
    assert!(send().await.expect("an answer").2.ends_with(br#""zzz","ok":false}"#));
    api.slack.fault(on(), Fault::ResetBefore);
    assert!(send().await.is_err());
    assert_eq!(posted(), 0);

    api.slack.fault(on(), Fault::ResetAfter);
    assert!(send().await.is_err());
    assert_eq!(posted(), 1);
    api.slack.fault(on(), Fault::TruncatedJson);
    let (_, _, body) = send().await.expect("an answer");
    assert!(serde_json::from_slice::<Value>(&body).is_err() && posted() == 2);
    api.slack.fault(on(), Fault::HalfAnswer);
    assert!(send().await.is_ok_and(|(_, _, body)| serde_json::from_slice::<Value>(&body).is_err()));
    api.slack.fault(on(), Fault::StatusAfter(500));
    assert_eq!(send().await.expect("an answer").0, 500);
    assert_eq!(posted(), 4);

    let hang = api.slack.fault(on(), Fault::Hang);
    assert!(tokio::time::timeout(Duration::from_millis(200), send()).await.is_err());
    assert_eq!((hang.hits(), posted()), (1, 4));
    let slow = Instant::now();
    api.slack.fault(on(), Fault::Slow(Duration::from_millis(100)));
    assert!(send().await.is_ok() && slow.elapsed() >= Duration::from_millis(100));

    let hold = api.slack.fault(on(), Fault::HoldAfter);
    let (answer, ()) = tokio::join!(send(), async {
        hold.reached(1, SOON).await;
        assert_eq!(posted(), 6);
        let calls = api.slack.wait_for_calls("chat.postMessage", 1, SOON).await;
        assert!(calls.last().is_some_and(|call| call.processed && call.status.is_none()));
        hold.release();
    });
    assert_eq!(answer.expect("an answer").0, 200);

    let skipping = api.slack.fault(On::every("chat.postMessage").after(1), Fault::ResetBefore);
    assert!(send().await.is_ok() && send().await.is_err() && send().await.is_err());
    skipping.remove();
    assert!(send().await.is_ok());
    api.slack.assert_no_violations();
}

#[tokio::test]
async fn refuses_and_drops_connections() {
    let api = Api::start().await;
    api.post("before").await;
    api.slack.refuse_connections(true).await;
    let error = api.raw("auth.test", &json!({})).await.expect_err("nobody listens");
    assert!(error.is_connect(), "{error:?}");
    api.slack.refuse_connections(false).await;
    api.post("between").await;
    api.slack.drop_connections(true);
    assert!(api.raw("auth.test", &json!({})).await.is_err());
    api.slack.drop_connections(false);
    api.post("after").await;
    assert_eq!(api.slack.processed("chat.postMessage"), 3);
}

#[tokio::test]
async fn limits_the_rate_when_told_to() {
    let api = Api::start().await;
    api.slack.limit("chat.postMessage", true, 2, Duration::from_millis(300));
    let status = async |channel: &str| {
        let args = json!({"channel": channel, "text": "x"});
        api.raw("chat.postMessage", &args).await.expect("an answer").0
    };
    assert_eq!([status(TICKETS).await, status(TICKETS).await, status(TICKETS).await], [200, 200, 429]);
    assert_eq!(status("C0ADMIN").await, 200);
    tokio::time::sleep(Duration::from_millis(320)).await;
    assert_eq!(status(TICKETS).await, 200);
}

#[tokio::test]
async fn takes_files_in_two_steps_and_processes_them() {
    let api = Api::start().await;
    api.slack.file_processing(Duration::from_secs(5));
    let parent = api.post("card").await;
    let length = TINY_PNG.len().to_string();
    let reserve = [("filename", "shot.png"), ("length", length.as_str())];
    let reserved = api.form("files.getUploadURLExternal", &reserve).await;
    let (url, id) = (reserved["upload_url"].as_str().expect("a URL"), reserved["file_id"].as_str().expect("an id"));
    let json_body = api.call("files.getUploadURLExternal", json!({"filename": "a", "length": 1})).await;
    assert_eq!(json_body["error"], "invalid_arguments");
    let complete = json!({"files": [{"id": id, "title": "Shot"}], "channel_id": TICKETS, "thread_ts": parent});
    assert_eq!(api.call("files.completeUploadExternal", complete.clone()).await["error"], "file_not_found");
    let short = api.send("POST", url, &[], TINY_PNG[1..].to_vec()).await.expect("an answer");
    assert_eq!(short.0, 400);
    let sent = api.send("POST", url, &[("Content-Type", "image/png")], TINY_PNG.to_vec()).await.expect("an answer");
    assert_eq!((sent.0, sent.2.as_slice()), (200, format!("OK - {length}").as_bytes()));
    assert_eq!(api.call("files.completeUploadExternal", complete.clone()).await["ok"], true);
    assert_eq!(api.call("files.completeUploadExternal", complete).await["error"], "file_not_found");
    assert_eq!(api.slack.read(|world| world.replies_to(TICKETS, &parent)[0].files.clone()), [id]);

    let image = json!([{"type": "image", "alt_text": "a", "slack_file": {"id": id}}]);
    let show = async || api.call("chat.postMessage", json!({"channel": TICKETS, "text": "t", "blocks": image})).await;
    let early = show().await;
    assert!(early["response_metadata"]["messages"][0].as_str().is_some_and(|m| m.contains("processed")), "{early}");
    api.slack.advance(Duration::from_secs(6));
    assert_eq!(show().await["ok"], true);

    let info = api.form("files.info", &[("file", id)]).await;
    let private = info["file"]["url_private"].as_str().expect("a URL");
    let token = format!("Bearer {}", api.slack.token());
    let bytes = api.send("GET", private, &[("Authorization", &token)], Vec::new()).await.expect("an answer");
    assert_eq!(bytes.2, TINY_PNG);
    let login = api.send("GET", private, &[], Vec::new()).await.expect("an answer");
    assert!(login.0 == 200 && login.2.starts_with(b"<!DOCTYPE"));
    let hidden = api.slack.change(|world| world.store_file("U0AGENT1", "private.png", TINY_PNG.to_vec()));
    assert_eq!(api.form("files.info", &[("file", &hidden)]).await["error"], "file_not_found");
}

#[tokio::test]
async fn response_urls_work_five_times() {
    let api = Api::start().await;
    let ana = api.slack.person("U0AGENT1");
    let url = ana.response_url();
    let send = async |body: Value| {
        let headers = [("Content-Type", "application/json")];
        api.send("POST", &url, &headers, body.to_string().into_bytes()).await.expect("an answer").0
    };
    for n in 0..5 {
        assert_eq!(send(json!({"text": format!("note {n}")})).await, 200);
    }
    assert_eq!(send(json!({"text": "one too many"})).await, 404);
    assert_eq!(ana.ephemerals().len(), 5);
    let old = ana.response_url();
    api.slack.advance(Duration::from_secs(31 * 60));
    let late = api.send("POST", &old, &[], b"{\"text\":\"late\"}".to_vec()).await.expect("an answer");
    assert_eq!(late.0, 404);
}

#[tokio::test]
async fn people_command_fill_and_submit() {
    let api = Api::start().await;
    let app = App::start(&api.slack).await;
    let ana = api.slack.person("U0AGENT1");
    app.answers(200, json!({"response_type": "ephemeral", "text": "Opening"}));
    let delivery = ana.command("/new-ticket", "now").await;
    assert!(delivery.is_ok());
    let (path, headers, body) = app.last();
    assert_eq!(path, "/api/tickets/new-ticket");
    let (stamp, sign) = (&headers["x-slack-request-timestamp"], &headers["x-slack-signature"]);
    let expected = signing::signature(&api.slack.signing_secret(), stamp.to_str().expect("text"), body.as_bytes());
    assert_eq!(sign.to_str().expect("text"), expected);
    let fields: Vec<(String, String)> = serde_urlencoded::from_str(&body).expect("a form");
    let field = |name: &str| fields.iter().find(|(key, _)| key == name).expect("the field is there").1.clone();
    assert_eq!(
        (field("command"), field("text"), field("user_name")),
        ("/new-ticket".into(), "now".into(), "ana".into())
    );
    assert_eq!(ana.ephemerals()[0].text, "Opening");

    let opened = api.call("views.open", json!({"trigger_id": field("trigger_id"), "view": form_view()})).await;
    assert_eq!(opened["ok"], true, "{opened}");
    assert!(ana.submit().await.is_err_and(|error| error.to_string().contains("Details")));
    ana.fill("Details", "It broke").expect("filled");
    ana.fill(("priority", "pick"), "Option 2").expect("filled");
    ana.fill("Screenshots", vec![Upload::new("shot.png", TINY_PNG)]).expect("filled");
    app.answers(200, json!({"response_action": "errors", "errors": {"details": "Say more"}}));
    ana.submit().await.expect("submitted");
    assert_eq!(ana.view().expect("still open").errors["details"], "Say more");
    let sent = ana.last_payload().expect("a payload");
    let values = &sent["view"]["state"]["values"];
    assert_eq!(values["priority"]["pick"]["selected_option"]["value"], "o2");
    assert_eq!(values["row"]["who"], json!({"type": "users_select", "selected_user": null}));
    let file = values["files"]["upload"]["files"][0]["id"].as_str().expect("a file");
    assert_eq!(api.form("files.info", &[("file", file)]).await["ok"], true);

    let again = ana.last_request().expect("a request").retried(1, "http_timeout");
    assert!(api.slack.replay(&again, &app.url).await.is_ok());
    assert_eq!(app.last().1["x-slack-retry-num"], "1");
    ana.fill("Details", "x".repeat(21)).expect("filled");
    assert!(ana.submit().await.is_err());
    ana.submit_unchecked().await.expect("submitted");
    assert!(ana.view().is_none());
    api.slack.assert_no_violations();
}

#[tokio::test]
async fn answers_are_applied_as_late_as_told_and_checked() {
    let api = Api::start().await;
    let app = App::start(&api.slack).await;
    let ana = api.slack.person("U0AGENT1");
    let open = async || {
        let opened = api.call("views.open", json!({"trigger_id": api.trigger(), "view": form_view()})).await;
        ana.fill("Details", "d").expect("filled");
        ana.fill("Priority", "o1").expect("filled");
        opened["view"]["id"].clone()
    };
    let id = open().await;
    api.slack.ack_delay(Duration::from_millis(150));
    let mut waiting = modal("Submitting…");
    waiting["external_id"] = json!("job-7");
    app.answers(200, json!({"response_action": "update", "view": waiting}));
    ana.submit().await.expect("submitted");
    let by_external = async || api.call("views.update", json!({"external_id": "job-7", "view": modal("Done")})).await;
    assert_eq!(by_external().await["error"], "not_found");
    assert_eq!(api.call("views.update", json!({"view_id": id, "view": modal("Early")})).await["ok"], true);
    ana.wait_for_view(SOON, |view| view.title["text"] == "Submitting…").await;
    assert_eq!(by_external().await["ok"], true);
    api.slack.assert_no_violations();

    api.slack.ack_delay(Duration::ZERO);
    open().await;
    app.answers(200, json!({"response_action": "errors", "errors": {"nowhere": "?"}}));
    ana.submit().await.expect("submitted");
    assert_eq!(api.slack.violations().len(), 1);
    app.answers(500, Value::Null);
    ana.submit().await.expect("submitted");
    assert!(ana.view().expect("open").banner.is_some());
    app.answers(200, json!({"response_action": "clear"}));
    ana.submit().await.expect("submitted");
    let end = api.slack.read(|world| world.views.values().last().and_then(|view| view.end));
    assert_eq!(end, Some(ViewEnd::Cleared));
    app.answers(500, Value::Null);
    ana.command("/new-ticket", "").await;
    assert!(ana.notes().last().is_some_and(|note| note.contains("dispatch_failed")));
}

#[tokio::test]
async fn people_click_write_and_close() {
    let api = Api::start().await;
    let app = App::start(&api.slack).await;
    let (sam, ana) = (api.slack.person("U0SYS1"), api.slack.person("U0AGENT1"));
    let row = json!([{"type": "actions", "elements": [
        {"type": "button", "action_id": "assign", "text": plain("Assign to Me"), "value": "T1"},
        {"type": "overflow", "action_id": "more", "options": options(2)}]}]);
    let args = json!({"channel": TICKETS, "text": "card", "blocks": row});
    let ts = api.call("chat.postMessage", args).await["ts"].as_str().expect("posted").to_owned();
    sam.press(Spot::Message(TICKETS, &ts), "Assign").await.expect("pressed");
    let sent = sam.last_payload().expect("a payload");
    assert_eq!((&sent["actions"][0]["value"], &sent["container"]["message_ts"]), (&json!("T1"), &json!(ts)));
    assert_eq!((&sent["message"]["bot_id"], &sent["enterprise"]), (&json!("B0BOT"), &Value::Null));
    sam.choose(Spot::Message(TICKETS, &ts), "more", "Option 1").await.expect("chosen");
    assert_eq!(sam.last_payload().expect("a payload")["actions"][0]["selected_option"]["value"], "o1");
    assert!(sam.press(Spot::Message(TICKETS, &ts), "Reopen").await.is_err());

    api.call("views.open", json!({"trigger_id": api.trigger(), "view": form_view()})).await;
    ana.choose(Spot::View, Field::Any("who"), "Sue Systems").await.expect("chosen");
    let sent = ana.last_payload().expect("a payload");
    assert_eq!(sent["actions"][0]["selected_user"], "U0SYS2");
    assert_eq!(sent["view"]["state"]["values"]["row"]["who"]["selected_user"], "U0SYS2");
    assert!(ana.choose(Spot::View, "priority", Entry::Nothing).await.is_err());
    let closed = ana.close().await.expect("a view was open").expect("the app asked to be told");
    assert!(closed.is_ok() && ana.last_payload().expect("a payload")["type"] == "view_closed");

    let (reply, delivery) = ana.reply(TICKETS, &ts, "more details").await;
    assert!(delivery.expect("the bot is in the channel").is_ok());
    let event: Value = serde_json::from_str(&app.last().2).expect("JSON");
    assert_eq!((&event["type"], &event["event"]["thread_ts"]), (&json!("event_callback"), &json!(ts)));
    ana.edit(TICKETS, &reply, "other").await.expect("told");
    ana.delete(TICKETS, &reply).await.expect("told");
    assert!(app.last().2.contains("message_deleted"));
    assert!(ana.say("C0GENERAL", "elsewhere").await.1.is_none());
    ana.direct("hi").await.1.expect("told");
    assert!(app.last().2.contains(r#""channel_type":"im""#));
    assert!(ana.verify_url("abc").await.is_ok());

    api.slack.deliver_events(true);
    let before = app.bodies.lock().expect("no panic").len();
    api.post("own").await;
    let heard = || (app.bodies.lock().expect("no panic").len() > before).then_some(());
    for _ in 0..50 {
        if heard().is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(app.last().2.contains("B0BOT"));
    api.slack.set_gateway("http://127.0.0.1:1");
    let lost = ana.press(Spot::Message(TICKETS, &ts), "assign").await.expect("pressed");
    assert!(matches!(lost.outcome, Outcome::Failed(_)));
    assert_eq!(ana.notes().len(), 1);
}

#[tokio::test]
async fn survives_a_restart_as_a_snapshot() {
    let api = Api::start().await;
    let ts = api.post("kept").await;
    api.call("views.open", json!({"trigger_id": api.trigger(), "view": form_view()})).await;
    let text = serde_json::to_string(&api.slack.snapshot()).expect("the world is JSON");
    let world: World = serde_json::from_str(&text).expect("and back");
    let other = SlackStandIn::start_with(world, 0).await.expect("a free port");
    assert_eq!(
        other.read(|world| world.message(TICKETS, &ts).map(|message| message.text.clone())),
        Some("kept".into())
    );
    assert!(other.person("U0AGENT1").view().is_some());
    assert_eq!(other.read(|world| world.base_url.clone()), other.url());
    assert_ne!(other.url(), api.slack.url());
}

#[test]
fn reads_markup_and_signs_like_slack() {
    let broadcast = ["<!here>", "a <!channel> b", "<!everyone|x>", "<!subteam^S1|team>"];
    assert!(broadcast.into_iter().all(mrkdwn::mentions_broadcast));
    assert!(!mrkdwn::mentions_broadcast("&lt;!here&gt; <@U1> <https://a.b|<c>"));
    for text in ["a < b", "<nonsense>", "<!date^x^{date}|f>", "<!date^1^{moon}|f>", "<@bob>"] {
        assert_eq!(mrkdwn::warnings(text).len(), 1, "{text}");
    }
    for text in
        ["<@U0SYS1>", "<#C0TICKETS|tickets>", "<mailto:a@b.c|mail>", "<!date^1^{date_long} {time}|f>", "a &lt; b"]
    {
        assert!(mrkdwn::warnings(text).is_empty(), "{text}");
    }
    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let signature = signing::signature("8f742231b10e8888abcd99yyyzzz85a5", "1531420618", body.as_bytes());
    assert_eq!(signature, "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503");
}

#[tokio::test]
async fn speaks_as_the_client_library_expects() {
    use slack_morphism::errors::SlackClientError;
    use slack_morphism::prelude::*;
    let slack = SlackStandIn::start().await;
    let connector = SlackClientHyperConnector::with_connector(HttpConnector::new());
    let connector = connector.with_slack_api_url(&slack.api_url());
    let client = SlackClient::new(connector);
    let token = SlackApiToken::new(slack.token().into());
    let session = client.open_session(&token);
    session.auth_test().await.expect("auth.test");
    let metadata = SlackMessageMetadata::new("outbox".into()).with_event_payload([("id".into(), "1".into())].into());
    let text: SlackBlock = SlackSectionBlock::new().with_text(md!("hello")).into();
    let content = SlackMessageContent::new().with_text("hello".into()).with_blocks(vec![text.clone()]);
    let post = SlackApiChatPostMessageRequest::new(TICKETS.into(), content.clone().with_metadata(metadata));
    let posted = session.chat_post_message(&post).await.expect("chat.postMessage");
    let update = SlackApiChatUpdateRequest::new(TICKETS.into(), content, posted.ts.clone());
    session.chat_update(&update).await.expect("chat.update");
    let history =
        SlackApiConversationsHistoryRequest::new().with_channel(TICKETS.into()).with_include_all_metadata(true);
    let history = session.conversations_history(&history).await.expect("conversations.history");
    assert_eq!(history.messages[0].content.metadata.as_ref().map(|m| m.event_type.as_str()), Some("outbox"));
    let pin = SlackApiPinsAddRequest::new(TICKETS.into(), posted.ts.clone());
    session.pins_add(&pin).await.expect("pins.add");
    assert!(matches!(session.pins_add(&pin).await, Err(SlackClientError::ApiError(e)) if e.code == "already_pinned"));
    session.users_info(&SlackApiUsersInfoRequest::new("U0SYS1".into())).await.expect("users.info");
    let info = SlackApiConversationsInfoRequest::new(TICKETS.into());
    session.conversations_info(&info).await.expect("conversations.info");
    let link = SlackApiChatGetPermalinkRequest::new(TICKETS.into(), posted.ts.clone());
    session.chat_get_permalink(&link).await.expect("chat.getPermalink");
    let dm = SlackApiConversationsOpenRequest::new().with_users(vec!["U0AGENT1".into()]);
    session.conversations_open(&dm).await.expect("conversations.open");

    let ana = slack.person("U0AGENT1");
    let view = SlackModalView::new(pt!("Hello"), vec![text]).with_external_id("job".into());
    let view = SlackView::Modal(view);
    let open = SlackApiViewsOpenRequest::new(ana.trigger().id.into(), view.clone());
    let opened = session.views_open(&open).await.expect("views.open");
    let update =
        SlackApiViewsUpdateRequest::new(view).with_external_id("job".into()).with_hash(opened.view.state_params.hash);
    session.views_update(&update).await.expect("views.update");

    let reserve = SlackApiFilesGetUploadUrlExternalRequest::new("a.png".into(), TINY_PNG.len());
    let reserved = session.get_upload_url_external(&reserve).await.expect("files.getUploadURLExternal");
    let upload = SlackApiFilesUploadViaUrlRequest::new(reserved.upload_url, TINY_PNG.to_vec(), "image/png".into());
    session.files_upload_via_url(&upload).await.expect("the upload");
    let files = vec![SlackApiFilesComplete::new(reserved.file_id.clone())];
    let complete = SlackApiFilesCompleteUploadExternalRequest::new(files)
        .with_channel_id(TICKETS.into())
        .with_thread_ts(posted.ts);
    session.files_complete_upload_external(&complete).await.expect("files.completeUploadExternal");
    session.files_info(&SlackApiFilesInfoRequest::new(reserved.file_id)).await.expect("files.info");
    slack.assert_no_violations();
}
