//! Maintenance: what has expired goes, budgets are kept, the log is compared with the disk and kept short.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering::SeqCst},
};

use cache_core::{Cause, EntryInfo, Result, Time, Usage, is_stray};

use crate::{
    format::Opening,
    index::Index,
    names::{Leaf, is_at_home},
    record::Record,
    shelf::{Reading, Shelf},
    store::{Shelves, Store},
};

/// How many expired entries are deleted before others get their turn.
const STEP: usize = 200;

/// How often entries of the future are looked for: nanoseconds.
const STRAYS_EVERY: u64 = 3_600_000_000_000;

impl Store {
    pub(crate) fn maintain(self: &Arc<Self>) -> Result<()> {
        self.check_open()?;
        let leaf = Leaf::number(self.audited.fetch_add(1, SeqCst));
        let categories = self.tree.categories()?;
        // What is wrong with one category does not keep the others from their share.
        let tended = categories.iter().map(|category| self.tend(category, leaf)).fold(Ok(()), Result::and);
        let now = self.options.clock.now();
        // All that was used while a clock was ahead is looked at: not each time.
        let tended = if now.monotonic >= self.strays_at.load(SeqCst) {
            self.strays_at.store(now.monotonic.saturating_add(STRAYS_EVERY), SeqCst);
            categories.iter().map(|category| self.expire_strays(category, now)).fold(tended, Result::and)
        } else {
            tended
        };
        let kept = self.locked(|shelves, left| self.keep_total(shelves, None, Reading::All, left));
        let worked = if self.options.threaded {
            self.start_work();
            Ok(())
        } else {
            self.work(false)
        };
        tended.and(kept).and(worked)
    }

    fn tend(&self, category: &str, leaf: Leaf) -> Result<()> {
        while self.expire(category)? == STEP {}
        let limit = self.limits.lock().get(category).copied().unwrap_or(u64::MAX);
        self.locked(|shelves, left| {
            self.sync(shelves, category, Reading::All)?;
            self.audit(shelves, category, leaf)?;
            self.make_room(shelves, None, category, limit, left)?;
            shelves.get_mut(category).map_or(Ok(()), |shelf| shelf.compact(&self.tree, category))
        })
    }

    /// Writes what was read to the logs. Where that fails, the order of use is a little off.
    pub(crate) fn tell_hits(&self) {
        for category in self.hits.categories() {
            if let Err(error) = self.locked(|shelves, _| self.sync(shelves, &category, Reading::Short)) {
                tracing::warn!(category = &*category, %error, "use of the cache is forgotten");
            }
        }
    }

    /// Shows what the heads of the entries of a category say.
    pub(crate) fn scan(&self, category: &str, visit: &mut dyn FnMut(EntryInfo)) -> Result<()> {
        self.check_open()?;
        let mut hits = HashMap::new();
        // Without the counts the listing is still worth having.
        let _ = self.locked(|shelves, _| {
            self.sync(shelves, category, Reading::All)?;
            let index = shelves.get(category).and_then(Shelf::index);
            hits.extend(index.into_iter().flat_map(Index::iter).map(|(id, meta)| (id, meta.hits)));
            Ok(())
        });
        for leaf in Leaf::all() {
            for (id, ..) in self.tree.list(category, leaf)? {
                let info = {
                    let Some((mut file, len)) = self.tree.open_entry(category, id)? else { continue };
                    let buffer = &mut self.pool.take().buffer;
                    // One that is damaged is found by whoever asks for it.
                    let Ok(opening) = Opening::read(&mut file, len, buffer) else { continue };
                    let names = opening.names(buffer);
                    let fresh = opening.head.is_fresh(self.options.clock.now());
                    if !fresh || names.0 != category.as_bytes() || !is_at_home(id, names) {
                        continue;
                    }
                    let Ok(key) = str::from_utf8(names.1) else { continue };
                    let hits = hits.get(&id).copied().unwrap_or(0);
                    let head = opening.head;
                    EntryInfo::new(key.to_owned(), len, head.created_at, head.expires_at, hits.into())
                };
                visit(info);
            }
        }
        Ok(())
    }

    /// How much there is, by the index, or else by looking.
    pub(crate) fn usage(&self, category: &str) -> Result<Usage> {
        self.check_open()?;
        let known = self.locked(|shelves, _| {
            self.sync(shelves, category, Reading::All)?;
            let index = shelves.get(category).and_then(Shelf::complete);
            Ok(index.map(|index| Usage { entries: index.len() as u64, bytes: index.bytes() }))
        })?;
        if let Some(usage) = known {
            return Ok(usage);
        }
        let mut usage = Usage::default();
        for leaf in Leaf::all() {
            for (_, len, _) in self.tree.list(category, leaf)? {
                usage += Usage { entries: 1, bytes: len };
            }
        }
        Ok(usage)
    }

    /// Deletes up to [`STEP`] expired entries and says how many.
    fn expire(&self, category: &str) -> Result<usize> {
        let now = self.options.clock.now().wall;
        self.locked(|shelves, left| {
            self.sync(shelves, category, Reading::All)?;
            let Some(shelf) = shelves.get_mut(category) else { return Ok(0) };
            let entries = shelf.index().into_iter().flat_map(Index::iter).map(|(id, meta)| (id, *meta));
            let expired = entries.filter(|(_, meta)| meta.expires_at.is_some_and(|at| at <= now));
            let expired: Vec<_> = expired.take(STEP).collect();
            for &entry in &expired {
                self.dismiss(shelf, category, entry, Cause::Expired, left)?;
            }
            Ok(expired.len())
        })
    }

    /// Deletes the entries that were created too far in the future to be right.
    fn expire_strays(&self, category: &str, now: Time) -> Result<()> {
        // An entry has been used when it was created, at the earliest.
        let used_later: Vec<_> = self.locked(|shelves, _| {
            self.sync(shelves, category, Reading::All)?;
            let index = shelves.get(category).and_then(Shelf::index);
            let entries = index.into_iter().flat_map(Index::iter).map(|(id, meta)| (id, *meta));
            Ok(entries.filter(|(_, meta)| meta.last_used > now.wall).collect())
        })?;
        for (id, meta) in used_later {
            let is_stray = || {
                let (mut file, len) = self.tree.open_entry(category, id).ok()??;
                let opening = Opening::read(&mut file, len, &mut self.pool.take().buffer).ok()?;
                Some(is_stray(opening.head.created_at, now))
            };
            if is_stray() != Some(true) {
                continue;
            }
            self.locked(|shelves, left| {
                self.sync(shelves, category, Reading::All)?;
                let Some(shelf) = shelves.get_mut(category) else { return Ok(()) };
                // Unless another has taken its place.
                match shelf.index().and_then(|index| index.get(id)) {
                    Some(still) if *still == meta => {
                        self.dismiss(shelf, category, (id, meta), Cause::Expired, left)
                    }
                    _ => Ok(()),
                }
            })?;
        }
        Ok(())
    }

    /// Compares one folder with what is known of it: a process that was killed between the log and the entry, or
    /// a log that lost its end, left them different.
    fn audit(&self, shelves: &mut Shelves, category: &str, leaf: Leaf) -> Result<()> {
        let Some(shelf) = shelves.get_mut(category) else { return Ok(()) };
        let Some(index) = shelf.complete() else { return Ok(()) };
        let known = index.iter().filter(|&(id, _)| Leaf::of(id) == leaf);
        let mut known: HashMap<u64, u64> = known.map(|(id, meta)| (id, meta.size)).collect();
        let mut records = Vec::new();
        for (id, len, written) in self.tree.list(category, leaf)? {
            if known.remove(&id) != Some(len) {
                records.push(Record::found(id, self.count(category, id, len, written)));
            }
        }
        records.extend(known.into_keys().map(Record::removed));
        records.into_iter().for_each(|record| shelf.record(record));
        Ok(())
    }
}
