//! What a category holds.

use std::sync::Arc;

use cache_core::{Category, EntryInfo, Result, Usage};
use rusqlite::{OptionalExtension, Row};

use crate::{
    ledger::{integer, text},
    readers::Snapshot,
    store::Store,
};

impl Store {
    /// Shows every entry of a category that is not expired. What is queued is committed before.
    pub(crate) fn scan(
        self: &Arc<Self>,
        category: &Arc<Category>,
        visit: &mut dyn FnMut(EntryInfo),
    ) -> Result<()> {
        self.commit_for_reading()?;
        let now = self.options.clock.now();
        // Gathered first, so that the visitor may take its time and call the cache.
        let list: Vec<EntryInfo> = self.read(Snapshot::PerStatement, |conn| {
            let mut query = conn.prepare_cached(
                "SELECT e.key, e.size, e.created_at, e.expires_at, u.access_count, e.expires_at IS NULL
                 FROM categories c JOIN usage u ON u.category = c.id JOIN entries e ON e.id = u.id
                 WHERE c.name = ?1",
            )?;
            let list = query.query_map([category.name()], |row| Ok(info(row)))?;
            list.filter(|info| !matches!(info, Ok(info) if info.expires_at.is_some_and(|at| at <= now.wall)))
                .collect()
        })?;
        list.into_iter().for_each(visit);
        Ok(())
    }

    /// The totals of a category. What is queued is committed before.
    pub(crate) fn usage(self: &Arc<Self>, category: &Arc<Category>) -> Result<Usage> {
        self.commit_for_reading()?;
        let totals = self.read(Snapshot::PerStatement, |conn| {
            conn.prepare_cached("SELECT entries, bytes FROM categories WHERE name = ?1")?
                .query_row([category.name()], |row| {
                    Ok(Usage { entries: unsigned(integer(row, 0)), bytes: unsigned(integer(row, 1)) })
                })
                .optional()
        })?;
        Ok(totals.unwrap_or_default())
    }

    /// The names of the categories that hold entries, whoever stored them.
    pub(crate) fn stored_categories(self: &Arc<Self>) -> Result<Vec<String>> {
        self.commit_for_reading()?;
        self.read(Snapshot::PerStatement, |conn| {
            let mut query =
                conn.prepare_cached("SELECT name FROM categories WHERE entries > 0 ORDER BY name")?;
            query.query_map([], |row| Ok(text(row, 0)))?.collect()
        })
    }

    fn commit_for_reading(&self) -> Result<()> {
        self.check_open(&self.queue.lock())?;
        self.commit()
    }
}

fn info(row: &Row<'_>) -> EntryInfo {
    let expires_at = (integer(row, 5) == 0).then(|| integer(row, 3));
    let (size, access_count) = (unsigned(integer(row, 1)), unsigned(integer(row, 4)));
    EntryInfo::new(text(row, 0), size, integer(row, 2), expires_at, access_count)
}

/// A size or count from the database, which cannot be negative unless somebody else wrote it.
fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
