use common::slack_id::UserId;
use common::ticket::{Priority, Status, TicketNumber};

use super::filter::{Assignee, Filter};

/// Longest search text that is kept.
const MAX_SEARCH_CHARS: usize = 200;

/// What stands behind `/system-tickets help`.
pub const HELP: &str = "*/system-tickets* shows all tickets; words narrow them, in any order:\n\
    • a status: `open`, `progress`, `resolved`, `closed`, `unresolved`\n\
    • a priority: `high`, `medium`, `low`\n\
    • whose: `mine`, `unassigned`, `@somebody`\n\
    • `stale` (no update for 3 days), `overdue`\n\
    • days: `2026-10-01..2026-10-31`, `2026-10-01..`, `2026-10`\n\
    • anything else is searched in details and comments: `vonage`\n\
    • a number opens that ticket: `T042`\n\
    A reply in a card's thread is a comment. One that begins with 🔒 is an internal note: it never reaches the submitter, \
    but everybody in the ticket channel can read it.";

/// What the words behind a command ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Words {
    /// Nothing in particular: the list as it was left.
    Nothing,
    /// How it is used.
    Help,
    /// One ticket.
    Ticket(TicketNumber),
    /// Some tickets.
    Filter(Box<Filter>),
    /// Something that can't be meant, said in a sentence.
    Wrong(String),
}

/// Understands the words behind a command.
pub fn parse_words(text: &str) -> Words {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        [] => return Words::Nothing,
        ["help"] => return Words::Help,
        [one] if one.starts_with(['T', 't']) && one[1..].starts_with(|c: char| c.is_ascii_digit()) => {
            return match one.parse() {
                Ok(ticket) => Words::Ticket(ticket),
                Err(_) => Words::Wrong(format!("`{}` is no ticket number; they look like `T042`.", shown(one))),
            };
        }
        _ => {}
    }
    let mut filter = Filter::default();
    let mut searched = Vec::new();
    for word in words {
        match take(&mut filter, word) {
            Ok(true) => {}
            Ok(false) => searched.push(word),
            Err(wrong) => return Words::Wrong(wrong),
        }
    }
    if !searched.is_empty() {
        filter.search = Some(searched.join(" ").chars().take(MAX_SEARCH_CHARS).collect());
    }
    if filter.is_backwards() {
        return Words::Wrong("The days end before they start.".to_owned());
    }
    Words::Filter(Box::new(filter))
}

/// Puts a word into the filter; `false` where it is none of ours.
fn take(filter: &mut Filter, word: &str) -> Result<bool, String> {
    let lower = word.to_lowercase();
    let mut status = |statuses: &[Status]| {
        filter.statuses.extend(statuses.iter().map(|status| status.as_str().to_owned()));
    };
    match lower.as_str() {
        "open" => status(&[Status::Open]),
        "progress" | "in-progress" | "in_progress" => status(&[Status::InProgress]),
        "resolved" => status(&[Status::Resolved]),
        "closed" => status(&[Status::Closed]),
        "unresolved" => status(&[Status::Open, Status::InProgress]),
        "mine" | "me" => filter.assignee = Some(Assignee::Me),
        "unassigned" | "nobody" => filter.assignee = Some(Assignee::Nobody),
        "stale" => filter.stale = true,
        "overdue" => filter.overdue = true,
        _ => {
            if let Some(priority) = Priority::parse(&lower) {
                filter.priority = Some(priority.as_str().to_owned());
            } else if let Some(id) = word.strip_prefix("<@").and_then(|rest| rest.split(['>', '|']).next()) {
                let user = UserId::parse(id).ok_or_else(|| format!("`{}` is nobody I know.", shown(word)))?;
                filter.assignee = Some(Assignee::User(user.to_string()));
            } else {
                return take_days(filter, word);
            }
        }
    }
    Ok(true)
}

fn take_days(filter: &mut Filter, word: &str) -> Result<bool, String> {
    let wrong = || format!("`{}` is no range of days; they look like `2026-10-01..2026-10-31`.", shown(word));
    let day = |text: &str| {
        if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|_| wrong()) }
    };
    if let Some((from, to)) = word.split_once("..") {
        (filter.from, filter.to) = (day(from)?, day(to)?);
        return Ok(true);
    }
    let is_month =
        word.len() == 7 && word.as_bytes()[4] == b'-' && word.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    if is_month {
        let first: chrono::NaiveDate = format!("{word}-01").parse().map_err(|_| wrong())?;
        filter.from = Some(first);
        filter.to = first.checked_add_months(chrono::Months::new(1)).and_then(|next| next.pred_opt());
        return Ok(true);
    }
    if let Ok(day) = word.parse::<chrono::NaiveDate>() {
        (filter.from, filter.to) = (Some(day), Some(day));
        return Ok(true);
    }
    Ok(false)
}

/// A word of somebody's in an answer to them: nothing of it is alive.
fn shown(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '`' | '<' | '>' | '&')).take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> Filter {
        match parse_words(text) {
            Words::Filter(filter) => *filter,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn words_are_understood_as_filters() {
        assert_eq!(filter("mine").assignee, Some(Assignee::Me));
        let found = filter("high open vonage dialer");
        assert_eq!((found.priority.as_deref(), found.statuses.as_slice()), (Some("high"), &["open".to_owned()][..]));
        assert_eq!(found.search.as_deref(), Some("vonage dialer"));
        assert_eq!(filter("<@U1|x> overdue").assignee, Some(Assignee::User("U1".into())));
        assert_eq!(filter("2026-02").to.unwrap().to_string(), "2026-02-28");
        assert_eq!(filter("2026-10-01..").from.unwrap().to_string(), "2026-10-01");
        assert_eq!(parse_words("t7"), Words::Ticket(TicketNumber::new(7).unwrap()));
        assert_eq!((parse_words(""), parse_words(" help ")), (Words::Nothing, Words::Help));
        assert_eq!(filter("tango").search.as_deref(), Some("tango"));
    }

    #[test]
    fn what_can_not_be_meant_is_said() {
        for wrong in ["T0", "T99999999999999999999", "2026-10-09..2026-10-01", "2026-13", "x..y", "<@x>"] {
            assert!(matches!(parse_words(wrong), Words::Wrong(_)), "{wrong}");
        }
        for odd in ["%", "'", ":*", "🎧", &"x".repeat(3000)] {
            assert!(filter(odd).search.unwrap().chars().count() <= MAX_SEARCH_CHARS, "{odd}");
        }
    }
}
