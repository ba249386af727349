//! A rule's slots, the instants at which it is due: pure functions over the time zones' history.
//!
//! A local time that does not exist is due at the next instant that does; several of them are one slot there. A local time
//! that exists twice is due the first time; only a rule that is due in every hour is due in both, since both hours pass.

use chrono::{DateTime, Days, MappedLocalTime, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::rule::Rule;

/// The longest stretch of local time that clocks ever skipped is a day (Samoa's 30th of December, 2011).
const LONGEST_GAP: i64 = 25 * 60;
/// No rule is without a slot for longer than this many days (a 29th of February on a given weekday).
const LONGEST_WAIT: u64 = 366 * 40;

/// The latest slot at or before `now`.
pub fn last(rule: &Rule, timezone: Tz, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let tomorrow = local_day(now, timezone).checked_add_days(Days::new(1))?;
    let mut found = None;
    for back in 0..LONGEST_WAIT {
        let Some(day) = tomorrow.checked_sub_days(Days::new(back)) else { break };
        let of_day = on_day(rule, timezone, day).into_iter().filter(|slot| *slot <= now).max();
        // A skipped day's slots are later than its date says, so the day before is looked at too.
        match (found, of_day) {
            (Some(found), of_day) => return of_day.max(Some(found)),
            (None, of_day) => found = of_day,
        }
    }
    found
}

/// The earliest slot after `now`.
pub fn next(rule: &Rule, timezone: Tz, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let before = local_day(now, timezone).checked_sub_days(Days::new(2))?;
    (0..LONGEST_WAIT)
        .filter_map(|ahead| before.checked_add_days(Days::new(ahead)))
        .find_map(|day| on_day(rule, timezone, day).into_iter().find(|slot| *slot > now))
}

/// How many slots there are after `from` and before `to`, both excluded; at most `limit`.
pub fn count_between(rule: &Rule, timezone: Tz, from: DateTime<Utc>, to: DateTime<Utc>, limit: usize) -> usize {
    let mut at = from;
    (0..limit)
        .take_while(|_| {
            next(rule, timezone, at).is_some_and(|slot| {
                at = slot;
                slot < to
            })
        })
        .count()
}

/// The calendar day of an instant.
pub fn local_day(at: DateTime<Utc>, timezone: Tz) -> NaiveDate {
    at.with_timezone(&timezone).date_naive()
}

/// The slots of a calendar day, earliest first.
fn on_day(rule: &Rule, timezone: Tz, day: NaiveDate) -> Vec<DateTime<Utc>> {
    if !rule.fits_day(day) {
        return Vec::new();
    }
    let mut slots: Vec<_> =
        rule.times().flat_map(|time| instants(day.and_time(time), timezone, rule.is_every_hour())).collect();
    slots.sort_unstable();
    slots.dedup();
    slots
}

fn instants(local: NaiveDateTime, timezone: Tz, both: bool) -> impl Iterator<Item = DateTime<Utc>> {
    let (first, second) = match timezone.from_local_datetime(&local) {
        MappedLocalTime::Single(instant) => (Some(instant), None),
        MappedLocalTime::Ambiguous(first, second) => (Some(first), both.then_some(second)),
        MappedLocalTime::None => {
            let exists = |minutes| timezone.from_local_datetime(&(local + TimeDelta::minutes(minutes))).earliest();
            ((1..=LONGEST_GAP).find_map(exists), None)
        }
    };
    first.into_iter().chain(second).map(|instant| instant.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{NaiveTime, Timelike};
    use proptest::prelude::*;

    /// The zones of which the tests are about: usual ones, one whose clocks change by half an hour, one with a quarter of
    /// an hour, and one that once skipped a day.
    const ZONES: [Tz; 7] = [
        Tz::America__New_York,
        Tz::Europe__Berlin,
        Tz::Australia__Lord_Howe,
        Tz::Asia__Kathmandu,
        Tz::Pacific__Apia,
        Tz::America__Santiago,
        Tz::Africa__Casablanca,
    ];

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn rule(toml: &str) -> Rule {
        Rule::DAILY.with(&toml::from_str(toml).unwrap()).unwrap()
    }

    /// All slots after `from` and before `to`.
    fn between(rule: &Rule, zone: Tz, from: &str, to: &str) -> Vec<String> {
        let (mut at, to) = (self::at(from), self::at(to));
        let slots = std::iter::from_fn(|| {
            at = next(rule, zone, at)?;
            (at < to).then_some(at)
        });
        slots.map(|slot| slot.format("%dT%H:%MZ").to_string()).collect()
    }

    #[test]
    fn a_time_that_does_not_exist_is_the_next_that_does() {
        let early = rule("hour = 2\nminute = 30");
        let slots = between(&early, Tz::America__New_York, "2026-03-07T00:00:00Z", "2026-03-10T00:00:00Z");
        assert_eq!(slots, ["07T07:30Z", "08T07:00Z", "09T06:30Z"]);
        let often = rule("hour = '1-3'\nminute = '*/30'");
        let slots = between(&often, Tz::America__New_York, "2026-03-08T05:00:00Z", "2026-03-08T12:00:00Z");
        assert_eq!(slots, ["08T06:00Z", "08T06:30Z", "08T07:00Z", "08T07:30Z"], "what is skipped is one slot");
        // Midnight doesn't exist in Santiago on the day when clocks go forward.
        let midnight = rule("hour = 0");
        let slots = between(&midnight, Tz::America__Santiago, "2026-09-05T12:00:00Z", "2026-09-07T12:00:00Z");
        assert_eq!(slots, ["06T04:00Z", "07T03:00Z"]);
        // Samoa had no 30th of December in 2011.
        let slots = between(&Rule::DAILY, Tz::Pacific__Apia, "2011-12-29T12:00:00Z", "2012-01-01T12:00:00Z");
        assert_eq!(slots, ["29T19:00Z", "30T10:00Z", "30T19:00Z", "31T19:00Z"]);
    }

    #[test]
    fn a_time_that_exists_twice_is_due_once() {
        let early = rule("hour = 1\nminute = 30");
        let slots = between(&early, Tz::America__New_York, "2026-10-31T00:00:00Z", "2026-11-03T00:00:00Z");
        assert_eq!(slots, ["31T05:30Z", "01T05:30Z", "02T06:30Z"]);
    }

    #[test]
    fn every_hour_means_every_hour_that_passes() {
        let slots = between(&Rule::HOURLY, Tz::America__New_York, "2026-11-01T04:30:00Z", "2026-11-01T08:30:00Z");
        assert_eq!(slots, ["01T05:00Z", "01T06:00Z", "01T07:00Z", "01T08:00Z"]);
        let slots = between(&Rule::HOURLY, Tz::America__New_York, "2026-03-08T05:30:00Z", "2026-03-08T08:30:00Z");
        assert_eq!(slots, ["08T06:00Z", "08T07:00Z", "08T08:00Z"]);
        // Clocks that go back by half an hour: full hours are an hour and a half apart then.
        let slots = between(&Rule::HOURLY, Tz::Australia__Lord_Howe, "2026-04-04T13:30:00Z", "2026-04-04T17:00:00Z");
        assert_eq!(slots, ["04T14:00Z", "04T15:30Z", "04T16:30Z"]);
    }

    #[test]
    fn rare_days_are_found_in_both_directions() {
        let leap = rule("month = 2\nday = 29\nweekday = 'mon'");
        let now = at("2026-11-25T00:00:00Z");
        assert_eq!(last(&leap, Tz::UTC, now), Some(at("2016-02-29T09:00:00Z")));
        assert_eq!(next(&leap, Tz::UTC, now), Some(at("2044-02-29T09:00:00Z")));
        let apia = last(&Rule::DAILY, Tz::Pacific__Apia, at("2011-12-30T12:00:00Z"));
        assert_eq!(apia, Some(at("2011-12-30T10:00:00Z")), "the skipped day's");
    }

    /// A year in every zone, minute by minute: what a person with a wall clock and a calendar would say.
    #[test]
    fn a_year_of_slots_in_every_zone() {
        for (zone, year) in ZONES.into_iter().flat_map(|zone| [(zone, 2026), (zone, 2011)]) {
            for rule in [Rule::HOURLY, Rule::DAILY, Rule::MONDAYS, rule("hour = 2\nminute = 30"), rule("hour = 0")] {
                let start = NaiveDate::from_ymd_opt(year, 1, 5).unwrap().and_time(NaiveTime::MIN).and_utc();
                let mut slot = start;
                let mut previous_day = None;
                let mut slots = 0;
                while let Some(found) = next(&rule, zone, slot).filter(|found| *found < start + TimeDelta::days(360)) {
                    assert!(found > slot);
                    // Looking back is slow where there is a slot an hour: once a day is enough.
                    if !rule.is_every_hour() || slots % 24 == 0 {
                        assert_eq!(last(&rule, zone, found), Some(found), "{zone} {found}");
                        let before = last(&rule, zone, found - TimeDelta::seconds(1)).filter(|l| *l > start);
                        assert_eq!(before, (slots > 0).then_some(slot));
                    }
                    let local = found.with_timezone(&zone);
                    let in_time = rule.times().any(|time| time == local.time());
                    let in_gap =
                        zone.from_local_datetime(&(local.naive_local() - TimeDelta::minutes(1))).earliest().is_none();
                    assert!(in_time && rule.fits_day(local.date_naive()) || in_gap, "{zone} {local}");
                    if !rule.is_every_hour() {
                        let skipped_day = zone == Tz::Pacific__Apia
                            && local.date_naive() == NaiveDate::from_ymd_opt(2011, 12, 31).unwrap();
                        assert!(previous_day != Some(local.date_naive()) || skipped_day, "{zone}: twice on {local}");
                    }
                    previous_day = Some(local.date_naive());
                    slot = found;
                    slots += 1;
                }
                let expected = if rule == Rule::MONDAYS {
                    51..=52
                } else if rule.is_every_hour() {
                    8635..=8640
                } else {
                    359..=361
                };
                assert!(expected.contains(&slots), "{zone} {year} {rule:?}: {slots} slots");
            }
        }
    }

    proptest! {
        #[test]
        fn last_and_next_agree(zone in 0..ZONES.len(), seconds in 1_262_304_000i64..1_893_456_000, hours in 1u32..0xff_ffff, minute in 0u32..60) {
            let zone = ZONES[zone];
            let now = DateTime::from_timestamp(seconds, 0).unwrap();
            let hours: Vec<String> = (0..24).filter(|hour| hours & 1 << hour != 0).map(|hour| hour.to_string()).collect();
            let rule = rule(&format!("hour = '{}'\nminute = {minute}", hours.join(",")));
            let (last, next) = (last(&rule, zone, now).unwrap(), next(&rule, zone, now).unwrap());
            prop_assert!(last <= now && now < next);
            prop_assert_eq!(self::next(&rule, zone, last), Some(next), "nothing lies between them");
            prop_assert_eq!(count_between(&rule, zone, last, next, 10), 0);
            prop_assert!(next - last <= TimeDelta::hours(49) && last.second() == 0);
        }
    }
}
