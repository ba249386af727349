//! Where a message is written and by whom decides who reads it: threads, direct messages, dialogs, files, bots.

use harness::actor::{Person, Upload};
use harness::desk::{Desk, TICKETS, start_worker, test_waits};
use harness::slack::files::TINY_PNG;
use harness::slack::messages::Message;
use serde_json::json;

use crate::conversation::settle;
use crate::working::{desk_with_ticket, press};

fn card_text(desk: &Desk, card: &str) -> String {
    desk.slack.read(|world| world.message(TICKETS, card).map(|card| card.all_text())).expect("the card")
}

fn told(desk: &Desk, user: &str) -> Vec<Message> {
    desk.slack.person(user).direct_messages().into_iter().filter(|message| message.bot_id.is_some()).collect()
}

fn texts(messages: &[Message]) -> String {
    messages.iter().map(Message::all_text).collect()
}

fn notes(desk: &Desk, card: &str) -> Vec<String> {
    let of_bot = |message: &&&Message| message.bot_id.is_some();
    desk.slack.read(|world| world.replies_to(TICKETS, card).iter().filter(of_bot).map(|note| note.all_text()).collect())
}

/// A desk whose ticket is Sam's, who was told so by Sue in a direct message.
async fn assigned() -> (Desk, String, Person, Message) {
    let (desk, card) = desk_with_ticket().await;
    let (sam, sue) = (desk.slack.person("U0SYS1"), desk.slack.person("U0SYS2"));
    press(&desk, &sue, &card, "🔁 Reassign").await;
    sue.fill("New assignee", "U0SYS1").expect("offered");
    assert!(sue.submit().await.expect("sent").is_ok());
    settle(&desk).await;
    let root = told(&desk, "U0SYS1").pop().expect("the new assignee is told");
    (desk, card, sam, root)
}

#[tokio::test]
async fn an_assignees_reply_to_the_direct_message_is_a_comment_and_with_a_lock_a_note() {
    let (desk, card, sam, root) = assigned().await;
    sam.reply(&root.channel, &root.ts, "I will look at it.").await;
    settle(&desk).await;
    assert!(texts(&told(&desk, "U0AGENT1")).contains("I will look at it."));
    sam.reply(&root.channel, &root.ts, "*:lock: They broke it*").await;
    settle(&desk).await;
    assert_eq!(desk.count("SELECT count(*) FROM ticket_events WHERE internal").await, 1);
    assert!(!texts(&told(&desk, "U0AGENT1")).contains("broke"), "{}", desk.slack.dump());
    assert!(!card_text(&desk, &card).contains("broke"));
    assert_eq!(notes(&desk, &card).len(), 2, "colleagues read both in the card's thread");
    desk.finish().await;
}

#[tokio::test]
async fn a_lock_in_reassign_keeps_the_comment_from_the_submitter_and_the_card() {
    let (desk, card) = desk_with_ticket().await;
    let sam = desk.slack.person("U0SYS1");
    press(&desk, &sam, &card, "🔁 Reassign").await;
    sam.fill("New assignee", "U0SYS2").expect("offered");
    sam.fill("Comment", "🔒 They are difficult.").expect("there");
    assert!(sam.submit().await.expect("sent").is_ok());
    settle(&desk).await;
    let rows = "SELECT string_agg(action || ':' || coalesce(comment, '') || ':' || internal, ' ' ORDER BY version) FROM ticket_events WHERE version > 1";
    assert_eq!(desk.text(rows).await, "reassign::false comment:🔒 They are difficult.:true");
    let submitter = texts(&told(&desk, "U0AGENT1"));
    assert!(submitter.contains("assigned *T001* to <@U0SYS2>") && !submitter.contains("difficult"), "{submitter}");
    assert!(!card_text(&desk, &card).contains("difficult"));
    assert!(texts(&told(&desk, "U0SYS2")).contains("difficult"), "the assignee reads it");
    desk.finish().await;
}

#[tokio::test]
async fn a_direct_reply_that_is_edited_or_deleted_takes_its_note_along() {
    let (desk, card) = desk_with_ticket().await;
    let ana = desk.slack.person("U0AGENT1");
    let root = ana.direct_messages()[0].clone();
    let (ts, _) = ana.reply(&root.channel, &root.ts, "It wroks").await;
    settle(&desk).await;
    ana.edit(&root.channel, &ts, "It works").await;
    settle(&desk).await;
    let shown = notes(&desk, &card);
    assert!(shown.len() == 1 && shown[0].contains("It works") && shown[0].contains("edited"), "{shown:?}");
    ana.delete(&root.channel, &ts).await;
    settle(&desk).await;
    let shown = notes(&desk, &card);
    assert!(shown.len() == 1 && shown[0].contains("took a comment back") && !shown[0].contains("works"), "{shown:?}");
    assert!(!card_text(&desk, &card).contains("works"));
    desk.finish().await;
}

#[tokio::test]
async fn an_edited_comment_stays_where_it_was_on_the_card() {
    let (desk, card) = desk_with_ticket().await;
    let sam = desk.slack.person("U0SYS1");
    let mut first = None;
    for n in 1..=4 {
        let (ts, _) = sam.reply(TICKETS, &card, &format!("number {n}")).await;
        first.get_or_insert(ts);
        settle(&desk).await;
    }
    sam.edit(TICKETS, &first.expect("written"), "number one").await;
    settle(&desk).await;
    let shown = card_text(&desk, &card);
    assert!(!shown.contains("number one") && shown.contains("number 2") && shown.contains("number 4"), "{shown}");
    assert!(shown.contains("4 comments, 1 of them earlier") && shown.contains("Updated"), "{shown}");
    desk.finish().await;
}

#[tokio::test]
async fn files_and_broadcasts_in_the_thread_are_comments_and_bots_are_not() {
    let (desk, card) = desk_with_ticket().await;
    let sam = desk.slack.person("U0SYS1");
    sam.post(TICKETS, Some(&card), "", &[Upload::new("error.png", TINY_PNG)]).await;
    settle(&desk).await;
    let event = |user: &str, subtype: &str, ts: &str| {
        json!({ "type": "message", "subtype": subtype, "channel": TICKETS, "channel_type": "channel", "user": user,
            "text": "Seen by all", "ts": ts, "event_ts": ts, "thread_ts": card })
    };
    assert!(sam.send_event(&event("U0SYS1", "thread_broadcast", "1795000001.000001")).await.is_ok());
    // What the bot shares itself carries no bot_id; nor does what comes without an authorization tell that it is the bot.
    let own = event("U0BOT", "file_share", "1795000002.000001");
    assert!(sam.send_event(&own).await.is_ok());
    let bare = json!({ "type": "event_callback", "team_id": "T0DESK", "event_id": "EvBARE", "event": own });
    assert!(crate::gateway::notify(&desk, &bare).await.is_ok());
    settle(&desk).await;
    let comments = "SELECT string_agg(comment, ', ' ORDER BY version) FROM ticket_events WHERE version > 1";
    assert_eq!(desk.text(comments).await, "📎 (a file without words), Seen by all");
    desk.finish().await;
}

/// Somebody who was an assignee, and is neither a system user any more nor the submitter.
#[tokio::test]
async fn a_former_colleagues_direct_reply_is_refused_and_given_back() {
    let (mut desk, _, sam, root) = assigned().await;
    let settings = harness::desk::Settings {
        more: vec![("SYSTEM_USERS".to_owned(), "U0SYS2".to_owned())],
        ..desk.settings.clone()
    };
    desk.worker = harness::desk::start_worker(&desk.slack, &settings, harness::desk::test_waits()).await;
    sam.reply(&root.channel, &root.ts, "I still have an opinion.").await;
    settle(&desk).await;
    assert_eq!(desk.count("SELECT count(*) FROM ticket_events WHERE action = 'comment'").await, 0);
    let answer = texts(&told(&desk, "U0SYS1"));
    assert!(answer.contains("SYSTEM_USERS") && answer.contains("I still have an opinion."), "{answer}");
    assert_eq!(desk.text("SELECT actor || action FROM refusals").await, "U0SYS1comment");
    desk.finish().await;
}

/// Hostile text by every way in, to every place where it is shown (row H6).
#[tokio::test]
async fn hostile_comments_are_shown_as_they_were_typed_everywhere() {
    const HOSTILE: &str = "<!channel> <@U0SYS3> *Status* Closed\u{202e} =1+1 <http://evil|ok> @here #general";
    let (desk, card) = desk_with_ticket().await;
    let (sam, ana) = (desk.slack.person("U0SYS1"), desk.slack.person("U0AGENT1"));
    press(&desk, &sam, &card, "💬 Comment").await;
    sam.fill("Comment", HOSTILE).expect("there");
    assert!(sam.submit().await.expect("sent").is_ok());
    settle(&desk).await;
    let escaped = HOSTILE.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    sam.reply(TICKETS, &card, &escaped).await;
    settle(&desk).await;
    let root = told(&desk, "U0AGENT1")[0].clone();
    ana.reply(&root.channel, &root.ts, &escaped).await;
    settle(&desk).await;
    assert_eq!(desk.count("SELECT count(*) FROM ticket_events WHERE action = 'comment'").await, 3);
    // Card, notes and news show it as plain text; nothing of it is alive (`finish` looks for live mentions).
    let shown = desk.slack.read(|world| {
        let all = world.messages_in(TICKETS).into_iter().chain(world.direct_messages("U0AGENT1"));
        all.filter(|message| message.bot_id.is_some()).flat_map(|message| message.blocks.clone()).collect::<Vec<_>>()
    });
    let literal = shown.iter().filter(|block| block["text"]["text"] == HOSTILE);
    assert!(literal.clone().count() >= 6, "{}", desk.slack.dump());
    assert!(literal.clone().all(|block| block["text"]["type"] == "plain_text"));
    ana.close_all().await.expect("closed");
    assert!(ana.command("/agent-tickets", "T001").await.is_ok());
    desk.drain().await;
    let history = ana.view().expect("details").blocks;
    let literal = history.iter().filter(|block| block["text"]["text"] == HOSTILE);
    assert_eq!(literal.clone().count(), 3, "{history:?}");
    assert!(literal.clone().all(|block| block["text"]["type"] == "plain_text"));
    desk.finish().await;
}

/// The new and the former assignee, each once, and nobody about what they did themselves.
#[tokio::test]
async fn former_and_new_assignee_are_told_whichever_worker_does_it() {
    let (mut desk, card) = desk_with_ticket().await;
    let [sam, sue, sol] = ["U0SYS1", "U0SYS2", "U0SYS3"].map(|user| desk.slack.person(user));
    press(&desk, &sam, &card, "🖐 Assign to Me").await;
    press(&desk, &sue, &card, "🔁 Reassign").await;
    sue.fill("New assignee", "U0SYS3").expect("offered");
    // The second change comes by another worker, within the two seconds in which changes become one message.
    desk.worker = start_worker(&desk.slack, &desk.settings, test_waits()).await;
    assert!(sue.submit().await.expect("sent").is_ok());
    settle(&desk).await;
    let (former, new) = (texts(&told(&desk, "U0SYS1")), texts(&told(&desk, "U0SYS3")));
    assert!(former.contains("assigned *") && former.contains("to <@U0SYS3>"), "{former}");
    assert!(new.contains("to you."), "{new}");
    assert!(told(&desk, "U0SYS2").is_empty());
    let submitter = told(&desk, "U0AGENT1");
    assert_eq!(submitter.len(), 2, "filed, and both changes in one message\n{}", desk.slack.dump());
    assert!(texts(&submitter).contains("took *T001*") && texts(&submitter).contains("assigned *T001*"));
    press(&desk, &sol, &card, "🟢 Resolve").await;
    press(&desk, &sam, &card, "🔄 Reopen").await;
    settle(&desk).await;
    assert!(texts(&told(&desk, "U0SYS3")).contains("reopened *"), "whoever loses it by a reopening is told");
    desk.finish().await;
}

/// A card with images and comments that is posted again has them too.
#[tokio::test]
async fn a_card_that_is_posted_again_has_its_images_and_comments() {
    let desk = Desk::start().await;
    crate::filing::submit_with_image(&desk, &desk.slack.person("U0AGENT1"), "See the picture.").await;
    crate::filing::carry_on(&desk).await;
    let first = desk.text("SELECT ts FROM slack_messages WHERE target = 'card:1'").await;
    let sam = desk.slack.person("U0SYS1");
    sam.reply(TICKETS, &first, "Seen it.").await;
    settle(&desk).await;
    assert!(sam.delete(TICKETS, &first).await.expect("heard").is_ok());
    crate::filing::carry_on(&desk).await;
    let second = desk.text("SELECT ts FROM slack_messages WHERE target = 'card:1'").await;
    assert_ne!(first, second);
    let card = desk.slack.read(|world| world.message(TICKETS, &second).cloned()).expect("the new card");
    assert!(card.all_text().contains("Seen it."), "{}", card.all_text());
    assert_eq!(card.blocks.iter().filter(|block| block["type"] == "image").count(), 1, "{}", desk.slack.dump());
    desk.finish().await;
}
