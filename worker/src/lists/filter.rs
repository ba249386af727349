use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use common::ticket::{Priority, Status};
use serde::{Deserialize, Serialize};

use crate::period::midnight;

/// Which tickets are shown, in which order. Spelled as stored in jobs and in the database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// [`Status::as_str`]; none means all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<String>,
    /// [`Priority::as_str`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// A campaign's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// Who has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<Assignee>,
    /// Unfinished and not updated for three days.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stale: bool,
    /// Unfinished and past the expected time.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub overdue: bool,
    /// Created on this day or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<NaiveDate>,
    /// Created on this day or earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<NaiveDate>,
    /// Words in details and comments, or a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// The order.
    #[serde(skip_serializing_if = "Sort::is_newest")]
    pub sort: Sort,
}

/// Whose tickets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assignee {
    /// The reader's.
    Me,
    /// Nobody's.
    Nobody,
    /// This person's, by user id.
    User(String),
}

/// The order of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// Newest first.
    #[default]
    Newest,
    /// Oldest first.
    Oldest,
    /// Most urgent first.
    Priority,
    /// Longest without update first.
    Quiet,
    /// What fits a search best first; without a search the newest.
    Best,
}

impl Sort {
    /// In the order of the select.
    pub const ALL: [Self; 5] = [Self::Best, Self::Newest, Self::Oldest, Self::Priority, Self::Quiet];

    /// The spelling in options.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Oldest => "oldest",
            Self::Priority => "priority",
            Self::Quiet => "quiet",
            Self::Best => "best",
        }
    }

    /// What people read.
    pub fn label(self) -> &'static str {
        match self {
            Self::Newest => "Newest first",
            Self::Oldest => "Oldest first",
            Self::Priority => "Most urgent first",
            Self::Quiet => "Longest without update first",
            Self::Best => "Best match first",
        }
    }

    fn is_newest(&self) -> bool {
        *self == Self::Newest
    }
}

impl Filter {
    /// Whether anything is left out.
    pub fn is_empty(&self) -> bool {
        *self == Self { sort: self.sort, ..Self::default() }
    }

    /// Searches this text or nothing. A search begins with the best finds on top.
    pub fn search_for(&mut self, text: Option<String>) {
        self.sort = match (self.sort, self.search.is_some(), text.is_some()) {
            (Sort::Newest, false, true) => Sort::Best,
            (Sort::Best, _, false) => Sort::Newest,
            (sort, ..) => sort,
        };
        self.search = text;
    }

    /// The first instant that counts and the first that doesn't any more, by days in `timezone`.
    pub fn bounds(&self, timezone: Tz) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
        let after = self.to.and_then(|day| day.checked_add_days(Days::new(1)));
        (self.from.map(|day| midnight(day, timezone)), after.map(|day| midnight(day, timezone)))
    }

    /// A range that ends before it starts.
    pub fn is_backwards(&self) -> bool {
        matches!((self.from, self.to), (Some(from), Some(to)) if to < from)
    }

    /// What is filtered, in words for a file's name and a sentence about it; not escaped.
    pub fn title(&self) -> String {
        if self.is_empty() {
            return "All tickets".to_owned();
        }
        let plain = |chip: &String| match chip.strip_prefix("assigned to <@").and_then(|rest| rest.strip_suffix('>')) {
            Some(id) => format!("assigned to {id}"),
            None => chip.clone(),
        };
        self.chips().iter().map(plain).collect::<Vec<_>>().join(", ")
    }

    /// What is filtered, in words for people; not escaped.
    pub fn chips(&self) -> Vec<String> {
        let mut chips: Vec<String> =
            self.statuses.iter().filter_map(|s| Status::parse(s)).map(|s| s.badge().to_owned()).collect();
        chips.extend(self.priority.as_deref().and_then(Priority::parse).map(|p| p.label().to_owned()));
        chips.extend(self.campaign.clone());
        chips.extend(self.assignee.as_ref().map(|assignee| match assignee {
            Assignee::Me => "assigned to me".to_owned(),
            Assignee::Nobody => "unassigned".to_owned(),
            Assignee::User(id) => format!("assigned to <@{id}>"),
        }));
        chips.extend(self.stale.then(|| "stale".to_owned()));
        chips.extend(self.overdue.then(|| "overdue".to_owned()));
        chips.extend(self.from.map(|day| format!("from {day}")));
        chips.extend(self.to.map(|day| format!("to {day}")));
        chips.extend(self.search.as_ref().map(|text| format!("“{text}”")));
        chips
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_days_of_the_zone() {
        let day = |text: &str| text.parse().ok();
        let filter = Filter { from: day("2026-03-08"), to: day("2026-03-08"), ..Filter::default() };
        let (from, to) = filter.bounds(Tz::America__New_York);
        assert_eq!(from.unwrap().to_rfc3339(), "2026-03-08T05:00:00+00:00");
        assert_eq!((to.unwrap() - from.unwrap()).num_hours(), 23, "the day on which clocks go forward");
        let santiago = Filter { from: day("2026-09-06"), ..Filter::default() }.bounds(Tz::America__Santiago);
        assert_eq!(santiago.0.unwrap().to_rfc3339(), "2026-09-06T04:00:00+00:00", "its midnight does not exist");
    }

    #[test]
    fn a_filter_survives_being_stored() {
        let filter =
            Filter { assignee: Some(Assignee::User("U1".into())), stale: true, sort: Sort::Quiet, ..Filter::default() };
        let stored = serde_json::to_value(&filter).unwrap();
        assert_eq!(serde_json::from_value::<Filter>(stored).unwrap(), filter);
        assert!(Filter { sort: Sort::Oldest, ..Filter::default() }.is_empty() && !filter.is_empty());
    }
}
