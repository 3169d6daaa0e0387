//! The settings of SQLite that may be chosen.

use std::str::FromStr;

use cache_core::{Error, ErrorKind, Result};
use rusqlite::Connection;

/// Settings of the database connections: an allow-list.
///
/// What is left out keeps the default: [`JournalMode::Wal`], [`Synchronous::Normal`], a page cache of up to 16 MiB for each
/// connection, no memory mapping.
///
/// Some settings trade away what the crate otherwise promises:
///
/// | setting | what is lost |
/// |---|---|
/// | `JournalMode::Memory` or `Off` | a process that dies during a commit may leave a damaged file; it is set aside by a later open |
/// | `Synchronous::Off` | a power loss may leave a damaged file |
/// | a rollback journal of any kind | readers wait for the writer, and the writer for readers |
/// | `mmap_size` | another program that truncates the file kills this process (SIGBUS) |
///
/// ```
/// use cache_sqlite::{JournalMode, Pragmas, Synchronous};
///
/// let fast = Pragmas::new().journal_mode(JournalMode::Memory).synchronous(Synchronous::Off).cache_size(50_000);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "config", derive(serde::Deserialize))]
#[cfg_attr(feature = "config", serde(default, deny_unknown_fields, expecting = "a table"))]
pub struct Pragmas {
    journal_mode: Option<JournalMode>,
    synchronous: Option<Synchronous>,
    temp_store: Option<TempStore>,
    #[cfg_attr(feature = "config", serde(deserialize_with = "crate::config::cache_size"))]
    cache_size: Option<i64>,
    #[cfg_attr(feature = "config", serde(deserialize_with = "crate::config::mmap_size"))]
    mmap_size: Option<u64>,
}

/// In KiB, as a negative number. To have a page from the system again costs as much as the rest of a lookup.
const CACHE_SIZE: i64 = -(16 << 10);

/// How SQLite makes a commit atomic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum JournalMode {
    /// A write-ahead log: readers and the writer do not wait for each other.
    Wal,
    /// A rollback journal, deleted at each commit.
    Delete,
    /// A rollback journal, truncated at each commit.
    Truncate,
    /// A rollback journal whose header is overwritten at each commit.
    Persist,
    /// A rollback journal in memory: not safe when the process dies during a commit.
    Memory,
    /// No journal: not safe when the process dies during a commit, or when a commit fails.
    Off,
}

/// When SQLite waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Synchronous {
    /// Never: a power loss may damage the file.
    Off,
    /// At checkpoints: in WAL a power loss may take the last commits, and no more.
    Normal,
    /// At every commit.
    Full,
    /// At every commit, and for the folder after a journal is deleted.
    Extra,
}

/// Where temporary tables go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TempStore {
    /// As SQLite was built.
    Default,
    /// In files.
    File,
    /// In memory.
    Memory,
}

impl Pragmas {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// How a commit is made atomic.
    #[must_use]
    pub fn journal_mode(mut self, mode: JournalMode) -> Self {
        self.journal_mode = Some(mode);
        self
    }

    /// When to wait for the disk.
    #[must_use]
    pub fn synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = Some(synchronous);
        self
    }

    /// Where temporary tables go.
    #[must_use]
    pub fn temp_store(mut self, store: TempStore) -> Self {
        self.temp_store = Some(store);
        self
    }

    /// How large the page cache of each connection may grow: pages if positive, KiB if negative. Default: 16 MiB.
    #[must_use]
    pub fn cache_size(mut self, pages: i64) -> Self {
        self.cache_size = Some(pages);
        self
    }

    /// How many bytes of the file are mapped into memory; 0 for none.
    #[must_use]
    pub fn mmap_size(mut self, bytes: u64) -> Self {
        self.mmap_size = Some(bytes);
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        let too_large = |what: &str, most: i64| {
            let why = format!("{what} is too large for SQLite, which takes up to {most}");
            Err(ErrorKind::InvalidOption(why).into())
        };
        if let Some(size) = self.cache_size.filter(|&size| i32::try_from(size).is_err()) {
            return too_large(&format!("a cache_size of {size}"), i32::MAX.into());
        }
        if let Some(size) = self.mmap_size.filter(|&size| i64::try_from(size).is_err()) {
            return too_large(&format!("an mmap_size of {size} bytes"), i64::MAX);
        }
        Ok(())
    }

    pub(crate) fn chosen_journal(&self) -> JournalMode {
        self.journal_mode.unwrap_or(JournalMode::Wal)
    }

    /// Sets everything but the journal mode: WAL belongs to the file, the others to the one connection
    /// that writes.
    pub(crate) fn apply(&self, conn: &Connection) -> rusqlite::Result<()> {
        conn.pragma_update(None, "synchronous", self.synchronous.unwrap_or(Synchronous::Normal).word())?;
        if let Some(store) = self.temp_store {
            conn.pragma_update(None, "temp_store", store.word())?;
        }
        conn.pragma_update(None, "cache_size", self.cache_size.unwrap_or(CACHE_SIZE))?;
        if let Some(size) = self.mmap_size {
            let size = i64::try_from(size).unwrap_or(i64::MAX);
            conn.pragma_update_and_check(None, "mmap_size", size, |_| Ok(()))?;
        }
        Ok(())
    }
}

/// Names of a setting, each beside its word in SQLite.
macro_rules! words {
    (@list $first:literal $(, $word:literal)*) => { concat!($first $(, ", ", $word)*) };
    ($name:ident: $($variant:ident $word:literal),+) => {
        impl $name {
            const KNOWN: &str = words!(@list $($word),+);

            pub(crate) fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        /// Reads SQLite's own word, in any case.
        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                $(if text.eq_ignore_ascii_case($word) { return Ok(Self::$variant); })+
                Err(ErrorKind::InvalidOption(format!("{text:?} is none of {}", Self::KNOWN)).into())
            }
        }

        #[cfg(feature = "config")]
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                cache_core::config::name(from, &format!("one of {}", Self::KNOWN))
            }
        }
    };
}

words!(JournalMode: Wal "WAL", Delete "DELETE", Truncate "TRUNCATE", Persist "PERSIST", Memory "MEMORY", Off "OFF");
words!(Synchronous: Off "OFF", Normal "NORMAL", Full "FULL", Extra "EXTRA");
words!(TempStore: Default "DEFAULT", File "FILE", Memory "MEMORY");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_in_any_case_and_nothing_else_is() {
        assert_eq!("memory".parse::<JournalMode>().unwrap(), JournalMode::Memory);
        let error = "off; drop table entries".parse::<Synchronous>().unwrap_err();
        assert!(error.to_string().contains("OFF, NORMAL, FULL, EXTRA"), "{error}");
    }

    #[test]
    fn sizes_out_of_range_are_refused() {
        assert!(Pragmas::new().cache_size(i64::MAX).check().is_err());
        assert!(Pragmas::new().mmap_size(u64::MAX).check().is_err());
    }
}
