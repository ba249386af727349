use common::slack_id::UserId;
use common::ticket::{Priority, Status, TicketNumber};

use super::List;
use super::filter::{Assignee, Filter};
use super::search_text::{cut_note, search_text};
use crate::period::parse_day;

const HELP_ALL: &str = "*/system-tickets* shows all tickets; words narrow them, in any order:\n\
    • a status: `open`, `progress`, `resolved`, `closed`, `unresolved`\n\
    • a priority: `high`, `medium`, `low`\n\
    • whose: `mine`, `unassigned`, `@somebody`\n\
    • `stale` (no update for 3 days), `overdue`\n\
    • days: `2026-10-01..2026-10-31`, `2026-10-01..`, `2026-10`\n\
    • anything else is searched in details and comments: `vonage`\n\
    • a number opens that ticket: `T042`\n\
    Without words the list opens as you left it; words are not remembered.\n\
    A reply in a card's thread is a comment. One that begins with 🔒 is an internal note: it never reaches the submitter, \
    but everybody in the ticket channel can read it.";

const HELP_OWN: &str = "*/agent-tickets* shows your own tickets; words narrow them, in any order:\n\
    • a status: `open`, `progress`, `resolved`, `closed`, `unresolved`\n\
    • days: `2026-10-01..2026-10-31`, `2026-10-01..`, `2026-10`\n\
    • a number opens that ticket: `T042`\n\
    Without words the list opens as you left it; words are not remembered.\n\
    `/new-ticket` files a ticket.";

/// What stands behind a list's `help`.
pub fn help(list: List) -> &'static str {
    match list {
        List::Own => HELP_OWN,
        List::All => HELP_ALL,
    }
}

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
    Filter {
        /// Which.
        filter: Box<Filter>,
        /// What was passed over, said in a sentence; mrkdwn, escaped.
        note: Option<String>,
    },
    /// Something that can't be meant, said in a sentence; mrkdwn, escaped.
    Wrong(String),
}

/// What a word is.
enum Taken {
    /// A filter of every list.
    Everywhere,
    /// A filter of the list of all tickets.
    OfAll,
    /// None of ours.
    No,
}

/// Understands the words behind a command; `people` are those who can be meant by `@name`.
pub fn parse_words(text: &str, list: List, people: &[(UserId, String)]) -> Words {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        [] => return Words::Nothing,
        [one] if one.eq_ignore_ascii_case("help") => return Words::Help,
        [one] if is_numbered(one) || list == List::Own && one.bytes().all(|b| b.is_ascii_digit()) => {
            return match one.parse() {
                Ok(ticket) => Words::Ticket(ticket),
                Err(_) => Words::Wrong(format!("`{}` is no ticket number; they look like `T042`.", shown(one))),
            };
        }
        _ => {}
    }
    match parse_filter(&words, list, people) {
        Ok((filter, _)) if filter.is_backwards() => Words::Wrong("The days end before they start.".to_owned()),
        Ok((filter, note)) => Words::Filter { filter: Box::new(filter), note },
        Err(wrong) => Words::Wrong(wrong),
    }
}

/// `T042`, or what somebody takes for one.
fn is_numbered(word: &str) -> bool {
    word.strip_prefix(['T', 't']).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

fn parse_filter(words: &[&str], list: List, people: &[(UserId, String)]) -> Result<(Filter, Option<String>), String> {
    let mut filter = Filter::default();
    let (mut searched, mut foreign) = (Vec::new(), Vec::new());
    let mut rest = words.iter().copied().peekable();
    while let Some(word) = rest.next() {
        let in_progress =
            word.eq_ignore_ascii_case("in") && rest.next_if(|next| next.eq_ignore_ascii_case("progress")).is_some();
        let word = if in_progress { "progress" } else { word };
        match (take(&mut filter, word, people)?, list) {
            (Taken::Everywhere, _) | (Taken::OfAll, List::All) => {}
            (Taken::No, List::All) => searched.push(unescaped(word)),
            (Taken::OfAll | Taken::No, List::Own) if matches!(word, "mine" | "me") => {}
            (Taken::OfAll | Taken::No, List::Own) => foreign.push(format!("`{}`", shown(word))),
        }
    }
    if list == List::Own {
        let note = (!foreign.is_empty())
            .then(|| format!("⚠️ This list knows statuses and days, so it passes over {}.", foreign.join(", ")));
        return Ok((Filter { statuses: filter.statuses, from: filter.from, to: filter.to, ..Filter::default() }, note));
    }
    let found = search_text(&searched.join(" "));
    let note = found.as_ref().and_then(|(_, cut)| cut.then(cut_note));
    filter.search_for(found.map(|(text, _)| text));
    Ok((filter, note))
}

/// Puts a word into the filter.
fn take(filter: &mut Filter, word: &str, people: &[(UserId, String)]) -> Result<Taken, String> {
    let lower = word.to_lowercase();
    let statuses: &[Status] = match lower.as_str() {
        "open" => &[Status::Open],
        "progress" | "in-progress" | "in_progress" => &[Status::InProgress],
        "resolved" => &[Status::Resolved],
        "closed" => &[Status::Closed],
        "unresolved" => &[Status::Open, Status::InProgress],
        _ => &[],
    };
    for status in statuses {
        if !filter.statuses.iter().any(|known| known == status.as_str()) {
            filter.statuses.push(status.as_str().to_owned());
        }
    }
    if !statuses.is_empty() {
        return Ok(Taken::Everywhere);
    }
    match lower.as_str() {
        "mine" | "me" => set(&mut filter.assignee, Assignee::Me, word)?,
        "unassigned" | "nobody" => set(&mut filter.assignee, Assignee::Nobody, word)?,
        "stale" => filter.stale = true,
        "overdue" => filter.overdue = true,
        _ => {
            if let Some(priority) = Priority::parse(&lower) {
                set(&mut filter.priority, priority.as_str().to_owned(), word)?;
            } else if let Some(person) = person(word, people)? {
                set(&mut filter.assignee, Assignee::User(person.to_string()), word)?;
            } else {
                return take_days(filter, word);
            }
        }
    }
    Ok(Taken::OfAll)
}

/// One filter has one value: of two, neither is guessed to be meant.
fn set<T: PartialEq>(place: &mut Option<T>, value: T, word: &str) -> Result<(), String> {
    if place.as_ref().is_some_and(|known| *known != value) {
        return Err(format!("`{}` contradicts a word before it; please choose one of them.", shown(word)));
    }
    *place = Some(value);
    Ok(())
}

/// Whom a mention or `@name` means; `None` where the word is neither.
fn person(word: &str, people: &[(UserId, String)]) -> Result<Option<UserId>, String> {
    let unknown = || format!("`{}` is nobody I know; the list's Assignee filter offers everybody.", shown(word));
    if let Some(id) = word.strip_prefix("<@").and_then(|rest| rest.split(['>', '|']).next()) {
        return UserId::parse(id).map(Some).ok_or_else(unknown);
    }
    let Some(name) = word.strip_prefix('@').filter(|name| !name.is_empty()) else { return Ok(None) };
    let name = name.to_lowercase();
    let is_called = |known: &str| {
        let known = known.to_lowercase();
        known.replace(' ', "") == name || known.replace(' ', ".") == name || known.split(' ').any(|part| part == name)
    };
    let mut called = people.iter().filter(|(id, known)| is_called(known) || id.as_str().to_lowercase() == name);
    match (called.next(), called.next()) {
        (Some((user, _)), None) => Ok(Some(user.clone())),
        (Some(_), Some(_)) => Err(format!("`{}` may be several people; please write the whole name.", shown(word))),
        (None, _) => Err(unknown()),
    }
}

fn take_days(filter: &mut Filter, word: &str) -> Result<Taken, String> {
    let wrong = || format!("`{}` is no range of days; they look like `2026-10-01..2026-10-31`.", shown(word));
    let (from, to) = if let Some((from, to)) = word.split_once("..") {
        let is_day = |text: &str| text.trim_start_matches(['+', '-']).starts_with(|c: char| c.is_ascii_digit());
        let is_word = |text: &str| !text.is_empty() && !text.contains('.');
        // Not what merely ends in dots.
        if !(is_day(from) || is_day(to) || is_word(from) && is_word(to)) {
            return Ok(Taken::No);
        }
        let day = |text: &str| if text.is_empty() { Ok(None) } else { parse_day(text).map(Some).ok_or_else(wrong) };
        (day(from)?, day(to)?)
    } else if word.len() == 7
        && word.bytes().enumerate().all(|(n, b)| if n == 4 { b == b'-' } else { b.is_ascii_digit() })
    {
        let first = parse_day(&format!("{word}-01")).ok_or_else(wrong)?;
        let last = first.checked_add_months(chrono::Months::new(1)).and_then(|next| next.pred_opt());
        (Some(first), last)
    } else if word.len() == 10 && word.bytes().all(|b| b.is_ascii_digit() || b == b'-') && word.contains('-') {
        let day = Some(parse_day(word).ok_or_else(wrong)?);
        (day, day)
    } else {
        return Ok(Taken::No);
    };
    for (place, day) in [(&mut filter.from, from), (&mut filter.to, to)] {
        if let Some(day) = day {
            set(place, day, word)?;
        }
    }
    Ok(Taken::Everywhere)
}

/// A word as it was typed: Slack escapes commands' texts.
fn unescaped(word: &str) -> String {
    let link = word.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    let typed = link.map_or(word, |link| link.rsplit('|').next().unwrap_or(link));
    typed.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// A word of somebody's in an answer to them: nothing of it is alive.
fn shown(word: &str) -> String {
    unescaped(word).chars().filter(|c| !matches!(c, '`' | '<' | '>' | '&')).take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people() -> Vec<(UserId, String)> {
        [("U1", "Sam Systems"), ("U2", "Sue Systems")]
            .map(|(id, name)| (UserId::parse(id).unwrap(), name.into()))
            .into()
    }

    fn filter(text: &str) -> Filter {
        match parse_words(text, List::All, &people()) {
            Words::Filter { filter, .. } => *filter,
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
        assert_eq!(filter("@sam").assignee, Some(Assignee::User("U1".into())));
        assert_eq!(filter("@Sue.Systems").assignee, Some(Assignee::User("U2".into())));
        assert_eq!(filter("2026-02").to.unwrap().to_string(), "2026-02-28");
        assert_eq!(filter("2026-10-01..").from.unwrap().to_string(), "2026-10-01");
        assert_eq!(filter("2026-10-01.. ..2026-10-07").to.unwrap().to_string(), "2026-10-07");
        assert_eq!(filter("tango").search.as_deref(), Some("tango"));
        assert_eq!(filter("R&amp;D &lt;b&gt;").search.as_deref(), Some("R&D <b>"));
        assert_eq!(filter("open unresolved").statuses, ["open", "in_progress"]);
        let found = filter("In Progress");
        assert_eq!((found.statuses, found.search), (vec!["in_progress".to_owned()], None));
        assert_eq!(filter("error... x").search.as_deref(), Some("error... x"));
        assert_eq!(filter("T042 vonage").search.as_deref(), Some("T042 vonage"));
        let words = |text| parse_words(text, List::All, &[]);
        assert_eq!(words("t7"), Words::Ticket(TicketNumber::new(7).unwrap()));
        assert_eq!([words(""), words(" help "), words("HELP")], [Words::Nothing, Words::Help, Words::Help]);
    }

    #[test]
    fn what_can_not_be_meant_is_said() {
        for wrong in [
            "T0",
            "T99999999999999999999",
            "2026-10-09..2026-10-01",
            "2026-13",
            "2026-02-30",
            "x..y",
            "<@x>",
            "@ghost",
            "@systems",
            "high low",
            "mine unassigned",
            "-9999-01-01..2026-10-01",
            "+12345-06-07..",
            "2026-10 2026-11",
        ] {
            assert!(matches!(parse_words(wrong, List::All, &people()), Words::Wrong(_)), "{wrong}");
        }
        for odd in ["%", "'", ":*", "🎧", "a\u{0}b", &"x".repeat(3000)] {
            let search = filter(odd).search.unwrap();
            assert!(search.encode_utf16().count() <= 200 && !search.contains('\u{0}'), "{odd}");
        }
        let Words::Filter { note: Some(note), .. } = parse_words(&"long ".repeat(60), List::All, &[]) else { panic!() };
        assert!(note.contains("first 200"), "{note}");
    }

    #[test]
    fn ones_own_list_says_what_it_does_not_know() {
        let own = |text| parse_words(text, List::Own, &[]);
        let Words::Filter { filter, note } = own("open vonage <high> 2026-10 mine") else { panic!() };
        assert_eq!((filter.statuses.len(), filter.search, filter.from.is_some()), (1, None, true));
        let note = note.unwrap();
        assert!(note.contains("`vonage`, `high`") && !note.contains("mine"), "{note}");
        let Words::Filter { note: None, .. } = own("open") else { panic!() };
        assert_eq!((own("42"), own("Help")), (Words::Ticket(TicketNumber::new(42).unwrap()), Words::Help));
        assert!(help(List::Own).contains("/agent-tickets") && help(List::All).contains("/system-tickets"));
    }
}
