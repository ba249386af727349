//! Snapshots of what people see while they work on a ticket: details, refusals, dialogs.

use common::ticket::{Action, Status};
use serde_json::{Value, json};

use super::snapshots::{LOOK, at, comment, event, facts, user};
use super::*;
use crate::db::ticket_events::Change;
use crate::lists::List;

#[test]
fn the_details_of_both_lists_in_every_status() {
    for (name, list) in [("own", List::Own), ("all", List::All)] {
        for status in Status::ALL {
            let events = [
                event(Change::Act(Action::Reopen), None, false),
                event(Change::EditComment, Some("Try *again* <!here>"), false),
                comment("🔒 for us only", list == List::All),
            ];
            let history = History { events: &events, total: 40, page: 1 };
            let note = (status == Status::Closed).then_some("*T042* was closed by <@U0SYS1> 2 s ago.");
            let view = details(&facts(status), list, &history, note, &LOOK);
            insta::assert_json_snapshot!(format!("details_{name}_{}", status.as_str()), view);
        }
    }
}

#[test]
fn whoever_is_overtaken_reads_what_happened() {
    let mut told = Vec::new();
    for status in Status::ALL {
        let ticket = facts(status).ticket;
        for action in Action::ALL {
            let Err(refusal) = status.apply(action) else { continue };
            let last = match status {
                Status::Open => None,
                Status::InProgress => Some(Change::Act(Action::Reassign)),
                Status::Resolved => Some(Change::Act(Action::Resolve)),
                Status::Closed => Some(Change::Act(Action::Close)),
            };
            let last = last.map(|change| event(change, None, false));
            for reader in ["U0SYS1", "U0SYS2", "U0SYS3"] {
                let text = texts::overtaken(&ticket, refusal, last.as_ref(), &user(reader), at(61));
                told.push(format!("{} on {}, by {reader}: {text}", action.as_str(), status.as_str()));
            }
        }
    }
    insta::assert_json_snapshot!(told);
}

#[test]
fn dialogs_for_many_people_and_for_submitters() {
    let ticket = facts(Status::Open).ticket;
    let many: Vec<_> = (0..101).map(|n| (user(&format!("U0SYS{n}")), format!("Person {n}"))).collect();
    let round = Round { number: 0, error: None, typed: "", behind: None };
    insta::assert_json_snapshot!("reassign_among_many", reassign_dialog(&ticket, &many, &round));
    let hundred = serde_json::to_value(reassign_dialog(&ticket, &many[..100], &round)).unwrap();
    assert_eq!(hundred["blocks"][0]["element"]["options"].as_array().map(Vec::len), Some(100));
    insta::assert_json_snapshot!("comment_of_a_submitter", comment_dialog(ticket.number, false, Some("V1")));
    insta::assert_json_snapshot!("refused", refused(&texts::not_a_system_user(&user("U0SYS1"))));
}

#[test]
fn what_was_in_vain_is_given_back_and_notes_follow_their_comment() {
    let message = |content: crate::slack::client::Content| json!({ "text": content.text, "blocks": content.blocks });
    let shown: Vec<Value> = [
        not_done(&texts::not_a_system_user(&user("U0SYS1")), "My <comment>"),
        not_done(texts::GIVEN_UP, ""),
        thread_note(&event(Change::EditComment, Some("It *works*"), false)),
        thread_note(&event(Change::DeleteComment, None, false)),
        thread_note(&event(Change::Act(Action::Reassign), Some("You know this"), false)),
    ]
    .map(message)
    .to_vec();
    insta::assert_json_snapshot!(shown);
}
