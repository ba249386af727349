//! The summary: as a modal with bars of text, and as a message with Slack's own charts or the same bars.

use common::interaction::action;
use common::ticket::{Priority, Status};
use slack_morphism::prelude::*;

use super::blocks::{actions, button, context, fields, header, plain, section};
use super::charts::{bar_chart, bars, pie_chart};
use super::limits::{MESSAGE_TEXT, clip};
use super::mrkdwn::mention;
use crate::db::statistics::{STALE_DAYS, Summary, Times};
use crate::slack::client::Content;

/// The modal of `/ticket-summary`; `note` tells what came of a button.
pub fn summary_modal(summary: &Summary, note: Option<&str>) -> SlackView {
    let mut blocks = vec![header(&summary.period.title())];
    if let Some(note) = note {
        blocks.push(section(note));
    }
    let value = summary.period.to_string();
    blocks.push(actions(vec![
        button(action::POST_SUMMARY, "📣 Post to channel", &value),
        button(action::EXPORT_PERIOD, "📄 Export CSV", &value),
    ]));
    blocks.extend([section(&status_bars(summary)), section(&part_bars(summary))]);
    blocks.extend(details(summary));
    let hint = "Post to channel shares this in the ticket channel. Export CSV sends you the tickets filed in this period as \
                a file. `/ticket-summary week`, `month`, `2026-10` or `2026-10-01..2026-10-15` chooses the period.";
    blocks.push(context([hint.to_owned()]));
    let view = SlackModalView::new(plain("Ticket summary"), blocks).with_close(plain("Close"));
    SlackView::Modal(view)
}

/// The message in the ticket channel: with Slack's charts, and the same with bars where Slack doesn't take charts. The
/// bars are both messages' text, which screen readers and notifications read.
pub fn summary_message(summary: &Summary) -> (Content, Content) {
    let title = format!("Ticket summary: {}", summary.period.title());
    let text = clip(&format!("{title}\n{}\n{}", status_bars(summary), part_bars(summary)), MESSAGE_TEXT);
    let (charts, bars) = message_blocks(summary, &title);
    (Content { text: text.clone(), blocks: charts }, Content { text, blocks: bars })
}

/// A summary's blocks under this title: with Slack's charts, and with bars.
pub(super) fn message_blocks(summary: &Summary, title: &str) -> (Vec<SlackBlock>, Vec<SlackBlock>) {
    let categories: Vec<String> = summary.parts.iter().map(|(label, _)| label.clone()).collect();
    let of = |count: fn(&crate::db::statistics::Changes) -> i64| summary.parts.iter().map(|(_, c)| count(c)).collect();
    let series = [("Opened", of(|changes| changes.opened)), ("Resolved", of(|changes| changes.resolved))];
    let mut charts = vec![header(title), section(&format!("*{}* in all: {}.", summary.tickets(), totals(summary)))];
    charts.extend(pie_chart("Tickets by status", &by_status(summary)));
    charts.push(bar_chart("Opened and resolved", &categories, &series));
    charts.extend(details(summary));
    let mut bars = vec![header(title), section(&status_bars(summary)), section(&part_bars(summary))];
    bars.extend(details(summary));
    (charts, bars)
}

/// How many tickets have which status, in words.
pub(super) fn totals(summary: &Summary) -> String {
    let totals = by_status(summary).into_iter().map(|(status, count)| format!("{count} {status}"));
    totals.collect::<Vec<_>>().join(", ")
}

fn by_status(summary: &Summary) -> Vec<(String, i64)> {
    Status::ALL.iter().zip(summary.by_status).map(|(status, count)| (status.label().to_owned(), count)).collect()
}

fn status_bars(summary: &Summary) -> String {
    format!("*Tickets by status* ({} in all)\n{}", summary.tickets(), bars(&by_status(summary)))
}

/// Opened and resolved, two bars for each part of the period.
fn part_bars(summary: &Summary) -> String {
    let opened: Vec<_> = summary.parts.iter().map(|(label, changes)| (label.clone(), changes.opened)).collect();
    let resolved: Vec<_> = summary.parts.iter().map(|(label, changes)| (label.clone(), changes.resolved)).collect();
    format!("*Opened*\n{}\n*Resolved*\n{}", bars(&opened), bars(&resolved))
}

/// What message and modal say alike in words.
fn details(summary: &Summary) -> Vec<SlackBlock> {
    let (now, before) = (summary.changes, summary.before);
    let against = summary.period.title_of_before();
    let happened = [
        ("opened", now.opened, before.opened),
        ("resolved", now.resolved, before.resolved),
        ("closed", now.closed, before.closed),
        ("reopened", now.reopened, before.reopened),
    ];
    let happened = happened.map(|(what, now, before)| format!("• *{now}* {what} ({before} {against})"));
    let sum = |count: fn(&crate::db::statistics::Unresolved) -> i64| summary.unresolved.iter().map(count).sum::<i64>();
    let by_priority: Vec<_> = Priority::ALL
        .iter()
        .zip(&summary.unresolved)
        .map(|(priority, unresolved)| (priority.label().to_owned(), unresolved.count))
        .collect();
    let mut blocks = vec![
        section(&format!("*What happened*\n{}", happened.join("\n"))),
        section(&format!("*Unresolved now by priority*\n{}", bars(&by_priority))),
        fields(&[
            ("Unresolved", sum(|u| u.count).to_string()),
            ("Unassigned", sum(|u| u.unassigned).to_string()),
            ("Overdue", sum(|u| u.overdue).to_string()),
            (&format!("Stale (no update for {STALE_DAYS} days)"), sum(|u| u.stale).to_string()),
            ("Time to first assignment", times(summary.to_first_assignment)),
            ("Time to resolution", times(summary.to_resolution)),
        ]),
        section(&format!("*Filed by campaign*\n{}", ranked(&summary.campaigns))),
        section(&format!("*Filed by issue type*\n{}", ranked(&summary.issue_types))),
    ];
    blocks.push(section(&format!("*Unresolved now by assignee*\n{}", assignees(summary))));
    blocks
}

fn ranked(names: &[(String, i64)]) -> String {
    if names.is_empty() { "Nothing was filed.".to_owned() } else { bars(names) }
}

fn assignees(summary: &Summary) -> String {
    if summary.assignees.is_empty() {
        return "Nobody has any.".to_owned();
    }
    let mut lines: Vec<String> =
        summary.assignees.iter().map(|(user, count)| format!("• {} {count}", mention(user))).collect();
    match summary.more_assignees {
        0 => {}
        1 => lines.push("• 1 more person".to_owned()),
        more => lines.push(format!("• {more} more people")),
    }
    lines.join("\n")
}

fn times(times: Option<Times>) -> String {
    match times {
        Some(times) => format!("median {}, 90th percentile {}", duration(times.median), duration(times.p90)),
        None => "none in this period".to_owned(),
    }
}

/// A time in its two largest units.
fn duration(seconds: f64) -> String {
    let minutes = (seconds.max(0.0) / 60.0).round() as i64;
    match minutes {
        0 => format!("{} s", seconds.max(0.0).round() as i64),
        1..60 => format!("{minutes} min"),
        60..1440 => format!("{} h {} min", minutes / 60, minutes % 60),
        _ => format!("{} d {} h", minutes / 1440, minutes % 1440 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_have_their_two_largest_units() {
        assert_eq!(
            [0.0, 59.0, 90.0, 5400.0, 86_400.0, 200_000.0].map(duration),
            ["0 s", "1 min", "2 min", "1 h 30 min", "1 d 0 h", "2 d 7 h"]
        );
    }
}
