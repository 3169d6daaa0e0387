//! A week of the ISO 8601 calendar, in UTC.

use std::{fmt, str::FromStr};

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, ISOWeekDate, Weekday},
    tz::TimeZone,
};
use serde::{Deserialize, Serialize};

/// A week, such as 2026-W47. Weeks begin on Monday, and week 1 is the one that holds 4 January.
///
/// Earlier weeks are smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Week {
    year: i16,
    number: i8,
}

impl Week {
    /// The week of a moment, in seconds since the Unix epoch.
    pub(crate) fn at(seconds: i64) -> Self {
        Self::from(day(seconds))
    }

    /// Its first day.
    pub(crate) fn monday(self) -> Date {
        // Only weeks of the calendar are ever made, so that the date is always there.
        ISOWeekDate::new(self.year, self.number, Weekday::Monday).map_or(Date::MAX, ISOWeekDate::date)
    }

    /// The day that decides which year, and which month, the week belongs to.
    pub(crate) fn thursday(self) -> Date {
        self.monday().saturating_add(3.days())
    }

    /// Its last day. The last week of the year 9999 ends early.
    pub(crate) fn sunday(self) -> Date {
        self.monday().saturating_add(6.days())
    }

    /// The week so many weeks later, or earlier where `weeks` is negative.
    pub(crate) fn plus(self, weeks: i32) -> Self {
        Self::from(self.monday().saturating_add(i64::from(weeks).weeks()))
    }

    /// How many weeks lie between `earlier` and this one.
    pub(crate) fn since(self, earlier: Self) -> i32 {
        (self.monday() - earlier.monday()).get_days() / 7
    }
}

/// The day of a moment, in UTC.
pub(crate) fn day(seconds: i64) -> Date {
    TimeZone::UTC.to_datetime(moment(seconds)).date()
}

/// A time of git's, in seconds since the Unix epoch. Git stores any number; one beyond the calendar is its end.
pub(crate) fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::constant(Timestamp::MAX.as_second(), 0))
}

impl From<Date> for Week {
    fn from(day: Date) -> Self {
        let week = day.iso_week_date();
        Self { year: week.year(), number: week.week() }
    }
}

/// `2026-W47`
impl fmt::Display for Week {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-W{:02}", self.year, self.number)
    }
}

impl FromStr for Week {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a week; write it as 2026-W47");
        let (year, number) = text.split_once("-W").or_else(|| text.split_once("-w")).ok_or_else(wrong)?;
        let digits = |part: &str, len| part.len() == len && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(year, 4) || !digits(number, 2) {
            return Err(wrong());
        }
        let (year, number) = (year.parse().map_err(|_| wrong())?, number.parse().map_err(|_| wrong())?);
        match ISOWeekDate::new(year, number, Weekday::Monday) {
            Ok(_) => Ok(Self { year, number }),
            Err(_) => Err(format!("the year {year} has no week {number}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn week(text: &str) -> Week {
        text.parse().unwrap()
    }

    #[test]
    fn week_of_a_moment_is_the_one_of_the_iso_calendar() {
        for (seconds, expected) in [
            (0, "1970-W01"),
            (1_609_459_199, "2020-W53"), // 2020-12-31T23:59:59Z
            (1_609_459_200, "2020-W53"), // 2021-01-01
            (1_609_718_399, "2020-W53"), // 2021-01-03T23:59:59Z, a Sunday
            (1_609_718_400, "2021-W01"),
            (1_735_516_799, "2024-W52"), // 2024-12-29T23:59:59Z, a Sunday
            (1_735_516_800, "2025-W01"), // 2024-12-30
        ] {
            assert_eq!(Week::at(seconds).to_string(), expected, "{seconds}");
        }
    }

    #[test]
    fn moment_beyond_the_calendar_is_in_its_last_week() {
        assert_eq!(Week::at(i64::MAX).to_string(), "9999-W52");
        assert_eq!(week("9999-W52").plus(3), week("9999-W52"));
        assert!(week("9999-W52").sunday() <= Date::MAX);
    }

    #[test]
    fn only_weeks_of_the_calendar_are_read() {
        assert_eq!(week("2026-w53").to_string(), "2026-W53");
        for text in
            ["", "2026", "2026-47", "2026-W54", "2025-W53", "2026-W00", "2026-W1", "26-W01", "2026-W+1"]
        {
            assert!(text.parse::<Week>().is_err(), "{text}");
        }
    }

    #[test]
    fn weeks_are_counted_over_the_end_of_a_year() {
        assert_eq!(week("2020-W53").plus(1), week("2021-W01"));
        assert_eq!(week("2021-W01").plus(-2), week("2020-W52"));
        assert_eq!(week("2021-W02").since(week("2020-W52")), 3);
        assert_eq!(week("2021-W01").monday().to_string(), "2021-01-04");
        assert_eq!(week("2021-W01").sunday().to_string(), "2021-01-10");
    }
}
