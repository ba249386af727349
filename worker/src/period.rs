//! A stretch of whole days in the desk's time zone: what a summary or an export is about.
//!
//! People type `week`, `month`, `2026-10` or `2026-10-01..2026-10-15`; buttons carry the last form.

use std::fmt;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// Longest period, in days.
const MAX_DAYS: i64 = 366;
/// Years that a date may have.
const YEARS: std::ops::RangeInclusive<i32> = 2000..=2199;
/// A longer period is shown in parts of seven days or more.
const MAX_SINGLE_DAYS: i64 = 14;
/// Parts of a period at most: Slack's charts have at most 20 categories ("Data visualization block").
const MAX_PARTS: i64 = 14;

/// From the first day to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    first: NaiveDate,
    last: NaiveDate,
}

/// Why words are no period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// None of the known forms.
    #[error("not a period")]
    NotUnderstood,
    /// The last day is before the first.
    #[error("it ends before it begins")]
    EndsBeforeStart,
    /// It lies in the future.
    #[error("it has not begun yet")]
    NotBegun,
    /// More than a year.
    #[error("it is longer than {MAX_DAYS} days")]
    TooLong,
}

/// A day, or several, of a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What a chart calls it; at most 20 characters.
    pub label: String,
    /// From its first instant.
    pub from: DateTime<Utc>,
    /// To the first instant after it.
    pub to: DateTime<Utc>,
}

impl Period {
    /// From `first` to `last`, both included.
    ///
    /// # Errors
    /// When it ends before it begins, or is longer than a year.
    pub fn new(first: NaiveDate, last: NaiveDate) -> Result<Self, PeriodError> {
        if last < first {
            return Err(PeriodError::EndsBeforeStart);
        }
        let period = Self { first, last };
        if period.days() > MAX_DAYS { Err(PeriodError::TooLong) } else { Ok(period) }
    }

    /// The week of this day, from Monday to Sunday.
    pub fn week_of(day: NaiveDate) -> Self {
        let first = day - TimeDelta::days(i64::from(day.weekday().num_days_from_monday()));
        Self { first, last: first + TimeDelta::days(6) }
    }

    /// The month of this day.
    pub fn month_of(day: NaiveDate) -> Self {
        let first = day.with_day(1).unwrap_or(day);
        Self { first, last: first + Months::new(1) - Days::new(1) }
    }

    /// What somebody typed after `/ticket-summary`; nothing is this week.
    ///
    /// # Errors
    /// Why it is no period that has begun.
    pub fn parse_words(text: &str, today: NaiveDate) -> Result<Self, PeriodError> {
        let words = text.trim().to_lowercase();
        let period = match words.as_str() {
            "" | "week" => Self::week_of(today),
            "month" => Self::month_of(today),
            other => match parse_month(other) {
                Some(month) => month,
                None => Self::parse(other)?,
            },
        };
        if period.first > today { Err(PeriodError::NotBegun) } else { Ok(period) }
    }

    /// Reads the form with both days.
    ///
    /// # Errors
    /// Why it is no period.
    pub fn parse(text: &str) -> Result<Self, PeriodError> {
        let (first, last) = text.split_once("..").ok_or(PeriodError::NotUnderstood)?;
        let day = |text: &str| parse_day(text).ok_or(PeriodError::NotUnderstood);
        Self::new(day(first)?, day(last)?)
    }

    fn days(&self) -> i64 {
        (self.last - self.first).num_days() + 1
    }

    fn is_month(&self) -> bool {
        *self == Self::month_of(self.first)
    }

    /// The period of the same kind right before it.
    pub fn before(&self) -> Self {
        let last = self.first - TimeDelta::days(1);
        if self.is_month() { Self::month_of(last) } else { Self { first: last - (self.last - self.first), last } }
    }

    /// What people call it.
    pub fn title(&self) -> String {
        if self.is_month() {
            return self.first.format("%B %Y").to_string();
        }
        if *self == Self::week_of(self.first) {
            return format!("Week of {}", self.first.format("%B %-d, %Y"));
        }
        format!("{} to {}", self.first.format("%B %-d, %Y"), self.last.format("%B %-d, %Y"))
    }

    /// What people call the one before it.
    pub fn title_of_before(&self) -> &'static str {
        if self.is_month() {
            "the month before"
        } else if *self == Self::week_of(self.first) {
            "the week before"
        } else {
            "as many days before"
        }
    }

    /// From its first instant to the first instant after it.
    pub fn bounds(&self, timezone: Tz) -> (DateTime<Utc>, DateTime<Utc>) {
        (midnight(self.first, timezone), midnight(self.last + Days::new(1), timezone))
    }

    /// Its days, or stretches of days where there are too many.
    pub fn parts(&self, timezone: Tz) -> Vec<Part> {
        let size = if self.days() <= MAX_SINGLE_DAYS { 1 } else { 7.max((self.days() + MAX_PARTS - 1) / MAX_PARTS) };
        let mut parts = Vec::new();
        let mut first = self.first;
        while first <= self.last {
            let last = (first + TimeDelta::days(size - 1)).min(self.last);
            let label = if first == last {
                first.format("%a %-d").to_string()
            } else if first.month() == last.month() {
                format!("{}–{}", first.format("%b %-d"), last.format("%-d"))
            } else {
                format!("{}–{}", first.format("%b %-d"), last.format("%b %-d"))
            };
            let (from, to) = Self { first, last }.bounds(timezone);
            parts.push(Part { label, from, to });
            first = last + Days::new(1);
        }
        parts
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.first, self.last)
    }
}

/// A day as `2026-10-31`.
pub fn parse_day(text: &str) -> Option<NaiveDate> {
    let plain = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let day = plain.then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten()?;
    YEARS.contains(&day.year()).then_some(day)
}

fn parse_month(text: &str) -> Option<Period> {
    parse_day(&format!("{text}-01")).map(Period::month_of)
}

/// The first instant of a day: where clocks skip midnight, the first that exists; where they repeat it, the earlier.
pub fn midnight(day: NaiveDate, timezone: Tz) -> DateTime<Utc> {
    let midnight = day.and_time(NaiveTime::MIN);
    (0..=48)
        .find_map(|half_hours| {
            timezone.from_local_datetime(&(midnight + TimeDelta::minutes(30 * half_hours))).earliest()
        })
        .map_or_else(|| midnight.and_utc(), |instant| instant.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(text: &str) -> NaiveDate {
        parse_day(text).unwrap()
    }

    #[test]
    fn words_are_periods() {
        let today = day("2026-11-23");
        let of = |text: &str| Period::parse_words(text, today).map(|period| period.to_string());
        assert_eq!(of("").unwrap(), "2026-11-23..2026-11-29");
        assert_eq!(of(" WEEK ").unwrap(), "2026-11-23..2026-11-29");
        assert_eq!(of("month").unwrap(), "2026-11-01..2026-11-30");
        assert_eq!(of("2026-02").unwrap(), "2026-02-01..2026-02-28");
        assert_eq!(of("2026-10-05..2026-10-07").unwrap(), "2026-10-05..2026-10-07");
        assert_eq!(of("2026-10-07..2026-10-05"), Err(PeriodError::EndsBeforeStart));
        assert_eq!(of("2020-01-01..2026-10-05"), Err(PeriodError::TooLong));
        assert_eq!(of("2027-01"), Err(PeriodError::NotBegun));
        for nonsense in
            ["yesterday", "2026-13", "2026-1", "26-10", "2026-02-30..2026-03-01", "..", "'; --", "２０２６-10"]
        {
            assert_eq!(of(nonsense), Err(PeriodError::NotUnderstood), "{nonsense}");
        }
    }

    #[test]
    fn titles_and_the_period_before() {
        let month = Period::month_of(day("2026-03-31"));
        assert_eq!(
            (month.title().as_str(), month.before().to_string().as_str()),
            ("March 2026", "2026-02-01..2026-02-28")
        );
        let week = Period::week_of(day("2026-11-29"));
        assert_eq!(week.title(), "Week of November 23, 2026");
        assert_eq!(week.before().to_string(), "2026-11-16..2026-11-22");
        let days = Period::parse("2026-10-05..2026-10-07").unwrap();
        assert_eq!(days.before().to_string(), "2026-10-02..2026-10-04");
    }

    #[test]
    fn days_begin_at_local_midnight_or_where_the_clocks_skip_it_right_after() {
        let (from, to) = Period::week_of(day("2026-11-01")).bounds(Tz::America__New_York);
        assert_eq!(to - from, TimeDelta::hours(7 * 24 + 1), "the week in which clocks go back");
        let beirut = midnight(day("2026-03-29"), Tz::Asia__Beirut);
        assert_eq!(beirut.to_rfc3339(), "2026-03-28T22:00:00+00:00");
    }

    proptest! {
        #[test]
        fn parts_fill_a_period_without_gaps(first in 0i64..40_000, length in 0i64..366, zone in 0usize..chrono_tz::TZ_VARIANTS.len()) {
            let zone = chrono_tz::TZ_VARIANTS[zone];
            let first = day("2000-01-01") + TimeDelta::days(first);
            let period = Period::new(first, first + TimeDelta::days(length)).unwrap();
            let parts = period.parts(zone);
            let bounds = period.bounds(zone);
            prop_assert!((1..=20).contains(&parts.len()));
            prop_assert_eq!((parts[0].from, parts[parts.len() - 1].to), bounds);
            prop_assert!(parts.windows(2).all(|pair| pair[0].to == pair[1].from));
            prop_assert!(parts.iter().all(|part| part.label.chars().count() <= 20 && part.from <= part.to));
            if first.year() < 2199 {
                prop_assert_eq!(Period::parse(&period.to_string()).unwrap(), period);
            }
        }
    }
}
