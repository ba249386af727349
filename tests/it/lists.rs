//! The lists: /agent-tickets and /system-tickets, their filters and pages, search, and a ticket's details.

use std::time::Duration;

use harness::actor::{Entry, Person, Spot};
use harness::desk::Desk;
use harness::slack::model::View;

/// A desk with `n` tickets of Ana's, put there directly; number 1 is the oldest.
pub(crate) async fn desk_with(n: i64) -> Desk {
    let desk = Desk::start().await;
    sqlx::query(
        "INSERT INTO tickets (submitter, campaign, issue_type, priority, details, status, assignee, created_at, updated_at)
         SELECT 'U0AGENT1', CASE i % 2 WHEN 0 THEN 'Camp Lejeune' ELSE 'LA Wildfire' END, 'Vonage dialer',
                (ARRAY['high', 'medium', 'low'])[1 + i % 3], 'Details of number ' || i,
                CASE WHEN i % 5 = 0 THEN 'in_progress' ELSE 'open' END, CASE WHEN i % 5 = 0 THEN 'U0SYS1' END,
                now() - ($1 - i + 1) * interval '1 minute', now() - ($1 - i + 1) * interval '1 minute'
         FROM generate_series(1, $1) AS i",
    )
    .bind(n)
    .execute(&desk.db)
    .await
    .expect("tickets can be inserted");
    let history = "INSERT INTO ticket_events (ticket, version, actor, action, to_status, surface)
                   SELECT number, 1, submitter, 'file', 'open', 'modal' FROM tickets";
    sqlx::query(history).execute(&desk.db).await.expect("history can be inserted");
    desk
}

pub(crate) async fn open(desk: &Desk, person: &Person, command: &str, text: &str) -> View {
    assert!(person.command(command, text).await.is_ok());
    desk.drain().await;
    person.view().unwrap_or_else(|| panic!("nothing opened\n{}\n{:?}", desk.slack.dump(), desk.slack.violations()))
}

pub(crate) async fn press(desk: &Desk, person: &Person, button: &str) -> String {
    assert!(person.press(Spot::View, button).await.expect("the button is there").is_ok());
    desk.drain().await;
    person.view().expect("a modal is open").all_text()
}

pub(crate) async fn choose(desk: &Desk, person: &Person, action_id: &str, entry: impl Into<Entry>) -> String {
    assert!(person.choose(Spot::View, action_id, entry).await.expect("offered").is_ok());
    desk.drain().await;
    person.view().expect("a modal is open").all_text()
}

#[tokio::test]
async fn an_agent_sees_own_tickets_in_pages_newest_first() {
    let desk = desk_with(25).await;
    let ana = desk.slack.person("U0AGENT1");
    let first = open(&desk, &ana, "/agent-tickets", "").await.all_text();
    assert!(first.contains("1–10 of 25") && first.contains("T025") && !first.contains("T015"), "{first}");
    let second = press(&desk, &ana, "Next ▶").await;
    assert!(second.contains("11–20 of 25") && second.contains("T015"), "{second}");
    let last = press(&desk, &ana, "Next ▶").await;
    assert!(last.contains("21–25 of 25") && last.contains("T001") && !last.contains("Next"), "{last}");
    assert!(press(&desk, &ana, "◀ Previous").await.contains("11–20 of 25"));
    let ben = desk.slack.person("U0AGENT2");
    let none = open(&desk, &ben, "/agent-tickets", "").await.all_text();
    assert!(none.contains("You have not filed any ticket yet"), "{none}");
    desk.finish().await;
}

#[tokio::test]
async fn filters_apply_at_once_combine_and_are_remembered() {
    let desk = desk_with(30).await;
    let sam = desk.slack.person("U0SYS1");
    open(&desk, &sam, "/system-tickets", "").await;
    let text = choose(&desk, &sam, "list_priority", "high").await;
    assert!(text.contains("1–10 of 10") && text.contains("🔴 High"), "{text}");
    let text = choose(&desk, &sam, "list_campaign", "Camp Lejeune").await;
    assert!(text.contains("of 5") && !text.contains("LA Wildfire ·"), "{text}");
    let text = choose(&desk, &sam, "list_status", Entry::Many(vec!["in_progress".into()])).await;
    assert!(text.contains("1–1 of 1") && text.contains("T030"), "{text}");
    sam.close_all().await.expect("closed");
    let again = open(&desk, &sam, "/system-tickets", "").await.all_text();
    assert!(again.contains("1–1 of 1") && again.contains("Clear filters"), "{again}");
    let all = press(&desk, &sam, "✖ Clear filters").await;
    assert!(all.contains("1–10 of 30"), "{all}");
    let mine = choose(&desk, &sam, "list_assignee", "me").await;
    assert!(mine.contains("1–6 of 6"), "{mine}");
    let oldest = choose(&desk, &sam, "list_sort", "oldest").await;
    assert!(oldest.find("T005") < oldest.find("T030"), "{oldest}");
    desk.finish().await;
}

#[tokio::test]
async fn words_behind_the_command_are_filters() {
    let desk = desk_with(12).await;
    let sam = desk.slack.person("U0SYS1");
    for (words, expected) in [
        ("mine", "1–2 of 2"),
        ("high open", "1–4 of 4"),
        ("unassigned", "1–10 of 10"),
        ("overdue", "No ticket fits"),
        ("T007", "History"),
        ("2020-01", "No ticket fits"),
    ] {
        let text = open(&desk, &sam, "/system-tickets", words).await.all_text();
        assert!(text.contains(expected), "{words}: {text}");
        sam.close_all().await.expect("closed");
    }
    for (words, expected) in [
        ("help", "narrow them"),
        ("T0", "no ticket number"),
        ("T999", "There is no ticket T999"),
        ("2026-10-02..2026-10-01", "end before"),
    ] {
        assert!(sam.command("/system-tickets", words).await.is_ok());
        desk.drain().await;
        let told = sam.ephemerals();
        assert!(told.last().is_some_and(|message| message.text.contains(expected)), "{words}: {told:?}");
    }
    desk.finish().await;
}

#[tokio::test]
async fn others_than_system_users_are_refused_with_their_id() {
    let desk = desk_with(1).await;
    let ana = desk.slack.person("U0AGENT1");
    assert!(ana.command("/system-tickets", "").await.is_ok());
    desk.drain().await;
    assert!(ana.view().is_none());
    let told = ana.ephemerals();
    assert!(told[0].text.contains("U0AGENT1") && told[0].text.contains("SYSTEM_USERS"), "{told:?}");
    // A click in a modal that somebody else has open, or that was never opened, changes nothing.
    let sam = desk.slack.person("U0SYS1");
    open(&desk, &sam, "/system-tickets", "").await;
    choose(&desk, &sam, "list_priority", "high").await;
    let mut forged = sam.last_payload().expect("a payload");
    forged["user"]["id"] = "U0AGENT1".into();
    forged["actions"][0]["action_ts"] = "9.000001".into();
    assert!(ana.send_payload(&forged).await.is_ok());
    desk.drain().await;
    assert_eq!(desk.count("SELECT count(*) FROM inbox WHERE outcome = 'unknown modal'").await, 1);
    // Somebody else's ticket looks as if there were none.
    let ben = desk.slack.person("U0AGENT2");
    assert!(ben.command("/agent-tickets", "T001").await.is_ok());
    desk.drain().await;
    assert!(ben.view().is_none() && ben.ephemerals()[0].text.contains("There is no ticket T001"));
    desk.finish().await;
}

#[tokio::test]
async fn a_system_user_works_on_a_ticket_in_its_details_and_the_list_follows() {
    let desk = desk_with(2).await;
    let sam = desk.slack.person("U0SYS2");
    open(&desk, &sam, "/system-tickets", "").await;
    let details = press(&desk, &sam, "View").await;
    assert!(details.contains("History") && details.contains("Details of number 2"), "{details}");
    let after = press(&desk, &sam, "🖐 Assign to Me").await;
    assert!(after.contains("In Progress") && after.contains("took *T002*"), "{after}");
    press(&desk, &sam, "💬 Comment").await;
    sam.fill("Comment", "Looking into it").expect("there");
    assert!(sam.submit().await.expect("sent").is_ok());
    desk.drain().await;
    let commented = sam.view().expect("the details").all_text();
    assert!(commented.contains("Looking into it"), "{commented}");
    sam.close().await.expect("closed");
    let list = sam.view().expect("the list behind").all_text();
    assert!(list.contains("<@U0SYS2>") && list.contains("🔧 In Progress"), "{list}");
    desk.elapse(Duration::from_secs(3)).await;
    desk.drain().await;
    desk.finish().await;
}

#[tokio::test]
async fn a_submitter_comments_on_closes_and_reopens_own_tickets_only() {
    let desk = desk_with(1).await;
    let ana = desk.slack.person("U0AGENT1");
    let details = open(&desk, &ana, "/agent-tickets", "T001").await.all_text();
    assert!(
        details.contains("❌ Close") && !details.contains("Assign to Me") && !details.contains("🟢 Resolve"),
        "{details}"
    );
    let closed = press(&desk, &ana, "❌ Close").await;
    assert!(closed.contains("🔒 Closed") && closed.contains("🔄 Reopen"), "{closed}");
    let forged = {
        let mut payload = ana.last_payload().expect("a payload");
        payload["user"]["id"] = "U0AGENT2".into();
        payload["actions"][0]["action_id"] = "own_reopen".into();
        payload["actions"][0]["action_ts"] = "9.000001".into();
        payload
    };
    assert!(desk.slack.person("U0AGENT2").send_payload(&forged).await.is_ok());
    desk.drain().await;
    assert_eq!(desk.text("SELECT status FROM tickets").await, "closed", "not by others");
    let reopened = press(&desk, &ana, "🔄 Reopen").await;
    assert!(reopened.contains("reopened"), "{reopened}");
    desk.elapse(Duration::from_secs(3)).await;
    desk.drain().await;
    desk.finish().await;
}
