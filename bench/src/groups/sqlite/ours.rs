//! The tier itself.

use std::{
    hint::black_box,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use warmstart::{
    Compression, Route,
    core::{Category, Entry, Key, Put, Tier, Unguarded},
    sqlite::{SqliteCache, SqliteOptions},
};

use super::{Reader, Requests, Row, Rows, Writer};

/// The category that everything is in.
pub(crate) const CATEGORY: &str = "values";

/// Reads and writes entries, one or many at a time.
#[derive(Clone)]
pub(crate) struct Ours {
    cache: SqliteCache,
    category: Arc<Category>,
    at_once: usize,
}

impl Ours {
    pub(crate) fn open(path: &Path, options: SqliteOptions) -> Result<Self> {
        // The values are random: compression would only be tried, and only here.
        let category = Category::new(0, CATEGORY, Route::sqlite().compression(Compression::None))?;
        Ok(Self { cache: options.open(path)?, category, at_once: 1 })
    }

    pub(crate) fn at_once(self, at_once: usize) -> Self {
        Self { at_once, ..self }
    }

    /// Makes a file of these entries, with nothing left in its log.
    pub(crate) fn fill(path: &Path, rows: &Rows) -> Result<()> {
        let mut filled = Self::open(path, SqliteCache::options())?.at_once(1_000);
        let category = Arc::clone(&filled.category);
        let id = |name: &str| Key::new(&category, name).map_or(0, |key| key.stable_hash().cast_signed());
        for piece in rows.pieces(id) {
            filled.write(&piece)?;
        }
        filled.cache.close()?;
        // What is left of the log after a short life is moved too.
        let conn = rusqlite::Connection::open(path)?;
        conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }
}

impl Reader for Ours {
    fn read(&mut self, requests: &mut Requests) -> Result<Duration> {
        requests.time(|name| Ok(black_box(self.cache.get(&Key::new(&self.category, name)?)?).is_some()))
    }
}

impl Writer for Ours {
    fn write(&mut self, rows: &[Row]) -> Result<Duration> {
        let put = |row: &Row| {
            let key = Key::new(&self.category, &row.name)?;
            self.cache.put(&key, &Entry::from_bytes(row.value.clone(), 0), &Unguarded)
        };
        let start = Instant::now();
        if self.at_once == 1 {
            rows.iter().try_for_each(put)?;
        } else {
            for rows in rows.chunks(self.at_once) {
                let puts: Vec<Put<'_>> = rows
                    .iter()
                    .map(|row| {
                        let key = Key::new(&self.category, &row.name)?;
                        Ok(Put { key, entry: Entry::from_bytes(row.value.clone(), 0), guard: &Unguarded })
                    })
                    .collect::<Result<_>>()?;
                self.cache.put_many(&puts).into_iter().collect::<Result<(), _>>()?;
            }
        }
        // Until here they may be in the queue alone.
        self.cache.flush()?;
        Ok(start.elapsed())
    }
}
