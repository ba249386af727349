//! When a task runs, field by field as in a crontab. All fields must fit; each is a set of numbers.

use chrono::{Datelike, NaiveDate, NaiveTime};
use serde::Deserialize;

/// Weekdays by name, from Sunday as in a crontab.
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// Every day of the calendar comes within this many days; a 29th of February on a given weekday within 40 years.
const ALL_DAYS: i64 = 366 * 40;

/// The local times at which something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
}

/// A rule's fields as an operator writes them; what is left out stays as the task has it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleFields {
    minute: Option<FieldText>,
    hour: Option<FieldText>,
    day: Option<FieldText>,
    month: Option<FieldText>,
    weekday: Option<FieldText>,
}

/// `9` or `"9"`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum FieldText {
    Number(i64),
    Text(String),
}

impl std::fmt::Display for FieldText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// What a field may hold.
struct Range {
    name: &'static str,
    first: u32,
    last: u32,
    names: &'static [&'static str],
}

const MINUTE: Range = Range { name: "minute", first: 0, last: 59, names: &[] };
const HOUR: Range = Range { name: "hour", first: 0, last: 23, names: &[] };
const DAY: Range = Range { name: "day", first: 1, last: 31, names: &[] };
const MONTH: Range = Range { name: "month", first: 1, last: 12, names: &MONTHS };
/// Sunday is 0 and 7.
const WEEKDAY: Range = Range { name: "weekday", first: 0, last: 7, names: &WEEKDAYS };

impl Rule {
    /// Minute 0 of every hour.
    pub const HOURLY: Self =
        Self { minutes: 1, hours: (1 << 24) - 1, days: !1 & 0xffff_ffff, months: !1 & 0x1fff, weekdays: 0x7f };

    /// 9:00 of every day.
    pub const DAILY: Self = Self { hours: 1 << 9, ..Self::HOURLY };

    /// Monday, 9:00.
    pub const MONDAYS: Self = Self { weekdays: 1 << 1, ..Self::DAILY };

    /// This rule with the fields that are set.
    ///
    /// # Errors
    /// A sentence about the faulty field, or that no day fits.
    pub fn with(self, fields: &RuleFields) -> Result<Self, String> {
        let mut weekdays = parse(fields.weekday.as_ref(), self.weekdays, &WEEKDAY)?;
        if weekdays & 1 << 7 != 0 {
            weekdays = (weekdays | 1) & 0x7f;
        }
        let rule = Self {
            minutes: parse(fields.minute.as_ref(), self.minutes, &MINUTE)?,
            hours: parse(fields.hour.as_ref(), self.hours, &HOUR)?,
            days: parse(fields.day.as_ref(), self.days, &DAY)?,
            months: parse(fields.month.as_ref(), self.months, &MONTH)?,
            weekdays,
        };
        let first = NaiveDate::default();
        if !(0..ALL_DAYS).any(|day| rule.fits_day(first + chrono::TimeDelta::days(day))) {
            return Err("there is no such day".to_owned());
        }
        Ok(rule)
    }

    /// Whether the rule's times are due on this day.
    pub fn fits_day(&self, day: NaiveDate) -> bool {
        self.days & 1 << day.day() != 0
            && self.months & 1 << day.month() != 0
            && self.weekdays & 1 << day.weekday().num_days_from_sunday() != 0
    }

    /// The times of a day that fits, earliest first.
    pub fn times(&self) -> impl DoubleEndedIterator<Item = NaiveTime> {
        let (hours, minutes) = (self.hours, self.minutes);
        (0..24u32).filter(move |hour| hours & 1 << hour != 0).flat_map(move |hour| {
            (0..60u32)
                .filter(move |minute| minutes & 1 << minute != 0)
                .filter_map(move |minute| NaiveTime::from_hms_opt(hour, minute, 0))
        })
    }

    /// How often it is due on a day that fits.
    pub fn times_a_day(&self) -> u32 {
        self.hours.count_ones() * self.minutes.count_ones()
    }

    /// Whether it names no hour: such a rule is due in every hour that passes, also in one that clocks repeat.
    pub fn is_every_hour(&self) -> bool {
        self.hours == Self::HOURLY.hours
    }
}

fn parse(text: Option<&FieldText>, otherwise: u64, range: &Range) -> Result<u64, String> {
    let Some(text) = text else { return Ok(otherwise) };
    let text = text.to_string();
    let wrong = || {
        let Range { name, first, last, .. } = range;
        format!(
            "{name} “{text}” is not understood: `*`, or numbers from {first} to {last} as in `1`, `1,15`, `1-5`, `*/10`"
        )
    };
    let mut numbers = 0;
    for part in text.split(',') {
        numbers |= parse_part(part.trim(), range).ok_or_else(wrong)?;
    }
    Ok(numbers)
}

/// `*`, `7`, `mon`, `1-5`, each with `/step` or without.
fn parse_part(part: &str, range: &Range) -> Option<u64> {
    let (span, step) = match part.split_once('/') {
        Some((span, step)) => (span, step.parse().ok().filter(|step| *step > 0)?),
        None => (part, 1),
    };
    let (first, last) = match span.split_once('-') {
        _ if span == "*" => (range.first, if range.name == WEEKDAY.name { 6 } else { range.last }),
        Some((first, last)) => (number(first, range)?, number(last, range)?),
        // As in a crontab, `5/10` goes on to the end.
        None if step > 1 => (number(span, range)?, range.last),
        None => (number(span, range)?, number(span, range)?),
    };
    (first <= last).then(|| (first..=last).step_by(step).fold(0, |numbers, number| numbers | 1 << number))
}

fn number(text: &str, range: &Range) -> Option<u32> {
    let lower = text.trim().to_lowercase();
    let named = range.names.iter().zip(range.first..).find(|(name, _)| **name == lower).map(|(_, number)| number);
    let digits = (!lower.is_empty() && lower.bytes().all(|b| b.is_ascii_digit())).then(|| lower.parse().ok()).flatten();
    named.or(digits).filter(|number| (range.first..=range.last).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(toml: &str) -> Result<Rule, String> {
        Rule::DAILY.with(&toml::from_str(toml).map_err(|error| error.to_string())?)
    }

    fn times(rule: &Rule) -> Vec<String> {
        rule.times().map(|time| time.format("%H:%M").to_string()).collect()
    }

    #[test]
    fn fields_are_read_as_in_a_crontab() {
        assert_eq!(times(&rule("hour = 7").unwrap()), ["07:00"]);
        assert_eq!(times(&rule("hour = '6-7,22'\nminute = '*/30'").unwrap()).len(), 6);
        assert_eq!(times(&rule("minute = '50/4'").unwrap()), ["09:50", "09:54", "09:58"]);
        let workdays = rule("weekday = 'Mon-Fri'").unwrap();
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert!(workdays.fits_day(day("2026-11-27")) && !workdays.fits_day(day("2026-11-28")));
        let sundays = rule("weekday = 7").unwrap();
        assert!(sundays.fits_day(day("2026-11-29")) && sundays == rule("weekday = 'sun'").unwrap());
        let fridays_13th = rule("day = 13\nweekday = 'fri'").unwrap();
        assert!(fridays_13th.fits_day(day("2026-11-13")) && !fridays_13th.fits_day(day("2026-10-13")));
        assert!(rule("month = 'feb'\nday = 29").unwrap().fits_day(day("2028-02-29")));
        assert_eq!(rule("minute = '*'\nhour = '*'").unwrap().times_a_day(), 1440);
        assert!(rule("hour = '*'").unwrap().is_every_hour() && !rule("").unwrap().is_every_hour());
        assert_eq!(rule("weekday = '*'\nday = '*'\nmonth = '*'").unwrap(), Rule::DAILY);
    }

    #[test]
    fn a_fault_names_its_field() {
        for (toml, named) in [
            ("hour = 24", "hour “24”"),
            ("minute = -1", "minute “-1”"),
            ("minute = ''", "minute “”"),
            ("weekday = 'someday'", "weekday “someday”"),
            ("day = '5-1'", "day “5-1”"),
            ("hour = '*/0'", "hour “*/0”"),
            ("hour = '1,,2'", "hour “1,,2”"),
            ("day = 31\nmonth = 'feb'", "no such day"),
            ("second = 1", "second"),
            ("hour = 9.5", "hour"),
        ] {
            let error = rule(toml).unwrap_err();
            assert!(error.contains(named), "{toml}: {error}");
        }
    }
}
