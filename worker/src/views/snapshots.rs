//! Snapshots of every view in every status, and a proof that no content breaks Slack's limits.

use chrono::{DateTime, Duration};
use chrono_tz::Tz;
use common::slack_id::UserId;
use common::ticket::{Action, Priority, Status, TicketNumber};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::fits::{messages_fit, view_fits};
use super::*;
use crate::db::exports::Export;
use crate::db::statistics::{Changes, Summary, Times, Unresolved};
use crate::db::ticket_events::{Change, TicketEvent};
use crate::form::Form;
use crate::period::Period;
use crate::slack::client::Content;

pub(super) const LOOK: Look = Look { timezone: Tz::America__New_York, previews: true };

pub(super) fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

pub(super) fn at(minutes: i64) -> DateTime<chrono::Utc> {
    DateTime::from_timestamp(1_795_460_580, 0).unwrap() + Duration::minutes(minutes)
}

pub(super) fn facts(status: Status) -> TicketFacts {
    let assigned = status != Status::Open;
    TicketFacts {
        ticket: Ticket {
            number: TicketNumber::new(42).unwrap(),
            submitter: user("U0AGENT1"),
            campaign: "Camp Lejeune".to_owned(),
            issue_type: "Vonage dialer".to_owned(),
            priority: Priority::High,
            details: "It drops <!channel> calls & *rings*.".to_owned(),
            status,
            assignee: assigned.then(|| user("U0SYS1")),
            version: if assigned { 4 } else { 1 },
            reopened_count: i32::from(status == Status::Closed),
            created_at: at(0),
            updated_at: at(90),
            resolved_at: None,
            closed_at: None,
        },
        images: vec![
            image("image/png", Some("FSHARED"), None),
            image("image/webp", Some("F2"), None),
            image("image/png", None, Some("gone")),
        ],
        comments: vec![comment("Did you restart it?", false)],
        comment_count: 3,
    }
}

pub(super) fn image(mimetype: &str, shared: Option<&str>, refused: Option<&str>) -> TicketImage {
    TicketImage {
        position: 0,
        file_id: "FOWN".to_owned(),
        name: "error|<x>.png".to_owned(),
        mimetype: mimetype.to_owned(),
        size: 10,
        permalink: Some("https://desk.slack.com/files/F1".to_owned()),
        upload_id: None,
        shared_file_id: shared.map(str::to_owned),
        shared_permalink: None,
        refused: refused.map(str::to_owned),
    }
}

pub(super) fn comment(text: &str, internal: bool) -> TicketEvent {
    event(Change::Comment, Some(text), internal)
}

pub(super) fn event(change: Change, comment: Option<&str>, internal: bool) -> TicketEvent {
    TicketEvent {
        version: 3,
        at: at(60),
        actor: user("U0SYS1"),
        change,
        status: (None, None),
        assignee: (None, (change == Change::Act(Action::Reassign)).then(|| user("U0SYS2"))),
        comment: comment.map(str::to_owned),
        internal,
    }
}

fn message(content: &Content) -> Value {
    json!({ "text": content.text, "blocks": content.blocks })
}

#[test]
fn the_card_in_every_status() {
    for status in Status::ALL {
        insta::assert_json_snapshot!(format!("card_{}", status.as_str()), message(&card(&facts(status), &LOOK)));
    }
}

#[test]
fn the_card_without_previews() {
    let look = Look { previews: false, ..LOOK };
    insta::assert_json_snapshot!(message(&card(&facts(Status::Open), &look)));
}

#[test]
fn the_form() {
    insta::assert_json_snapshot!(new_ticket(&Form::built_in()));
}

#[test]
fn the_confirmation() {
    insta::assert_json_snapshot!(confirmation(&facts(Status::Open), &LOOK, "submission:V1"));
}

#[test]
fn the_notice_with_and_without_its_card() {
    let facts = facts(Status::Open);
    insta::assert_json_snapshot!(
        "notice",
        message(&notice(&facts, &LOOK, Some("https://desk.slack.com/archives/C1/p1?a=1&b=2")))
    );
    insta::assert_json_snapshot!("notice_without_card", message(&notice(&facts, &LOOK, None)));
}

#[test]
fn direct_messages() {
    insta::assert_json_snapshot!("filed", message(&filed(&facts(Status::Open), &Look { previews: false, ..LOOK })));
    insta::assert_json_snapshot!("not_filed", message(&not_filed("My <text>")));
    let all = [
        event(Change::Act(Action::Assign), None, false),
        event(Change::Act(Action::Reassign), Some("Please take over"), false),
        event(Change::Act(Action::Resolve), None, false),
        event(Change::Act(Action::Close), None, false),
        event(Change::Act(Action::Reopen), None, false),
        comment("Try <again>", false),
        comment("🔒 secret", true),
        event(Change::EditComment, Some("Try *again*"), false),
        event(Change::DeleteComment, None, false),
    ];
    let ticket = facts(Status::Open).ticket;
    insta::assert_json_snapshot!(
        "news",
        message(&news(&ticket, &all, &user("U0SYS2"), Some("https://desk.slack.com/p1")))
    );
    insta::assert_json_snapshot!("thread_note", message(&thread_note(&comment("It <works>", false))));
    insta::assert_json_snapshot!("alert", message(&alert("The bot can't write to <#C1>.", 3)));
}

#[test]
fn dialogs() {
    let ticket = facts(Status::Open).ticket;
    let users = [(user("U0SYS1"), "Sam Systems".to_owned()), (user("U0SYS2"), "Sue Systems".to_owned())];
    insta::assert_json_snapshot!(
        "reassign",
        reassign_dialog(&ticket, &users, &Round { number: 0, error: None, typed: "", behind: None })
    );
    insta::assert_json_snapshot!(
        "reassign_again",
        reassign_dialog(
            &ticket,
            &users,
            &Round { number: 1, error: Some(texts::NOT_ASSIGNABLE), typed: "You know this.", behind: Some("V1") }
        )
    );
    insta::assert_json_snapshot!("comment", comment_dialog(ticket.number, true, None));
    insta::assert_json_snapshot!("dialog_result", dialog_result("✅ Done", "submission:V1"));
    insta::assert_json_snapshot!("form_not_opened", form_not_opened("That took too long.", "`/new-ticket`", true));
}

fn summary(tickets: i64) -> Summary {
    let ranked = |names: [&str; 2]| match tickets {
        0 => Vec::new(),
        _ => names.iter().zip([tickets, 1]).map(|(name, count)| ((*name).to_owned(), count)).collect(),
    };
    let changes = Changes { opened: tickets, resolved: tickets / 2, closed: tickets / 4, reopened: tickets / 8 };
    let times = (tickets > 0).then_some(Times { median: 5400.0, p90: 200_000.0 });
    let period = Period::parse("2026-11-23..2026-11-29").unwrap();
    let parts = period.parts(LOOK.timezone).into_iter().enumerate();
    Summary {
        period,
        by_status: [tickets, tickets / 2, tickets * 3, tickets * 4],
        unresolved: [4, 2, 1].map(|part| Unresolved {
            count: tickets / part,
            unassigned: tickets / 8,
            overdue: tickets / 9,
            stale: tickets / 10,
        }),
        assignees: if tickets > 0 { vec![(user("U0SYS1"), tickets), (user("U0SYS2"), 1)] } else { Vec::new() },
        more_assignees: i64::from(tickets > 0),
        parts: parts
            .map(|(n, part)| (part.label, Changes { opened: changes.opened / (n as i64 + 1), ..changes }))
            .collect(),
        changes,
        before: Changes { opened: tickets / 3, ..Changes::default() },
        to_first_assignment: times,
        to_resolution: times,
        campaigns: ranked(["Camp <!channel> Lejeune", "Roundup"]),
        issue_types: ranked(["Vonage ```dialer", "A name that is far too long for a label"]),
    }
}

#[test]
fn summaries_of_nothing_and_of_many_tickets() {
    for (name, tickets) in [("empty", 0), ("many", 123_456)] {
        let (charts, bars) = summary_message(&summary(tickets));
        insta::assert_json_snapshot!(format!("summary_{name}"), summary_modal(&summary(tickets), None));
        insta::assert_json_snapshot!(format!("summary_{name}_with_charts"), message(&charts));
        insta::assert_json_snapshot!(format!("summary_{name}_with_bars"), message(&bars));
    }
    let note = Some("✅ Posted to the ticket channel.");
    assert!(serde_json::to_string(&summary_modal(&summary(1), note)).unwrap().contains("Posted"));
}

#[test]
fn an_exports_status() {
    let export = |state: &str, rows_done, rows_total| {
        let (user, state) = (user("U0SYS1"), state.to_owned());
        message(&export_status(&Export { user, state, rows_done, rows_total, upload_id: None, looks: 0, filter: None }))
            ["text"]
            .clone()
    };
    insta::assert_json_snapshot!(json!([
        export("running", 0, None),
        export("running", 12_000, Some(48_000)),
        export("running", 48_000, Some(48_000)),
        export("sent", 48_000, Some(48_000)),
        export("failed", 12_000, Some(48_000)),
        export_comment(1, "Week of <!here>"),
        export_comment(48_000, "October 2026"),
    ]));
}

proptest! {
    /// Whatever campaigns are called and however many tickets there are.
    #[test]
    fn no_summary_breaks_slacks_limits(
        counts in proptest::collection::vec(0i64..=i64::MAX / 64, 8),
        names in proptest::collection::vec("[\\PC`<>&*]{0,75}", 0..=5),
        first in 0i64..9000,
        days in 0i64..366,
        assignees in 0usize..=10,
    ) {
        let first = crate::period::parse_day("2001-01-01").unwrap() + Duration::days(first);
        let period = Period::new(first, first + Duration::days(days)).unwrap();
        let changes = Changes { opened: counts[0], resolved: counts[1], closed: counts[2], reopened: counts[3] };
        let named: Vec<_> = names.iter().cloned().zip(counts.iter().copied()).collect();
        let summary = Summary {
            period,
            by_status: [counts[4], counts[5], counts[6], counts[7]],
            parts: period.parts(LOOK.timezone).into_iter().map(|part| (part.label, changes)).collect(),
            changes,
            campaigns: named.clone(),
            issue_types: named,
            assignees: (0..assignees).map(|n| (user(&format!("U0SYS{n}")), counts[0])).collect(),
            ..summary(counts[0])
        };
        view_fits(&summary_modal(&summary, Some("✅ Posted")));
        let (mut charts, bars) = summary_message(&summary);
        messages_fit(&bars);
        let shown: Vec<Value> = charts.blocks.iter().map(|block| serde_json::to_value(block).unwrap()).collect();
        let shown: Vec<_> = shown.iter().filter(|block| block["type"] == "data_visualization").collect();
        prop_assert!(shown.len() <= 2);
        for chart in shown {
            let length = |value: &Value| value.as_str().unwrap_or_default().encode_utf16().count();
            prop_assert!(length(&chart["title"]) <= limits::CHART_TITLE);
            for category in chart["chart"]["axis_config"]["categories"].as_array().into_iter().flatten() {
                prop_assert!(length(category) <= limits::CHART_LABEL);
            }
        }
        charts.blocks.retain(|block| !matches!(block, slack_morphism::prelude::SlackBlock::DataVisualization(_)));
        messages_fit(&charts);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever people write, Slack takes what we send and nothing of it mentions or links.
    #[test]
    fn no_content_breaks_slacks_limits(
        details in "[\\PC\\n<>&*_~`|@!#]{1,3000}",
        name in "[\\PC<>|]{0,75}",
        texts in proptest::collection::vec("[\\PC\\n<>&*]{1,3000}", 0..30),
        images in 0usize..=5,
    ) {
        let mut facts = facts(Status::InProgress);
        facts.ticket.details = format!("x{details}");
        facts.ticket.campaign = name.clone();
        facts.ticket.issue_type = name.clone();
        facts.images = (0..images).map(|_| TicketImage { name: name.clone(), ..image("image/png", Some("F1"), None) }).collect();
        facts.comments = texts.iter().take(3).map(|text| comment(text, false)).collect();
        facts.comment_count = texts.len() as i64;
        for previews in [true, false] {
            let look = Look { previews, ..LOOK };
            messages_fit(&card(&facts, &look));
            messages_fit(&filed(&facts, &look));
            messages_fit(&notice(&facts, &look, Some("https://desk.slack.com/p1")));
            view_fits(&confirmation(&facts, &look, "x"));
        }
        messages_fit(&not_filed(&facts.ticket.details));
        let events: Vec<TicketEvent> = texts.iter().map(|text| comment(text, false)).collect();
        if !events.is_empty() {
            messages_fit(&news(&facts.ticket, &events, &user("U1"), None));
            messages_fit(&thread_note(&events[0]));
        }
    }
}
