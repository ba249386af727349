//! Sentences that a person reads privately, in mrkdwn.

use chrono::{DateTime, Utc};
use common::slack_id::UserId;
use common::ticket::{Action, Refusal, TicketNumber};

use super::mrkdwn::mention;
use crate::db::ticket_events::{Change, TicketEvent};
use crate::db::tickets::Ticket;
use crate::period::PeriodError;

/// The chosen assignee is no system user.
pub const NOT_ASSIGNABLE: &str = "Only system users can take tickets. Please choose one of them.";

/// A job was given up.
pub const GIVEN_UP: &str = "That could not be done because of a fault; nothing was changed. The administrators have been told. Please try again later.";

/// Somebody without the right tried.
pub fn not_a_system_user(user: &UserId) -> String {
    format!(
        "Only system users can do this, and you ({}) are not one of them. An administrator can add your id `{user}` to `SYSTEM_USERS`. \
         Nothing was changed.",
        mention(user)
    )
}

/// What was typed after `/ticket-summary` is no period.
pub fn no_period(error: PeriodError) -> String {
    let what = match error {
        PeriodError::NotUnderstood => "I don't understand that period",
        PeriodError::EndsBeforeStart => "That period ends before it begins",
        PeriodError::NotBegun => "That period has not begun yet",
        PeriodError::TooLong => "A period can have a year at most",
    };
    format!(
        "{what}. Please try `/ticket-summary` (this week), `/ticket-summary month`, `/ticket-summary 2026-10` or \
         `/ticket-summary 2026-10-01..2026-10-15`."
    )
}

/// The ticket doesn't exist.
pub fn no_such_ticket(ticket: TicketNumber) -> String {
    format!("There is no ticket {ticket}.")
}

/// The ticket has its new assignee.
pub fn reassigned(ticket: TicketNumber, assignee: &UserId) -> String {
    format!("✅ *{ticket}* is assigned to {} now.", mention(assignee))
}

/// Somebody was faster, or the action isn't possible: what happened instead.
pub fn overtaken(
    ticket: &Ticket,
    refusal: Refusal,
    last: Option<&TicketEvent>,
    reader: &UserId,
    now: DateTime<Utc>,
) -> String {
    let number = ticket.number;
    let Some(last) = last else {
        return format!("That isn't possible: *{number}* is {} ({refusal}).", ticket.status.label());
    };
    let who = if last.actor == *reader { "you".to_owned() } else { mention(&last.actor) };
    let ago = ago(now - last.at);
    match (last.change, &last.assignee.1) {
        (Change::Act(Action::Assign), _) => {
            format!("*{number}* is already assigned to {} ({ago}).", whom(last, reader))
        }
        (Change::Act(Action::Reassign), Some(_)) => {
            format!("*{number}* was assigned to {} by {who} {ago}.", whom(last, reader))
        }
        (Change::Act(action), _) => format!("*{number}* was {} by {who} {ago}: {refusal}.", past(action)),
        _ => format!("That isn't possible: *{number}* is {} ({refusal}).", ticket.status.label()),
    }
}

fn whom(event: &TicketEvent, reader: &UserId) -> String {
    match &event.assignee.1 {
        Some(user) if user == reader => "you".to_owned(),
        Some(user) => mention(user),
        None => "nobody".to_owned(),
    }
}

/// What was done, as a participle.
pub fn past(action: Action) -> &'static str {
    match action {
        Action::Assign => "assigned",
        Action::Reassign => "reassigned",
        Action::Resolve => "resolved",
        Action::Close => "closed",
        Action::Reopen => "reopened",
    }
}

/// How long ago, in the largest unit.
pub fn ago(past: chrono::TimeDelta) -> String {
    let seconds = past.num_seconds().max(0);
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86_400 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// A number with commas between thousands.
pub fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{ago, grouped};
    use chrono::TimeDelta;

    #[test]
    fn thousands_are_parted() {
        assert_eq!([0, 999, 1000, 48_000, 1_234_567].map(grouped), ["0", "999", "1,000", "48,000", "1,234,567"]);
    }

    #[test]
    fn times_are_told_in_their_largest_unit() {
        let text = |seconds| ago(TimeDelta::seconds(seconds));
        assert_eq!(
            [text(-5), text(2), text(61), text(7200), text(200_000)],
            ["0 s ago", "2 s ago", "1 min ago", "2 h ago", "2 days ago"]
        );
    }
}
