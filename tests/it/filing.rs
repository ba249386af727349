//! Filing tickets while something is broken, and what must hold once it is mended.

use std::time::Duration;

use harness::actor::{Person, Upload};
use harness::desk::{ADMIN, Desk, TICKETS};
use harness::slack::files::TINY_PNG;
use harness::slack::messages::Message;
use worker::config::Waits;

use crate::road::{fill_form, open_form};

/// Waits of a desk whose calls time out soon.
pub(crate) fn impatient() -> Waits {
    Waits {
        slack_call: Duration::from_millis(400),
        slack_view: Duration::from_millis(400),
        file_copy: Duration::from_millis(400),
        ..harness::desk::test_waits()
    }
}

/// Files a ticket with an image, and lets nothing follow yet but the acknowledgement.
pub(crate) async fn submit_with_image(desk: &Desk, person: &Person, details: &str) {
    open_form(desk, person).await;
    fill_form(person, details);
    person.fill("Screenshots", vec![Upload::new("error.png", TINY_PNG)]).unwrap();
    assert!(person.submit().await.unwrap().is_ok());
}

/// Files a ticket without an image, and lets nothing follow yet but the acknowledgement.
pub(crate) async fn submit(desk: &Desk, person: &Person, details: &str) {
    open_form(desk, person).await;
    fill_form(person, details);
    assert!(person.submit().await.unwrap().is_ok());
}

/// How much is left to be done in Slack, now or later.
pub(crate) async fn open_deliveries(desk: &Desk) -> i64 {
    desk.count("SELECT count(*) FROM outbox WHERE state IN ('waiting', 'pending', 'sending')").await
}

/// Lets time pass in steps of five seconds until nothing is left to be done.
pub(crate) async fn carry_on(desk: &Desk) {
    carry_on_by(desk, Duration::from_secs(5)).await;
}

/// Lets time pass in such steps until nothing is left to be done.
pub(crate) async fn carry_on_by(desk: &Desk, step: Duration) {
    for _ in 0..50 {
        desk.drain().await;
        if open_deliveries(desk).await == 0 {
            return;
        }
        desk.elapse(step).await;
    }
    panic!("deliveries are left after {:?}: {}\n{}", step * 50, open_rows(desk).await, desk.slack.dump());
}

/// Waits, while the workers run by themselves, until nothing is left to be done.
pub(crate) async fn wait_until_done(desk: &Desk, timeout: Duration) {
    let begun = std::time::Instant::now();
    // The streams first: what leaves them is in the outbox by then.
    while desk.queued().await > 0 || open_deliveries(desk).await > 0 {
        assert!(begun.elapsed() < timeout, "left over: {}\n{}", open_rows(desk).await, desk.slack.dump());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn open_rows(desk: &Desk) -> String {
    desk.text(
        "SELECT string_agg(target || ' ' || state || ' ' || coalesce(reason, ''), '; ')
         FROM outbox WHERE state IN ('waiting', 'pending', 'sending')",
    )
    .await
}

fn top_level(desk: &Desk, channel: &str) -> Vec<Message> {
    let all = |message: &&Message| !message.is_reply();
    desk.slack.read(|world| world.messages_in(channel).into_iter().filter(all).cloned().collect())
}

/// The cards of a ticket that stand in the ticket channel.
pub(crate) fn cards(desk: &Desk, ticket: &str) -> Vec<Message> {
    top_level(desk, TICKETS).into_iter().filter(|message| message.all_text().contains(ticket)).collect()
}

/// The notices about a ticket that stand in the administrators' channel.
pub(crate) fn notices(desk: &Desk, ticket: &str) -> Vec<Message> {
    let about = |message: &Message| message.text.starts_with("New ticket") && message.text.contains(ticket);
    top_level(desk, ADMIN).into_iter().filter(about).collect()
}

/// The operator's alerts that stand in the administrators' channel.
pub(crate) fn alerts(desk: &Desk) -> Vec<Message> {
    top_level(desk, ADMIN).into_iter().filter(|message| message.text.starts_with('⚠')).collect()
}

/// The direct messages to a person about a filed ticket.
pub(crate) fn told(person: &Person, ticket: &str) -> Vec<Message> {
    person.direct_messages().into_iter().filter(|message| message.all_text().contains(ticket)).collect()
}

/// Whether the notice about a ticket links to its card.
pub(crate) fn is_linked(notice: &Message) -> bool {
    notice.all_text().contains("/archives/C0TICKETS/")
}

/// One ticket with one card, one linked notice, one direct message, the confirmation shown, nothing given up, and the
/// image shared once where there is one.
pub(crate) async fn assert_filed_once(desk: &Desk, person: &Person, images: usize) {
    let dump = || desk.slack.dump();
    assert_eq!(desk.count("SELECT count(*) FROM tickets").await, 1, "tickets");
    let (cards, notices, told) = (cards(desk, "T001"), notices(desk, "T001"), told(person, "T001"));
    assert_eq!((cards.len(), notices.len(), told.len()), (1, 1, 1), "cards, notices, direct messages\n{}", dump());
    assert!(is_linked(&notices[0]), "the notice links to the card\n{}", dump());
    assert_eq!(desk.text("SELECT ts FROM slack_messages WHERE target = 'card:1'").await, cards[0].ts);
    assert_eq!(person.view().map(|view| view.title["text"].clone()), Some("Ticket filed".into()), "{}", dump());
    let shared = desk.slack.read(|world| {
        world.replies_to(TICKETS, &cards[0].ts).iter().map(|reply| reply.files.len()).collect::<Vec<_>>()
    });
    assert_eq!(shared, vec![1; images], "images in the thread\n{}", dump());
    let previews = cards[0].blocks.iter().filter(|block| block["type"] == "image").count();
    assert_eq!(previews, images, "previews on the card\n{}", dump());
    assert_eq!(desk.count("SELECT count(*) FROM outbox WHERE state = 'parked'").await, 0, "parked");
}
