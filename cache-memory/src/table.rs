//! Where entries lie and how they are found.

use equivalent::Equivalent;
use hashbrown::HashTable;

/// Entries by key, side by side in one block. An entry keeps its place until it is removed; the hole that it leaves is
/// filled by the next that comes. In which order they are to go is nothing of the table's.
#[derive(Debug)]
pub(crate) struct Table<K, V> {
    places: HashTable<Place>,
    entries: Vec<Option<Entry<K, V>>>,
    holes: Vec<Place>,
}

/// Where an entry is: dense from 0.
pub(crate) type Place = u32;

/// An entry and the hash of its key: the table asks for it again whenever it grows, and must not be stopped in the middle
/// by a `Hash` that panics.
///
/// Made once and moved as a whole: a processor has to wait where it reads as one block what it has just written field by
/// field.
#[derive(Debug)]
pub(crate) struct Entry<K, V> {
    pub(crate) hash: u64,
    pub(crate) key: K,
    pub(crate) value: V,
}

/// Of a place that was handed out.
const OCCUPIED: &str = "there is an entry at its place";

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { places: HashTable::new(), entries: Vec::new(), holes: Vec::new() }
    }
}

impl<K, V> Table<K, V> {
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    #[inline]
    pub(crate) fn find<Q>(&self, hash: u64, key: &Q) -> Option<Place>
    where
        Q: Equivalent<K> + ?Sized,
    {
        let is = |&place: &Place| {
            self.entries[place as usize].as_ref().is_some_and(|entry| key.equivalent(&entry.key))
        };
        self.places.find(hash, is).copied()
    }

    #[inline]
    pub(crate) fn value(&self, place: Place) -> &V {
        &self.entries[place as usize].as_ref().expect(OCCUPIED).value
    }

    #[inline]
    pub(crate) fn value_mut(&mut self, place: Place) -> &mut V {
        &mut self.entries[place as usize].as_mut().expect(OCCUPIED).value
    }

    /// Adds an entry whose key is not there. Runs no code of the key's.
    #[inline]
    pub(crate) fn insert(&mut self, entry: Entry<K, V>) -> Place {
        let hash = entry.hash;
        let place = match self.holes.pop() {
            Some(hole) => {
                self.entries[hole as usize] = Some(entry);
                hole
            }
            None => self.append(entry),
        };
        let Self { places, entries, .. } = self;
        let hash_of = |&place: &Place| entries[place as usize].as_ref().map_or(0, |entry| entry.hash);
        places.insert_unique(hash, place, hash_of);
        place
    }

    fn append(&mut self, entry: Entry<K, V>) -> Place {
        grow(&mut self.entries);
        let place =
            Place::try_from(self.entries.len()).expect("a shard of 2^32 entries does not fit into memory");
        self.entries.push(Some(entry));
        place
    }

    /// Takes out the entry at `place`.
    #[inline]
    pub(crate) fn remove(&mut self, place: Place) -> Entry<K, V> {
        let entry = self.entries[place as usize].take().expect(OCCUPIED);
        if let Ok(found) = self.places.find_entry(entry.hash, |&other| other == place) {
            found.remove();
        }
        self.holes.push(place);
        entry
    }

    /// The places of all entries that `wanted` says.
    pub(crate) fn places(&self, wanted: impl Fn(&V) -> bool) -> Vec<Place> {
        let all = (0..).zip(&self.entries);
        all.filter_map(|(place, entry)| wanted(&entry.as_ref()?.value).then_some(place)).collect()
    }

    /// Gives back all room, if no entry is left.
    pub(crate) fn shrink(&mut self) {
        if self.len() == 0 {
            *self = Self::default();
        }
    }

    /// Shows all entries, as they lie.
    pub(crate) fn for_each(&mut self, mut visit: impl FnMut(&K, &mut V)) {
        self.entries.iter_mut().flatten().for_each(|Entry { key, value, .. }| visit(key, value));
    }
}

#[cfg(test)]
impl<K, V> Table<K, V> {
    /// For how many entries there is room.
    pub(crate) fn room(&self) -> usize {
        self.entries.capacity().max(self.places.capacity()).max(self.holes.capacity())
    }
}

/// Makes room for one more, by a quarter: a block that doubles is half empty on average after the last time.
pub(crate) fn grow<T>(block: &mut Vec<T>) {
    if block.len() == block.capacity() {
        block.reserve_exact(block.len() / 4 + 8);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn table_is_as_a_map(steps in proptest::collection::vec((0..3_u8, 0..20_u8), 1..200)) {
            let mut table = Table::default();
            let mut model = HashMap::new();
            for (number, (step, key)) in (0..).zip(steps) {
                // A bad hash, so that entries collide.
                let hash = u64::from(key % 7);
                match (table.find(hash, &key), step) {
                    (Some(place), 0) => {
                        let removed = table.remove(place);
                        prop_assert_eq!((removed.hash, removed.key), (hash, key));
                        prop_assert_eq!(Some(removed.value), model.remove(&key));
                    }
                    (Some(place), _) => prop_assert_eq!(Some(table.value(place)), model.get(&key)),
                    (None, _) => {
                        table.insert(Entry { hash, key, value: number });
                        prop_assert_eq!(model.insert(key, number), None);
                    }
                }
                let mut walked = HashMap::new();
                table.for_each(|&key, &mut value| assert_eq!(walked.insert(key, value), None));
                prop_assert_eq!(&walked, &model);
                prop_assert_eq!(table.entries.len() - table.holes.len(), model.len());
                prop_assert_eq!(table.places(|value| value % 3 == 0).len(), model.values().filter(|&value| value % 3 == 0).count());
            }
        }
    }
}
