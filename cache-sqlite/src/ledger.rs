//! Totals of the categories, and the budgets that rest on them, inside one transaction.

use std::collections::HashMap;

use cache_core::{Cause, Touch};
use rusqlite::{Connection, OptionalExtension, Result, Row, ffi, types::ValueRef};

/// How many candidates for eviction are looked up at once.
const STEP: i64 = 64;

/// What a size counts at most in a sum: one that is damaged must not make the sum overflow, which is an
/// error in SQLite.
const MOST_SUMMED: i64 = 1 << 50;

/// The totals that a transaction has read and changed. Lost unless it is [saved](Self::save).
pub(crate) struct Ledger<'t> {
    conn: &'t Connection,
    ids: HashMap<Box<str>, i64>,
    lines: HashMap<i64, Line>,
    /// Entries that had to go, to be told of once the transaction is committed.
    pub(crate) left: Vec<Left>,
    looked_through: bool,
}

struct Line {
    name: Box<str>,
    entries: i64,
    bytes: i64,
    changed: bool,
}

/// An entry that left by itself.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) category: Box<str>,
    pub(crate) cause: Cause,
    pub(crate) touch: Touch,
}

/// A row of the order of use.
struct Candidate {
    id: i64,
    last: i64,
    hits: i64,
    key: String,
    size: i64,
}

impl<'t> Ledger<'t> {
    pub(crate) fn new(conn: &'t Connection) -> Self {
        Self { conn, ids: HashMap::new(), lines: HashMap::new(), left: Vec::new(), looked_through: false }
    }

    /// The id of a category, which is entered if it is new.
    pub(crate) fn id(&mut self, name: &str) -> Result<i64> {
        if let Some(&id) = self.ids.get(name) {
            return Ok(id);
        }
        let mut find =
            self.conn.prepare_cached("SELECT id, entries, bytes FROM categories WHERE name = ?1")?;
        let found = find
            .query_row([name], |row| Ok((integer(row, 0), integer(row, 1), integer(row, 2))))
            .optional()?;
        let (id, entries, bytes) = match found {
            Some(found) => found,
            None => {
                self.conn
                    .prepare_cached("INSERT INTO categories(name, entries, bytes) VALUES(?1, 0, 0)")?
                    .execute([name])?;
                (self.conn.last_insert_rowid(), 0, 0)
            }
        };
        self.ids.insert(name.into(), id);
        // The line may be there and changed already, if it was found through an entry.
        self.lines.entry(id).or_insert_with(|| Line { name: name.into(), entries, bytes, changed: false });
        Ok(id)
    }

    /// Counts entries and bytes that come or go.
    pub(crate) fn add(&mut self, category: i64, entries: i64, bytes: i64) -> Result<()> {
        let line = self.line(category)?;
        line.entries = line.entries.saturating_add(entries);
        line.bytes = line.bytes.saturating_add(bytes);
        line.changed = true;
        Ok(())
    }

    /// Deletes every entry of a category.
    pub(crate) fn clear(&mut self, category: i64) -> Result<()> {
        let cleared = self
            .conn
            .prepare_cached("DELETE FROM entries WHERE id IN (SELECT id FROM usage WHERE category = ?1)")?
            .execute([category])?;
        self.conn.prepare_cached("DELETE FROM usage WHERE category = ?1")?.execute([category])?;
        // An entry whose place in the order of use is damaged would stay, and be served. Without the index that takes a look
        // at every entry of the file.
        if i64::try_from(cleared) != Ok(self.line(category)?.entries) {
            self.conn.execute("DELETE FROM entries WHERE category = ?1", [category])?;
        }
        let line = self.line(category)?;
        (line.entries, line.bytes, line.changed) = (0, 0, true);
        Ok(())
    }

    /// Deletes the entry under `id`; its size is known.
    pub(crate) fn delete(&mut self, id: i64, category: i64, size: i64) -> Result<()> {
        self.conn.prepare_cached("DELETE FROM entries WHERE id = ?1")?.execute([id])?;
        self.conn.prepare_cached("DELETE FROM usage WHERE id = ?1")?.execute([id])?;
        self.add(category, -1, size.saturating_neg())
    }

    /// Fails if the file is damaged, once it has been found that an entry left its place in the order of use behind.
    ///
    /// Somebody may have deleted it in a shell. Or its page is out of order: SQLite does not find it, says nothing, and
    /// what is put there next is not found either.
    pub(crate) fn look_through(&mut self) -> Result<()> {
        if !self.looked_through {
            let found = self.conn.query_row("PRAGMA quick_check(1)", [], |row| Ok(text(row, 0)))?;
            if found != "ok" {
                return Err(corrupt(found));
            }
            self.looked_through = true;
        }
        Ok(())
    }

    /// Remembers that an entry left by itself.
    pub(crate) fn tell(
        &mut self,
        category: i64,
        cause: Cause,
        key: String,
        hits: i64,
        last: i64,
    ) -> Result<()> {
        let category = self.line(category)?.name.clone();
        let hits = u32::try_from(hits.max(0)).unwrap_or(u32::MAX);
        self.left.push(Left { category, cause, touch: Touch { key, hits, last: last / 1_000 } });
        Ok(())
    }

    /// Evicts the least recently used entries of a category until it holds at most `limit` bytes.
    pub(crate) fn keep_budget(&mut self, category: i64, limit: u64) -> Result<()> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut recounted = false;
        while self.line(category)?.bytes > limit {
            let over = self.line(category)?.bytes.saturating_sub(limit);
            if self.evict(category, over, i64::MAX)? {
                continue;
            }
            if recounted {
                break;
            }
            // Nobody is left to evict: somebody else wrote the tables and not the totals.
            self.recount(category)?;
            recounted = true;
        }
        Ok(())
    }

    /// Evicts the least recently used entries of all categories until they hold at most `limit` bytes.
    pub(crate) fn keep_total(&mut self, limit: u64) -> Result<()> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut recounted = false;
        loop {
            self.save()?;
            let mut sum = self.conn.prepare_cached(&format!(
                "SELECT coalesce(sum(min(bytes, {MOST_SUMMED})), 0) FROM categories"
            ))?;
            let over = sum.query_row([], |row| Ok(integer(row, 0)))?.saturating_sub(limit);
            if over <= 0 {
                return Ok(());
            }
            let oldest = self.two_oldest()?;
            let until = oldest.get(1).map_or(i64::MAX, |&(_, last)| last);
            let evicted = match oldest.first() {
                Some(&(category, _)) => self.evict(category, over, until)?,
                None => false,
            };
            if !evicted {
                if recounted {
                    return Ok(());
                }
                self.recount_all()?;
                recounted = true;
            }
        }
    }

    /// Writes the totals that changed.
    pub(crate) fn save(&mut self) -> Result<()> {
        let mut update =
            self.conn.prepare_cached("UPDATE categories SET entries = ?2, bytes = ?3 WHERE id = ?1")?;
        for (id, line) in self.lines.iter_mut().filter(|(_, line)| line.changed) {
            update.execute((id, line.entries.max(0), line.bytes.max(0)))?;
            line.changed = false;
        }
        Ok(())
    }

    /// Evicts entries that were last used at `until` or before, oldest first, until `over` bytes are
    /// free. False if there was none.
    fn evict(&mut self, category: i64, over: i64, until: i64) -> Result<bool> {
        let mut free = 0_i64;
        let candidates = self.oldest(category, until)?;
        let any = !candidates.is_empty();
        for Candidate { id, last, hits, key, size } in candidates {
            if free >= over {
                break;
            }
            // A negative size marks a place in the order of use without an entry.
            if size < 0 {
                self.conn.prepare_cached("DELETE FROM usage WHERE id = ?1")?.execute([id])?;
                continue;
            }
            self.delete(id, category, size)?;
            self.tell(category, Cause::Evicted, key, hits, last)?;
            free = free.saturating_add(size);
        }
        Ok(any)
    }

    fn oldest(&self, category: i64, until: i64) -> Result<Vec<Candidate>> {
        let mut oldest = self.conn.prepare_cached(
            "SELECT u.id, u.last_access, u.access_count, e.key, coalesce(e.size, -1)
             FROM usage u LEFT JOIN entries e ON e.id = u.id AND e.category = u.category
             WHERE u.category = ?1 AND u.last_access <= ?2 ORDER BY u.last_access LIMIT ?3",
        )?;
        let candidate = |row: &Row<'_>| {
            Ok(Candidate {
                id: integer(row, 0),
                last: integer(row, 1),
                hits: integer(row, 2),
                key: text(row, 3),
                size: integer(row, 4),
            })
        };
        oldest.query_map((category, until, STEP), candidate)?.collect()
    }

    /// The categories that hold the two entries that come first for eviction, each with its time.
    fn two_oldest(&self) -> Result<Vec<(i64, i64)>> {
        let mut oldest = self.conn.prepare_cached(
            "SELECT id, first FROM (
                 SELECT c.id AS id, (SELECT min(last_access) FROM usage WHERE category = c.id) AS first
                 FROM categories c)
             WHERE first IS NOT NULL ORDER BY first LIMIT 2",
        )?;
        oldest.query_map([], |row| Ok((integer(row, 0), integer(row, 1))))?.collect()
    }

    fn recount(&mut self, category: i64) -> Result<()> {
        self.conn
            .prepare_cached(
                "INSERT OR REPLACE INTO usage
                 SELECT e.id, e.category, 0, 0 FROM entries e LEFT JOIN usage u ON u.id = e.id
                 WHERE e.category = ?1 AND u.category IS NOT e.category",
            )?
            .execute([category])?;
        let (entries, bytes) = self.conn.query_row(
            &format!(
                "SELECT count(*), coalesce(sum(min(size, {MOST_SUMMED})), 0) FROM entries WHERE category = ?1"
            ),
            [category],
            |row| Ok((integer(row, 0), integer(row, 1))),
        )?;
        let line = self.line(category)?;
        (line.entries, line.bytes, line.changed) = (entries, bytes, true);
        Ok(())
    }

    fn recount_all(&mut self) -> Result<()> {
        let mut list = self.conn.prepare("SELECT id FROM categories")?;
        let ids: Vec<i64> = list.query_map([], |row| Ok(integer(row, 0)))?.collect::<Result<_>>()?;
        ids.into_iter().try_for_each(|id| self.recount(id))
    }

    fn line(&mut self, category: i64) -> Result<&mut Line> {
        use std::collections::hash_map::Entry::{Occupied, Vacant};
        match self.lines.entry(category) {
            Occupied(line) => Ok(line.into_mut()),
            Vacant(place) => {
                let found = self
                    .conn
                    .prepare_cached("SELECT name, entries, bytes FROM categories WHERE id = ?1")?
                    .query_row([category], |row| Ok((text(row, 0), integer(row, 1), integer(row, 2))))
                    .optional()?;
                // A row of a category that does not exist counts nowhere.
                let (name, entries, bytes) = found.unwrap_or_default();
                Ok(place.insert(Line { name: name.into(), entries, bytes, changed: false }))
            }
        }
    }
}

/// A column that should be an integer; 0 in a row that is damaged.
pub(crate) fn integer(row: &Row<'_>, index: usize) -> i64 {
    match row.get_ref(index) {
        Ok(ValueRef::Integer(value)) => value,
        _ => 0,
    }
}

/// A column that should be UTF-8 text; made readable where it is not.
pub(crate) fn text(row: &Row<'_>, index: usize) -> String {
    match row.get_ref(index) {
        Ok(ValueRef::Text(text) | ValueRef::Blob(text)) => String::from_utf8_lossy(text).into_owned(),
        _ => String::new(),
    }
}

/// Damage that SQLite itself does not see.
pub(crate) fn corrupt(what: String) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), Some(what))
}
