//! Maintenance: what has expired goes, budgets are kept, the log is compared with the disk and kept short.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering::SeqCst},
};

use cache_core::{Cause, EntryInfo, Result, Usage};

use crate::{
    format::Opening,
    index::Meta,
    log::Record,
    shelf::Reading,
    store::{Ledger, Left, Shelves, Store},
    tree::Leaf,
};

/// How many expired entries are deleted before others get their turn.
const STEP: usize = 200;

impl Store {
    pub(crate) fn maintain(self: &Arc<Self>) -> Result<()> {
        self.check_open()?;
        let leaf = Leaf::number(self.audited.fetch_add(1, SeqCst));
        for category in self.tree.categories()? {
            while self.expire(&category)? == STEP {}
            let limit = self.limits.lock().get(&*category).copied().unwrap_or(u64::MAX);
            self.locked(|store, shelves, left| {
                store.sync(shelves, &category, Reading::All)?;
                store.audit(shelves, &category, leaf)?;
                store.make_room(shelves, None, &category, limit, left)?;
                let Some(shelf) = shelves.get_mut(&*category) else { return Ok(()) };
                shelf.save(&store.tree, &category)?;
                shelf.compact(&store.tree, &category)
            })?;
        }
        self.locked(|store, shelves, left| store.keep_total(shelves, None, Reading::All, left))?;
        if self.options.threaded {
            self.start_work();
            Ok(())
        } else {
            self.work(false)
        }
    }

    /// Writes what was read to the logs. Where that fails, the order of use is a little off.
    pub(crate) fn tell_hits(&self) {
        for category in self.hits.categories() {
            let told = self.locked(|store, shelves, _| {
                store.sync(shelves, &category, Reading::Short)?;
                shelves.get_mut(&category).map_or(Ok(()), |shelf| shelf.save(&store.tree, &category))
            });
            if let Err(error) = told {
                tracing::warn!(category = &*category, %error, "use of the cache is forgotten");
            }
        }
    }

    /// Shows what the heads of the entries of a category say.
    pub(crate) fn scan(&self, category: &str, visit: &mut dyn FnMut(EntryInfo)) -> Result<()> {
        self.check_open()?;
        let mut hits = HashMap::new();
        // Without the counts the listing is still worth having.
        let _ = self.locked(|store, shelves, _| {
            store.sync(shelves, category, Reading::All)?;
            let Some(shelf) = shelves.get_mut(category) else { return Ok(()) };
            if let Some(index) = shelf.index() {
                hits.extend(index.iter().map(|(id, meta)| (id, meta.hits)));
            }
            shelf.save(&store.tree, category)
        });
        for leaf in Leaf::all() {
            for (id, ..) in self.tree.list(category, leaf)? {
                let info = {
                    let Some((mut file, len)) = self.tree.open_entry(category, id)? else { continue };
                    let buffer = &mut self.pool.take().buffer;
                    // One that is damaged is found by whoever asks for it.
                    let Ok(opening) = Opening::read(&mut file, len, buffer) else { continue };
                    let (found, key) = opening.names(buffer);
                    let fresh = opening.head.is_fresh(self.options.clock.now());
                    let Some(key) =
                        str::from_utf8(key).ok().filter(|_| fresh && found == category.as_bytes())
                    else {
                        continue;
                    };
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
        let known = self.locked(|store, shelves, _| {
            store.sync(shelves, category, Reading::All)?;
            let Some(shelf) = shelves.get_mut(category) else { return Ok(None) };
            shelf.save(&store.tree, category)?;
            Ok(shelf.complete().map(|index| Usage { entries: index.len() as u64, bytes: index.bytes() }))
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

    /// Does something under the locks, and afterwards tells who left.
    fn locked<T>(&self, work: impl FnOnce(&Self, &mut Shelves, &mut Vec<Left>) -> Result<T>) -> Result<T> {
        let mut left = Vec::new();
        let outcome = {
            let mut ledger = self.ledger.lock();
            let Ledger { lock, shelves } = &mut *ledger;
            let _held = lock.hold(self.tree.root())?;
            work(self, shelves, &mut left)
        };
        self.tell(&left);
        outcome
    }

    /// Deletes up to [`STEP`] expired entries and says how many.
    fn expire(&self, category: &str) -> Result<usize> {
        let now = self.options.clock.now().wall;
        self.locked(|store, shelves, left| {
            store.sync(shelves, category, Reading::All)?;
            let Some(shelf) = shelves.get_mut(category) else { return Ok(0) };
            let expired =
                |(id, meta): (u64, &Meta)| meta.expires_at.filter(|&at| at <= now).map(|_| (id, *meta));
            let expired: Vec<_> = shelf
                .index()
                .into_iter()
                .flat_map(|index| index.iter())
                .filter_map(expired)
                .take(STEP)
                .collect();
            for &(id, meta) in &expired {
                if let Some(key) = store.key_of(category, id) {
                    left.push(Left::new(category, Cause::Expired, &key, Some(meta)));
                }
                store.tree.delete(category, id)?;
                shelf.record(Record::removed(id));
            }
            shelf.save(&store.tree, category)?;
            Ok(expired.len())
        })
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
            if known.remove(&id) != Some(len)
                && let Some(meta) = self.look_at(category, id, written)?
            {
                records.push(Record::stored(id, meta));
            }
        }
        records.extend(known.into_keys().map(Record::removed));
        records.into_iter().for_each(|record| shelf.record(record));
        Ok(())
    }
}
