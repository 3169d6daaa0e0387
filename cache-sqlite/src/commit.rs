//! One batch, one transaction.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use cache_core::{Category, Cause, Key, Time, is_stray};
use rusqlite::{Connection, OptionalExtension, Result, TransactionBehavior};

use crate::{
    error::is_corrupt,
    hits::Gathered,
    ledger::{Ledger, Left, corrupt, integer, text},
    lookup,
    queue::{Batch, Op, Row},
    record::Record,
};

/// What a transaction has to bring about.
pub(crate) struct Work<'a> {
    pub(crate) batch: &'a Batch,
    pub(crate) hits: &'a Gathered,
    /// The byte budgets of categories, as far as this process knows them.
    pub(crate) limits: &'a HashMap<Box<str>, u64>,
    /// The byte budget of all categories together.
    pub(crate) total: u64,
    /// Whether budgets are checked of categories that the batch does not write.
    pub(crate) all_budgets: bool,
}

/// Commits the work and gives back who had to go.
///
/// Budgets are kept inside the transaction, so no reader ever sees them exceeded.
pub(crate) fn commit(conn: &mut Connection, work: &Work<'_>) -> Result<Vec<Left>> {
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut ledger = Ledger::new(&transaction);
    let mut written = HashSet::new();
    for name in work.batch.clears.keys() {
        let category = ledger.id(name)?;
        ledger.clear(category)?;
    }
    // In the order of the primary key, neighbours share pages.
    let mut ops: Vec<_> = work.batch.ops.iter().collect();
    ops.sort_unstable_by_key(|&(&id, _)| id);
    for (&id, op) in ops {
        match op {
            Op::Put(record) => {
                put(&transaction, &mut ledger, record)?;
                written.insert(record.category.name());
            }
            Op::Remove { category, key } => remove(&transaction, &mut ledger, id, category, key)?,
            // A good row was written since the damaged one was read.
            Op::Drop { category, key, which: Row::Damaged }
                if !is_damaged(&transaction, id, category, key)? => {}
            Op::Drop { which, .. } => drop_row(&transaction, &mut ledger, id, *which)?,
        }
    }
    use_up(&transaction, work.hits)?;
    for (name, &limit) in work.limits {
        if limit < u64::MAX && (work.all_budgets || written.contains(&**name)) {
            let category = ledger.id(name)?;
            ledger.keep_budget(category, limit)?;
        }
    }
    if work.total < u64::MAX && (work.all_budgets || !written.is_empty()) {
        ledger.keep_total(work.total)?;
    }
    ledger.save()?;
    let left = std::mem::take(&mut ledger.left);
    drop(ledger);
    transaction.commit()?;
    Ok(left)
}

/// Deletes at most `most` entries that have expired.
pub(crate) fn expire(conn: &mut Connection, now: i64, most: usize) -> Result<Vec<Left>> {
    // The index finds them, but the row has the word: where a page of the one holds another index, nobody notices.
    let expired = "SELECT e.id, e.category, e.size, e.key, u.access_count, u.last_access,
                          e.expires_at IS NOT NULL AND e.expires_at <= ?1
         FROM entries i CROSS JOIN entries e ON e.id = i.id LEFT JOIN usage u ON u.id = e.id
         WHERE i.expires_at <= ?1 LIMIT ?2";
    delete(conn, (now, i64::try_from(most).unwrap_or(i64::MAX)), expired, |is_over| match is_over {
        0 => Err(corrupt("an entry expires later than its index says".into())),
        _ => Ok(true),
    })
}

/// Deletes the entries that were created too far in the future to be right.
pub(crate) fn expire_strays(conn: &mut Connection, now: Time) -> Result<Vec<Left>> {
    // An entry has been used when it was created, at the earliest.
    let used_later = "SELECT e.id, e.category, e.size, e.key, u.access_count, u.last_access, e.created_at
         FROM categories c JOIN usage u ON u.category = c.id AND u.last_access > ?1
         JOIN entries e ON e.id = u.id WHERE e.created_at > ?2";
    delete(conn, (now.wall.saturating_mul(1_000), now.wall), used_later, |created_at| {
        Ok(is_stray(created_at, now))
    })
}

/// Deletes what a query finds and `which` wants by its last column.
fn delete(
    conn: &mut Connection,
    bounds: (i64, i64),
    query: &str,
    which: impl Fn(i64) -> Result<bool>,
) -> Result<Vec<Left>> {
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut ledger = Ledger::new(&transaction);
    let mut find = transaction.prepare_cached(query)?;
    let mut found = Vec::new();
    let mut rows = find.query(bounds)?;
    while let Some(row) = rows.next()? {
        if which(integer(row, 6))? {
            let (id, category, size) = (integer(row, 0), integer(row, 1), integer(row, 2));
            found.push((id, category, size, text(row, 3), integer(row, 4), integer(row, 5)));
        }
    }
    drop(rows);
    drop(find);
    for (id, category, size, key, hits, last) in found {
        ledger.delete(id, category, size)?;
        ledger.tell(category, Cause::Expired, key, hits, last)?;
    }
    ledger.save()?;
    let left = std::mem::take(&mut ledger.left);
    drop(ledger);
    transaction.commit()?;
    Ok(left)
}

/// Gives an entry its place in the order of use.
const PLACE: &str =
    "INSERT OR REPLACE INTO usage(id, category, last_access, access_count) VALUES(?1, ?2, ?3, 0)";

/// Gives an entry a place that nobody has.
const PLACE_NEW: &str =
    "INSERT OR IGNORE INTO usage(id, category, last_access, access_count) VALUES(?1, ?2, ?3, 0)";

fn put(conn: &Connection, ledger: &mut Ledger<'_>, record: &Record) -> Result<()> {
    let old = conn
        .prepare_cached("SELECT category, size FROM entries WHERE id = ?1")?
        .query_row([record.id], |row| Ok((integer(row, 0), integer(row, 1))))
        .optional()?;
    if let Some((category, size)) = old {
        ledger.add(category, -1, size.saturating_neg())?;
    }
    let category = ledger.id(record.category.name())?;
    let size = i64::try_from(record.size()).unwrap_or(i64::MAX);
    let stored = &record.stored;
    conn.prepare_cached(
        "INSERT OR REPLACE INTO entries(id, category, key, created_at, expires_at, fingerprint, codec,
                                        raw_size, size, checksum, value)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute((
        record.id,
        category,
        &record.key,
        stored.created_at,
        stored.expires_at,
        stored.fingerprint.cast_signed(),
        stored.codec,
        i64::try_from(stored.raw_size).unwrap_or(i64::MAX),
        size,
        stored.checksum.cast_signed(),
        &*stored.value,
    ))?;
    let place = |or: &str| conn.prepare_cached(or)?.execute((record.id, category, record.stamp));
    let is_new = old.is_none();
    if !is_new || place(PLACE_NEW)? == 0 {
        if is_new {
            ledger.look_through()?;
        }
        place(PLACE)?;
    }
    ledger.add(category, 1, size)
}

fn remove(
    conn: &Connection,
    ledger: &mut Ledger<'_>,
    id: i64,
    category: &Arc<Category>,
    key: &str,
) -> Result<()> {
    let number = ledger.id(category.name())?;
    let found = conn
        .prepare_cached("SELECT category, size, key = ?2 FROM entries WHERE id = ?1")?
        .query_row((id, key), |row| Ok((integer(row, 0), integer(row, 1), integer(row, 2) == 1)))
        .optional()?;
    match found {
        Some((found, size, true)) if found == number || is_whole(conn, id, category, key)? => {
            ledger.delete(id, found, size)
        }
        // The row of another key with the same hash stays.
        _ => Ok(()),
    }
}

/// Whether the row of a key would be served, whatever category it says that it is of.
fn is_whole(conn: &Connection, id: i64, category: &Arc<Category>, key: &str) -> Result<bool> {
    let Ok(key) = Key::new(category, key) else { return Ok(false) };
    Ok(matches!(lookup::row(conn, id, &key)?, Some(Ok(stored)) if stored.verify(&key).is_ok()))
}

/// Whether the row of a key is there and cannot be served.
fn is_damaged(conn: &Connection, id: i64, category: &Arc<Category>, key: &str) -> Result<bool> {
    let Ok(key) = Key::new(category, key) else { return Ok(false) };
    let Some(row) = lookup::row(conn, id, &key)? else { return Ok(false) };
    let served = row.and_then(|stored| stored.verify(&key).and_then(|()| stored.into_entry(&key)));
    Ok(served.is_err_and(|error| is_corrupt(&error)))
}

fn drop_row(conn: &Connection, ledger: &mut Ledger<'_>, id: i64, which: Row) -> Result<()> {
    let mut find = conn.prepare_cached(
        "SELECT e.category, e.size, e.checksum, e.key, u.access_count, u.last_access
         FROM entries e LEFT JOIN usage u ON u.id = e.id WHERE e.id = ?1",
    )?;
    let mut rows = find.query([id])?;
    let Some(row) = rows.next()? else { return Ok(()) };
    if which != Row::Damaged && which != Row::Expired(integer(row, 2).cast_unsigned()) {
        return Ok(());
    }
    let (category, size, key) = (integer(row, 0), integer(row, 1), text(row, 3));
    let (hits, last) = (integer(row, 4), integer(row, 5));
    drop(rows);
    ledger.delete(id, category, size)?;
    match which {
        Row::Expired(_) => ledger.tell(category, Cause::Expired, key, hits, last),
        Row::Damaged => Ok(()),
    }
}

/// Writes use down. An entry that is gone by now has none.
fn use_up(conn: &Connection, hits: &Gathered) -> Result<()> {
    if hits.is_empty() {
        return Ok(());
    }
    // A sum of integers that overflows is a fraction, which the column refuses.
    let mut update = conn.prepare_cached(
        "UPDATE usage SET access_count = min(access_count, 1 << 50) + ?2, last_access = max(last_access, ?3) WHERE id = ?1",
    )?;
    for (id, hit) in hits {
        update.execute((id, hit.count, hit.last))?;
    }
    Ok(())
}
