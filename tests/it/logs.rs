//! The logs of a full run: one id leads from Slack's request to the last Slack call, and nobody's words are in them.

use std::collections::BTreeSet;
use std::time::Duration;

use harness::actor::{Spot, Upload};
use harness::desk::{SOON, Settings, TICKETS};
use harness::processes::Program;
use harness::servers::PrivateRedis;
use harness::slack::files::TINY_PNG;
use harness::slack::{SlackStandIn, World};
use serde_json::Value;

/// Lines of a JSON log with this message.
fn lines(log: &str, message: &str) -> Vec<Value> {
    let parsed = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    parsed.filter(|line| line["message"] == message).collect()
}

fn texts(lines: &[Value], field: &str) -> BTreeSet<String> {
    lines.iter().filter_map(|line| line[field].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn one_id_leads_through_a_full_run_whose_logs_keep_every_secret_and_everybodys_words() {
    let slack = SlackStandIn::start().await;
    slack.deliver_events(true);
    let redis = PrivateRedis::start_with_password("hushredis").await;
    let settings = Settings { redis_url: redis.url(), ..Settings::private().await };
    let mut gateway = Program::gateway(&slack, &settings).await;
    slack.set_gateway(gateway.url());
    let mut worker = Program::worker(&slack, &settings).await;

    // Filed, with an image.
    let ana = slack.person("U0AGENT1");
    let is_form =
        |world: &World| world.top_view("U0AGENT1").filter(|view| view.title["text"] == "New ticket").map(drop);
    assert!(ana.command("/new-ticket", "SECRETCOMMAND").await.is_ok());
    slack.wait_for(SOON, is_form).await;
    crate::road::fill_form(&ana, "SECRETDETAILS");
    ana.fill("Screenshots", vec![Upload::new("secretpicture.png", TINY_PNG)]).unwrap();
    assert!(ana.submit().await.unwrap().is_ok());
    let card = |world: &World| {
        let shared = world.messages_in(TICKETS).iter().filter(|message| message.is_reply()).count() > 0;
        world
            .messages_in(TICKETS)
            .iter()
            .find(|message| !message.is_reply() && shared)
            .map(|message| message.ts.clone())
    };
    let card = slack.wait_for(SOON, card).await;

    // Commented in the thread and in a dialog, resolved, searched for, exported.
    let sam = slack.person("U0SYS1");
    assert!(sam.reply(TICKETS, &card, "SECRETREPLY").await.1.expect("sent").is_ok());
    assert!(sam.press(Spot::Message(TICKETS, &card), "💬 Comment").await.unwrap().is_ok());
    sam.wait_for_view(SOON, |view| view.title["text"].as_str().is_some_and(|title| title.contains("omment"))).await;
    sam.fill("Comment", "SECRETCOMMENT").unwrap();
    assert!(sam.submit().await.unwrap().is_ok());
    assert!(sam.press(Spot::Message(TICKETS, &card), "🟢 Resolve").await.unwrap().is_ok());
    let shows = |world: &World| {
        let text = world.message(TICKETS, &card)?.all_text();
        ["Resolved", "SECRETREPLY", "SECRETCOMMENT"].iter().all(|word| text.contains(word)).then_some(())
    };
    slack.wait_for(SOON, shows).await;
    let _ = sam.close_all().await;
    assert!(sam.command("/system-tickets", "SECRETSEARCH").await.is_ok());
    sam.wait_for_view(SOON, |view| view.all_text().contains("SECRETSEARCH")).await;
    let _ = sam.close_all().await;
    assert!(sam.command("/ticket-summary", "month").await.is_ok());
    sam.wait_for_view(SOON, |_| true).await;
    assert!(sam.press(Spot::View, "Export CSV").await.unwrap().is_ok());
    let exported = |world: &World| world.direct_messages("U0SYS1").iter().any(|m| !m.files.is_empty()).then_some(());
    slack.wait_for(SOON, exported).await;
    // Somebody without rights, told by a response URL.
    assert!(ana.command("/system-tickets", "").await.is_ok());
    ana.wait_for_ephemeral(SOON, "system users").await;
    assert_eq!(gateway.stop(Duration::from_secs(10)).await, Some(0));
    assert_eq!(worker.stop(Duration::from_secs(20)).await, Some(0));
    let (gateway, worker) = (gateway.log(), worker.log());

    // One id, from the request to the Slack calls.
    let accepted = lines(&gateway, "accepted");
    let filed = accepted.iter().find(|line| line["job.kind"] == "file_ticket.v1").expect("the submission was accepted");
    let id = filed["job.id"].as_str().expect("an id");
    let of = |message: &str| -> Vec<Value> {
        lines(&worker, message).into_iter().filter(|line| line["job.id"] == id).collect()
    };
    let ran = of("ran");
    assert_eq!(ran.len(), 1, "one line for a settled job: {ran:?}");
    assert_eq!((&ran[0]["ticket.number"], &ran[0]["lane"]), (&"T001".into(), &"tickets".into()), "{ran:?}");
    let delivered = of("delivered");
    assert!(delivered.iter().all(|line| line["ticket.number"] == "T001"), "{delivered:?}");
    let targets = texts(&delivered, "delivery.target");
    for target in ["card:1", "notice:1", "filed:1", "confirmation:1", "images:1"] {
        assert!(targets.contains(target), "{target} in {targets:?}");
    }
    let calls = of("called Slack");
    assert!(calls.iter().all(|line| line["outcome"].is_string() && line["duration_ms"].is_u64()), "{calls:?}");
    let methods = texts(&calls, "slack.method");
    for method in ["chat.postMessage", "views.update", "file_download", "file_upload", "conversations.open"] {
        assert!(methods.contains(method), "{method} in {methods:?}");
    }
    let answered = texts(&lines(&worker, "called Slack"), "slack.method");
    assert!(answered.contains("response_url"), "{answered:?}");

    // Nobody's words, nobody's secrets.
    let database_password = settings.database_url.split(['@', ':']).nth(2).expect("a password").to_owned();
    let mut secrets: Vec<String> =
        ["SECRET", "secretpicture", "hushredis", "/files-pri/", "/upload/", "/response/", "v0="]
            .map(str::to_owned)
            .to_vec();
    secrets.extend([slack.token(), slack.signing_secret(), database_password]);
    secrets.extend(slack.read(|world| world.triggers.keys().cloned().collect::<Vec<_>>()));
    assert!(secrets.len() > 12 && secrets.iter().all(|secret| secret.len() > 2), "{}", secrets.len());
    for (program, log) in [("gateway", &gateway), ("worker", &worker)] {
        for secret in &secrets {
            let line = log.lines().find(|line| line.contains(secret.as_str()));
            assert!(line.is_none(), "{secret} in the log of the {program}: {line:?}");
        }
    }
}
