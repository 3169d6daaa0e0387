//! What became of the keys.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::source::Found;

/// What was moved, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// Keys that the source named. One that it named twice, as it may while it grows or shrinks, counts twice.
    pub scanned: u64,
    /// What came into each category that keys are mapped to.
    pub categories: BTreeMap<String, Moved>,
    /// What did not come over, by the reason.
    pub skipped: Vec<(Reason, Tally)>,
    /// It was ended before its end.
    pub interrupted: bool,
}

/// What came into one category.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Moved {
    /// Keys.
    pub keys: u64,
    /// Keys by the type that they have in Redis.
    pub kinds: BTreeMap<Kind, u64>,
    /// Bytes of the values, before the cache compresses them. Of a collection that was only looked at: the bytes that
    /// it takes in the server's memory.
    pub bytes: u64,
    /// Keys that expire.
    pub with_ttl: u64,
    /// Entries of the category that had to make room meanwhile, since its budget, or that of its tier, was used up.
    pub evicted: u64,
}

/// A type of Redis that comes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "they are called as in Redis")]
pub enum Kind {
    String,
    Hash,
    List,
    Set,
    SortedSet,
}

/// Why a key did not come over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Reason {
    /// No pattern matches the key.
    NoPattern,
    /// The key is not UTF-8.
    NotUtf8,
    /// The key is longer than [`Key::MAX_LEN`](cache_core::Key::MAX_LEN) bytes.
    KeyTooLong,
    /// The key holds what has no place in a cache: a stream, or the type of a module.
    Type(String),
    /// The value is larger than [`Migration::max_value`](super::Migration::max_value).
    TooLarge,
    /// The value does not fit into its category or tier.
    NoRoom,
    /// The key was deleted, expired or got another type between two looks at it.
    Gone,
    /// The server refused to give it, with this code: `NOPERM`, `MOVED`.
    Refused(String),
}

/// Keys of which the same can be said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tally {
    /// How many.
    pub keys: u64,
    /// Some of them, escaped and shortened where need be.
    pub examples: Vec<String>,
}

/// How far a move is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Keys that the source named so far.
    pub scanned: u64,
    /// Keys that it held at the beginning, if it says so.
    pub total: Option<u64>,
    /// Keys that were moved, compared or looked at so far.
    pub moved: u64,
    /// Keys that were skipped so far.
    pub skipped: u64,
    /// Bytes of the values so far.
    pub bytes: u64,
}

const EXAMPLES: usize = 3;

/// The most characters of an example.
const EXAMPLE_LEN: usize = 60;

impl Report {
    /// Keys that came over.
    pub fn moved(&self) -> u64 {
        self.categories.values().map(|moved| moved.keys).sum()
    }

    /// Keys that did not.
    pub fn skipped(&self) -> u64 {
        self.skipped.iter().map(|(_, tally)| tally.keys).sum()
    }

    pub(super) fn count(&mut self, found: &Found<'_>, bytes: u64, expires: bool) {
        let moved = self.moved_into(found.category);
        moved.keys += 1;
        *moved.kinds.entry(found.kind).or_default() += 1;
        moved.bytes += bytes;
        moved.with_ttl += u64::from(expires);
    }

    pub(super) fn skip(&mut self, reason: Reason, key: &[u8]) {
        self.skips(reason).note(key);
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.scanned += other.scanned;
        for (category, moved) in &other.categories {
            let sum = self.moved_into(category);
            sum.keys += moved.keys;
            sum.bytes += moved.bytes;
            sum.with_ttl += moved.with_ttl;
            sum.evicted += moved.evicted;
            for (kind, keys) in &moved.kinds {
                *sum.kinds.entry(*kind).or_default() += keys;
            }
        }
        for (reason, tally) in &other.skipped {
            let sum = self.skips(reason.clone());
            sum.keys += tally.keys;
            sum.examples
                .extend(tally.examples.iter().take(EXAMPLES.saturating_sub(sum.examples.len())).cloned());
        }
    }

    /// What came into a category, which is there from now on.
    pub(super) fn moved_into(&mut self, category: &str) -> &mut Moved {
        self.categories.entry(category.to_owned()).or_default()
    }

    fn skips(&mut self, reason: Reason) -> &mut Tally {
        let at = self.skipped.binary_search_by(|(known, _)| known.cmp(&reason)).unwrap_or_else(|at| {
            self.skipped.insert(at, (reason, Tally::default()));
            at
        });
        &mut self.skipped[at].1
    }
}

impl Tally {
    pub(super) fn note(&mut self, key: &[u8]) {
        self.keys += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(example(key));
        }
    }
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::String, Self::Hash, Self::List, Self::Set, Self::SortedSet];

    /// What `TYPE` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Hash => "hash",
            Self::List => "list",
            Self::Set => "set",
            Self::SortedSet => "zset",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPattern => f.pad("no pattern matches the key"),
            Self::NotUtf8 => f.pad("the key is not UTF-8"),
            Self::KeyTooLong => f.pad("the key is longer than 64 KiB"),
            Self::Type(name) => f.pad(&format!("type {name}")),
            Self::TooLarge => f.pad("the value is too large to be read"),
            Self::NoRoom => f.pad("the value does not fit into the category"),
            Self::Gone => f.pad("gone before it was read"),
            Self::Refused(code) => f.pad(&format!("refused by the server: {code}")),
        }
    }
}

/// A table with a line per category, and one with a line per reason.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<24} {:>10} {:>14} {:>10} {:>8}", "category", "keys", "bytes", "with ttl", "evicted")?;
        let kinds: Vec<_> = Kind::ALL
            .into_iter()
            .filter(|kind| self.categories.values().any(|it| it.of(*kind) > 0))
            .collect();
        kinds.iter().try_for_each(|kind| write!(f, " {kind:>10}"))?;
        writeln!(f)?;
        for (name, moved) in &self.categories {
            let Moved { keys, bytes, with_ttl, evicted, .. } = moved;
            write!(f, "{name:<24} {keys:>10} {bytes:>14} {with_ttl:>10} {evicted:>8}")?;
            kinds.iter().try_for_each(|kind| write!(f, " {:>10}", moved.of(*kind)))?;
            writeln!(f)?;
        }
        if self.skipped.is_empty() {
            return Ok(());
        }
        writeln!(f)?;
        lines(f, "skipped", self.skipped.iter().map(|(reason, tally)| (reason, tally)))
    }
}

impl Moved {
    fn of(&self, kind: Kind) -> u64 {
        self.kinds.get(&kind).copied().unwrap_or_default()
    }
}

/// A table of what can be said of keys.
pub(super) fn lines<'a, T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    tallies: impl Iterator<Item = (T, &'a Tally)>,
) -> fmt::Result {
    writeln!(f, "{title:<42} {:>10}  for example", "keys")?;
    for (what, tally) in tallies {
        let examples = tally.examples.join(", ");
        writeln!(f, "{}", format!("{what:<42} {:>10}  {examples}", tally.keys).trim_end())?;
    }
    Ok(())
}

/// A key for people, on one line.
fn example(key: &[u8]) -> String {
    let chars: Box<dyn Iterator<Item = char>> = match str::from_utf8(key) {
        Ok(text) => Box::new(text.chars().flat_map(char::escape_debug)),
        Err(_) => Box::new(key.escape_ascii().map(char::from)),
    };
    let mut example: String = chars.take(EXAMPLE_LEN + 1).collect();
    if let Some((end, _)) = example.char_indices().nth(EXAMPLE_LEN) {
        example.replace_range(end.., "...");
    }
    example
}
