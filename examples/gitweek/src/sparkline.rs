//! Weeks as a row of small bars.

use std::cmp::Ordering;

use crate::{activity::WeekList, week::Week};

/// Half a year of weeks, one character for each.
#[derive(Debug)]
pub(crate) struct Sparkline {
    pub(crate) first: Week,
    pub(crate) last: Week,
    /// The bars before, at and after the selected week.
    pub(crate) bars: [String; 3],
    /// The commits of the busiest week.
    pub(crate) highest: u64,
}

const WEEKS: i32 = 26;

impl Sparkline {
    /// The newest weeks, or those around `selected` if that is too long ago.
    pub(crate) fn of(list: &WeekList, selected: Week) -> Self {
        let newest = list.last().unwrap_or(selected).max(selected);
        let last = if newest.since(selected) < WEEKS { newest } else { selected.plus(WEEKS / 2) };
        let first = last.plus(1 - WEEKS);
        let weeks: Vec<_> = (0..WEEKS).map(|place| first.plus(place)).collect();
        let highest = weeks.iter().map(|&week| list.commits(week)).max().unwrap_or(0);
        let mut bars = [const { String::new() }; 3];
        for week in weeks {
            let [before, at, after] = &mut bars;
            let part = match week.cmp(&selected) {
                Ordering::Less => before,
                Ordering::Equal => at,
                Ordering::Greater => after,
            };
            part.push(bar(list.commits(week), highest));
        }
        Self { first, last, bars, highest }
    }
}

/// A week with any commit at all looks different from one without.
fn bar(commits: u64, highest: u64) -> char {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    match commits {
        0 => '·',
        _ => {
            let height = commits.saturating_mul(8).div_ceil(highest.max(1)).clamp(1, 8);
            BARS[usize::try_from(height - 1).unwrap_or(7)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::WeekCount;

    fn list(weeks: &[(&str, u64)]) -> WeekList {
        let count = |&(week, commits): &(&str, u64)| WeekCount { week: week.parse().unwrap(), commits };
        WeekList { weeks: weeks.iter().map(count).collect() }
    }

    #[test]
    fn weeks_without_commits_are_shown() {
        let list = list(&[("2026-W44", 1), ("2026-W45", 80), ("2026-W47", 40)]);
        let line = Sparkline::of(&list, "2026-W47".parse().unwrap());
        assert_eq!(line.bars.concat(), format!("{}▁█·▄", "·".repeat(22)));
        assert_eq!((line.bars[1].as_str(), line.bars[2].as_str(), line.highest), ("▄", "", 80));
        assert_eq!((line.first.to_string(), line.last.to_string()), ("2026-W22".into(), "2026-W47".into()));
    }

    #[test]
    fn week_long_ago_is_within_the_line() {
        let list = list(&[("2020-W53", 3), ("2026-W47", 40)]);
        let line = Sparkline::of(&list, "2020-W53".parse().unwrap());
        assert_eq!(line.bars.each_ref().map(|bars| bars.chars().count()), [12, 1, 13]);
        assert_eq!(line.bars[1], "█");
    }
}
