//! What can go wrong between a list's modal and Slack: lost answers, slow ones, conflicts, late triggers, images.

use harness::actor::Spot;
use harness::desk::SOON;
use harness::slack::{Fault, On};

use crate::filing::{alerts, submit_with_image};
use crate::lists::{desk_with, open, press};

#[tokio::test]
async fn updates_say_what_they_replace_and_a_conflict_is_read_again_once() {
    let desk = desk_with(40).await;
    let sam = desk.slack.person("U0SYS1");
    open(&desk, &sam, "/system-tickets", "").await;
    let before = sam.view().expect("open").hash;
    assert!(press(&desk, &sam, "Next ▶").await.contains("11–20 of 40"));
    let updates = desk.slack.calls_of("views.update");
    assert_eq!((updates.len(), updates[0].args["hash"].as_str()), (1, Some(before.as_str())));
    // The answer to an update is lost: the next one can't know the hash, is refused, and is made again without it.
    desk.slack.fault(On::next("views.update"), Fault::ResetAfter);
    sam.press(Spot::View, "Next ▶").await.expect("pressed");
    desk.drain().await;
    desk.elapse(SOON).await;
    desk.drain().await;
    assert!(sam.view().expect("open").all_text().contains("21–30 of 40"), "{}", desk.slack.dump());
    // Somebody else changes the modal again and again: it is left alone, without alarm.
    let conflicts = desk.slack.fault(On::next("views.update").times(2), Fault::Error("hash_conflict".to_owned()));
    sam.press(Spot::View, "Next ▶").await.expect("pressed");
    desk.drain().await;
    assert_eq!(conflicts.hits(), 2, "read again once");
    assert!(sam.view().expect("open").all_text().contains("21–30 of 40"));
    assert_eq!(alerts(&desk).len(), 0);
    assert!(press(&desk, &sam, "◀ Previous").await.contains("11–20 of 40"), "it works on");
    desk.finish().await;
}

#[tokio::test]
async fn a_list_works_though_the_answer_to_its_opening_was_lost() {
    for fault in [Fault::ResetAfter, Fault::HalfAnswer, Fault::StatusAfter(502)] {
        let desk = desk_with(12).await;
        let sam = desk.slack.person("U0SYS1");
        desk.slack.fault(On::next("views.open"), fault.clone());
        open(&desk, &sam, "/system-tickets", "").await;
        desk.slack.fault(On::next("views.push"), fault.clone());
        let details = press(&desk, &sam, "View").await;
        assert!(details.contains("History"), "{fault:?}: {details}");
        assert!(press(&desk, &sam, "🖐 Assign to Me").await.contains("took *T012*"), "{fault:?}");
        sam.close().await.expect("closed");
        assert!(press(&desk, &sam, "Next ▶").await.contains("11–12 of 12"), "{fault:?}");
        desk.elapse(SOON).await;
        desk.drain().await;
        desk.finish().await;
    }
}

#[tokio::test]
async fn a_click_before_slack_has_answered_the_opening_is_not_lost() {
    let mut desk = desk_with(12).await;
    let sam = desk.slack.person("U0SYS1");
    let opening = desk.slack.fault(On::next("views.open"), Fault::HoldAfter);
    desk.run();
    assert!(sam.command("/system-tickets", "").await.is_ok());
    opening.reached(1, SOON).await;
    assert!(sam.press(Spot::View, "Next ▶").await.expect("it is on the screen").is_ok());
    sam.wait_for_view(SOON, |view| view.all_text().contains("11–12 of 12")).await;
    opening.release();
    assert!(sam.press(Spot::View, "◀ Previous").await.expect("there").is_ok());
    sam.wait_for_view(SOON, |view| view.all_text().contains("1–10 of 12")).await;
    desk.finish().await;
}

#[tokio::test]
async fn details_open_though_slack_can_not_show_the_images() {
    let desk = desk_with(0).await;
    desk.slack.files_never_ready(true);
    let ana = desk.slack.person("U0AGENT1");
    submit_with_image(&desk, &ana, "Look at this.").await;
    desk.drain().await;
    let alerts_before = alerts(&desk).len();
    for (person, command) in [("U0AGENT1", "/agent-tickets"), ("U0SYS1", "/system-tickets")] {
        let person = desk.slack.person(person);
        let view = open(&desk, &person, command, "T001").await;
        let text = view.all_text();
        assert!(text.contains("Look at this.") && text.contains("📎"), "{command}: {text}");
        assert!(view.blocks.iter().all(|block| block["type"] != "image"));
    }
    // A file that its owner took back is not even tried.
    sqlx::query("UPDATE ticket_images SET shared_file_id = NULL, refused = 'file_not_found'")
        .execute(&desk.db)
        .await
        .expect("updated");
    desk.slack.forget_calls();
    let text = open(&desk, &ana, "/agent-tickets", "T001").await.all_text();
    assert!(text.contains("not shared") && desk.slack.count("views.open") == 1, "{text}");
    assert_eq!(alerts(&desk).len(), alerts_before, "nothing is wrong for an operator");
    desk.elapse(SOON).await;
    desk.drain().await;
    desk.slack.files_never_ready(false);
    desk.elapse(std::time::Duration::from_secs(3600)).await;
    desk.drain().await;
}

#[tokio::test]
async fn a_trigger_that_fails_inside_a_modal_is_told_in_the_modal() {
    let desk = desk_with(2).await;
    let sam = desk.slack.person("U0SYS1");
    open(&desk, &sam, "/system-tickets", "").await;
    for button in ["View", "🔎 Search", "🎫 New ticket"] {
        desk.slack.fault(On::next("views.push"), Fault::Error("expired_trigger_id".to_owned()));
        let text = press(&desk, &sam, button).await;
        assert!(text.contains("⚠️ That took too long"), "{button}: {text}");
    }
    let details = press(&desk, &sam, "View").await;
    assert!(details.contains("History"), "{details}");
    for button in ["🔁 Reassign", "💬 Comment"] {
        desk.slack.fault(On::next("views.push"), Fault::Error("expired_trigger_id".to_owned()));
        let text = press(&desk, &sam, button).await;
        assert!(text.contains("⚠️ That took too long"), "{button}: {text}");
    }
    // What can't be reassigned any more is said there too.
    sqlx::query("UPDATE tickets SET status = 'closed', version = version + 1")
        .execute(&desk.db)
        .await
        .expect("updated");
    let text = press(&desk, &sam, "🔁 Reassign").await;
    assert!(text.contains("⚠️") && text.contains("🔒 Closed"), "{text}");
    // Whoever closes the list while its ticket opens needs no answer, and no operator either.
    desk.slack.fault(On::next("views.push"), Fault::Error("not_found".to_owned()));
    sam.close().await.expect("closed");
    press(&desk, &sam, "View").await;
    assert_eq!(alerts(&desk).len(), 0);
    desk.finish().await;
}

#[tokio::test]
async fn who_is_no_system_user_any_more_sees_nothing_more_in_an_open_list() {
    let desk = desk_with(2).await;
    let sam = desk.slack.person("U0SYS1");
    open(&desk, &sam, "/system-tickets", "").await;
    // As if SYSTEM_USERS had lost them: the modal is somebody's who is none.
    let ana = desk.slack.person("U0AGENT1");
    sqlx::query("UPDATE open_views SET user_id = 'U0AGENT1'").execute(&desk.db).await.expect("updated");
    let mut payload = sam.action_payload(Spot::View, &"🎫 New ticket".into(), None).expect("there");
    payload["user"]["id"] = "U0AGENT1".into();
    payload["actions"][0]["action_id"] = "list_next".into();
    assert!(ana.send_payload(&payload).await.is_ok());
    desk.drain().await;
    let text = sam.view().expect("open").all_text();
    assert!(text.contains("SYSTEM_USERS") && !text.contains("T001"), "{text}");
    desk.finish().await;
}

#[tokio::test]
async fn who_waits_for_a_job_that_is_given_up_is_told() {
    let desk = desk_with(1).await;
    let (ana, sam) = (desk.slack.person("U0AGENT1"), desk.slack.person("U0SYS1"));
    // What an older version would find of a newer one.
    sqlx::query("INSERT INTO list_filters (user_id, list, filter) VALUES ('U0AGENT1', 'own', '{\"statuses\": 7}')")
        .execute(&desk.db)
        .await
        .expect("inserted");
    sqlx::query("UPDATE ticket_events SET action = 'of a newer version'").execute(&desk.db).await.expect("updated");
    open(&desk, &sam, "/system-tickets", "").await;
    assert!(sam.press(Spot::View, "View").await.expect("there").is_ok());
    assert!(ana.command("/agent-tickets", "").await.is_ok());
    let started = std::time::Instant::now();
    while desk.count("SELECT count(*) FROM dead_letters").await < 2 && started.elapsed() < SOON {
        desk.drain().await;
        tokio::task::yield_now().await;
    }
    desk.drain().await;
    let told = ana.ephemerals();
    assert!(told.len() == 1 && told[0].text.contains("That did not work"), "{told:?}");
    let text = sam.view().expect("open").all_text();
    assert!(text.contains("That did not work") && text.contains("T001"), "{text}");
    desk.elapse(SOON).await;
    desk.drain().await;
    desk.finish_with_dead_letters(2).await;
}
