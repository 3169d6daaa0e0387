//! What the chart shows: commits over time, in so few bars that each can be seen.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{activity::WeekList, week::Week};

/// Commits per week, or per month and so on where a history has more weeks than fit. There are no gaps.
///
/// A week belongs to the month, quarter and year of its Thursday, as ISO 8601 has it for the year.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) unit: Unit,
    /// The number of the first bar, in units since the beginning of the year 0 or, for weeks, of 1970.
    first: i32,
    /// The commits of each bar, earliest first.
    pub(crate) bars: Vec<u64>,
    /// The place of the bar with the selected week.
    pub(crate) selected: usize,
}

/// The time that a bar stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Unit {
    Week,
    Month,
    Quarter,
    Year,
}

impl Series {
    /// The most bars. Ten years of months, or more than two of weeks.
    const BARS: i32 = 120;

    /// The bars from the first week of the list to the last, and in any case with the selected week.
    pub(crate) fn of(list: &WeekList, selected: Week) -> Self {
        let first = list.weeks.first().map_or(selected, |first| first.week.min(selected));
        let last = list.last().unwrap_or(selected).max(selected);
        let bars = |unit: Unit| unit.number(last) - unit.number(first) + 1;
        let unit = [Unit::Week, Unit::Month, Unit::Quarter]
            .into_iter()
            .find(|&unit| bars(unit) <= Self::BARS)
            .unwrap_or(Unit::Year);
        let (first, chosen, last) = (unit.number(first), unit.number(selected), unit.number(last));
        // A clock that was wrong by centuries: then only the years around the selected week.
        let last = last.min((chosen + Self::BARS / 2).max(first + Self::BARS - 1));
        let first = first.max(last - Self::BARS + 1);
        let place = |number: i32| usize::try_from(number - first).unwrap_or(0);
        let mut commits = vec![0; place(last) + 1];
        for entry in &list.weeks {
            let number = unit.number(entry.week);
            if (first..=last).contains(&number) {
                commits[place(number)] += entry.commits;
            }
        }
        Self { unit, first, bars: commits, selected: place(chosen) }
    }

    /// The first day of a bar; for a week its Thursday, whose month and year are those of the week.
    pub(crate) fn day(&self, place: usize) -> Date {
        self.unit.day(self.first + i32::try_from(place).unwrap_or(0))
    }

    /// What a bar stands for, in words.
    pub(crate) fn label(&self, place: usize) -> String {
        let day = self.day(place);
        match self.unit {
            Unit::Week => Week::from(day).to_string(),
            Unit::Month => day.strftime("%b %Y").to_string(),
            Unit::Quarter => format!("Q{} {}", (day.month() + 2) / 3, day.year()),
            Unit::Year => day.year().to_string(),
        }
    }
}

impl Unit {
    /// A word for it.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }

    fn number(self, week: Week) -> i32 {
        let day = week.thursday();
        let (year, month) = (i32::from(day.year()), i32::from(day.month()) - 1);
        match self {
            Self::Week => week.since(Week::at(0)),
            Self::Month => year * 12 + month,
            Self::Quarter => year * 4 + month / 3,
            Self::Year => year,
        }
    }

    fn day(self, number: i32) -> Date {
        let months = match self {
            Self::Week => return Week::at(0).plus(number).thursday(),
            Self::Month => number,
            Self::Quarter => number * 3,
            Self::Year => number * 12,
        };
        let (year, month) = (i16::try_from(months / 12), i8::try_from(months % 12 + 1));
        // Only numbers of weeks in the calendar are ever made.
        year.ok()
            .zip(month.ok())
            .and_then(|(year, month)| Date::new(year, month, 1).ok())
            .unwrap_or(Date::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::WeekCount;

    fn series(weeks: &[(&str, u64)], selected: &str) -> Series {
        let count = |&(week, commits): &(&str, u64)| WeekCount { week: week.parse().unwrap(), commits };
        let list = WeekList { weeks: weeks.iter().map(count).collect() };
        Series::of(&list, selected.parse().unwrap())
    }

    #[test]
    fn weeks_without_commits_are_bars_too() {
        let series = series(&[("2020-W53", 3), ("2021-W02", 5)], "2020-W53");
        assert_eq!((series.unit, &series.bars[..], series.selected), (Unit::Week, &[3, 0, 5][..], 0));
        assert_eq!(series.day(1).to_string(), "2021-01-07");
    }

    #[test]
    fn long_history_has_a_bar_per_month_of_the_thursdays() {
        let series = series(&[("2020-W53", 3), ("2021-W01", 1), ("2024-W05", 2)], "2021-W01");
        assert_eq!((series.unit, series.bars.len(), series.selected), (Unit::Month, 39, 1));
        assert_eq!((series.bars[0], series.bars[1], series.bars[38]), (3, 1, 2));
        assert_eq!(series.day(1).to_string(), "2021-01-01");
    }

    #[test]
    fn bars_never_are_too_many_and_the_selected_week_is_one() {
        for (selected, unit, bars) in [("1999-W01", Unit::Quarter, 108), ("9999-W52", Unit::Year, 120)] {
            let series = series(&[("1972-W20", 7), ("1999-W01", 1), (selected, 2)], selected);
            assert_eq!((series.unit, series.bars.len()), (unit, bars));
            assert!(series.bars[series.selected] >= 2);
        }
        let series = series(&[("1970-W01", 7), ("9999-W52", 2)], "1970-W01");
        assert_eq!((series.bars.len(), series.bars[0], series.selected), (120, 7, 0));
        assert_eq!(series.day(0).to_string(), "1970-01-01");
    }
}
