//! Overdue tickets: one digest for each assignee, the rest to the administrators.

use harness::actor::{Field, Spot};
use harness::desk::{ADMIN, Desk};
use harness::slack::model::Message;
use harness::slack::{Fault, On};

use super::{Standing, deliver, run_monday, stand};

const LATE: Standing<'_> =
    Standing { priority: "medium", status: "in_progress", assignee: Some("U0SYS1"), days_old: 10.0, days_quiet: 1.0 };

fn admin_messages(desk: &Desk) -> Vec<Message> {
    desk.slack.read(|world| world.messages_in(ADMIN).into_iter().cloned().collect())
}

#[tokio::test]
async fn each_assignee_gets_one_digest_and_the_administrators_the_rest() {
    let desk = Desk::start().await;
    let younger = stand(&desk, &LATE).await;
    let older = stand(&desk, &Standing { days_old: 30.0, status: "open", ..LATE }).await;
    let others = stand(&desk, &Standing { assignee: Some("U0SYS2"), ..LATE }).await;
    let nobodys = stand(&desk, &Standing { assignee: None, status: "open", ..LATE }).await;
    for fine in [
        Standing { days_old: 6.9, ..LATE },
        Standing { status: "resolved", ..LATE },
        Standing { status: "closed", ..LATE },
    ] {
        stand(&desk, &fine).await;
    }
    run_monday(&desk).await;
    let sam = desk.slack.person("U0SYS1").direct_messages();
    assert_eq!(sam.len(), 1, "{}", desk.slack.dump());
    let text = sam[0].all_text();
    assert!(text.contains("2 of your tickets are overdue") && text.contains("overdue by 3 days"), "{text}");
    let position = |number: i64| text.find(&format!("p1000{number:06}|T{number:03}")).expect("linked to its card");
    assert!(position(older) < position(younger), "most overdue first: {text}");
    assert!(!text.contains(&format!("T{others:03}")) && !text.contains(&format!("T{nobodys:03}")));
    assert_eq!(desk.slack.person("U0SYS2").direct_messages().len(), 1);
    let told = admin_messages(&desk);
    assert_eq!(told.len(), 1);
    let text = told[0].all_text();
    assert!(text.contains("1 overdue ticket has no assignee") && text.contains(&format!("|T{nobodys:03}>")), "{text}");
    desk.finish().await;
}

#[tokio::test]
async fn nothing_is_sent_where_nothing_is_overdue() {
    let desk = Desk::start().await;
    stand(&desk, &Standing { days_old: 2.0, ..LATE }).await;
    run_monday(&desk).await;
    assert!(desk.slack.person("U0SYS1").direct_messages().is_empty() && admin_messages(&desk).is_empty());
    desk.finish().await;
}

#[tokio::test]
async fn the_digests_menu_works_and_the_digest_follows() {
    let desk = Desk::start().await;
    let first = stand(&desk, &LATE).await;
    let second = stand(&desk, &Standing { days_old: 9.0, ..LATE }).await;
    run_monday(&desk).await;
    let sam = desk.slack.person("U0SYS1");
    let digest = sam.direct_messages().pop().expect("a digest");
    let spot = Spot::Message(&digest.channel, &digest.ts);
    let menus = digest.blocks.iter().filter(|block| block["accessory"]["type"] == "overflow").count();
    assert_eq!(menus, 2);
    let menu = |ticket: i64| format!("ticket_menu:{ticket}");
    assert!(sam.choose(spot, menu(first).as_str(), "🟢 Resolve").await.expect("offered").is_ok());
    deliver(&desk).await;
    assert_eq!(desk.text(&format!("SELECT status FROM tickets WHERE number = {first}")).await, "resolved");
    let surface = format!("SELECT surface FROM ticket_events WHERE ticket = {first} AND action = 'resolve'");
    assert_eq!(desk.text(&surface).await, "direct_message");
    let now = sam.direct_messages().remove(0).all_text();
    assert!(now.contains("1 of your tickets is overdue") && !now.contains(&format!("T{first:03}")), "{now}");

    assert!(sam.choose(spot, menu(second).as_str(), "🔁 Reassign").await.expect("offered").is_ok());
    desk.drain().await;
    sam.fill("New assignee", "U0SYS2").expect("offered");
    assert!(sam.submit().await.expect("filled").is_ok());
    deliver(&desk).await;
    assert_eq!(desk.text(&format!("SELECT assignee FROM tickets WHERE number = {second}")).await, "U0SYS2");
    let now = sam.direct_messages().remove(0).all_text();
    assert!(now.contains("None of your tickets is overdue any more"), "{now}");
    desk.finish().await;
}

#[tokio::test]
async fn a_forged_menu_changes_nothing() {
    let desk = Desk::start().await;
    let ticket = stand(&desk, &LATE).await;
    run_monday(&desk).await;
    let sam = desk.slack.person("U0SYS1");
    let digest = sam.direct_messages().pop().expect("a digest");
    let menu = format!("ticket_menu:{ticket}");
    let field = Field::Any(&menu);
    let spot = Spot::Message(&digest.channel, &digest.ts);
    let mut payload = sam.action_payload(spot, &field, Some(&"🟢 Resolve".into())).expect("offered");
    payload["user"]["id"] = "U0AGENT1".into();
    let ana = desk.slack.person("U0AGENT1");
    assert!(ana.send_payload(&payload).await.is_ok());
    desk.drain().await;
    assert_eq!(desk.text(&format!("SELECT status FROM tickets WHERE number = {ticket}")).await, "in_progress");
    // Nothing but what the menu offers is understood.
    payload["user"]["id"] = "U0SYS1".into();
    payload["actions"][0]["selected_option"]["value"] = format!("close:{ticket}").into();
    payload["actions"][0]["action_ts"] = "2.000001".into();
    assert!(sam.send_payload(&payload).await.is_ok());
    desk.drain().await;
    assert_eq!(desk.text(&format!("SELECT status FROM tickets WHERE number = {ticket}")).await, "in_progress");
    desk.finish_with_dead_letters(1).await;
}

#[tokio::test]
async fn what_a_digest_can_not_hold_is_counted() {
    let desk = Desk::start().await;
    for _ in 0..55 {
        stand(&desk, &LATE).await;
        stand(&desk, &Standing { assignee: None, status: "open", ..LATE }).await;
    }
    run_monday(&desk).await;
    let digest = desk.slack.person("U0SYS1").direct_messages().remove(0).all_text();
    assert!(digest.contains("55 of your tickets are overdue"), "{digest}");
    assert!(digest.contains("and 15 more: `/system-tickets mine overdue`"), "{digest}");
    let told = admin_messages(&desk).remove(0).all_text();
    assert!(told.contains("and 15 more: `/system-tickets unassigned overdue`"), "{told}");
    desk.finish().await;
}

#[tokio::test]
async fn an_assignee_who_has_left_is_reported() {
    let desk = Desk::start().await;
    stand(&desk, &LATE).await;
    stand(&desk, &Standing { assignee: Some("U0SYS2"), ..LATE }).await;
    desk.slack.change(|world| world.deactivate_user("U0SYS1"));
    run_monday(&desk).await;
    assert_eq!(desk.slack.person("U0SYS2").direct_messages().len(), 1, "{}", desk.slack.dump());
    let told: Vec<String> = admin_messages(&desk).iter().map(Message::all_text).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("U0SYS1") && told[0].contains("1 overdue ticket"), "{told:?}");
    desk.finish().await;
}

/// 10,000 overdue tickets of 200 people: 200 messages, while Slack lets only few conversations be opened at once, and a
/// click meanwhile is not delayed.
#[tokio::test]
async fn ten_thousand_overdue_tickets_are_two_hundred_messages() {
    let mut desk = Desk::start().await;
    desk.slack.change(|world| {
        for n in 0..200 {
            world.add_user(&format!("U1A{n:03}"), &format!("a{n}"), &format!("Assignee {n}"));
        }
    });
    sqlx::query(
        "WITH filed AS (
             INSERT INTO tickets (submitter, campaign, issue_type, priority, details, status, assignee, created_at)
             SELECT 'U0AGENT1', 'Camp Lejeune', 'Vonage dialer', 'medium', 'It drops.', 'in_progress',
                    'U1A' || to_char(n % 200, 'FM000'), now() - make_interval(days => 8 + n % 30)
             FROM generate_series(1, 10000) n RETURNING number)
         INSERT INTO slack_messages (target, channel, ts, permalink)
         SELECT 'card:' || number, 'C0TICKETS', '1000.' || number, 'https://desk.slack.com/archives/C0TICKETS/p' || number
         FROM filed",
    )
    .execute(&desk.db)
    .await
    .expect("inserted");
    desk.slack.limit("conversations.open", false, 40, std::time::Duration::from_millis(1500));
    desk.slack.limit("chat.postMessage", true, 5, std::time::Duration::from_secs(1));
    desk.run();
    super::tick_at(&desk, "2026-11-24T13:59:00Z").await;
    let ran = super::tick_at(&desk, "2026-11-24T14:00:00Z").await;
    let overdue = ran.iter().find(|ran| ran.task == worker::schedule::Task::Overdue).expect("ran");
    assert_eq!(overdue.messages, 200);
    // Somebody works meanwhile: the form opens at once.
    let ana = desk.slack.person("U0AGENT1");
    let clicked = std::time::Instant::now();
    assert!(ana.command("/new-ticket", "").await.is_ok());
    ana.wait_for_view(harness::desk::SOON, |view| view.title["text"] == "New ticket").await;
    assert!(clicked.elapsed() < std::time::Duration::from_secs(1), "opened after {:?}", clicked.elapsed());
    let digests = |world: &harness::slack::World| {
        let people = (0..200).map(|n| world.direct_messages(&format!("U1A{n:03}")).len());
        people.map(|digests| digests.min(2)).sum::<usize>()
    };
    let all = std::time::Duration::from_secs(60);
    desk.slack.wait_for(all, |world| (digests(world) >= 200).then_some(())).await;
    let each = desk.slack.read(|world| (0..200).all(|n| world.direct_messages(&format!("U1A{n:03}")).len() == 1));
    assert!(each, "one digest for each");
    desk.finish().await;
}

#[tokio::test]
async fn a_digest_whose_answer_was_lost_is_not_sent_twice() {
    let desk = Desk::start().await;
    stand(&desk, &LATE).await;
    desk.slack.fault(On::next("chat.postMessage"), Fault::ResetAfter);
    run_monday(&desk).await;
    assert_eq!(desk.slack.person("U0SYS1").direct_messages().len(), 1, "{}", desk.slack.dump());
    desk.finish().await;
}
