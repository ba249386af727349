//! Every page, filter, order, search and count of the lists. A page is measured whole: its tickets and its count.

use std::time::Instant;

use common::slack_id::UserId;
use common::ticket::{Priority, Status};
use sqlx::PgPool;
use worker::db::ticket_list::{self, Wanted};
use worker::lists::{Assignee, Filter, MAX_PAGE, PAGE, Sort};

use crate::plans::Plans;
use crate::tickets::word;
use crate::{ROUNDS, ZONE, row};

struct Case {
    name: String,
    own: bool,
    filter: Filter,
    page: i64,
}

fn all(name: impl Into<String>, filter: Filter) -> Case {
    Case { name: name.into(), own: false, filter, page: 0 }
}

fn day(text: &str) -> Option<chrono::NaiveDate> {
    worker::period::parse_day(text)
}

fn cases() -> Vec<Case> {
    let none = Filter::default;
    let month = || Filter { from: day("2026-03-01"), to: day("2026-03-31"), ..none() };
    let statuses = |statuses: &[Status]| Filter {
        statuses: statuses.iter().map(|status| status.as_str().to_owned()).collect(),
        ..none()
    };
    let unresolved = || statuses(&[Status::Open, Status::InProgress]);
    let campaign = || Filter { campaign: Some("Campaign 3".to_owned()), ..none() };
    let user = || Filter { assignee: Some(Assignee::User("U0SYS7".to_owned())), ..none() };
    let low = |filter: Filter| Filter { priority: Some("low".to_owned()), ..filter };
    let mut cases = vec![
        Case { own: true, ..all("own: first page", none()) },
        Case { own: true, page: 100, ..all("own: page 101", none()) },
        Case { own: true, ..all("own: resolved", statuses(&[Status::Resolved])) },
        Case { own: true, ..all("own: open", statuses(&[Status::Open])) },
        Case { own: true, ..all("own: a month", month()) },
        all("first page", none()),
        Case { page: 99, ..all("page 100", none()) },
        Case { page: MAX_PAGE, ..all("the last page", none()) },
    ];
    cases.extend(Status::ALL.map(|status| all(status.label(), statuses(&[status]))));
    cases.push(all("Open and In Progress", unresolved()));
    cases.push(all("Resolved and Closed", statuses(&[Status::Resolved, Status::Closed])));
    for priority in Priority::ALL {
        cases.push(all(priority.label(), Filter { priority: Some(priority.as_str().to_owned()), ..none() }));
    }
    cases.extend([
        all("a campaign", campaign()),
        all("a campaign that no ticket has", Filter { campaign: Some("Gone".to_owned()), ..none() }),
        all("mine", Filter { assignee: Some(Assignee::Me), ..none() }),
        all("unassigned", Filter { assignee: Some(Assignee::Nobody), ..none() }),
        all("somebody's", user()),
        all("stale", Filter { stale: true, ..none() }),
        all("overdue", Filter { overdue: true, ..none() }),
        all("a month", month()),
        Case { page: 99, ..all("a month, page 100", month()) },
        all("a day", Filter { from: day("2026-03-08"), to: day("2026-03-08"), ..none() }),
        all("since two years", Filter { from: day("2024-11-20"), ..none() }),
        all("until two years ago", Filter { to: day("2024-11-20"), ..none() }),
        all(
            "Resolved, low, a campaign",
            low(Filter { campaign: campaign().campaign, ..statuses(&[Status::Resolved]) }),
        ),
        all("low, a campaign, a month", low(Filter { campaign: campaign().campaign, ..month() })),
        all("somebody's, low, a campaign", low(Filter { campaign: campaign().campaign, ..user() })),
        all(
            "somebody's, Closed, a month",
            Filter { statuses: statuses(&[Status::Closed]).statuses, assignee: user().assignee, ..month() },
        ),
        all("somebody's, unresolved, overdue", Filter { overdue: true, assignee: user().assignee, ..unresolved() }),
        all(
            "unassigned, high",
            Filter { priority: Some("high".to_owned()), assignee: Some(Assignee::Nobody), ..none() },
        ),
        all("unassigned, Closed: none", Filter { assignee: Some(Assignee::Nobody), ..statuses(&[Status::Closed]) }),
        all(
            "an unknown person's, low",
            low(Filter { assignee: Some(Assignee::User("U0NOBODY".to_owned())), ..none() }),
        ),
    ]);
    for sort in [Sort::Oldest, Sort::Priority, Sort::Quiet] {
        for (name, filter) in [
            ("", none()),
            (", unresolved", unresolved()),
            (", Resolved", statuses(&[Status::Resolved])),
            (", low", low(none())),
            (", a campaign", campaign()),
            (", somebody's", user()),
            (", unassigned", Filter { assignee: Some(Assignee::Nobody), ..none() }),
            (", stale", Filter { stale: true, ..none() }),
            (", overdue", Filter { overdue: true, ..none() }),
            (", a month", month()),
            (
                ", somebody's, a campaign, a month",
                Filter { assignee: user().assignee, campaign: campaign().campaign, ..month() },
            ),
        ] {
            cases.push(all(format!("{}{name}", sort.label()), Filter { sort, ..filter }));
        }
    }
    let (common, rare) = (word(20), word(4000));
    let misspelled: String = rare.chars().enumerate().filter(|(n, _)| *n != 4).map(|(_, c)| c).collect();
    for (name, text) in [
        ("a word that all have", "dialer".to_owned()),
        ("three words that all have", "dialer drops call".to_owned()),
        ("a word that a fifth has", word(1)),
        ("a word that one in a hundred has", common.clone()),
        ("a word that one in a thousand has", word(200)),
        ("a word that fifty have", rare.clone()),
        ("one word or another", format!("{rare} or {}", word(4001))),
        ("a frequent and a rare word", format!("dialer {rare}")),
        ("two rare words", format!("{} {}", word(4002), word(4003))),
        ("a word that none has", "xylophone".to_owned()),
        ("a phrase", "\"second call on line\"".to_owned()),
        ("a word and not another", format!("{common} -dialer")),
        ("a number", "T777777".to_owned()),
        ("a misspelled rare word", misspelled.clone()),
        ("a misspelled word that all have", "dialr".to_owned()),
        ("two misspelled words", format!("{misspelled} dropps")),
        (
            "twelve unknown words",
            "qwerty asdfgh zxcvbn poiuyt lkjhgf mnbvcx qazwsx edcrfv tgbyhn ujmikl plokij uhygtf".to_owned(),
        ),
    ] {
        for sort in [Sort::Best, Sort::Oldest] {
            let name = format!("search: {name}, {}", sort.label().to_lowercase());
            cases.push(all(name, Filter { search: Some(text.clone()), sort, ..none() }));
        }
        let name = format!("search: {name}, unresolved, a campaign");
        cases.push(all(
            name,
            Filter { search: Some(text), sort: Sort::Best, campaign: campaign().campaign, ..unresolved() },
        ));
    }
    cases
}

/// Measures all of them and prints a table.
pub async fn measure(pool: &PgPool) {
    let mut db = pool.acquire().await.expect("PostgreSQL answers");
    let (submitter, reader) = (UserId::parse("U0AGENT7").expect("an id"), UserId::parse("U0SYS1").expect("an id"));
    let plans = Plans::new();
    println!("| list | tickets | median | least | count alone |\n|---|---|---|---|---|");
    for case in cases() {
        let filter = &case.filter;
        let (submitter, bounds) = (case.own.then_some(&submitter), filter.bounds(ZONE));
        let wanted = Wanted { submitter, reader: &reader, filter, bounds, days: [7, 7, 7] };
        let (mut times, mut counts, mut found) = (Vec::new(), Vec::new(), 0);
        for _ in 0..ROUNDS {
            let started = Instant::now();
            let page = ticket_list::list_page(&mut db, &wanted, case.page, PAGE).await.expect("listed");
            times.push(started.elapsed());
            found = page.count;
            let started = Instant::now();
            if filter.search.is_none() {
                ticket_list::count_tickets(&mut db, &wanted, ticket_list::MAX_COUNT + 1).await.expect("counted");
            }
            counts.push(started.elapsed());
        }
        counts.sort_unstable();
        let count = match filter.search {
            Some(_) => "in it".to_owned(),
            None => format!("{:.1} ms", counts[ROUNDS / 2].as_secs_f64() * 1000.0),
        };
        let name = format!("{} | {found}", case.name);
        println!("{} {count} |", row(&name, &mut times));
        let page = ticket_list::list_page(plans.begin(&case.name, &mut db).await, &wanted, case.page, PAGE).await;
        page.expect("listed");
        plans.end(&mut db).await;
    }
    plans.print();
}
