//! The section of a configuration that is about the database.

use std::path::PathBuf;

use cache_core::config;
use serde::{Deserialize, Deserializer};

use crate::{Pragmas, SqliteCache, SqliteOptions};

/// `[sqlite_cache]`.
///
/// ```
/// use cache_sqlite::SqliteConfig;
///
/// let config: SqliteConfig = toml::from_str("db_path = 'cache.db'\n[pragma_settings]\ncache_size = 50_000")?;
/// let options = config.options(); // options.open(&config.db_path)
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct SqliteConfig {
    /// The file of the database. Default: `cache/cache.db`.
    #[serde(deserialize_with = "config::path")]
    pub db_path: PathBuf,
    /// Settings of SQLite. Default: none. [`Pragmas`] says what some of them cost.
    #[serde(deserialize_with = "config::table")]
    pub pragma_settings: Pragmas,
}

impl SqliteConfig {
    /// The options of a cache at [`db_path`](Self::db_path).
    pub fn options(&self) -> SqliteOptions {
        SqliteCache::options().pragmas(self.pragma_settings)
    }
}

impl Default for SqliteConfig {
    fn default() -> Self {
        Self { db_path: "cache/cache.db".into(), pragma_settings: Pragmas::new() }
    }
}

pub(crate) fn cache_size<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let pages = |size| i32::try_from(size).ok().map(|size| Some(size.into()));
    config::scalar(from, "pages, or KiB if negative, in 32 bits", pages, |_| None)
}

pub(crate) fn mmap_size<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    config::scalar(from, "a number of bytes, 0 for none", |size| u64::try_from(size).ok().map(Some), |_| None)
}

#[cfg(test)]
mod tests {
    use cache_core::Result;
    use rusqlite::types::Value;

    use super::*;
    use crate::{connect, file::StoreFile};

    const ORIGINAL: &str = "journal_mode = 'MEMORY'\nsynchronous = 'OFF'\ntemp_store = 'MEMORY'\n\
                            cache_size = 50000\nmmap_size = 268435456";

    /// What the connections that write and read have of each setting.
    fn in_force(pragmas: &str) -> Result<Vec<[String; 5]>> {
        let dir = tempfile::tempdir().unwrap();
        let config = SqliteConfig { pragma_settings: toml::from_str(pragmas).unwrap(), ..Default::default() };
        let file = StoreFile::prepare(&dir.path().join("cache.db"))?;
        let writer = connect::writer(&file, &config.options())?.conn;
        let reader = connect::reader(&file, &config.options())?;
        let of = |conn: &rusqlite::Connection| {
            ["journal_mode", "synchronous", "temp_store", "cache_size", "mmap_size"].map(|name| {
                match conn.pragma_query_value(None, name, |row| row.get(0)).unwrap() {
                    Value::Text(word) => word,
                    Value::Integer(number) => number.to_string(),
                    other => panic!("{other:?}"),
                }
            })
        };
        Ok(vec![of(&writer), of(reader.conn())])
    }

    #[test]
    fn settings_as_written_are_in_force_on_every_connection() {
        // By number, synchronous is OFF, and temp_store MEMORY.
        let [writer, reader] = &in_force(ORIGINAL).unwrap()[..] else { panic!() };
        assert_eq!(writer, &["memory", "0", "2", "50000", "268435456"]);
        assert_eq!(reader[1..], writer[1..]);
    }

    #[test]
    fn without_settings_the_log_is_written_ahead_and_nothing_is_mapped() {
        for conn in in_force("").unwrap() {
            assert_eq!(conn, ["wal", "1", "0", "-16384", "0"]);
        }
    }

    #[test]
    fn what_is_no_setting_is_refused() {
        let error = |text| toml::from_str::<Pragmas>(text).unwrap_err().message().to_owned();
        assert_eq!(
            error("synchronous = 'SOMETIMES'"),
            "invalid value: string \"SOMETIMES\", expected one of OFF, NORMAL, FULL, EXTRA"
        );
        assert_eq!(
            error("cache_size = 99999999999"),
            "invalid value: integer `99999999999`, expected pages, or KiB if negative, in 32 bits"
        );
        assert_eq!(
            error("mmap_size = -1"),
            "invalid value: integer `-1`, expected a number of bytes, 0 for none"
        );
        assert!(
            error("writable_schema = true").starts_with("unknown field `writable_schema`, expected one of")
        );
    }
}
