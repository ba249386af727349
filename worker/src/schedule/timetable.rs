//! Which tasks there are and when they are due: the form's `[schedule]` table, checked at start.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use clap::ValueEnum;
use serde::Deserialize;

use super::rule::{Rule, RuleFields};
use super::slots;

/// A task that sends messages is due at most so often a day; more is taken for a slip.
const MAX_A_DAY: u32 = 24;

/// Work that comes by the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Task {
    /// The week in numbers, in the ticket channel.
    WeeklySummary,
    /// Tickets past their expected time: a digest for each assignee, the rest to the administrators.
    Overdue,
    /// Tickets without an update for days, to the administrators.
    Stale,
    /// The pinned list of high-priority tickets that nobody has.
    PinHighPriority,
}

impl Task {
    /// In the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::WeeklySummary, Self::Overdue, Self::Stale, Self::PinHighPriority];

    /// The name in commands, in the form and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WeeklySummary => "weekly-summary",
            Self::Overdue => "overdue",
            Self::Stale => "stale",
            Self::PinHighPriority => "pin-high-priority",
        }
    }

    /// Reads [`Task::as_str`]'s spelling.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|task| task.as_str() == name)
    }

    /// Whether a missed slot is still worth running: a report on its own day, the list at any time.
    pub fn is_worth_catching_up(self, slot: DateTime<Utc>, timezone: Tz, now: DateTime<Utc>) -> bool {
        match self {
            Self::WeeklySummary | Self::Overdue | Self::Stale => {
                slots::local_day(slot, timezone) == slots::local_day(now, timezone)
            }
            Self::PinHighPriority => true,
        }
    }
}

/// When each task is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timetable {
    rules: [Rule; 4],
}

/// The `[schedule]` table.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TimetableFields {
    weekly_summary: Option<RuleFields>,
    overdue: Option<RuleFields>,
    stale: Option<RuleFields>,
    pin_high_priority: Option<RuleFields>,
}

impl Default for Timetable {
    fn default() -> Self {
        Self { rules: Task::ALL.map(usual) }
    }
}

fn usual(task: Task) -> Rule {
    match task {
        Task::WeeklySummary => Rule::MONDAYS,
        Task::Overdue | Task::Stale => Rule::DAILY,
        Task::PinHighPriority => Rule::HOURLY,
    }
}

impl Timetable {
    /// The usual times with the fields that are set.
    ///
    /// # Errors
    /// A sentence that names the faulty task and field.
    pub fn with(fields: &TimetableFields) -> Result<Self, String> {
        let mut timetable = Self::default();
        for (rule, task) in timetable.rules.iter_mut().zip(Task::ALL) {
            let fields = match task {
                Task::WeeklySummary => &fields.weekly_summary,
                Task::Overdue => &fields.overdue,
                Task::Stale => &fields.stale,
                Task::PinHighPriority => &fields.pin_high_priority,
            };
            let Some(fields) = fields else { continue };
            *rule = rule.with(fields).map_err(|error| format!("schedule: {}: {error}", task.as_str()))?;
            let often = rule.times_a_day();
            if often > MAX_A_DAY && task != Task::PinHighPriority {
                return Err(format!(
                    "schedule: {}: {often} times a day, at most {MAX_A_DAY} are sensible",
                    task.as_str()
                ));
            }
        }
        Ok(timetable)
    }

    /// When this task is due.
    pub fn rule(&self, task: Task) -> &Rule {
        let [weekly, overdue, stale, pin] = &self.rules;
        match task {
            Task::WeeklySummary => weekly,
            Task::Overdue => overdue,
            Task::Stale => stale,
            Task::PinHighPriority => pin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timetable(toml: &str) -> Result<Timetable, String> {
        Timetable::with(&toml::from_str(toml).map_err(|error| error.to_string())?)
    }

    #[test]
    fn what_is_set_changes_and_the_rest_stays() {
        let timetable = timetable("weekly-summary = { weekday = 'fri', hour = 16 }\nstale.weekday = '1-5'").unwrap();
        let now = "2026-11-25T12:00:00Z".parse().unwrap();
        let next = |task| slots::next(timetable.rule(task), Tz::UTC, now).unwrap().to_rfc3339();
        assert_eq!(next(Task::WeeklySummary), "2026-11-27T16:00:00+00:00");
        assert_eq!(next(Task::Overdue), "2026-11-26T09:00:00+00:00");
        assert_eq!(next(Task::PinHighPriority), "2026-11-25T13:00:00+00:00");
        assert_eq!(self::timetable(""), Ok(Timetable::default()));
    }

    #[test]
    fn a_fault_names_the_task() {
        for (toml, named) in [
            ("overdue = { hour = 25 }", "schedule: overdue: hour “25”"),
            ("overdue = { minute = '*' }", "schedule: overdue: 60 times a day"),
            ("weekly = { hour = 9 }", "weekly"),
            ("stale = '9:00'", "stale"),
        ] {
            let error = timetable(toml).unwrap_err();
            assert!(error.contains(named), "{toml}: {error}");
        }
        assert!(timetable("pin-high-priority = { minute = '*/5' }").is_ok());
    }

    #[test]
    fn names_can_be_read_again() {
        for task in Task::ALL {
            assert_eq!(Task::parse(task.as_str()), Some(task));
            let clap_name = task.to_possible_value().unwrap();
            assert_eq!(clap_name.get_name(), task.as_str());
        }
    }

    #[test]
    fn a_report_is_worth_its_own_day_and_the_list_any() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let (slot, zone) = (at("2026-11-23T14:00:00Z"), Tz::America__New_York);
        for task in [Task::WeeklySummary, Task::Overdue, Task::Stale] {
            assert!(task.is_worth_catching_up(slot, zone, at("2026-11-24T04:59:59Z")));
            assert!(!task.is_worth_catching_up(slot, zone, at("2026-11-24T05:00:00Z")));
        }
        assert!(Task::PinHighPriority.is_worth_catching_up(slot, zone, at("2026-11-26T05:00:00Z")));
    }
}
