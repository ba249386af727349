//! Snapshots of lists, details and their dialogs, and a proof that nothing in them breaks Slack's limits.

use common::slack_id::UserId;
use common::ticket::{Action, Priority, Status, TicketNumber};
use proptest::prelude::*;
use slack_morphism::prelude::SlackView;

use super::fits::{messages_fit, view_fits};
use super::snapshots::{LOOK, at, comment, event, facts, image, user};
use super::*;
use crate::db::exports::Export;
use crate::db::ticket_events::{Change, TicketEvent};
use crate::db::ticket_list::Page;
use crate::form::Form;
use crate::lists::{Assignee, Filter, List, PAGE, Sort};

/// Tickets with these numbers, newest first, in all statuses and priorities.
fn tickets(numbers: std::ops::RangeInclusive<i64>) -> Vec<Ticket> {
    numbers
        .rev()
        .map(|n| {
            let turn = usize::try_from(n).unwrap();
            Ticket {
                number: TicketNumber::new(n).unwrap(),
                priority: Priority::ALL[turn % 3],
                details: format!("Details of <number> {n}\nand *more*"),
                updated_at: at(n),
                ..facts(Status::ALL[turn % 4]).ticket
            }
        })
        .collect()
}

/// The page of so many tickets, as the database tells it.
fn page_of(count: i64, page: i64) -> Page {
    let newest = count - page * PAGE;
    Page { tickets: tickets((newest - PAGE + 1).max(1)..=newest), count, page, more: newest > PAGE }
}

fn users() -> Vec<(UserId, String)> {
    vec![(user("U0SYS1"), "Sam Systems".to_owned()), (user("U0SYS2"), "Sue Systems".to_owned())]
}

fn show(of: List, filter: &Filter, page: &Page, note: Option<&str>) -> SlackView {
    let (form, users) = (Form::built_in(), users());
    list(&Listed { list: of, filter, page, round: 1, form: &form, users: &users, note }, &LOOK)
}

#[test]
fn lists_of_0_1_10_11_and_250_tickets() {
    for (count, page) in [(0, 0), (1, 0), (10, 0), (11, 0), (11, 1), (250, 0), (250, 24)] {
        let page = page_of(count, page);
        let name = format!("list_of_{count}_page_{}", page.page + 1);
        let own = show(List::Own, &Filter::default(), &page, None);
        view_fits(&own);
        insta::assert_json_snapshot!(format!("own_{name}"), own);
        let all = show(List::All, &Filter::default(), &page, None);
        view_fits(&all);
        // The rows are the same; what else there is, differs.
        if page.tickets.len() <= 1 {
            insta::assert_json_snapshot!(format!("all_{name}"), all);
        }
    }
}

#[test]
fn a_list_with_every_filter_and_a_note() {
    let filter = Filter {
        statuses: vec!["open".to_owned(), "closed".to_owned()],
        priority: Some("high".to_owned()),
        campaign: Some("No <longer> offered".to_owned()),
        assignee: Some(Assignee::User("U0GONE".to_owned())),
        stale: true,
        overdue: true,
        from: crate::period::parse_day("2026-10-31"),
        to: crate::period::parse_day("2026-10-01"),
        search: Some("<!channel> `x` *y*".to_owned()),
        sort: Sort::Best,
    };
    let page = Page { count: 1001, more: false, ..page_of(1000, 99) };
    let view = show(List::All, &filter, &page, Some("⚠️ That took too long."));
    view_fits(&view);
    insta::assert_json_snapshot!("list_with_every_filter", view);
    let none = show(List::All, &filter, &page_of(0, 0), None);
    view_fits(&none);
    assert!(serde_json::to_string(&none).unwrap().contains("No ticket fits"));
}

fn history() -> Vec<TicketEvent> {
    vec![
        comment("🔒 only for us", true),
        comment("Did you <restart> it?\nTwice?", false),
        event(Change::Act(Action::Assign), None, false),
        event(Change::File, None, false),
    ]
}

#[test]
fn details_of_a_ticket_in_every_status_for_both_readers() {
    let events = history();
    for status in Status::ALL {
        for of in [List::Own, List::All] {
            let history = History { events: &events, total: 14, page: 0 };
            let view = details(&facts(status), of, &history, None, &LOOK);
            view_fits(&view);
            if status == Status::InProgress {
                insta::assert_json_snapshot!(format!("details_{}", of.as_str()), view);
            }
        }
    }
    let history = History { events: &events, total: 14, page: 1 };
    let look = Look { previews: false, ..LOOK };
    let view = details(&facts(Status::Open), List::Own, &history, Some("⚠️ Nothing opened."), &look);
    view_fits(&view);
    insta::assert_json_snapshot!("details_without_images", view);
}

#[test]
fn the_search_dialog() {
    insta::assert_json_snapshot!("search_dialog", search_dialog("command:1", None));
    view_fits(&search_dialog("command:1", Some("headset")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever tickets say, whatever is filtered, however many people and campaigns there are.
    #[test]
    fn no_list_breaks_slacks_limits(
        details in "[\\PC\\n<>&*_~`|@!#]{0,3000}",
        name in "[\\PC<>|*`]{1,37}",
        searched in proptest::option::of("[\\PC<>&*`\"]{1,300}"),
        count in 0i64..1002,
        page in 0i64..100,
        people in 0usize..130,
        campaigns in 1usize..=100,
        choices in proptest::collection::vec(0usize..4, 8),
        number in 1i64..,
    ) {
        let mut filter = Filter {
            statuses: Status::ALL.iter().take(choices[0]).map(|s| s.as_str().to_owned()).collect(),
            priority: Priority::ALL.get(choices[1]).map(|p| p.as_str().to_owned()),
            campaign: [None, Some("C0".to_owned()), Some("any".to_owned()), Some(name.clone())][choices[2]].clone(),
            assignee: [None, Some(Assignee::Me), Some(Assignee::Nobody), Some(Assignee::User("U0GONE".into()))][choices[3]].clone(),
            stale: choices[4] == 0,
            overdue: choices[5] == 0,
            from: crate::period::parse_day("2026-10-31").filter(|_| choices[6] > 0),
            to: crate::period::parse_day("2026-10-01").filter(|_| choices[6] > 1),
            search: None,
            sort: Sort::ALL[choices[7]],
        };
        filter.search_for(searched.as_deref().and_then(crate::lists::search_text).map(|found| found.0));
        let mut page = page_of(count, page.min((count - 1).max(0) / PAGE));
        for ticket in &mut page.tickets {
            ticket.details = details.clone();
            ticket.campaign = name.clone();
            ticket.issue_type = name.clone();
        }
        if let Some(ticket) = page.tickets.first_mut() {
            ticket.number = TicketNumber::new(number).unwrap();
        }
        let mut form = Form::built_in();
        form.campaigns = (0..campaigns).map(|n| format!("C{n}")).collect();
        let users: Vec<_> = (0..people).map(|n| (user(&format!("U9{n}")), format!("{name}{n}"))).collect();
        for of in [List::Own, List::All] {
            let listed = Listed { list: of, filter: &filter, page: &page, round: u32::MAX, form: &form, users: &users, note: Some("⚠️ x") };
            view_fits(&list(&listed, &LOOK));
        }
        let key = "x".repeat(255);
        view_fits(&search_dialog(&key, filter.search.as_deref()));
        let mut ticket = facts(Status::Open).ticket;
        ticket.number = TicketNumber::new(number).unwrap();
        let typed = "Please take over.";
        let round = Round { number: 7, error: Some(texts::NOT_ASSIGNABLE), typed, behind: Some(&key) };
        if !users.is_empty() {
            view_fits(&reassign_dialog(&ticket, &users, &round));
        }
        view_fits(&comment_dialog(ticket.number, true, Some(&key)));
        view_fits(&dialog_result(&texts::no_such_ticket(ticket.number), &key));
    }

    /// Whatever people write into a ticket and its history.
    #[test]
    fn no_details_break_slacks_limits(
        details in "[\\PC\\n<>&*_~`|@!#]{1,3000}",
        name in "[\\PC<>|]{0,75}",
        texts in proptest::collection::vec("[\\PC\\n<>&*]{1,3000}", 0..=10),
        emoji in 0usize..=10,
        images in 0usize..=5,
        status in 0usize..4,
        page in 0i64..1000,
    ) {
        let mut facts = facts(Status::ALL[status]);
        facts.ticket.details = details;
        facts.ticket.campaign = name.clone();
        facts.ticket.issue_type = name.clone();
        facts.images = (0..images).map(|_| TicketImage { name: name.clone(), ..image("image/png", Some("F1"), None) }).collect();
        // The longest that there is: every character takes two units, with blanks where they cut worst.
        let long = format!("{} ", "🎧".repeat(751)).repeat(4);
        let mut events: Vec<TicketEvent> = texts.iter().map(|text| comment(text, false)).collect();
        for event in events.iter_mut().take(emoji) {
            event.comment = Some(long.chars().take(3000).collect());
        }
        let history = History { events: &events, total: 10_000, page };
        for of in [List::Own, List::All] {
            for previews in [true, false] {
                view_fits(&details_of(&facts, of, &history, previews));
            }
        }
        let export = Export {
            user: user("U0SYS1"), state: "running".to_owned(), rows_done: page, rows_total: Some(i64::MAX),
            upload_id: None, looks: 0, filter: None,
        };
        messages_fit(&export_status(&export));
    }
}

fn details_of(facts: &TicketFacts, of: List, history: &History<'_>, previews: bool) -> SlackView {
    details(facts, of, history, Some("⚠️ x"), &Look { previews, ..LOOK })
}
