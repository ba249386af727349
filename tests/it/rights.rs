//! Who may do what (row H7): judged when it is done, whatever the client sends and whatever is open.

use harness::actor::{Field, Person, Spot};
use harness::desk::{Desk, Settings, TICKETS, start_worker, test_waits};
use serde_json::{Value, json};

use crate::conversation::settle;
use crate::working::{desk_with_ticket, press};

/// From here on the desk is worked by somebody who knows other system users.
async fn with_system_users(desk: &mut Desk, users: &str) {
    let settings = Settings { more: vec![("SYSTEM_USERS".to_owned(), users.to_owned())], ..desk.settings.clone() };
    desk.worker = start_worker(&desk.slack, &settings, test_waits()).await;
}

fn direct(desk: &Desk, user: &str) -> Vec<String> {
    desk.slack.person(user).direct_messages().iter().map(|message| message.all_text()).collect()
}

async fn history(desk: &Desk) -> String {
    desk.text("SELECT string_agg(action, ' ' ORDER BY version) FROM ticket_events").await
}

async fn details(desk: &Desk, person: &Person, command: &str) -> String {
    assert!(person.command(command, "T001").await.is_ok());
    desk.drain().await;
    person.view().expect("the details opened").all_text()
}

/// Every role, every action, every status, from the card and from one's own details.
#[tokio::test]
async fn each_action_is_done_by_whom_it_is_for_and_by_nobody_else() {
    use common::ticket::{Action, Status};
    let (desk, card) = desk_with_ticket().await;
    let sam = desk.slack.person("U0SYS1");
    let template =
        sam.action_payload(Spot::Message(TICKETS, &card), &Field::Any("🖐 Assign to Me"), None).expect("a button");
    let mut click = 0;
    for status in Status::ALL {
        for action in Action::ALL {
            for (user, own) in [
                ("U0SYS2", false),
                ("U0AGENT1", false),
                ("U0AGENT2", false),
                ("U0AGENT1", true),
                ("U0AGENT2", true),
                ("U0SYS2", true),
            ] {
                if own && !matches!(action, Action::Close | Action::Reopen) {
                    continue;
                }
                let reset = "UPDATE tickets SET status = $1, assignee = NULL";
                sqlx::query(reset).bind(status.as_str()).execute(&desk.db).await.expect("reset");
                click += 1;
                let mut payload: Value = template.clone();
                let prefix = if own { "own" } else { "ticket" };
                payload["user"]["id"] = json!(user);
                payload["actions"][0]["action_id"] = json!(format!("{prefix}_{}", action.as_str()));
                payload["actions"][0]["action_ts"] = json!(format!("7.{click:06}"));
                payload["response_url"] = Value::Null;
                // Reassign asks for a modal first, which needs a trigger of the person's own.
                payload["trigger_id"] = json!(desk.slack.person(user).trigger().id);
                assert!(desk.slack.person(user).send_payload(&payload).await.is_ok());
                desk.drain().await;
                let may = if own { user == "U0AGENT1" } else { user == "U0SYS2" };
                let opens_modal = action == Action::Reassign;
                let after = match status.apply(action) {
                    Ok(next) if may && !opens_modal => next,
                    _ => status,
                };
                let now = desk.text("SELECT status FROM tickets").await;
                assert_eq!(now, after.as_str(), "{user} {prefix} {action:?} on {status:?}");
                let refused = format!(
                    "SELECT count(*) FROM refusals WHERE actor = '{user}' AND action = '{}' AND job_id = (SELECT job_id FROM inbox WHERE outcome = 'denied' ORDER BY settled_at DESC LIMIT 1)",
                    action.as_str()
                );
                if !may {
                    assert_eq!(desk.count(&refused).await, 1, "{user} {prefix} {action:?} is on record");
                }
                let person = desk.slack.person(user);
                if person.view().is_some_and(|view| view.callback_id == "ticket_reassign") {
                    assert!(may && status.apply(action).is_ok(), "{user} {action:?} on {status:?} opens no modal");
                    person.close_all().await.expect("closed");
                }
            }
        }
    }
    settle(&desk).await;
    desk.finish().await;
}

#[tokio::test]
async fn the_cards_comment_button_is_for_system_users_and_a_submitter_has_an_own_one() {
    let (desk, card) = desk_with_ticket().await;
    let ana = desk.slack.person("U0AGENT1");
    ana.close_all().await.expect("closed");
    press(&desk, &ana, &card, "💬 Comment").await;
    assert!(ana.view().is_none(), "no modal from the card");
    assert!(ana.ephemerals()[0].text.contains("SYSTEM_USERS"));
    details(&desk, &ana, "/agent-tickets").await;
    assert!(ana.press(Spot::View, "💬 Comment").await.expect("there").is_ok());
    desk.drain().await;
    let modal = ana.view().expect("a modal").all_text();
    assert!(!modal.contains("internal note"), "{modal}");
    ana.fill("Comment", "🔒 A submitter has no internal notes.").expect("there");
    assert!(ana.submit().await.expect("sent").is_ok());
    settle(&desk).await;
    assert_eq!(desk.count("SELECT count(*) FROM ticket_events WHERE action = 'comment' AND NOT internal").await, 1);
    // Somebody else forges that button.
    let mut forged = ana.last_payload().expect("sent");
    forged["user"]["id"] = json!("U0AGENT2");
    assert!(desk.slack.person("U0AGENT2").send_payload(&forged).await.is_ok());
    settle(&desk).await;
    assert_eq!(desk.count("SELECT count(*) FROM ticket_events WHERE action = 'comment'").await, 1);
    desk.finish().await;
}

#[tokio::test]
async fn whoever_loses_the_right_with_a_comment_modal_open_gets_the_text_back() {
    let (mut desk, card) = desk_with_ticket().await;
    let sam = desk.slack.person("U0SYS1");
    press(&desk, &sam, &card, "💬 Comment").await;
    sam.fill("Comment", "Half an hour of <work>.").expect("there");
    with_system_users(&mut desk, "U0SYS2").await;
    assert!(sam.submit().await.expect("sent").is_ok());
    settle(&desk).await;
    assert_eq!(history(&desk).await, "file");
    let told = direct(&desk, "U0SYS1");
    assert!(told.len() == 1 && told[0].contains("SYSTEM_USERS"), "{told:?}");
    assert!(told[0].contains("Half an hour of <work>."), "{told:?}");
    assert_eq!(desk.text("SELECT actor || action || reason FROM refusals").await, "U0SYS1commentdenied");
    desk.finish().await;
}

#[tokio::test]
async fn whoever_loses_the_right_with_a_reassign_modal_open_reads_it_there_or_by_direct_message() {
    let (mut desk, card) = desk_with_ticket().await;
    let (sam, sol) = (desk.slack.person("U0SYS1"), desk.slack.person("U0SYS3"));
    for person in [&sam, &sol] {
        press(&desk, person, &card, "🔁 Reassign").await;
        person.fill("New assignee", "U0SYS2").expect("offered");
        person.fill("Comment", "You know this.").expect("there");
    }
    with_system_users(&mut desk, "U0SYS2").await;
    assert!(sam.submit().await.expect("sent").is_ok());
    desk.drain().await;
    assert!(sam.view().expect("still open").all_text().contains("SYSTEM_USERS"));
    // The other one doesn't wait for the answer.
    assert!(sol.submit().await.expect("sent").is_ok());
    sol.close_all().await.expect("closed");
    crate::filing::carry_on(&desk).await;
    assert_eq!(history(&desk).await, "file");
    assert!(direct(&desk, "U0SYS1").is_empty(), "it was read in the modal");
    let told = direct(&desk, "U0SYS3");
    assert!(told.len() == 1 && told[0].contains("SYSTEM_USERS") && told[0].contains("You know this."), "{told:?}");
    desk.finish().await;
}

#[tokio::test]
async fn a_wrong_assignee_is_told_by_direct_message_where_the_modal_is_closed() {
    let (desk, card) = desk_with_ticket().await;
    let sam = desk.slack.person("U0SYS1");
    press(&desk, &sam, &card, "🔁 Reassign").await;
    sam.fill("New assignee", "U0SYS2").expect("offered");
    sam.fill("Comment", "Please look.").expect("there");
    let forged = json!({ "type": "static_select", "selected_option": { "text": { "type": "plain_text", "text": "x" }, "value": "U0AGENT2" } });
    sam.fill("New assignee", harness::actor::Entry::Raw(forged)).expect("forged");
    assert!(sam.submit_unchecked().await.expect("sent").is_ok());
    sam.close_all().await.expect("closed");
    crate::filing::carry_on(&desk).await;
    let told = direct(&desk, "U0SYS1");
    assert!(
        told.len() == 1 && told[0].contains("Only system users can take") && told[0].contains("Please look."),
        "{told:?}"
    );
    desk.finish().await;
}

#[tokio::test]
async fn details_that_stay_open_show_nothing_more_to_whoever_lost_the_right() {
    let (mut desk, _) = desk_with_ticket().await;
    let sam = desk.slack.person("U0SYS1");
    assert!(details(&desk, &sam, "/system-tickets").await.contains("The dialer drops calls."));
    with_system_users(&mut desk, "U0SYS2").await;
    for button in ["🖐 Assign to Me", "🔁 Reassign", "💬 Comment"] {
        let spot = Spot::View;
        let Ok(delivery) = sam.press(spot, button).await else { continue };
        assert!(delivery.is_ok());
        desk.drain().await;
        let shown = sam.view().expect("open").all_text();
        assert!(shown.contains("SYSTEM_USERS") && !shown.contains("The dialer drops calls."), "{button}: {shown}");
    }
    assert_eq!(history(&desk).await, "file");
    desk.finish().await;
}

#[tokio::test]
async fn a_refusal_in_the_details_is_shown_in_the_details_and_in_no_other_persons() {
    let (desk, card) = desk_with_ticket().await;
    let (sam, sue) = (desk.slack.person("U0SYS1"), desk.slack.person("U0SYS2"));
    details(&desk, &sam, "/system-tickets").await;
    details(&desk, &sue, "/system-tickets").await;
    let reassign = sam.action_payload(Spot::View, &Field::Any("🔁 Reassign"), None).expect("there");
    press(&desk, &sue, &card, "❌ Close").await;
    let before = sue.view().expect("open").all_text();
    assert!(sam.send_payload(&reassign).await.is_ok());
    desk.drain().await;
    let shown = sam.view().expect("open").all_text();
    assert!(shown.contains("⚠️") && shown.contains("was closed by <@U0SYS2>"), "{shown}");
    // A click that names somebody else's modal is not told there.
    let mut forged = reassign.clone();
    let view = sue.view().expect("open");
    forged["view"]["id"] = json!(view.id);
    forged["container"]["view_id"] = json!(view.id);
    forged["actions"][0]["action_id"] = json!("ticket_assign");
    forged["actions"][0]["action_ts"] = json!("8.000001");
    assert!(sam.send_payload(&forged).await.is_ok());
    desk.drain().await;
    assert!(!sue.view().expect("open").all_text().contains("⚠️"), "{before}");
    settle(&desk).await;
    desk.finish().await;
}

#[tokio::test]
async fn a_click_from_another_workspace_changes_nothing_and_is_kept() {
    let (desk, card) = desk_with_ticket().await;
    let sam = desk.slack.person("U0SYS1");
    let mut payload =
        sam.action_payload(Spot::Message(TICKETS, &card), &Field::Any("🟢 Resolve"), None).expect("a button");
    payload["team"]["id"] = json!("T0OTHER");
    payload["user"]["team_id"] = json!("T0OTHER");
    assert!(sam.send_payload(&payload).await.is_ok());
    settle(&desk).await;
    assert_eq!(history(&desk).await, "file");
    assert!(desk.text("SELECT reason FROM dead_letters").await.contains("another workspace"));
    desk.finish_with_dead_letters(1).await;
}

/// A text that PostgreSQL can't keep is cleaned, and whoever waits for a job that was given up is told (row W10).
#[tokio::test]
async fn a_nul_in_a_comment_costs_nothing_and_a_buried_dialog_says_so() {
    let (desk, card) = desk_with_ticket().await;
    let sam = desk.slack.person("U0SYS1");
    press(&desk, &sam, &card, "🔁 Reassign").await;
    sam.fill("New assignee", "U0SYS2").expect("offered");
    sam.fill("Comment", harness::actor::Entry::Raw(json!({ "type": "plain_text_input", "value": "a\u{0}b" })))
        .expect("raw");
    assert!(sam.submit_unchecked().await.expect("sent").is_ok());
    desk.drain().await;
    assert_eq!(desk.text("SELECT comment FROM ticket_events WHERE action = 'reassign'").await, "ab");
    // A history that can't be written: the job fails by its own fault, five times.
    sqlx::query("ALTER TABLE ticket_events ADD CONSTRAINT no_more CHECK (version < 3)")
        .execute(&desk.db)
        .await
        .expect("spoiled");
    sam.close_all().await.expect("closed");
    press(&desk, &sam, &card, "🔁 Reassign").await;
    sam.fill("New assignee", "U0SYS3").expect("offered");
    sam.fill("Comment", "In vain.").expect("there");
    assert!(sam.submit().await.expect("sent").is_ok());
    crate::load::eventually("it is given up", async || {
        desk.drain().await;
        desk.count("SELECT count(*) FROM dead_letters").await == 1
    })
    .await;
    desk.drain().await;
    assert!(sam.view().expect("still open").all_text().contains("because of a fault"), "{}", desk.slack.dump());
    // A comment's modal has closed: the text comes back.
    sam.close_all().await.expect("closed");
    press(&desk, &sam, &card, "💬 Comment").await;
    sam.fill("Comment", "Also in vain.").expect("there");
    assert!(sam.submit().await.expect("sent").is_ok());
    crate::load::eventually("it is given up too", async || {
        desk.drain().await;
        desk.count("SELECT count(*) FROM dead_letters").await == 2
    })
    .await;
    desk.drain().await;
    let told = direct(&desk, "U0SYS1");
    assert!(told.iter().any(|text| text.contains("because of a fault") && text.contains("Also in vain.")), "{told:?}");
    settle(&desk).await;
    desk.finish_with_dead_letters(2).await;
}
