//! The filters of the lists: each of them, together, remembered, cleared, and whatever is typed into them.

use harness::actor::{Entry, Person, Spot};
use harness::desk::{Desk, Settings, test_waits};
use harness::slack::SlackStandIn;
use harness::slack::inputs;
use serde_json::Value;

use crate::lists::{choose, desk_with, open, press};

/// What an element of the modal shows as chosen.
fn shown(person: &Person, action_id: &str) -> Value {
    let view = person.view().expect("a modal is open");
    let found = inputs::find(&view.blocks, &action_id.into()).expect("there");
    view.inputs[&found.block_id][action_id].clone()
}

/// The option that a select shows.
fn option(person: &Person, action_id: &str) -> String {
    shown(person, action_id)["selected_option"]["value"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn an_agent_filters_by_status_and_days_and_keeps_it_while_paging() {
    let desk = desk_with(30).await;
    sqlx::query("UPDATE tickets SET created_at = '2026-03-08T04:59:59Z' WHERE number = 3")
        .execute(&desk.db)
        .await
        .unwrap();
    sqlx::query("UPDATE tickets SET created_at = '2026-03-08T05:00:00Z' WHERE number = 4")
        .execute(&desk.db)
        .await
        .unwrap();
    let ana = desk.slack.person("U0AGENT1");
    open(&desk, &ana, "/agent-tickets", "").await;
    let text = choose(&desk, &ana, "list_status", Entry::Many(vec!["open".into()])).await;
    assert!(text.contains("1–10 of 24") && text.contains("Shown: `🆕 Open`"), "{text}");
    let text = press(&desk, &ana, "Next ▶").await;
    assert!(text.contains("11–20 of 24") && !text.contains("In Progress ·"), "{text}");
    let text = choose(&desk, &ana, "list_from", "2026-03-08").await;
    assert!(text.contains("of 23") && text.contains("from 2026-03-08"), "the first instant of the day counts: {text}");
    let text = choose(&desk, &ana, "list_to", "2026-03-08").await;
    assert!(text.contains("1–1 of 1") && text.contains("T004"), "{text}");
    let text = choose(&desk, &ana, "list_from", "2026-03-09").await;
    assert!(text.contains("The days end before they start") && text.contains("No ticket fits"), "{text}");
    ana.close_all().await.expect("closed");
    let text = open(&desk, &ana, "/agent-tickets", "").await.all_text();
    assert!(text.contains("from 2026-03-09") && text.contains("to 2026-03-08"), "remembered: {text}");
    let text = press(&desk, &ana, "✖ Clear filters").await;
    assert!(text.contains("1–10 of 30") && !text.contains("Clear filters"), "{text}");
    assert_eq!(shown(&ana, "list_from")["selected_date"], Value::Null, "the pickers are empty too");
    assert_eq!(shown(&ana, "list_status")["selected_options"], serde_json::json!([]));
    press(&desk, &ana, "🎫 New ticket").await;
    assert_eq!(ana.view().expect("open").title["text"], "New ticket");
    desk.finish().await;
}

#[tokio::test]
async fn every_filter_and_order_of_all_tickets() {
    let desk = desk_with(20).await;
    for statement in [
        "UPDATE tickets SET updated_at = now() - interval '4 days' WHERE number IN (5, 6, 7)",
        "UPDATE tickets SET created_at = now() - interval '8 days' WHERE number IN (6, 8)",
        // Whatever is done with is neither stale nor overdue.
        "UPDATE tickets SET status = 'resolved' WHERE number IN (7, 8)",
        "UPDATE tickets SET assignee = 'U0SYS2' WHERE number = 10",
    ] {
        sqlx::query(statement).execute(&desk.db).await.unwrap();
    }
    let sam = desk.slack.person("U0SYS1");
    open(&desk, &sam, "/system-tickets", "").await;
    let text = choose(&desk, &sam, "list_attention", Entry::Many(vec!["stale".into()])).await;
    assert!(text.contains("of 2") && text.contains("T005") && text.contains("T006"), "{text}");
    let text = choose(&desk, &sam, "list_attention", Entry::Many(vec!["stale".into(), "overdue".into()])).await;
    assert!(text.contains("1–1 of 1") && text.contains("T006"), "{text}");
    press(&desk, &sam, "✖ Clear filters").await;
    assert_eq!(shown(&sam, "list_attention")["selected_options"], serde_json::json!([]));
    let text = choose(&desk, &sam, "list_status", Entry::Many(vec!["resolved".into(), "in_progress".into()])).await;
    assert!(text.contains("1–6 of 6"), "four in progress, two resolved: {text}");
    press(&desk, &sam, "✖ Clear filters").await;
    for (whom, expected) in [("me", "of 3"), ("nobody", "of 16"), ("U0SYS2", "of 1"), ("any", "of 20")] {
        let text = choose(&desk, &sam, "list_assignee", whom).await;
        assert!(text.contains(expected), "{whom}: {text}");
        assert_eq!(option(&sam, "list_assignee"), whom);
    }
    for (sort, first, then) in [
        ("oldest", "T001", "T002"),
        ("priority", "T018", "T015"),
        ("quiet", "T005", "T001"),
        ("newest", "T020", "T019"),
    ] {
        let text = choose(&desk, &sam, "list_sort", sort).await;
        let places = (text.find(first), text.find(then));
        assert!(places.0.is_some() && places.0 < places.1, "{sort}: {text}");
    }
    choose(&desk, &sam, "list_priority", "high").await;
    let text = press(&desk, &sam, "✖ Clear filters").await;
    assert!(text.contains("of 20"), "{text}");
    assert_eq!((option(&sam, "list_priority").as_str(), option(&sam, "list_sort").as_str()), ("any", "newest"));
    desk.finish().await;
}

#[tokio::test]
async fn filters_are_remembered_for_each_person_and_list_and_only_where_they_were_chosen() {
    let desk = desk_with(30).await;
    let (sam, sue) = (desk.slack.person("U0SYS1"), desk.slack.person("U0SYS2"));
    open(&desk, &sam, "/system-tickets", "").await;
    choose(&desk, &sam, "list_priority", "high").await;
    let text = open(&desk, &sue, "/system-tickets", "").await.all_text();
    assert!(text.contains("of 30"), "{text}");
    // Words are a look aside, also after paging.
    open(&desk, &sam, "/system-tickets", "unassigned").await;
    press(&desk, &sam, "Next ▶").await;
    let text = open(&desk, &sam, "/system-tickets", "").await.all_text();
    assert!(text.contains("of 10") && text.contains("🔴 High"), "{text}");
    assert_eq!(desk.count("SELECT count(*) FROM list_filters").await, 1);
    // What the form has no more is still shown as chosen, and can be taken back.
    sqlx::query("UPDATE list_filters SET filter = '{\"campaign\": \"Gone\"}'").execute(&desk.db).await.unwrap();
    let text = open(&desk, &sam, "/system-tickets", "").await.all_text();
    assert!(text.contains("Gone") && text.contains("No ticket fits"), "{text}");
    assert_eq!(option(&sam, "list_campaign"), "=Gone");
    assert!(choose(&desk, &sam, "list_campaign", "any").await.contains("of 30"));
    desk.finish().await;
}

#[tokio::test]
async fn more_people_and_campaigns_than_a_select_holds() {
    let users: Vec<String> = (0..120).map(|n| format!("U9{n:03}")).chain(["U0SYS1".to_owned()]).collect();
    let campaigns: Vec<String> = (0..99).map(|n| format!("\"C{n}\"")).chain(["\"any\"".to_owned()]).collect();
    let form = std::env::temp_dir().join(format!("ticket-form-{}.toml", harness::servers::unique()));
    let text = format!("campaigns = [{}]\n[[issue_types]]\ngroup = 'G'\ntypes = ['t']\n", campaigns.join(", "));
    std::fs::write(&form, text).expect("written");
    let more =
        vec![("SYSTEM_USERS".to_owned(), users.join(",")), ("TICKET_FORM".to_owned(), form.display().to_string())];
    let settings = Settings { more, ..Settings::private().await };
    let desk = Desk::start_with(SlackStandIn::start().await, settings, test_waits()).await;
    std::fs::remove_file(&form).expect("removed");
    sqlx::query(
        "INSERT INTO tickets (submitter, campaign, issue_type, priority, details, assignee)
         SELECT 'U0AGENT1', CASE n WHEN 1 THEN 'any' WHEN 2 THEN 'C98' ELSE 'C0' END, 't', 'low', 'd',
                CASE n WHEN 3 THEN 'U0AGENT2' END
         FROM generate_series(1, 5) AS n",
    )
    .execute(&desk.db)
    .await
    .unwrap();
    let sam = desk.slack.person("U0SYS1");
    open(&desk, &sam, "/system-tickets", "").await;
    assert!(choose(&desk, &sam, "list_campaign", "=any").await.contains("of 1"));
    assert!(choose(&desk, &sam, "list_campaign", "=C98").await.contains("of 1"));
    assert!(choose(&desk, &sam, "list_campaign", "any").await.contains("of 5"));
    let text = choose(&desk, &sam, "list_assignee_user", "U0AGENT2").await;
    assert!(text.contains("of 1") && text.contains("T003"), "{text}");
    let text = choose(&desk, &sam, "list_assignee", "nobody").await;
    assert!(text.contains("of 4"), "{text}");
    assert_eq!(shown(&sam, "list_assignee_user")["selected_user"], Value::Null, "the other select is empty again");
    desk.finish().await;
}

#[tokio::test]
async fn words_are_understood_or_answered() {
    let desk = desk_with(12).await;
    sqlx::query("INSERT INTO people (user_id, name) VALUES ('U0SYS1', 'Sam Systems')").execute(&desk.db).await.unwrap();
    let (ana, sam) = (desk.slack.person("U0AGENT1"), desk.slack.person("U0SYS1"));
    for words in ["@sam", "<@U0SYS1|sam>", "@Sam.Systems"] {
        let text = open(&desk, &sam, "/system-tickets", words).await.all_text();
        assert!(text.contains("of 2") && text.contains("assigned to <@U0SYS1>"), "{words}: {text}");
    }
    for (words, expected) in [("in progress", "of 2"), ("open unresolved", "of 12"), ("12 tickets", "No ticket fits")] {
        let text = open(&desk, &sam, "/system-tickets", words).await.all_text();
        assert!(text.contains(expected), "{words}: {text}");
    }
    let text = open(&desk, &sam, "/system-tickets", &"number ".repeat(100)).await.all_text();
    assert!(text.contains("Only the first 200 characters") && text.contains("of 12"), "{text}");
    let text = open(&desk, &ana, "/agent-tickets", "open vonage high").await.all_text();
    assert!(text.contains("of 10") && text.contains("passes over `vonage`, `high`"), "{text}");
    for (person, command, words, expected) in [
        (&sam, "/system-tickets", "HELP", "*/system-tickets*"),
        (&ana, "/agent-tickets", "Help", "*/agent-tickets*"),
        (&sam, "/system-tickets", "high low", "contradicts"),
        (&sam, "/system-tickets", "@ghost", "nobody I know"),
        (&sam, "/system-tickets", "-9999-01-01..2026-01-01", "no range of days"),
        (&sam, "/system-tickets", "+12345-06-07..", "no range of days"),
        (&ana, "/agent-tickets", "2026-99", "no range of days"),
    ] {
        assert!(person.command(command, words).await.is_ok());
        desk.drain().await;
        let told = person.ephemerals();
        assert!(told.last().is_some_and(|message| message.text.contains(expected)), "{words}: {told:?}");
    }
    desk.finish().await;
}

#[tokio::test]
async fn what_no_client_would_send_is_passed_over() {
    let desk = desk_with(12).await;
    let sam = desk.slack.person("U0SYS1");
    let text = open(&desk, &sam, "/system-tickets", "num\u{0}ber \u{7}").await.all_text();
    assert!(text.contains("No ticket fits"), "{text}");
    open(&desk, &sam, "/system-tickets", "").await;
    for (turn, (action_id, field, value)) in [
        ("list_from", "selected_date", "+12345-06-07".into()),
        ("list_from", "selected_date", "-9999-01-01".into()),
        ("list_campaign", "selected_option", serde_json::json!({"value": "=a\u{0}b"})),
        ("list_campaign", "selected_option", serde_json::json!({"value": "any"})),
        ("list_assignee", "selected_option", serde_json::json!({"value": "'; DROP TABLE tickets; --"})),
        ("list_next", "value", "-99999999999999999999".into()),
        ("list_nonsense", "value", "x".into()),
        ("list_sort", "selected_option", serde_json::json!({"value": "sideways"})),
    ]
    .into_iter()
    .enumerate()
    {
        let mut payload = sam.action_payload(Spot::View, &"🎫 New ticket".into(), None).expect("there");
        let click = &mut payload["actions"][0];
        click["action_id"] = action_id.into();
        click["action_ts"] = format!("9.{turn:06}").into();
        click["value"] = Value::Null;
        click[field] = value;
        assert!(sam.send_payload(&payload).await.is_ok());
        desk.drain().await;
    }
    let text = sam.view().expect("open").all_text();
    assert!(text.contains("1–10 of 12"), "{text}");
    // A modal's metadata leads nowhere but to one's own modals.
    press(&desk, &sam, "🔎 Search").await;
    sam.fill("Search", "headset").expect("there");
    let sue = desk.slack.person("U0SYS2");
    open(&desk, &sue, "/system-tickets", "").await;
    press(&desk, &sue, "🔎 Search").await;
    sue.fill("Search", "number").expect("there");
    let sams_list =
        desk.text("SELECT key FROM open_views WHERE user_id = 'U0SYS1' ORDER BY opened_at DESC LIMIT 1").await;
    desk.slack.change(|world| {
        let id = world.top_view("U0SYS2").expect("open").id.clone();
        world.views.get_mut(&id).expect("open").private_metadata = sams_list.clone();
    });
    assert!(sue.submit().await.expect("sent").is_ok());
    desk.drain().await;
    sam.close().await.expect("closed");
    assert!(!sam.view().expect("the list").all_text().contains("“number”"), "somebody else's search");
    for garbage in ["", "nowhere", "7:x:y:z", "42:0:view:none"] {
        press(&desk, &sam, "🔎 Search").await;
        sam.fill("Search", "number").expect("there");
        desk.slack.change(|world| {
            let id = world.top_view("U0SYS1").expect("open").id.clone();
            world.views.get_mut(&id).expect("open").private_metadata = garbage.into();
        });
        assert!(sam.submit().await.expect("sent").is_ok());
        desk.drain().await;
    }
    desk.finish().await;
}
