//! Exports from the list of all tickets, and the names in exports.

use std::time::Duration;

use harness::actor::{Entry, Spot};
use harness::desk::{Desk, SOON};
use harness::slack::people::User;
use harness::slack::{Fault, On};

use crate::export::{ask_for_export, files_of, many_tickets, parse};
use crate::lists::{choose, desk_with, open, press};

/// The numbers in a file.
fn numbers(bytes: &[u8]) -> Vec<String> {
    parse(bytes).into_iter().skip(1).map(|row| row[0].clone()).collect()
}

#[tokio::test]
async fn what_the_list_shows_is_exported_all_pages_of_it() {
    let desk = desk_with(60).await;
    let sam = desk.slack.person("U0SYS1");
    open(&desk, &sam, "/system-tickets", "").await;
    choose(&desk, &sam, "list_status", Entry::Many(vec!["open".into()])).await;
    let text = choose(&desk, &sam, "list_priority", "high").await;
    assert!(text.contains("1–10 of 16"), "{text}");
    let text = press(&desk, &sam, "📄 Export CSV").await;
    assert!(text.contains("Your export is on its way") && text.contains("1–10 of 16"), "{text}");
    let files = files_of(&desk.slack, &sam);
    assert_eq!(files.len(), 1, "{}", desk.slack.dump());
    assert_eq!(files[0].name, "tickets-open-high.csv");
    let shown = "SELECT string_agg('T' || lpad(number::text, 3, '0'), ' ' ORDER BY number) FROM tickets
                 WHERE status = 'open' AND priority = 'high'";
    assert_eq!(numbers(&files[0].bytes).join(" "), desk.text(shown).await);
    assert!(sam.direct_messages()[0].text.contains("16 tickets"), "{:?}", sam.direct_messages());
    // Mine are the asker's, days are the desk's, and a search finds what it finds in the list.
    sqlx::query(
        "UPDATE tickets SET created_at = '2026-10-05T12:00:00Z', details = 'Vonage drops' WHERE number IN (5, 10)",
    )
    .execute(&desk.db)
    .await
    .expect("updated");
    let text = open(&desk, &sam, "/system-tickets", "mine 2026-10 vonnage").await.all_text();
    assert!(text.contains("1–2 of 2"), "{text}");
    press(&desk, &sam, "📄 Export CSV").await;
    assert_eq!(numbers(&files_of(&desk.slack, &sam)[1].bytes), ["T005", "T010"]);
    desk.finish().await;
}

#[tokio::test]
async fn an_export_is_of_the_filter_that_was_shown_and_of_ones_own_list() {
    let desk = desk_with(30).await;
    let sam = desk.slack.person("U0SYS1");
    open(&desk, &sam, "/system-tickets", "").await;
    choose(&desk, &sam, "list_assignee", "me").await;
    // The upload fails at first; meanwhile the list is filtered otherwise.
    desk.slack.fault(On::next("files.getUploadURLExternal"), Fault::ResetBefore);
    assert!(sam.press(Spot::View, "📄 Export CSV").await.expect("there").is_ok());
    desk.drain().await;
    let mut payload = sam.last_payload().expect("a payload");
    choose(&desk, &sam, "list_assignee", "any").await;
    let started = std::time::Instant::now();
    while files_of(&desk.slack, &sam).is_empty() && started.elapsed() < SOON {
        desk.elapse(Duration::from_secs(10)).await;
        desk.drain().await;
    }
    assert_eq!(numbers(&files_of(&desk.slack, &sam)[0].bytes).len(), 6, "{}", desk.slack.dump());
    // Somebody else's list, or one that never was, is nobody's to export.
    for (turn, (user, view)) in
        [("U0SYS2", None), ("U0SYS1", Some("nowhere")), ("U0AGENT1", None)].into_iter().enumerate()
    {
        payload["user"]["id"] = user.into();
        payload["actions"][0]["action_ts"] = format!("9.{turn:06}").into();
        if let Some(view) = view {
            payload["view"]["external_id"] = view.into();
        }
        assert!(desk.slack.person(user).send_payload(&payload).await.is_ok());
    }
    desk.drain().await;
    assert_eq!(desk.count("SELECT count(*) FROM exports").await, 1);
    desk.finish().await;
}

#[tokio::test]
async fn everybody_in_an_export_is_named_however_many_they_are() {
    let desk = Desk::start().await;
    many_tickets(&desk.db, 130, 10).await;
    sqlx::query("UPDATE tickets SET submitter = 'U9' || lpad(number::text, 3, '0')")
        .execute(&desk.db)
        .await
        .expect("updated");
    let comment = "INSERT INTO ticket_events (ticket, version, actor, action, comment, surface)
                   VALUES (1, 2, 'U9999', 'comment', 'hello', 'thread')";
    sqlx::query(comment).execute(&desk.db).await.expect("inserted");
    desk.slack.change(|world| {
        for number in (1..=129).chain([999]) {
            let id = format!("U9{number:03}");
            let user = User {
                id: id.clone(),
                name: format!("u{number}"),
                real_name: format!("Name {number}"),
                deleted: number == 7,
                is_bot: false,
                tz: "UTC".to_owned(),
            };
            world.users.insert(id, user);
        }
    });
    let sam = desk.slack.person("U0SYS1");
    // Slack's pace is kept: the export waits and goes on with the next name.
    desk.slack.fault(On::next("users.info").after(60), Fault::RateLimited(Some("1".to_owned())));
    ask_for_export(&desk, &sam, "2026-10").await;
    let started = std::time::Instant::now();
    while files_of(&desk.slack, &sam).is_empty() && started.elapsed() < SOON {
        desk.drain().await;
        tokio::task::yield_now().await;
    }
    let rows = parse(&files_of(&desk.slack, &sam)[0].bytes);
    assert_eq!((rows[1][6].as_str(), rows[7][6].as_str(), rows[129][6].as_str()), ("Name 1", "Name 7", "Name 129"));
    assert_eq!(rows[130][6], "", "Slack doesn't know this one");
    assert!(rows[1][10].contains("Name 999: hello"), "{}", rows[1][10]);
    let asked = desk.slack.count("users.info");
    ask_for_export(&desk, &sam, "2026-10").await;
    desk.drain().await;
    assert_eq!(desk.slack.count("users.info"), asked, "nobody is asked for twice");
    desk.finish().await;
}
