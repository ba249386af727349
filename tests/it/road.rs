//! The road of one ticket: command, modal, submission, ticket, card, notice, direct message, confirmation.

use harness::actor::{Person, Upload};
use harness::desk::{ADMIN, Desk, SOON, TICKETS};
use harness::slack::files::TINY_PNG;
use harness::slack::model::View;

/// Opens the form as this person.
pub(crate) async fn open_form(desk: &Desk, person: &Person) -> View {
    assert!(person.command("/new-ticket", "").await.is_ok());
    desk.drain().await;
    person
        .view()
        .unwrap_or_else(|| panic!("the form did not open\n{}\n{:?}", desk.slack.dump(), desk.slack.violations()))
}

/// Fills the form with something usual: no high priority, so that the pinned list stays out of it.
pub(crate) fn fill_form(person: &Person, details: &str) {
    person.fill("Campaign", "Camp Lejeune").unwrap();
    person.fill("Issue type", "Vonage dialer").unwrap();
    person.fill("Priority", "🟡 Medium").unwrap();
    person.fill("Details", details).unwrap();
}

/// Files a ticket as this person, and lets the desk do all that follows.
pub(crate) async fn file_ticket(desk: &Desk, person: &Person, details: &str) {
    open_form(desk, person).await;
    fill_form(person, details);
    assert!(person.submit().await.unwrap().is_ok());
    desk.drain().await;
}

#[tokio::test]
async fn a_ticket_is_filed_and_shown_everywhere() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    let form = open_form(&desk, &ana).await;
    assert_eq!(form.title["text"], "New ticket");
    fill_form(&ana, "The dialer drops every second call.");
    assert!(ana.submit().await.unwrap().is_ok());
    assert!(ana.view().unwrap().all_text().contains("Submitting"), "at once");
    desk.drain().await;

    let confirmation = ana.view().expect("the modal stays open").all_text();
    for fact in ["T001", "Camp Lejeune", "Vonage dialer", "🟡 Medium", "Open", "date_long"] {
        assert!(confirmation.contains(fact), "{fact} in {confirmation}");
    }
    let cards = desk.slack.read(|world| world.messages_in(TICKETS).into_iter().cloned().collect::<Vec<_>>());
    assert_eq!(cards.len(), 1);
    let card = cards[0].all_text();
    for fact in
        ["T001", "Camp Lejeune", "The dialer drops every second call.", "<@U0AGENT1>", "Nobody yet", "Assign to Me"]
    {
        assert!(card.contains(fact), "{fact} in {card}");
    }
    let notices = desk.slack.read(|world| world.messages_in(ADMIN).into_iter().cloned().collect::<Vec<_>>());
    assert_eq!(notices.len(), 1);
    let permalink = desk.text("SELECT permalink FROM slack_messages WHERE target = 'card:1'").await;
    assert!(!permalink.is_empty() && notices[0].all_text().contains(&permalink));
    let direct = ana.direct_messages();
    assert_eq!(direct.len(), 1);
    assert!(direct[0].all_text().contains("T001") && direct[0].all_text().contains("Vonage dialer"));
    assert_eq!(
        desk.count("SELECT count(*) FROM ticket_events WHERE ticket = 1 AND version = 1 AND action = 'file'").await,
        1
    );
    desk.finish().await;
}

#[tokio::test]
async fn images_are_shared_in_the_cards_thread_and_previewed() {
    let desk = Desk::start().await;
    let ana = desk.slack.person("U0AGENT1");
    open_form(&desk, &ana).await;
    fill_form(&ana, "See the picture.");
    ana.fill("Screenshots", vec![Upload::new("error.png", TINY_PNG), Upload::new("two.png", TINY_PNG)]).unwrap();
    assert!(ana.submit().await.unwrap().is_ok());
    desk.drain().await;
    let card_ts = desk.text("SELECT ts FROM slack_messages WHERE target = 'card:1'").await;
    let shared = desk
        .slack
        .read(|world| world.replies_to(TICKETS, &card_ts).iter().map(|reply| reply.files.len()).collect::<Vec<_>>());
    assert_eq!(shared, [2], "one message in the thread holds both");
    assert_eq!(desk.count("SELECT count(*) FROM ticket_images WHERE shared_file_id IS NOT NULL").await, 2);
    let images = |blocks: &[serde_json::Value]| blocks.iter().filter(|block| block["type"] == "image").count();
    let card = desk.slack.read(|world| world.message(TICKETS, &card_ts).cloned()).unwrap();
    assert_eq!(images(&card.blocks), 2);
    assert_eq!(images(&ana.view().unwrap().blocks), 2);
    desk.finish().await;
}

#[tokio::test]
async fn a_confirmation_overtaking_the_ack_is_not_lost() {
    let mut desk = Desk::start().await;
    desk.slack.ack_delay(std::time::Duration::from_millis(60));
    desk.run();
    let ana = desk.slack.person("U0AGENT1");
    assert!(ana.command("/new-ticket", "").await.is_ok());
    ana.wait_for_view(SOON, |view| view.title["text"] == "New ticket").await;
    fill_form(&ana, "Quick.");
    assert!(ana.submit().await.unwrap().is_ok());
    ana.wait_for_view(SOON, |view| view.title["text"] == "Ticket filed").await;
    ana.direct_messages();
    desk.slack.wait_for(SOON, |world| (world.messages_in(ADMIN).len() == 1).then_some(())).await;
    desk.slack.wait_for(SOON, |world| (world.direct_messages("U0AGENT1").len() == 1).then_some(())).await;
    desk.finish().await;
}
