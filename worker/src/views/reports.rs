//! The periodic reports: overdue digests, stale tickets, the pinned list, the week.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use common::interaction::{action, menu_value};
use common::slack_id::UserId;
use common::ticket::Action;
use slack_morphism::prelude::*;

use super::blocks::{context, header, option, section};
use super::card::label;
use super::limits::{MESSAGE_TEXT, clip};
use super::mrkdwn::{code, date, inline, link, mention};
use super::summary;
use crate::db::reports::{Reported, ReportedTicket};
use crate::db::statistics::{STALE_DAYS, Summary};
use crate::slack::client::Content;

/// Tickets that one report shows, so that it stays within Slack's 50 blocks a message ("Blocks"); the rest is a count.
pub const SHOWN: i64 = 40;
/// Tickets that the weekly summary names.
pub const OLDEST: i64 = 5;

/// An assignee's overdue tickets, each with a menu that works from here.
pub fn overdue_digest(overdue: &Reported, now: DateTime<Utc>) -> Content {
    let title = match overdue.total {
        0 => return plain("🎉 None of your tickets is overdue any more."),
        1 => "⏰ 1 of your tickets is overdue".to_owned(),
        n => format!("⏰ {n} of your tickets are overdue"),
    };
    let mut blocks = vec![header(&title)];
    blocks.extend(overdue.tickets.iter().map(|ticket| {
        let text = format!("{}\n{} · {}", facts(ticket), ticket.status.badge(), lateness(ticket, now));
        with_menu(&text, ticket)
    }));
    blocks.extend(rest(overdue, "/system-tickets mine overdue"));
    Content { text: notification(&title, overdue), blocks }
}

/// Overdue tickets that nobody has.
pub fn overdue_unassigned(overdue: &Reported, now: DateTime<Utc>) -> Content {
    let title = match overdue.total {
        1 => "⏰ 1 overdue ticket has no assignee".to_owned(),
        n => format!("⏰ {n} overdue tickets have no assignee"),
    };
    let line = |ticket: &ReportedTicket| format!("{} · {}", facts(ticket), lateness(ticket, now));
    listed(&title, overdue, line, "/system-tickets unassigned overdue")
}

/// Unresolved tickets without an update for days.
pub fn stale(stale: &Reported, now: DateTime<Utc>) -> Content {
    let title = match stale.total {
        1 => format!("🕸️ 1 unresolved ticket without an update for {STALE_DAYS} days or more"),
        n => format!("🕸️ {n} unresolved tickets without an update for {STALE_DAYS} days or more"),
    };
    let line = |ticket: &ReportedTicket| {
        let assignee = ticket.assignee.as_ref().map_or_else(|| "nobody".to_owned(), mention);
        format!("{} · {} · {} · {assignee}", facts(ticket), ticket.status.badge(), days(now - ticket.updated_at))
    };
    listed(&title, stale, line, "/system-tickets stale")
}

/// The pinned list: high-priority tickets that wait for somebody.
pub fn urgent_list(urgent: &Reported, now: DateTime<Utc>, timezone: Tz) -> Content {
    let as_of = context([format!("As of {}", date(now, timezone))]);
    let title = match urgent.total {
        0 => {
            let text = "📌 High-priority tickets without an assignee: none waiting 🎉";
            return Content { text: text.to_owned(), blocks: vec![section(text), as_of] };
        }
        1 => "📌 1 high-priority ticket without an assignee".to_owned(),
        n => format!("📌 {n} high-priority tickets without an assignee"),
    };
    let line = |ticket: &ReportedTicket| format!("{} · waiting {}", facts(ticket), span(now - ticket.created_at));
    let mut content = listed(&title, urgent, line, "/system-tickets high unassigned open");
    content.blocks.push(as_of);
    content
}

/// The week: with Slack's charts, and the same with bars where Slack doesn't take charts.
pub fn weekly_summary(week: &Summary, oldest: &Reported, now: DateTime<Utc>) -> (Content, Content) {
    let title = format!("Weekly summary: {}", week.period.title());
    let changes = week.changes;
    let text = format!(
        "{title}. {} opened, {} resolved, {} reopened. {} tickets in all: {}.",
        changes.opened,
        changes.resolved,
        changes.reopened,
        week.tickets(),
        summary::totals(week)
    );
    let line = |ticket: &ReportedTicket| {
        format!("• {} · {} · {} old", facts(ticket), ticket.status.badge(), span(now - ticket.created_at))
    };
    let lines: Vec<String> = oldest.tickets.iter().map(line).collect();
    let lines = if lines.is_empty() { "There are none 🎉".to_owned() } else { lines.join("\n") };
    let (mut charts, mut bars) = summary::message_blocks(week, &title);
    for blocks in [&mut charts, &mut bars] {
        blocks.push(section(&format!("*Oldest unresolved tickets*\n{lines}")));
    }
    let text = clip(&text, MESSAGE_TEXT);
    (Content { text: text.clone(), blocks: charts }, Content { text, blocks: bars })
}

/// Somebody with overdue tickets can't be written to; for administrators.
pub fn unreachable_assignee(user: &UserId, reason: &str, overdue: i64) -> String {
    let tickets = if overdue == 1 { "1 overdue ticket".to_owned() } else { format!("{overdue} overdue tickets") };
    format!(
        "{} (`{user}`) has {tickets} and can't be sent a message (`{}`). Give them to somebody else: \
         `/system-tickets overdue` with {} as the assignee.",
        mention(user),
        code(reason),
        mention(user)
    )
}

fn plain(text: &str) -> Content {
    Content { text: text.to_owned(), blocks: vec![section(text)] }
}

fn listed(title: &str, reported: &Reported, line: impl Fn(&ReportedTicket) -> String, command: &str) -> Content {
    let mut blocks = vec![header(title)];
    blocks.extend(reported.tickets.iter().map(|ticket| section(&line(ticket))));
    blocks.extend(rest(reported, command));
    Content { text: notification(title, reported), blocks }
}

/// What a message can't hold, and how to see it.
fn rest(reported: &Reported, command: &str) -> Option<SlackBlock> {
    let shown = i64::try_from(reported.tickets.len()).unwrap_or(i64::MAX);
    (reported.total > shown).then(|| context([format!("and {} more: `{command}`", reported.total - shown)]))
}

/// One line for notifications: the title and the first numbers.
fn notification(title: &str, reported: &Reported) -> String {
    let numbers: Vec<String> = reported.tickets.iter().take(10).map(|ticket| ticket.number.to_string()).collect();
    let more = if reported.total > 10 { ", …" } else { "" };
    format!("{title}: {}{more}", numbers.join(", "))
}

fn facts(ticket: &ReportedTicket) -> String {
    let number = ticket.number.to_string();
    let address = ticket.card.as_ref().and_then(|card| card.permalink.as_deref()).unwrap_or_default();
    format!(
        "*{}* · {} · {} · {}",
        link(address, &number),
        ticket.priority.label(),
        inline(&ticket.issue_type),
        inline(&ticket.campaign)
    )
}

fn lateness(ticket: &ReportedTicket, now: DateTime<Utc>) -> String {
    format!("overdue by {}", span(now - ticket.due_at))
}

fn with_menu(text: &str, ticket: &ReportedTicket) -> SlackBlock {
    let choice = |action| option(label(action), &menu_value(action, ticket.number));
    let menu = SlackBlockOverflowElement {
        action_id: Some(SlackActionId(format!("{}{}", action::TICKET_MENU, ticket.number.get()))),
        options: vec![choice(Action::Resolve), choice(Action::Reassign)],
        confirm: None,
    };
    let text = SlackBlockText::MarkDown(SlackBlockMarkDownText::new(clip(text, super::limits::SECTION_TEXT)));
    SlackSectionBlock::new().with_text(text).with_accessory(menu.into()).into()
}

/// A span in its largest unit.
fn span(span: TimeDelta) -> String {
    let minutes = span.num_minutes().max(0);
    match minutes {
        0..60 => format!("{minutes} min"),
        60..2880 => format!("{} h", minutes / 60),
        _ => days(span),
    }
}

fn days(span: TimeDelta) -> String {
    match span.num_days().max(0) {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::messages::PostedMessage;
    use crate::db::statistics::{Changes, Times, Unresolved};
    use crate::period::Period;
    use crate::views::limits;
    use common::slack_id::ChannelId;
    use common::ticket::{Priority, Status, TicketNumber};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_460_580, 0).unwrap() + TimeDelta::minutes(minutes)
    }

    fn ticket(number: i64, issue_type: &str, campaign: &str) -> ReportedTicket {
        ReportedTicket {
            number: TicketNumber::new(number).unwrap(),
            priority: Priority::High,
            status: if number % 2 == 0 { Status::InProgress } else { Status::Open },
            issue_type: issue_type.to_owned(),
            campaign: campaign.to_owned(),
            assignee: (number % 2 == 0).then(|| UserId::parse("U0SYS1").unwrap()),
            created_at: at(-60 * 24 * (10 + number)),
            updated_at: at(-60 * 24 * (4 + number)),
            due_at: at(-60 * 24 * (3 + number)),
            card: (number != 3).then(|| PostedMessage {
                channel: ChannelId::parse("C0TICKETS").unwrap(),
                ts: format!("1.{number}"),
                permalink: Some(format!("https://desk.slack.com/archives/C0TICKETS/p1{number}")),
            }),
        }
    }

    fn reported(numbers: impl IntoIterator<Item = i64>, total: i64) -> Reported {
        let tickets = numbers.into_iter().map(|n| ticket(n, "Vonage *dialer*", "Camp <Lejeune>")).collect();
        Reported { tickets, total }
    }

    fn week() -> Summary {
        let changes = Changes { opened: 12, resolved: 9, closed: 2, reopened: 1 };
        let times = Some(Times { median: 7200.0, p90: 90_000.0 });
        Summary {
            period: Period::parse("2026-11-16..2026-11-22").unwrap(),
            by_status: [4, 3, 2, 1],
            unresolved: [Unresolved { count: 7, unassigned: 4, overdue: 2, stale: 1 }; 3],
            assignees: vec![(UserId::parse("U0SYS1").unwrap(), 3)],
            more_assignees: 0,
            parts: vec![("Mon 16".to_owned(), changes)],
            changes,
            before: Changes::default(),
            to_first_assignment: times,
            to_resolution: times,
            campaigns: vec![("Camp <!channel> Lejeune".to_owned(), 12)],
            issue_types: vec![("Vonage dialer".to_owned(), 12)],
        }
    }

    fn message(content: &Content) -> Value {
        json!({ "text": content.text, "blocks": content.blocks })
    }

    #[test]
    fn what_the_reports_look_like() {
        let few = reported([2, 3], 2);
        for (name, reported) in [("none", &Reported::default()), ("few", &few)] {
            let list = urgent_list(reported, at(0), Tz::America__New_York);
            let shown = [message(&overdue_digest(reported, at(0))), message(&list)];
            insta::assert_json_snapshot!(format!("digest_and_list_of_{name}"), shown);
        }
        let shown = [message(&overdue_unassigned(&few, at(0))), message(&stale(&few, at(0)))];
        insta::assert_json_snapshot!("reports_to_administrators", shown);
        let (charts, bars) = weekly_summary(&week(), &few, at(0));
        insta::assert_json_snapshot!("weekly_summary", [message(&charts), message(&bars)]);
        let user = UserId::parse("U7").unwrap();
        insta::assert_snapshot!("unreachable_assignee", unreachable_assignee(&user, "user_disabled", 3));
    }

    #[test]
    fn spans_are_told_in_their_largest_unit() {
        let text = |minutes| span(TimeDelta::minutes(minutes));
        assert_eq!(
            [text(-1), text(59), text(60), text(2879), text(2880)],
            ["0 min", "59 min", "1 h", "47 h", "2 days"]
        );
    }

    proptest! {
        /// S10: however many tickets there are and whatever they are called.
        #[test]
        fn no_report_breaks_slacks_limits(
            count in 0..=SHOWN,
            more in 0i64..1_000_000,
            issue_type in "[\\PC`<>&*|]{1,75}",
            campaign in "[\\PC`<>&*|]{1,75}",
        ) {
            let tickets = (1..=count).map(|n| ticket(n * 1_000_003, &issue_type, &campaign)).collect();
            let reported = Reported { tickets, total: count + more };
            let oldest = Reported { tickets: reported.tickets.iter().take(5).cloned().collect(), total: count };
            let (charts, bars) = weekly_summary(&week(), &oldest, at(0));
            for content in [
                overdue_digest(&reported, at(0)),
                overdue_unassigned(&reported, at(0)),
                stale(&reported, at(0)),
                urgent_list(&reported, at(0), Tz::America__New_York),
                charts,
                bars,
            ] {
                prop_assert!(content.blocks.len() <= limits::MESSAGE_BLOCKS);
                prop_assert!(content.text.chars().count() < limits::MESSAGE_TEXT);
                for block in message(&content)["blocks"].as_array().unwrap() {
                    let text = block["text"]["text"].as_str().unwrap_or_default();
                    prop_assert!(text.encode_utf16().count() <= limits::SECTION_TEXT);
                    prop_assert!(!text.contains("<!") || text.contains("<!date^"));
                }
            }
        }
    }
}
