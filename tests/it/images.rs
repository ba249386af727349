//! Images on the road of a ticket: whatever is wrong with one, it is linked instead of shown, and the ticket is filed.

use std::time::Duration;

use harness::actor::{Person, Upload};
use harness::desk::{Desk, TICKETS};
use harness::slack::files::TINY_PNG;
use harness::slack::{Fault, On};
use serde_json::{Value, json};

use crate::filing::{alerts, assert_filed_once, cards, carry_on, notices, submit_with_image, told};
use crate::gateway::interact;
use crate::load::{accepted, submission_of};
use crate::road::{fill_form, open_form};

fn images(blocks: &[Value]) -> usize {
    blocks.iter().filter(|block| block["type"] == "image").count()
}

/// How many replies stand in the card's thread.
fn shared(desk: &Desk) -> usize {
    let card = &cards(desk, "T001")[0];
    desk.slack.read(|world| world.replies_to(TICKETS, &card.ts).len())
}

async fn refused(desk: &Desk) -> String {
    desk.text("SELECT refused FROM ticket_images WHERE ticket = 1 AND position = 0").await
}

/// The ticket is shown everywhere, its one image is linked and not shared.
async fn assert_linked(desk: &Desk, person: &Person) {
    let shown = (cards(desk, "T001").len(), notices(desk, "T001").len(), told(person, "T001").len());
    assert_eq!(shown, (1, 1, 1), "{}", desk.slack.dump());
    let card = cards(desk, "T001").remove(0);
    assert_eq!((images(&card.blocks), shared(desk)), (0, 0), "{}", desk.slack.dump());
    assert!(card.all_text().contains("📎"), "{}", card.all_text());
    assert!(card.all_text().contains("not shared"), "the card says so: {}", card.all_text());
    assert_eq!(person.view().unwrap().title["text"], "Ticket filed");
    assert_eq!(desk.count("SELECT count(*) FROM outbox WHERE state = 'parked'").await, 0);
}

#[tokio::test]
async fn a_file_still_processed_is_linked_first_and_shown_as_soon_as_slack_accepts_it() {
    let desk = Desk::start().await;
    desk.slack.file_processing(Duration::from_secs(4));
    let ana = desk.slack.person("U0AGENT1");
    submit_with_image(&desk, &ana, "Fresh from the camera.").await;
    desk.drain().await;
    let (card, view) = (cards(&desk, "T001").remove(0), ana.view().unwrap());
    assert_eq!((images(&card.blocks), images(&view.blocks)), (0, 0), "not refused, but sent without it");
    assert!(card.all_text().contains("📎") && view.all_text().contains("📎"), "{}", card.all_text());
    assert_eq!(view.title["text"], "Ticket filed");
    assert_eq!(told(&ana, "T001").len(), 1);
    desk.elapse(Duration::from_secs(5)).await;
    carry_on(&desk).await;
    assert_filed_once(&desk, &ana, 1).await;
    assert_eq!(images(&ana.view().unwrap().blocks), 1, "{}", desk.slack.dump());
    assert_eq!(alerts(&desk).len(), 0, "{}", desk.slack.dump());
    desk.finish().await;
}

#[tokio::test]
async fn a_file_that_is_never_ready_stays_a_link() {
    let desk = Desk::start().await;
    desk.slack.files_never_ready(true);
    let ana = desk.slack.person("U0AGENT1");
    submit_with_image(&desk, &ana, "Never.").await;
    carry_on(&desk).await;
    let card = cards(&desk, "T001").remove(0);
    assert_eq!((images(&card.blocks), shared(&desk)), (0, 1), "everybody can open it in the thread");
    assert!(card.all_text().contains("📎"));
    let calls = desk.slack.count("chat.update") + desk.slack.count("views.update");
    assert!(calls < 40, "{calls} calls for a file that is never ready");
    assert_eq!(alerts(&desk).len(), 0, "{}", desk.slack.dump());
    desk.finish().await;
}

#[tokio::test]
async fn a_file_that_vanished_is_linked() {
    for deleted in [true, false] {
        let desk = Desk::start().await;
        let ana = desk.slack.person("U0AGENT1");
        submit_with_image(&desk, &ana, "Gone.").await;
        desk.slack.change(|world| {
            let id = world.files.keys().next().unwrap().clone();
            if deleted { world.delete_file(&id) } else { drop(world.files.remove(&id)) }
        });
        carry_on(&desk).await;
        assert_linked(&desk, &ana).await;
        assert_eq!(refused(&desk).await, if deleted { "file_deleted" } else { "file_not_found" });
        assert_eq!(desk.slack.count("download"), 0);
        desk.finish().await;
    }
}

#[tokio::test]
async fn a_file_that_the_bot_may_not_see_is_linked_and_delays_no_other() {
    let desk = Desk::start().await;
    let (ana, ben) = (desk.slack.person("U0AGENT1"), desk.slack.person("U0AGENT2"));
    submit_with_image(&desk, &ana, "Not for you.").await;
    desk.slack.fault(On::next("files.info"), Fault::Error("access_denied".to_owned()));
    desk.drain().await;
    assert_linked(&desk, &ana).await;
    assert_eq!(refused(&desk).await, "access_denied");
    submit_with_image(&desk, &ben, "For everybody.").await;
    desk.drain().await;
    let shown = images(&cards(&desk, "T002")[0].blocks);
    assert_eq!(shown, 1, "nothing is paused for one file\n{}", desk.slack.dump());
    assert_eq!(alerts(&desk).len(), 0, "no scope is missing\n{}", desk.slack.dump());
    desk.finish().await;
}

#[tokio::test]
async fn a_file_whose_type_slack_did_not_say_is_shown() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    open_form(&desk, &ana).await;
    fill_form(&ana, "What is it?");
    ana.fill("Screenshots", vec![Upload::new("error.png", TINY_PNG)]).unwrap();
    let mut payload = submission_of(&desk);
    let files = payload.pointer_mut("/view/state/values/screenshots/screenshots/files").unwrap();
    let file = files[0].as_object_mut().unwrap();
    file.retain(|name, _| name == "id" || name == "name");
    assert!(accepted(&interact(&desk, &payload).await));
    carry_on(&desk).await;
    assert_eq!(images(&cards(&desk, "T001")[0].blocks), 1, "{}", desk.slack.dump());
    desk.finish().await;
}

/// What files.info answers about a file, with one thing changed.
async fn with_file_info(change: fn(&mut Value)) -> (Desk, Person) {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    submit_with_image(&desk, &ana, "What is it really?").await;
    let mut file = desk.slack.read(|world| world.file_json(world.files.values().next().unwrap()));
    change(&mut file);
    desk.slack.fault(On::every("files.info"), Fault::Answer(json!({ "ok": true, "file": file })));
    carry_on(&desk).await;
    (desk, ana)
}

#[tokio::test]
async fn a_file_that_turns_out_to_be_no_image_is_linked() {
    let (desk, ana) = with_file_info(|file| file["mimetype"] = json!("text/html")).await;
    assert_linked(&desk, &ana).await;
    assert_eq!((desk.slack.count("download"), desk.slack.count("files.getUploadURLExternal")), (0, 0));
    desk.finish().await;
}

#[tokio::test]
async fn a_file_that_is_too_large_or_empty_is_linked() {
    for change in
        [(|file: &mut Value| file["size"] = json!(20 * 1024 * 1024 + 1)) as fn(&mut Value), |file: &mut Value| {
            file["size"] = json!(0)
        }]
    {
        let (desk, ana) = with_file_info(change).await;
        assert_linked(&desk, &ana).await;
        assert_eq!(desk.slack.count("download"), 0);
        desk.finish().await;
    }
}

#[tokio::test]
async fn a_file_without_a_usable_address_is_linked() {
    for address in [json!(""), json!("no address"), json!(null)] {
        let desk = Desk::start().await;
        let ana = desk.slack.person("U0AGENT1");
        submit_with_image(&desk, &ana, "Where?").await;
        let mut file = desk.slack.read(|world| world.file_json(world.files.values().next().unwrap()));
        file["url_private"] = address.clone();
        file["url_private_download"] = address;
        desk.slack.fault(On::every("files.info"), Fault::Answer(json!({ "ok": true, "file": file })));
        carry_on(&desk).await;
        assert_linked(&desk, &ana).await;
        desk.finish().await;
    }
}

#[tokio::test]
async fn an_address_that_leads_elsewhere_is_never_called() {
    let elsewhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let foreign = format!("http://{}/files-pri/download/error.png", elsewhere.local_addr().unwrap());
    let called = tokio::spawn(async move { elsewhere.accept().await.is_ok() });
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    submit_with_image(&desk, &ana, "Follow me.").await;
    let mut file = desk.slack.read(|world| world.file_json(world.files.values().next().unwrap()));
    file["url_private"] = json!(foreign);
    file["url_private_download"] = json!(foreign);
    desk.slack.fault(On::every("files.info"), Fault::Answer(json!({ "ok": true, "file": file })));
    carry_on(&desk).await;
    assert_linked(&desk, &ana).await;
    assert_eq!(refused(&desk).await, "the address does not lead to Slack");
    assert!(!called.is_finished(), "neither a request nor the token reached the other host");
    called.abort();
    desk.finish().await;
}

#[tokio::test]
async fn an_upload_address_that_leads_elsewhere_is_never_called() {
    let elsewhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let foreign = format!("http://{}/upload/v1/x", elsewhere.local_addr().unwrap());
    let called = tokio::spawn(async move { elsewhere.accept().await.is_ok() });
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    let answer = json!({ "ok": true, "upload_url": foreign, "file_id": "F0ELSEWHERE" });
    desk.slack.fault(On::every("files.getUploadURLExternal"), Fault::Answer(answer));
    submit_with_image(&desk, &ana, "Send it there.").await;
    carry_on(&desk).await;
    assert_linked(&desk, &ana).await;
    assert!(!called.is_finished());
    assert_eq!(desk.slack.count("download"), 0, "it isn't even fetched");
    called.abort();
    desk.finish().await;
}

#[tokio::test]
async fn a_log_in_page_instead_of_the_file_is_not_shared() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    desk.slack.fault(On::every("download"), Fault::Status(200));
    submit_with_image(&desk, &ana, "Please log in.").await;
    carry_on(&desk).await;
    assert_linked(&desk, &ana).await;
    assert!(refused(&desk).await.contains("files:read"), "{}", refused(&desk).await);
    assert_eq!(desk.slack.count("upload"), 0);
    desk.finish().await;
}

#[tokio::test]
async fn a_refused_upload_is_tried_a_few_times_and_then_linked() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    let refusing = desk.slack.fault(On::every("upload"), Fault::Status(400));
    submit_with_image(&desk, &ana, "Not today.").await;
    carry_on(&desk).await;
    assert_linked(&desk, &ana).await;
    assert!((2..=10).contains(&refusing.hits()), "{} tries", refusing.hits());
    assert_eq!(desk.slack.count("files.completeUploadExternal"), 0);
    desk.finish().await;
}

#[tokio::test]
async fn a_workspace_without_room_for_files_costs_the_image_and_raises_one_alert() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    desk.slack.fault(On::every("files.getUploadURLExternal"), Fault::Error("storage_limit_reached".to_owned()));
    submit_with_image(&desk, &ana, "Full.").await;
    carry_on(&desk).await;
    assert_linked(&desk, &ana).await;
    let alerts = alerts(&desk);
    assert!(alerts.len() == 1 && alerts[0].text.contains("storage_limit_reached"), "{}", desk.slack.dump());
    desk.finish().await;
}

#[tokio::test]
async fn images_whose_sharing_had_no_answer_are_not_shared_twice() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    let lost = desk.slack.fault(On::next("files.completeUploadExternal"), Fault::ResetAfter);
    // Where a file stands shows some time after it was shared.
    let unshared = json!({ "ok": true, "file": { "id": "F", "name": "x.png", "mimetype": "image/png", "size": 67 } });
    submit_with_image(&desk, &ana, "Twice?").await;
    let lagging = desk.slack.fault(On::next("files.info").after(1), Fault::Answer(unshared));
    carry_on(&desk).await;
    assert_eq!((lost.hits(), lagging.hits()), (1, 1), "{}", desk.slack.dump());
    assert_filed_once(&desk, &ana, 1).await;
    assert_eq!(desk.slack.count("upload"), 1, "nor uploaded twice");
    desk.finish().await;
}

#[tokio::test]
async fn images_follow_a_card_that_was_deleted_before_they_were_shared() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    let later = desk.slack.fault(On::every("files.info"), Fault::RateLimited(Some("60".to_owned())));
    submit_with_image(&desk, &ana, "Tidy.").await;
    desk.drain().await;
    let first = cards(&desk, "T001").remove(0).ts;
    desk.slack.change(|world| world.delete_message(TICKETS, &first));
    later.remove();
    carry_on(&desk).await;
    assert_filed_once(&desk, &ana, 1).await;
    assert_ne!(cards(&desk, "T001")[0].ts, first);
    desk.finish().await;
}

#[tokio::test]
async fn pictures_that_slack_cannot_show_are_linked_and_shared_all_the_same() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    open_form(&desk, &ana).await;
    fill_form(&ana, "From a phone.");
    let webp = b"RIFF\x10\0\0\0WEBPVP8 ".to_vec();
    let files = vec![
        Upload::new("shot.webp", webp),
        Upload::new("photo.heic", *b"heic bytes"),
        Upload::new("shown.png", TINY_PNG),
    ];
    ana.fill("Screenshots", files).unwrap();
    assert!(ana.submit().await.unwrap().is_ok());
    carry_on(&desk).await;
    let card = cards(&desk, "T001").remove(0);
    assert_eq!(images(&card.blocks), 1, "only the png is shown: {}", desk.slack.dump());
    assert!(card.all_text().contains("shot.webp") && card.all_text().contains("photo.heic"), "{}", card.all_text());
    let files = desk.slack.read(|world| world.replies_to(TICKETS, &card.ts)[0].files.len());
    assert_eq!(files, 3);
    assert_eq!(images(&ana.view().unwrap().blocks), 1);
    desk.finish().await;
}

#[tokio::test]
async fn one_bad_image_does_not_cost_the_good_ones() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    open_form(&desk, &ana).await;
    fill_form(&ana, "Two of three.");
    let files = ["a.png", "b.png", "c.png"].map(|name| Upload::new(name, TINY_PNG)).to_vec();
    ana.fill("Screenshots", files).unwrap();
    assert!(ana.submit().await.unwrap().is_ok());
    desk.slack.change(|world| {
        let second = world.files.values().find(|file| file.name == "b.png").unwrap().id.clone();
        world.delete_file(&second);
    });
    carry_on(&desk).await;
    let card = cards(&desk, "T001").remove(0);
    assert_eq!(images(&card.blocks), 2, "{}", desk.slack.dump());
    assert!(card.all_text().contains("b.png") && card.all_text().contains("not shared"), "{}", card.all_text());
    desk.finish().await;
}
