//! The conversation about a ticket: the card's thread, the submitter's direct messages, comments in modals.

use std::time::Duration;

use harness::actor::Person;
use harness::desk::{Desk, TICKETS};

use crate::working::{desk_with_ticket, press};

/// Lets everything follow, the news of a change included.
pub(crate) async fn settle(desk: &Desk) {
    desk.drain().await;
    desk.elapse(Duration::from_secs(3)).await;
    desk.drain().await;
}

async fn reply(desk: &Desk, person: &Person, root: &str, text: &str) -> String {
    let (ts, delivery) = person.reply(TICKETS, root, text).await;
    assert!(delivery.expect("the event was sent").is_ok());
    settle(desk).await;
    ts
}

fn thread(desk: &Desk, card: &str) -> Vec<String> {
    desk.slack.read(|world| world.replies_to(TICKETS, card).iter().map(|message| message.all_text()).collect())
}

fn direct(desk: &Desk, user: &str) -> Vec<String> {
    desk.slack.person(user).direct_messages().iter().map(|message| message.all_text()).collect()
}

async fn desk_with_events() -> (Desk, String) {
    let (desk, card) = desk_with_ticket().await;
    desk.slack.deliver_events(true);
    (desk, card)
}

#[tokio::test]
async fn a_reply_in_the_cards_thread_reaches_the_submitter() {
    let (desk, card) = desk_with_events().await;
    let sam = desk.slack.person("U0SYS1");
    reply(&desk, &sam, &card, "Please restart it, <@U0AGENT1>.").await;
    let told = direct(&desk, "U0AGENT1");
    assert_eq!(told.len(), 2);
    assert!(told[1].contains("<@U0SYS1> commented") && told[1].contains("Please restart it, @Ana Agent."), "{told:?}");
    let shown = desk.slack.read(|world| world.message(TICKETS, &card).map(|card| card.all_text())).expect("the card");
    assert!(shown.contains("Please restart it"), "{shown}");
    assert_eq!(thread(&desk, &card).len(), 1, "it is not repeated where it was written");
    desk.finish().await;
}

#[tokio::test]
async fn the_submitters_direct_reply_shows_up_in_the_cards_thread() {
    let (desk, card) = desk_with_events().await;
    let ana = desk.slack.person("U0AGENT1");
    let root = ana.direct_messages()[0].clone();
    let (_, delivery) = ana.reply(&root.channel, &root.ts, "It works now <!channel>, thanks!").await;
    assert!(delivery.expect("the event was sent").is_ok());
    settle(&desk).await;
    let replies = thread(&desk, &card);
    assert_eq!(replies.len(), 1);
    assert!(
        replies[0].contains("<@U0AGENT1> wrote") && replies[0].contains("It works now @channel, thanks!"),
        "{replies:?}"
    );
    assert_eq!(direct(&desk, "U0AGENT1").len(), 2, "nothing new but the own reply");
    desk.finish().await;
}

#[tokio::test]
async fn an_internal_note_never_reaches_the_submitter() {
    let (desk, card) = desk_with_events().await;
    let sam = desk.slack.person("U0SYS1");
    let ts = reply(&desk, &sam, &card, "🔒 The user broke it.").await;
    reply(&desk, &sam, &card, ":lock: second note").await;
    // An edit that takes the lock away does not send it either.
    assert!(sam.edit(TICKETS, &ts, "The user broke it, twice.").await.expect("sent").is_ok());
    settle(&desk).await;
    assert_eq!(direct(&desk, "U0AGENT1").len(), 1);
    let shown = desk.slack.read(|world| world.message(TICKETS, &card).map(|card| card.all_text())).expect("the card");
    assert!(!shown.contains("broke") && !shown.contains("note"), "{shown}");
    assert_eq!(desk.count("SELECT count(*) FROM ticket_events WHERE internal").await, 3);
    desk.finish().await;
}

#[tokio::test]
async fn edits_and_deletions_follow_and_the_history_keeps_what_stood_there() {
    let (desk, card) = desk_with_events().await;
    let sam = desk.slack.person("U0SYS1");
    let ts = reply(&desk, &sam, &card, "Frist answer").await;
    assert!(sam.edit(TICKETS, &ts, "First answer").await.expect("sent").is_ok());
    settle(&desk).await;
    let shown = |desk: &Desk| {
        desk.slack.read(|world| world.message(TICKETS, &card).map(|card| card.all_text())).expect("the card")
    };
    assert!(shown(&desk).contains("First answer") && !shown(&desk).contains("Frist"));
    assert!(sam.delete(TICKETS, &ts).await.expect("sent").is_ok());
    settle(&desk).await;
    assert!(!shown(&desk).contains("First answer"));
    let kept = "SELECT string_agg(action || ':' || coalesce(comment, ''), ' ' ORDER BY version) FROM ticket_events WHERE version > 1";
    assert_eq!(desk.text(kept).await, "comment:Frist answer edit_comment:First answer delete_comment:");
    desk.finish().await;
}

#[tokio::test]
async fn messages_that_belong_to_no_ticket_are_nothing_of_ours() {
    let (desk, card) = desk_with_events().await;
    let sam = desk.slack.person("U0SYS1");
    sam.say(TICKETS, "Good morning").await;
    let (root, _) = sam.say("C0GENERAL", "hello").await;
    sam.reply("C0GENERAL", &root, "a thread of its own").await;
    sam.direct("hi bot").await;
    settle(&desk).await;
    assert_eq!(desk.count("SELECT count(*) FROM ticket_events").await, 1);
    assert!(thread(&desk, &card).is_empty());
    desk.finish().await;
}

#[tokio::test]
async fn a_comment_by_modal_is_shown_on_card_thread_and_direct_message() {
    let (desk, card) = desk_with_events().await;
    let sam = desk.slack.person("U0SYS1");
    for n in 1..=4 {
        press(&desk, &sam, &card, "💬 Comment").await;
        sam.fill("Comment", format!("Comment number {n}")).expect("there");
        assert!(sam.submit().await.expect("sent").is_ok());
        settle(&desk).await;
        assert!(sam.view().is_none(), "a comment's modal simply closes");
    }
    let shown = desk.slack.read(|world| world.message(TICKETS, &card).map(|card| card.all_text())).expect("the card");
    assert!(shown.contains("4 comments, 1 of them earlier"), "{shown}");
    assert!(!shown.contains("number 1") && shown.contains("number 2") && shown.contains("number 4"), "{shown}");
    assert_eq!(thread(&desk, &card).len(), 4);
    assert_eq!(direct(&desk, "U0AGENT1").len(), 5);
    // Somebody who is neither a system user nor the submitter.
    let ben = desk.slack.person("U0AGENT2");
    press(&desk, &ben, &card, "💬 Comment").await;
    assert!(ben.view().is_none() && ben.ephemerals().len() == 1);
    desk.finish().await;
}
