//! Exports: what is in the file, who gets it, and that it is one file whatever happens.

use std::time::Duration;

use harness::actor::{Person, Spot};
use harness::desk::{Desk, SOON, Settings, start_gateway, test_waits};
use harness::processes::Program;
use harness::slack::files::StoredFile;
use harness::slack::{Fault, On, SlackStandIn};
use worker::config::Waits;

use crate::summary::{HandMade, insert};

/// Opens the summary of this period and presses "Export CSV".
pub(crate) async fn ask_for_export(desk: &Desk, person: &Person, period: &str) {
    person.command("/ticket-summary", period).await;
    desk.drain().await;
    assert!(person.view().is_some(), "{}", desk.slack.dump());
    assert!(person.press(Spot::View, "Export CSV").await.expect("pressed").is_ok());
}

/// The files in this person's direct messages.
pub(crate) fn files_of(slack: &SlackStandIn, person: &Person) -> Vec<StoredFile> {
    let ids: Vec<String> = person.direct_messages().into_iter().flat_map(|message| message.files).collect();
    slack.read(|world| ids.iter().filter_map(|id| world.files.get(id).cloned()).collect())
}

/// Reads RFC 4180, knowing nothing of the writer.
pub(crate) fn parse(bytes: &[u8]) -> Vec<Vec<String>> {
    let text = std::str::from_utf8(bytes).expect("UTF-8").strip_prefix('\u{feff}').expect("a byte order mark");
    let (mut rows, mut cells, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(std::mem::take(&mut cell)),
            '\r' if !quoted => assert_eq!(chars.peek(), Some(&'\n'), "lines end with CR LF"),
            '\n' if !quoted => {
                cells.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut cells));
            }
            c => cell.push(c),
        }
    }
    assert!(!quoted && cell.is_empty() && cells.is_empty(), "the last line is ended");
    rows
}

/// `count` resolved tickets filed in October 2026, with details of `size` characters.
pub(crate) async fn many_tickets(desk_db: &sqlx::PgPool, count: i64, size: i32) {
    sqlx::query(
        "INSERT INTO tickets (submitter, campaign, issue_type, priority, details, status, created_at, resolved_at)
         SELECT 'U0AGENT1', 'Camp Lejeune', 'Vonage dialer', 'low', repeat('d', $2), 'resolved',
                timestamptz '2026-10-02 12:00Z' + n * interval '1 minute',
                timestamptz '2026-10-02 12:00Z' + n * interval '1 minute' + interval '90 minutes'
         FROM generate_series(1, $1) AS n",
    )
    .bind(count)
    .bind(size)
    .execute(desk_db)
    .await
    .expect("inserted");
}

#[tokio::test]
async fn a_file_holds_every_column_of_the_periods_tickets_whatever_people_wrote() {
    let desk = Desk::start().await;
    let usual = HandMade {
        priority: "high",
        campaign: "=HYPERLINK(\"http://x\")",
        status: "resolved",
        assignee: Some("U0SYS2"),
        created: "2026-10-05T12:00:00Z",
        first_assigned: Some("2026-10-05T13:00:00Z"),
        resolved: Some("2026-10-06T13:30:00Z"),
        changes: &[
            ("2026-10-05T13:00:00Z", "assign", "open", "in_progress"),
            ("2026-10-06T13:30:00Z", "resolve", "in_progress", "resolved"),
        ],
    };
    insert(&desk, &usual).await;
    // The last second of October in New York is in it, the first of November isn't.
    insert(&desk, &HandMade { created: "2026-11-01T03:59:59Z", resolved: None, changes: &[], ..usual }).await;
    insert(&desk, &HandMade { created: "2026-11-01T04:00:00Z", resolved: None, changes: &[], ..usual }).await;
    let hostile = format!("＝1+1 \"quoted\", {}\r\nnext\nline ', 🎉\u{202e}", "ünï😀".repeat(25_000));
    assert!(hostile.len() > 100_000);
    sqlx::query("UPDATE tickets SET details = $1 WHERE number = 1").bind(&hostile).execute(&desk.db).await.unwrap();
    for (version, comment, internal, superseded) in
        [(10, "-2+3", false, false), (11, "old", false, true), (12, "Say \"no\"\nnow", true, false)]
    {
        sqlx::query(
            "INSERT INTO ticket_events (ticket, version, at, actor, action, comment, internal, superseded, surface)
             VALUES (1, $1, '2026-10-05T14:00:00Z', 'U0SYS1', 'comment', $2, $3, $4, 'thread')",
        )
        .bind(version)
        .bind(comment)
        .bind(internal)
        .bind(superseded)
        .execute(&desk.db)
        .await
        .unwrap();
    }
    sqlx::query(
        "INSERT INTO ticket_images (ticket, position, file_id, name, mimetype, size, permalink)
         VALUES (1, 0, 'F1', 'a.png', 'image/png', 1, 'https://desk.slack.com/files/F1'),
                (1, 1, 'F2', '@b.png', 'image/png', 1, NULL)",
    )
    .execute(&desk.db)
    .await
    .unwrap();

    let sam = desk.slack.person("U0SYS1");
    ask_for_export(&desk, &sam, "2026-10").await;
    desk.drain().await;
    let files = files_of(&desk.slack, &sam);
    assert_eq!(files.len(), 1, "{}", desk.slack.dump());
    assert_eq!((files[0].name.as_str(), files[0].mimetype.as_str()), ("tickets-october-2026.csv", "text/csv"));
    let rows = parse(&files[0].bytes);
    assert_eq!(
        rows[0].join(","),
        "number,status,priority,campaign,issue type,submitter id,submitter name,assignee id,assignee name,details,comments,\
         image links,created,updated,first assigned,resolved,closed,reopened count,hours to resolution"
    );
    assert_eq!(rows.len(), 3);
    let expected = [
        "T001",
        "Resolved",
        "High",
        "'=HYPERLINK(\"http://x\")",
        "Vonage dialer",
        "U0AGENT1",
        "Ana Agent",
        "U0SYS2",
        "Sue Systems",
        &format!("'{hostile}"),
        "2026-10-05T10:00:00-04:00 Sam Systems: -2+3\n2026-10-05T10:00:00-04:00 Sam Systems (internal): Say \"no\"\nnow",
        "https://desk.slack.com/files/F1\n@b.png",
        "2026-10-05T08:00:00-04:00",
        "2026-10-06T09:30:00-04:00",
        "2026-10-05T09:00:00-04:00",
        "2026-10-06T09:30:00-04:00",
        "",
        "0",
        "25.50",
    ];
    assert_eq!(rows[1], expected);
    assert_eq!(
        (rows[2][0].as_str(), rows[2][12].as_str(), rows[2][18].as_str()),
        ("T002", "2026-10-31T23:59:59-04:00", "")
    );
    let direct = sam.direct_messages();
    assert_eq!(direct.len(), 1);
    assert!(direct[0].text.contains("2 tickets · October 2026"), "{}", direct[0].text);
    assert!(sam.view().expect("open").all_text().contains("Your export is on its way"));
    desk.finish().await;
}

#[tokio::test]
async fn an_export_delivered_twice_is_one_file_and_only_for_system_users() {
    let desk = Desk::start().await;
    let sam = desk.slack.person("U0SYS1");
    ask_for_export(&desk, &sam, "2026-10").await;
    let request = sam.last_request().expect("sent");
    let mut payload = sam.last_payload().expect("a payload");
    desk.drain().await;
    assert!(desk.slack.replay(&request, &desk.gateway_url).await.is_ok());
    // Also when Redis has forgotten the job's id.
    desk.redis(&format!("DEL {{{}}}:seen:none", desk.settings.stream_prefix)).await;
    payload["user"]["id"] = "U0AGENT1".into();
    let ana = desk.slack.person("U0AGENT1");
    assert!(ana.send_payload(&payload).await.is_ok());
    desk.drain().await;
    assert_eq!(files_of(&desk.slack, &sam).len(), 1);
    assert_eq!(parse(&files_of(&desk.slack, &sam)[0].bytes).len(), 1, "nothing but the header");
    assert_eq!((files_of(&desk.slack, &ana).len(), ana.direct_messages().len()), (0, 0));
    assert_eq!(
        desk.text("SELECT string_agg(outcome, ' ' ORDER BY outcome) FROM inbox WHERE kind = 'export_tickets.v1'").await,
        "denied exported"
    );
    desk.finish().await;
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_file() {
    for fault in [Fault::ResetAfter, Fault::ResetBefore, Fault::HalfAnswer, Fault::Status(503), Fault::StatusAfter(502)]
    {
        let waits = Waits { looks: [Duration::from_millis(20); 3], ..test_waits() };
        let desk = Desk::start_with(SlackStandIn::start().await, Settings::private().await, waits).await;
        let sam = desk.slack.person("U0SYS1");
        let name = format!("{fault:?}");
        desk.slack.fault(On::next("files.completeUploadExternal"), fault);
        ask_for_export(&desk, &sam, "2026-10").await;
        desk.drain().await;
        let settled = || async { desk.count("SELECT count(*) FROM exports WHERE state = 'sent'").await };
        let started = std::time::Instant::now();
        while settled().await == 0 && started.elapsed() < SOON {
            desk.drain().await;
            tokio::task::yield_now().await;
        }
        assert_eq!(files_of(&desk.slack, &sam).len(), 1, "{name}\n{}", desk.slack.dump());
        assert_eq!(desk.slack.processed("files.getUploadURLExternal"), 1, "{name}: one upload");
        desk.drain().await;
        desk.finish().await;
    }
}

#[tokio::test]
async fn an_upload_that_slack_lost_is_made_again_and_an_export_given_up_is_told() {
    let waits = Waits { looks: [Duration::from_millis(10); 3], ..test_waits() };
    let desk = Desk::start_with(SlackStandIn::start().await, Settings::private().await, waits).await;
    let sam = desk.slack.person("U0SYS1");
    let lost = On::next("files.completeUploadExternal").times(4);
    desk.slack.fault(lost, Fault::Error("file_not_found".to_owned()));
    ask_for_export(&desk, &sam, "2026-10").await;
    let started = std::time::Instant::now();
    while files_of(&desk.slack, &sam).is_empty() && started.elapsed() < SOON {
        desk.drain().await;
        tokio::task::yield_now().await;
    }
    assert_eq!(files_of(&desk.slack, &sam).len(), 1, "{}", desk.slack.dump());
    assert_eq!(desk.slack.processed("files.getUploadURLExternal"), 2);
    desk.slack.fault(On::every("files.getUploadURLExternal"), Fault::Error("file_upload_size_restricted".to_owned()));
    ask_for_export(&desk, &sam, "2026-09").await;
    let dead = || async { desk.count("SELECT count(*) FROM dead_letters").await };
    let started = std::time::Instant::now();
    while dead().await == 0 && started.elapsed() < SOON {
        desk.drain().await;
        tokio::task::yield_now().await;
    }
    desk.drain().await;
    let last = sam.direct_messages().pop().expect("told");
    assert!(last.text.contains("could not be finished"), "{}", last.text);
    desk.elapse(Duration::from_secs(1)).await;
    desk.drain().await;
    desk.finish_with_dead_letters(1).await;
}

#[tokio::test]
async fn a_large_export_shows_its_progress_in_one_message() {
    let mut desk = Desk::start().await;
    many_tickets(&desk.db, 20_000, 10).await;
    let sam = desk.slack.person("U0SYS1");
    let upload = desk.slack.fault(On::next("upload"), Fault::HoldBefore);
    ask_for_export_running(&mut desk, &sam).await;
    upload.reached(1, SOON).await;
    let shown = |text: &'static str| {
        let sam = sam.clone();
        move |world: &harness::slack::World| {
            world.direct_messages(sam.id()).iter().any(|message| message.text.contains(text)).then_some(())
        }
    };
    desk.slack.wait_for(SOON, shown("all 20,000 tickets are read")).await;
    upload.release();
    desk.slack.wait_for(SOON, shown("Your export is ready: 20,000 tickets")).await;
    assert_eq!(sam.direct_messages().len(), 2, "one of progress, one with the file");
    let files = files_of(&desk.slack, &sam);
    assert_eq!(parse(&files[0].bytes).len(), 20_001);
    desk.finish().await;
}

async fn ask_for_export_running(desk: &mut Desk, person: &Person) {
    desk.run();
    person.command("/ticket-summary", "2026-10").await;
    person.wait_for_view(SOON, |view| view.title["text"] == "Ticket summary").await;
    assert!(person.press(Spot::View, "Export CSV").await.expect("pressed").is_ok());
}

#[tokio::test]
async fn a_worker_killed_around_the_completion_leaves_one_file_and_memory_stays_small() {
    let slack = SlackStandIn::start().await;
    let settings = Settings::private().await;
    let (url, _gateway) = start_gateway(&slack, &settings).await;
    slack.set_gateway(&url);
    let mut first = Program::worker(&slack, &settings).await;
    let db = sqlx::PgPool::connect(&settings.database_url).await.expect("PostgreSQL answers");
    many_tickets(&db, 20_000, 2000).await;
    let before = first.resident_mib();
    let sam = slack.person("U0SYS1");
    // The first call never reaches Slack's work, the second is done by Slack, and both workers die waiting.
    let lost = slack.fault(On::next("files.completeUploadExternal"), Fault::Hang);
    let done = slack.fault(On::next("files.completeUploadExternal"), Fault::HangAfter);
    sam.command("/ticket-summary", "2026-10").await;
    sam.wait_for_view(SOON, |view| view.title["text"] == "Ticket summary").await;
    assert!(sam.press(Spot::View, "Export CSV").await.expect("pressed").is_ok());
    lost.reached(1, Duration::from_secs(30)).await;
    let grown = first.peak_mib() - before;
    assert!(grown < 24.0, "40 MB were exported with {grown:.1} MiB more memory");
    first.kill();
    let mut second = Program::worker(&slack, &settings).await;
    done.reached(1, Duration::from_secs(30)).await;
    second.kill();
    let third = Program::worker(&slack, &settings).await;
    let settled = "SELECT count(*) FROM exports WHERE state = 'sent'";
    let ready = |world: &harness::slack::World| {
        let direct = world.direct_messages("U0SYS1");
        direct.iter().any(|message| message.text.contains("is ready: 20,000 tickets")).then_some(())
    };
    slack.wait_for(Duration::from_secs(30), ready).await;
    let settled: i64 = sqlx::query_scalar(settled).fetch_one(&db).await.expect("counted");
    assert_eq!(settled, 1, "{}", third.log());
    let files = files_of(&slack, &sam);
    assert_eq!(files.len(), 1, "{}", slack.dump());
    assert_eq!(parse(&files[0].bytes).len(), 20_001);
    assert_eq!(slack.processed("files.getUploadURLExternal"), 1, "the second worker completed what the first had sent");
    slack.assert_no_violations();
}

// The program is waited for by a thread, while Slack answers it on another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_export_to_standard_output() {
    let slack = SlackStandIn::start().await;
    let settings = Settings::private().await;
    let db = sqlx::PgPool::connect(&settings.database_url).await.expect("PostgreSQL answers");
    many_tickets(&db, 3, 10).await;
    sqlx::query("UPDATE tickets SET submitter = 'U0AGENT2' WHERE number = 2").execute(&db).await.expect("updated");
    slack.fault(On::next("users.info"), Fault::RateLimited(Some("1".to_owned())));
    let variables = settings.variables(&slack);
    let export = |arguments: &[&str]| Program::worker_command(&variables, arguments);
    let (ok, output) = export(&["export", "--from", "2026-10-01", "--to", "2026-10-31"]);
    assert!(ok, "{output}");
    let rows = parse(output.as_bytes());
    assert_eq!((rows.len(), rows[1][6].as_str(), rows[2][6].as_str()), (4, "Ana Agent", "Ben Agent"));
    // Without Slack there are no new names, but all tickets.
    sqlx::query("DELETE FROM people").execute(&db).await.expect("deleted");
    slack.refuse_connections(true).await;
    let (ok, output) = export(&["export"]);
    assert!(ok && parse(output.as_bytes()).len() == 4, "{output}");
    slack.refuse_connections(false).await;
    let (ok, output) = export(&["export", "--from", "2026-11-01"]);
    assert!(ok && parse(output.as_bytes()).len() == 1, "{output}");
    assert_eq!(parse(export(&["export"]).1.as_bytes()).len(), 4);
    for wrong in [&["export", "--from", "2026-10-31", "--to", "2026-10-01"][..], &["export", "--from", "October"]] {
        let (ok, output) = export(wrong);
        assert!(!ok && (output.contains("is before") || output.contains("like 2026-10-31")), "{output}");
    }
}
