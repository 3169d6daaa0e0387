//! Where the entries of a category live, for how long, and how much room they get.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use crate::{Compression, ErrorKind, Result};

/// Where a category is at home: which tier holds the entry that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Level {
    /// Memory: gone with the process.
    L1,
    /// A database: many small entries that outlive the process.
    L2,
    /// Files: fewer, larger entries that outlive the process.
    L3,
    /// A server: entries that outlive the machine and that several machines share.
    L4,
}

impl Level {
    /// All levels, nearest first.
    pub const ALL: [Self; 4] = [Self::L1, Self::L2, Self::L3, Self::L4];
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::L1 => "l1",
            Self::L2 => "l2",
            Self::L3 => "l3",
            Self::L4 => "l4",
        })
    }
}

/// Reads `"l1"` to `"l4"`.
impl FromStr for Level {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let level = Self::ALL.into_iter().find(|level| level.to_string() == name);
        level.ok_or_else(|| format!("{name:?} is not a tier: write \"l1\", \"l2\", \"l3\" or \"l4\""))
    }
}

/// How long an entry lives after it was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ttl {
    /// Until it is removed or has to make room.
    Never,
    /// So long, to the millisecond. Zero is over at once.
    After(Duration),
}

impl Ttl {
    /// The wall time, in milliseconds since the Unix epoch, at which an entry stored at `created_at`
    /// expires.
    pub fn expires_at(self, created_at: i64) -> Option<i64> {
        match self {
            Self::Never => None,
            Self::After(ttl) => Some(created_at.saturating_add(crate::clock::millis(ttl))),
        }
    }
}

impl From<Duration> for Ttl {
    fn from(ttl: Duration) -> Self {
        Self::After(ttl)
    }
}

/// How many bytes a category may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// As many as the tier gives.
    Unlimited,
    /// At most so many.
    Bytes(u64),
}

impl Budget {
    /// The bound in bytes; `u64::MAX` without one.
    pub fn limit(self) -> u64 {
        match self {
            Self::Unlimited => u64::MAX,
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl From<u64> for Budget {
    fn from(bytes: u64) -> Self {
        Self::Bytes(bytes)
    }
}

/// Reads `"10MB"`, `"1 MiB"`, `"4096"` or `"unlimited"`.
///
/// ```
/// use cache_core::Budget;
///
/// assert_eq!("1 MiB".parse(), Ok(Budget::Bytes(1_048_576)));
/// assert_eq!("100KB".parse(), Ok(Budget::Bytes(100_000)));
/// assert!("10 parsecs".parse::<Budget>().is_err());
/// ```
impl FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim() == "unlimited" {
            return Ok(Self::Unlimited);
        }
        match text.trim().parse::<bytesize::ByteSize>() {
            // The largest number stands for all that are larger.
            Ok(size) if size.as_u64() < u64::MAX => Ok(Self::Bytes(size.as_u64())),
            _ => Err(format!(
                "{text:?} is not a size: write \"10MB\", \"1 MiB\", a number of bytes, or \"unlimited\""
            )),
        }
    }
}

/// A budget as it is written in code: bytes, a [`Budget`], or text such as `"200MB"`.
///
/// Text is checked when the route is put to use.
#[derive(Debug)]
pub struct BudgetSpec(Result<Budget, String>);

impl From<Budget> for BudgetSpec {
    fn from(budget: Budget) -> Self {
        Self(Ok(budget))
    }
}

impl From<u64> for BudgetSpec {
    fn from(bytes: u64) -> Self {
        Self(Ok(Budget::Bytes(bytes)))
    }
}

impl From<&str> for BudgetSpec {
    fn from(text: &str) -> Self {
        Self(text.parse())
    }
}

impl From<String> for BudgetSpec {
    fn from(text: String) -> Self {
        Self(text.parse())
    }
}

/// Where a category is at home and what its entries get.
///
/// ```
/// use cache_core::{Compression, Route, days};
///
/// let thumbs = Route::file().ttl(days(7)).budget("200MB").compression(Compression::Lz4);
/// # cache_core::Category::new(0, "thumbs", thumbs).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    level: Level,
    ttl: Ttl,
    budget: Result<Budget, String>,
    compression: Option<Compression>,
    version: Option<u32>,
    front: bool,
}

impl Route {
    /// At home in memory: the entries are gone with the process.
    pub fn memory() -> Self {
        Self::at(Level::L1)
    }

    /// At home in the database tier.
    pub fn sqlite() -> Self {
        Self::at(Level::L2)
    }

    /// At home in the file tier.
    pub fn file() -> Self {
        Self::at(Level::L3)
    }

    /// At home in the tier of a server that several machines share.
    pub fn redis() -> Self {
        Self::at(Level::L4)
    }

    /// At home at `level`, with entries that live until they have to make room.
    pub fn at(level: Level) -> Self {
        Self {
            level,
            ttl: Ttl::Never,
            budget: Ok(Budget::Unlimited),
            compression: None,
            version: None,
            front: true,
        }
    }

    /// How long an entry lives, unless [`insert_with`](crate::Handle::insert_with) says otherwise.
    #[must_use]
    pub fn ttl(mut self, ttl: impl Into<Ttl>) -> Self {
        self.ttl = ttl.into();
        self
    }

    /// How many bytes all entries together may take. Over it the least recently used ones go.
    #[must_use]
    pub fn budget(mut self, budget: impl Into<BudgetSpec>) -> Self {
        self.budget = budget.into().0;
        self
    }

    /// How stored values are compressed. Without this, the tier decides.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = Some(compression);
        self
    }

    /// The version of what the category holds. Entries of another version are misses: raise it when the
    /// meaning of a value changes while its shape does not. For a type whose shape cannot be traced it is all
    /// that tells old entries from new ones: raise it whenever such a type changes.
    #[must_use]
    pub fn version(mut self, version: u32) -> Self {
        self.version = Some(version);
        self
    }

    /// Keeps no live copies in memory in front of the home tier.
    #[must_use]
    pub fn without_front(mut self) -> Self {
        self.front = false;
        self
    }

    /// Where the category is at home.
    pub fn level(&self) -> Level {
        self.level
    }

    /// How long an entry lives.
    pub fn default_ttl(&self) -> Ttl {
        self.ttl
    }

    /// The byte bound of the whole category; `u64::MAX` without one.
    pub fn byte_limit(&self) -> u64 {
        self.budget.as_ref().map_or(u64::MAX, |budget| budget.limit())
    }

    /// How stored values are compressed, if the route says so.
    pub fn stored_compression(&self) -> Option<Compression> {
        self.compression
    }

    /// The explicit version, if there is one.
    pub fn explicit_version(&self) -> Option<u32> {
        self.version
    }

    /// Whether live copies are kept in memory in front of the home tier.
    pub fn has_front(&self) -> bool {
        self.front
    }

    /// The same route at home at `level`; if that is elsewhere, the tier there decides on compression.
    #[must_use]
    pub fn moved_to(self, level: Level) -> Self {
        if level == self.level { self } else { Self { level, compression: None, ..self } }
    }

    pub(crate) fn check(&self) -> Result<(), ErrorKind> {
        match &self.budget {
            Err(why) => Err(ErrorKind::InvalidRoute(why.clone())),
            Ok(Budget::Bytes(0)) => Err(ErrorKind::InvalidRoute("a budget of 0 bytes holds nothing".into())),
            Ok(_) => Ok(()),
        }
    }
}

/// The categories that a cache knows from the start, by name.
///
/// ```
/// use cache_core::{Route, Routes, hours};
///
/// let routes = Routes::reference().with("week_data", Route::sqlite().ttl(hours(2)).version(2));
/// assert_eq!(routes.iter().count(), 9);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routes(Vec<(Cow<'static, str>, Route)>);

impl Routes {
    /// No category at all.
    pub fn empty() -> Self {
        Self(Vec::new())
    }

    /// The nine categories of a planning application: state of the interface, preferences and the
    /// current week in memory; week data, task lists and aggregated statistics in the database;
    /// analyses, charts and exports in files.
    pub fn reference() -> Self {
        let (memory, sqlite, file) = (Route::memory, Route::sqlite, Route::file);
        let lz4 = Compression::Lz4;
        Self::empty()
            .with("ui_state", memory().ttl(seconds(300)).budget(1_000_000))
            .with("user_preferences", memory().ttl(seconds(3_600)).budget(100_000))
            .with("current_week", memory().ttl(seconds(1_800)).budget(500_000))
            .with("week_data", sqlite().ttl(seconds(7_200)))
            .with("task_lists", sqlite().ttl(seconds(3_600)))
            .with("aggregated_stats", sqlite().ttl(seconds(1_800)))
            .with("analytics_results", file().ttl(seconds(86_400)).budget(100_000_000).compression(lz4))
            .with("chart_data", file().ttl(seconds(3_600)).budget(50_000_000).compression(lz4))
            .with("export_data", file().ttl(seconds(1_800)).budget(20_000_000).compression(Compression::Zstd))
    }

    /// These categories and one more; one of the same name is replaced.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, route: Route) -> Self {
        let name = name.into();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = route,
            None => self.0.push((name, route)),
        }
        self
    }

    /// The categories in order of definition.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Route)> {
        self.0.iter().map(|(name, route)| (name.as_ref(), route))
    }
}

impl Default for Routes {
    fn default() -> Self {
        Self::reference()
    }
}

/// So many seconds.
pub const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// So many minutes.
pub const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes.saturating_mul(60))
}

/// So many hours.
pub const fn hours(hours: u64) -> Duration {
    minutes(hours.saturating_mul(60))
}

/// So many days of 24 hours.
pub const fn days(days: u64) -> Duration {
    hours(days.saturating_mul(24))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_routes_are_the_nine() {
        let rows: Vec<_> = Routes::reference()
            .iter()
            .map(|(name, route)| {
                format!("{name} {} {:?} {}", route.level(), route.default_ttl(), route.byte_limit())
            })
            .collect();
        assert_eq!(rows[0], "ui_state l1 After(300s) 1000000");
        assert_eq!(rows[3], format!("week_data l2 After(7200s) {}", u64::MAX));
        assert_eq!(rows[8], "export_data l3 After(1800s) 20000000");
    }

    #[test]
    fn unreadable_budget_is_refused_when_the_route_is_used() {
        let error = Route::memory().budget("many").check().unwrap_err();
        assert!(error.to_string().contains("\"many\" is not a size"), "{error}");
    }

    #[test]
    fn endless_ttl_does_not_overflow() {
        assert_eq!(Ttl::After(Duration::MAX).expires_at(5), Some(i64::MAX));
    }
}
