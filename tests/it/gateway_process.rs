//! The gateway as a process: killed, besieged, watched, stopped.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use harness::desk::{Desk, Settings};
use harness::processes::Program;
use harness::servers::PrivateRedis;
use harness::slack::SlackStandIn;
use harness::slack::payload::{EVENTS_PATH, JSON};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::gateway::{get, send};
use crate::load::{Load, eventually, settle, template};
use crate::redis_faults::desk_on;

fn verification() -> String {
    json!({ "type": "url_verification", "challenge": "c" }).to_string()
}

/// The head of a signed request for `body`, with these header lines.
fn head(slack: &SlackStandIn, body: &str, more: &str) -> String {
    let request = slack.signed(body, JSON, EVENTS_PATH);
    let lines: String = request.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("POST {EVENTS_PATH} HTTP/1.1\r\nHost: gateway\r\n{lines}{more}\r\n")
}

#[tokio::test]
async fn what_was_acknowledged_becomes_a_ticket_though_gateway_and_redis_are_killed() {
    let mut redis = PrivateRedis::start().await;
    let mut desk = desk_on(&redis).await;
    let payload = template(&desk).await;
    let mut gateway = Program::gateway(&desk.slack, &desk.settings).await;
    desk.slack.set_gateway(gateway.url());
    desk.run();
    let load = Load::default();
    let killing = async {
        for redis_too in [false, true, true] {
            load.taken(15).await;
            gateway.kill();
            if redis_too {
                redis.kill();
                redis.up().await;
            }
            load.refused(1).await;
            gateway = Program::gateway(&desk.slack, &desk.settings).await;
            desk.slack.set_gateway(gateway.url());
        }
        load.taken(10).await;
        load.stop();
    };
    tokio::join!(load.run(&desk, &payload), killing);
    load.check(&desk).await;
    settle(desk).await;
}

/// Sends a byte of a head now and then; answers after how long the gateway closed the connection.
async fn trickle(port: u16) -> Duration {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the gateway listens");
    let started = Instant::now();
    let head = format!("POST {EVENTS_PATH} HTTP/1.1\r\nX-Padding: {}", "x".repeat(1000));
    for byte in head.bytes() {
        if stream.write_all(&[byte]).await.is_err() {
            break;
        }
        let mut answer = [0; 64];
        match tokio::time::timeout(Duration::from_millis(250), stream.read(&mut answer)).await {
            Err(_) => {}
            Ok(Ok(n)) if n > 0 => {}
            Ok(_) => break,
        }
    }
    started.elapsed()
}

#[tokio::test]
async fn thousands_of_slow_connections_delay_nobody_and_are_cut() {
    let desk = Desk::start().await;
    let gateway = Program::gateway(&desk.slack, &desk.settings).await;
    desk.slack.set_gateway(gateway.url());
    let mut silent = Vec::new();
    for _ in 0..4500 {
        silent.push(TcpStream::connect(("127.0.0.1", gateway.port)).await.unwrap());
    }
    let slow = tokio::spawn(join_all((0..500).map(|_| trickle(gateway.port))));
    let mut probes = 0;
    while !slow.is_finished() {
        let answer = send(&desk, EVENTS_PATH, JSON, verification()).await;
        assert!(answer.is_ok() && answer.elapsed < Duration::from_millis(1500), "{:?}", answer.elapsed);
        probes += 1;
    }
    assert!(probes > 20, "{probes}");
    let slowest = slow.await.unwrap().into_iter().max().unwrap();
    assert!(slowest < Duration::from_secs(6), "{slowest:?}");
    let closed = join_all(silent.iter_mut().map(async |stream| stream.read(&mut [0; 8]).await));
    let closed = tokio::time::timeout(Duration::from_secs(6), closed).await.expect("silent connections are cut too");
    assert!(closed.iter().all(|read| read.as_ref().map_or(true, |n| *n == 0)));
    desk.finish().await;
}

#[tokio::test]
async fn a_low_limit_of_open_files_is_raised() {
    let desk = Desk::start().await;
    let gateway = Program::gateway_with_few_files(&desk.slack, &desk.settings, 200).await;
    desk.slack.set_gateway(gateway.url());
    let mut silent = Vec::new();
    for _ in 0..400 {
        silent.push(TcpStream::connect(("127.0.0.1", gateway.port)).await.unwrap());
    }
    let answer = send(&desk, EVENTS_PATH, JSON, verification()).await;
    assert!(answer.is_ok() && answer.elapsed < Duration::from_millis(1500), "{:?}", answer.elapsed);
    assert!(!gateway.log().contains("can't accept"), "{}", gateway.log());
    drop(silent);
    desk.finish().await;
}

#[tokio::test]
async fn whoever_still_sends_sees_why_it_is_refused() {
    let desk = Desk::start().await;
    let gateway = Program::gateway(&desk.slack, &desk.settings).await;
    let body = vec![b'x'; 4 * 1024 * 1024];
    let length = format!("Content-Length: {}\r\n", body.len());
    let unsigned = format!("POST {EVENTS_PATH} HTTP/1.1\r\nHost: gateway\r\n{length}\r\n");
    for (head, status) in [(head(&desk.slack, "", &length), "413"), (unsigned, "401")] {
        let mut stream = TcpStream::connect(("127.0.0.1", gateway.port)).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body).await.expect("all can be sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("the connection is not reset");
        assert!(answer.starts_with(format!("HTTP/1.1 {status}").as_bytes()), "{}", String::from_utf8_lossy(&answer));
    }
    desk.finish().await;
}

#[tokio::test]
async fn it_listens_everywhere_stays_small_keeps_secrets_and_finishes_what_it_began() {
    let desk = Desk::start().await;
    let mut gateway = Program::gateway(&desk.slack, &desk.settings).await;
    let port = gateway.port;
    for address in [format!("http://[::1]:{port}"), format!("http://127.0.0.1:{port}")] {
        desk.slack.set_gateway(&address);
        assert!(send(&desk, EVENTS_PATH, JSON, verification()).await.is_ok(), "{address}");
    }
    let ana = desk.slack.person("U0AGENT1");
    assert!(ana.command("/new-ticket", "hush-hush").await.is_ok());
    desk.drain().await;
    assert_eq!(desk.slack.raw_post(&gateway.url(), EVENTS_PATH, &[], "x").await.status(), Some(401));

    let (status, metrics) = get(&gateway.url(), "/metrics").await;
    assert_eq!(status, 200);
    for line in [
        r#"gateway_requests_total{route="/api/tickets/slack/events",outcome="answered"} 2"#,
        r#"gateway_requests_total{route="/api/tickets/slack/events",outcome="unauthorized"} 1"#,
        r#"gateway_requests_total{route="/api/tickets/new-ticket",outcome="accepted"} 1"#,
        "gateway_clock_skew_seconds ",
        r#"gateway_ack_seconds_bucket{route="/api/tickets/new-ticket",le="+Inf"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} in\n{metrics}");
    }

    let before = gateway.resident_mib();
    let mut largest = before;
    let endless = head(&desk.slack, "", "Transfer-Encoding: chunked\r\n");
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    for _ in 0..10 {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(endless.as_bytes()).await.unwrap();
        let mut sent = 0;
        while sent < 100 * 1024 * 1024 && stream.write_all(chunk.as_bytes()).await.is_ok() {
            sent += chunk.len();
            largest = largest.max(gateway.resident_mib());
        }
        assert!(sent < 16 * 1024 * 1024, "{sent} bytes were read");
    }
    assert!(before > 1.0 && largest - before < 5.0, "from {before} to {largest} MiB");

    // Half a request is there, and another connection is idle, when it is asked to stop.
    let mut idle = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: gateway\r\n\r\n").await.unwrap();
    assert!(idle.read(&mut [0; 256]).await.unwrap() > 0);
    let body = json!({ "type": "event_callback" }).to_string();
    let lines = format!("Content-Length: {}\r\nExpect: 100-continue\r\n", body.len());
    let mut begun = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    begun.write_all(head(&desk.slack, &body, &lines).as_bytes()).await.unwrap();
    let mut answer = vec![0; 1024];
    let n = begun.read(&mut answer).await.unwrap();
    assert!(answer[..n].starts_with(b"HTTP/1.1 100"), "the gateway waits for the body");
    gateway.signal("TERM");
    eventually("nobody new is let in", async || TcpStream::connect(("127.0.0.1", port)).await.is_err()).await;
    begun.write_all(body.as_bytes()).await.unwrap();
    let n = begun.read(&mut answer).await.unwrap();
    assert!(answer[..n].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..n]));
    assert_eq!(desk.queued().await, 1, "and its job is in Redis");
    drop(begun);
    assert_eq!(gateway.stop(Duration::from_secs(3)).await, Some(0));

    let log = gateway.log();
    assert!(log.contains("SIGTERM received") && log.contains("\"accepted\""), "the log is on:\n{log}");
    let triggers = desk.slack.read(|world| world.triggers.keys().cloned().collect::<Vec<_>>());
    for secret in
        [desk.slack.signing_secret(), "hush-hush".into(), "/response/".into(), "v0=".into()].iter().chain(&triggers)
    {
        assert!(!log.contains(secret.as_str()), "{secret} in the log");
    }
    desk.drain().await;
    desk.finish_with_dead_letters(1).await;
}

#[tokio::test]
async fn a_wrong_environment_is_one_message_and_a_failure() {
    let slack = SlackStandIn::start().await;
    let variables = |more: &[(&str, &str)]| {
        let settings = Settings {
            database_url: String::new(),
            redis_url: "redis://127.0.0.1:1".to_owned(),
            stream_prefix: "p".to_owned(),
            more: more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        };
        settings.variables(&slack)
    };
    let wrong = variables(&[
        ("PORT", "eighty"),
        ("SLACK_SIGNING_SECRET", ""),
        ("REDIS_URL", "http://user:pa55@x"),
        ("STREAM_PREFIX", "{a}"),
    ]);
    let (succeeded, output) = Program::gateway_command(&wrong);
    assert!(!succeeded && output.contains("4 variables") && output.matches("can't start").count() == 1, "{output}");
    for name in ["PORT", "SLACK_SIGNING_SECRET", "REDIS_URL", "STREAM_PREFIX"] {
        assert!(output.contains(&format!("  {name} ")) && output.contains(&format!("{name}=")), "{name} in {output}");
    }
    assert!(!output.contains("pa55") && !output.contains("eighty") && !output.contains("panicked"), "{output}");

    let taken = std::net::TcpListener::bind("[::]:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (succeeded, output) = Program::gateway_command(&variables(&[("PORT", &port)]));
    assert!(!succeeded && output.contains("PORT") && output.contains(&port), "{output}");
}

#[tokio::test]
async fn a_file_completes_what_the_process_is_told_and_a_blank_variable_hides_nothing() {
    let folder = std::env::temp_dir().join(format!("ticket-env-{}", harness::servers::unique()));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join(".env"), "SLACK_SIGNING_SECRET=hush\nPORT=eighty\nSTREAM_PREFIX={a}\n").unwrap();
    let taken = std::net::TcpListener::bind("[::]:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let variables = |prefix: &str| {
        [("PORT", port.as_str()), ("STREAM_PREFIX", prefix)].map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let (succeeded, output) = Program::gateway_command_in(&folder, &variables(" "));
    assert!(!succeeded && output.contains("one variable") && output.contains("STREAM_PREFIX is not valid"), "{output}");
    let (succeeded, output) = Program::gateway_command_in(&folder, &variables("good"));
    assert!(!succeeded && output.contains("can't listen") && output.contains(&port), "the process wins: {output}");
    std::fs::remove_dir_all(folder).unwrap();
}
