use std::{fmt, time::Duration};

/// The moment that all times of a report count from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The start of the process as the kernel tells it, to 10 milliseconds. One that `cargo run` has started began, for the
    /// kernel, as cargo: run the program itself to see when it starts.
    ProcessStart,
    /// The creation of the monitor: the system does not tell when the process started, or not believably.
    MonitorCreated,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ProcessStart => "process start (known to 10 ms)",
            Self::MonitorCreated => "creation of the monitor (process start unknown)",
        })
    }
}

/// `USER_HZ`, the unit of field 22 of `/proc/self/stat`: 100 on every architecture that Rust's standard
/// library runs on, whatever the kernel's own tick is. Asking for it would need libc.
const TICKS_PER_SECOND: u64 = 100;

/// A process older than this was not started for what is measured: it was `exec`ed by something that ran
/// before, as `cargo run` does after it has built, or the clocks of a sandbox do not fit together.
const OLDEST: Duration = Duration::from_secs(10);

/// The origin, and how long ago it was.
pub(super) fn find() -> (Origin, Duration) {
    match process_age() {
        Some(age) => (Origin::ProcessStart, age),
        None => (Origin::MonitorCreated, Duration::ZERO),
    }
}

fn process_age() -> Option<Duration> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let stat = std::fs::read("/proc/self/stat").ok()?;
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    age(&String::from_utf8_lossy(&stat), &uptime)
}

fn age(stat: &str, uptime: &str) -> Option<Duration> {
    // The name of the program stands in parentheses and may hold any character, parentheses and spaces too.
    let (_, after_name) = stat.rsplit_once(')')?;
    let start = after_name.split_whitespace().nth(22 - 3)?.parse::<u64>().ok()?;
    let (seconds, hundredths) = uptime.split_whitespace().next()?.split_once('.')?;
    if hundredths.len() != 2 || start == 0 {
        return None;
    }
    let hundredths = hundredths.parse::<u64>().ok()?;
    let now = seconds.parse::<u64>().ok()?.checked_mul(TICKS_PER_SECOND)?.checked_add(hundredths)?;
    // Both are cut to whole ticks, by two clocks: one tick the other way round is still now.
    let ticks = if now.checked_add(1)? < start { return None } else { now.saturating_sub(start) };
    Some(Duration::from_millis(ticks.checked_mul(1000 / TICKS_PER_SECOND)?)).filter(|age| *age <= OLDEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(start: &str) -> String {
        format!("7 (a) b (c) S 1 7 7 0 -1 4194304 100 0 0 0 1 1 0 0 20 0 1 0 {start} 2 3")
    }

    #[test]
    fn age_is_uptime_less_the_start() {
        assert_eq!(age(&stat("12345"), "123.61 99.00\n"), Some(Duration::from_millis(160)));
        assert_eq!(age(&stat("12345"), "123.44 99.00\n"), Some(Duration::ZERO));
    }

    #[test]
    fn what_cannot_be_true_is_not_believed() {
        for (start, uptime) in [
            ("12345", "100.00 1"),
            ("0", "5.00 1"),
            ("1", "90000.00 1"),
            ("1", "10.02 1"),
            ("x", "5.00 1"),
            ("1", "5 1"),
            ("1", ""),
        ] {
            assert_eq!(age(&stat(start), uptime), None, "{start} {uptime}");
        }
        assert_eq!(age("", "5.00 1"), None);
        assert_eq!(age(&stat(&u64::MAX.to_string()), &format!("{}.99 1", u64::MAX)), None);
    }
}
