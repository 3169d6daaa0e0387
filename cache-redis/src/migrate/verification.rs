//! Source and cache, compared.

use std::{
    fmt,
    io::Read,
    time::{Duration, Instant, SystemTime},
};

use cache_core::Result;

use super::{
    Handles,
    report::{Reason, Report, Tally, lines},
    source::{Content, Found, Node},
    walk::Work,
};

/// What is the same in source and cache, and what is not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// Keys that the cache holds as the source does.
    pub same: u64,
    /// Keys with another value.
    pub different: Tally,
    /// Keys that the cache does not hold, or not in a way that can be read.
    pub missing: Tally,
    /// Keys that expire more than two seconds earlier or later.
    pub ttl: Tally,
    /// Keys that changed in the source while they were compared.
    pub changed: Tally,
    /// Keys that do not come over, by the reason.
    pub skipped: Vec<(Reason, Tally)>,
    /// It was ended before its end.
    pub interrupted: bool,
}

/// How far apart two moments may be that should be the same: a value is on its way for a while.
const TOLERANCE: Duration = Duration::from_secs(2);

impl Verification {
    /// Whether the cache holds all that should have come over, as the source has it.
    pub fn is_clean(&self) -> bool {
        !self.interrupted && [&self.different, &self.missing, &self.ttl].iter().all(|tally| tally.keys == 0)
    }
}

/// Compares.
pub(super) struct Comparing<'a> {
    pub(super) handles: &'a Handles,
    pub(super) verification: Verification,
}

/// What is not as it should be.
#[derive(PartialEq, Eq)]
enum Fault {
    Different,
    Missing,
    Ttl,
}

impl Work for Comparing<'_> {
    fn take(&mut self, node: &mut Node, found: &[Found<'_>], report: &mut Report) -> Result<()> {
        let contents = node.read(found)?;
        for (found, content) in found.iter().zip(contents) {
            let content = match content {
                Ok(content) => content,
                Err(reason) => {
                    report.skip(reason, found.key.as_bytes());
                    continue;
                }
            };
            report.count(found, content.value.len() as u64, content.deadline.is_some());
            let Some(fault) = self.compare(found, &content) else {
                self.verification.same += 1;
                continue;
            };
            // It may have changed after it was read.
            let again = node.read(std::slice::from_ref(found))?;
            let is_as_before = matches!(&again[..], [Ok(again)] if again.is_like(&content));
            let tally = match fault {
                _ if !is_as_before => &mut self.verification.changed,
                Fault::Different => &mut self.verification.different,
                Fault::Missing => &mut self.verification.missing,
                Fault::Ttl => &mut self.verification.ttl,
            };
            tally.note(found.key.as_bytes());
        }
        Ok(())
    }
}

impl Comparing<'_> {
    fn compare(&self, found: &Found<'_>, content: &Content) -> Option<Fault> {
        let left = content.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let Some(mut reader) = self.handles.get(found.category).and_then(|handle| handle.reader(&found.key))
        else {
            // Here it may have expired a moment before it does there.
            return left.is_none_or(|left| left > TOLERANCE).then_some(Fault::Missing);
        };
        let mut value = Vec::new();
        if reader.read_to_end(&mut value).is_err() {
            return Some(Fault::Missing);
        }
        if value != content.value {
            return Some(Fault::Different);
        }
        let expires_at = reader.expires_at.map(|at| Duration::from_millis(at.try_into().unwrap_or_default()));
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let is_near = match (left, expires_at) {
            (Some(left), Some(at)) => (now.saturating_add(left)).abs_diff(at) <= TOLERANCE,
            (left, at) => left.is_none() && at.is_none(),
        };
        (!is_near).then_some(Fault::Ttl)
    }
}

impl Content {
    /// Whether nobody has written it between two reads.
    fn is_like(&self, other: &Self) -> bool {
        self.value == other.value
            && match (self.deadline, other.deadline) {
                (Some(one), Some(other)) => one.max(other) - one.min(other) <= TOLERANCE,
                (one, other) => one == other,
            }
    }
}

/// A table of what was compared, with some of the keys that are not the same.
impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let same = Tally { keys: self.same, ..Tally::default() };
        let rows = [
            ("the same", &same),
            ("different", &self.different),
            ("missing in the cache", &self.missing),
            ("the same, with another ttl", &self.ttl),
            ("changed in the source meanwhile", &self.changed),
        ];
        let rows = rows.into_iter().filter(|(what, tally)| tally.keys > 0 || *what == "the same");
        lines(f, "compared", rows)
    }
}
