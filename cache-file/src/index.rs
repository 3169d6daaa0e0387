//! What is known of the entries of a category: sizes, expiry, and the order of their use.

use std::collections::HashSet;

use hashlink::LinkedHashMap;

use crate::record::{Kind, Meta, Record};

/// The entries of a category, least recently used first.
#[derive(Debug, Default)]
pub(crate) struct Index {
    entries: LinkedHashMap<u64, Meta>,
    bytes: u64,
    /// What was removed since the index began, as long as entries are still being looked for that it does
    /// not know.
    removed: Option<HashSet<u64>>,
}

impl Index {
    /// An index of a category that may hold entries of which no log knows.
    pub(crate) fn incomplete() -> Self {
        Self { removed: Some(HashSet::new()), ..Self::default() }
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.removed.is_none()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// What all entries count, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Meta> {
        self.entries.get(&id)
    }

    /// The least recently used entry besides `except`.
    pub(crate) fn oldest(&self, except: Option<u64>) -> Option<(u64, Meta)> {
        self.entries.iter().find(|&(&id, _)| Some(id) != except).map(|(&id, &meta)| (id, meta))
    }

    /// Least recently used first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Meta)> {
        self.entries.iter().map(|(&id, meta)| (id, meta))
    }

    /// Does what a line of the log tells of.
    pub(crate) fn apply(&mut self, record: &Record) {
        let &Record { kind, id, meta } = record;
        match kind {
            Kind::Stored => {
                let before = self.entries.insert(id, meta);
                self.bytes = self.bytes.saturating_sub(before.map_or(0, |before| before.size));
                self.bytes = self.bytes.saturating_add(meta.size);
                if let Some(removed) = &mut self.removed {
                    removed.remove(&id);
                }
            }
            Kind::Removed => {
                let before = self.entries.remove(&id);
                self.bytes = self.bytes.saturating_sub(before.map_or(0, |before| before.size));
                if let Some(removed) = &mut self.removed {
                    removed.insert(id);
                }
            }
            Kind::Used => {
                if let Some(entry) = self.entries.to_back(&id) {
                    entry.hits = entry.hits.saturating_add(meta.hits);
                    entry.last_used = entry.last_used.max(meta.last_used);
                }
            }
        }
    }

    /// Takes note that there may be entries which are not known.
    pub(crate) fn doubt(&mut self) {
        self.removed.get_or_insert_default();
    }

    /// Adds entries that were found on disk, as those used least recently, unless they are known or were
    /// removed meanwhile. Then all are known.
    pub(crate) fn complete_with(&mut self, mut found: Vec<(u64, Meta)>) {
        let removed = self.removed.take().unwrap_or_default();
        found.retain(|(id, _)| !removed.contains(id) && !self.entries.contains_key(id));
        found.sort_unstable_by_key(|(_, meta)| std::cmp::Reverse(meta.last_used));
        for (id, meta) in found {
            self.entries.insert_front(id, meta);
            self.bytes = self.bytes.saturating_add(meta.size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(size: u64, last_used: i64) -> Meta {
        Meta { size, expires_at: None, last_used, hits: 0 }
    }

    fn ids(index: &Index) -> Vec<u64> {
        index.iter().map(|(id, _)| id).collect()
    }

    #[test]
    fn order_is_that_of_use() {
        let mut index = Index::default();
        for (kind, id, hits) in [
            (Kind::Stored, 1, 0),
            (Kind::Stored, 2, 0),
            (Kind::Stored, 3, 0),
            (Kind::Used, 1, 2),
            (Kind::Stored, 2, 0),
            (Kind::Removed, 3, 0),
            (Kind::Used, 3, 1),
        ] {
            index.apply(&Record { kind, id, meta: Meta { hits, ..meta(10, 0) } });
        }
        assert_eq!(ids(&index), [1, 2]);
        assert_eq!((index.bytes(), index.len()), (20, 2));
        assert_eq!(index.get(1).unwrap().hits, 2);
        assert_eq!((index.oldest(None).unwrap().0, index.oldest(Some(1)).unwrap().0), (1, 2));
    }

    #[test]
    fn what_is_found_comes_before_what_is_known() {
        let mut index = Index::incomplete();
        index.apply(&Record { kind: Kind::Stored, id: 1, meta: meta(10, 50) });
        index.apply(&Record { kind: Kind::Removed, id: 2, meta: meta(0, 60) });
        index.complete_with(vec![(4, meta(1, 40)), (2, meta(5, 20)), (3, meta(1, 30)), (1, meta(7, 10))]);
        assert_eq!(ids(&index), [3, 4, 1]);
        assert_eq!(index.bytes(), 12);
    }
}
