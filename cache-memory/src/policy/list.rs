//! A list of entries that are found by their keys.

use std::{
    hash::{BuildHasherDefault, Hash, Hasher},
    mem, ptr,
};

use equivalent::Equivalent;
use hashlink::{
    LinkedHashMap,
    linked_hash_map::{RawEntryMut, RawOccupiedEntryMut},
};

/// A key, its hash and a value: as hashlink has it, the key of a map.
///
/// The map asks for the hash again whenever it grows, and must not be stopped in the middle by a `Hash` that panics. Nor
/// does it run any `Eq` by itself: an entry is equal to itself alone, at its place, where the map compares it. And what is moved as a whole need not
/// be put together again: a processor has to wait where it reads as one block what it has just written field by field.
#[derive(Debug)]
pub(crate) struct Entry<K, V> {
    pub(crate) hash: u64,
    pub(crate) key: K,
    pub(crate) value: V,
}

impl<K, V> Hash for Entry<K, V> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl<K, V> PartialEq for Entry<K, V> {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self, other)
    }
}

impl<K, V> Eq for Entry<K, V> {}

/// Entries from the oldest to the newest, with a note `N` of each: hashlink's map, asked by hashes that are known already.
///
/// The map keeps the room of entries that left for others that come.
#[derive(Debug)]
pub(super) struct List<K, V, N> {
    map: LinkedHashMap<Entry<K, V>, N, AsItIs>,
    /// For how many entries there is room.
    room: usize,
}

/// An entry that was found in a list: key and value of the map.
pub(super) type Found<'a, K, V, N> = RawOccupiedEntryMut<'a, Entry<K, V>, N, AsItIs>;

/// Takes a hash as it is.
type AsItIs = BuildHasherDefault<Taken>;

#[derive(Debug, Default)]
pub(super) struct Taken(u64);

impl Hasher for Taken {
    fn write(&mut self, _: &[u8]) {
        unreachable!("a hash is one u64");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl<K, V, N> Default for List<K, V, N> {
    fn default() -> Self {
        Self { map: LinkedHashMap::default(), room: 0 }
    }
}

impl<K, V, N> List<K, V, N> {
    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    /// The entry that has been here longest.
    pub(super) fn oldest(&self) -> Option<(&Entry<K, V>, &N)> {
        self.map.front()
    }

    #[inline]
    pub(super) fn get<Q>(&self, hash: u64, key: &Q) -> Option<(&Entry<K, V>, &N)>
    where
        Q: Equivalent<K> + ?Sized,
    {
        self.map.raw_entry().from_hash(hash, |known| key.equivalent(&known.key))
    }

    #[inline]
    pub(super) fn find<Q>(&mut self, hash: u64, key: &Q) -> Option<Found<'_, K, V, N>>
    where
        Q: Equivalent<K> + ?Sized,
    {
        match self.map.raw_entry_mut().from_hash(hash, |known| key.equivalent(&known.key)) {
            RawEntryMut::Occupied(found) => Some(found),
            RawEntryMut::Vacant(_) => None,
        }
    }

    /// Adds an entry as the newest, whose key is not there.
    pub(super) fn push(&mut self, entry: Entry<K, V>, note: N) -> &mut V {
        self.room = self.room.max(self.len() + 1);
        let hash = entry.hash;
        match self.map.raw_entry_mut().from_hash(hash, |_| false) {
            RawEntryMut::Vacant(free) => &mut free.insert_hashed_nocheck(hash, entry, note).0.value,
            RawEntryMut::Occupied(_) => unreachable!("nothing was taken for equal"),
        }
    }

    /// [`oldest`](Self::oldest), to be taken out.
    pub(super) fn find_oldest(&mut self) -> Option<Found<'_, K, V, N>> {
        self.map.front_entry()
    }

    /// Takes out all entries with such a value.
    pub(super) fn extract(&mut self, mut gone: impl FnMut(&V) -> bool) -> Vec<(Entry<K, V>, N)> {
        // An entry stays where it is while others leave, so that its place tells which it is.
        let gone = self
            .map
            .keys()
            .filter(|entry| gone(&entry.value))
            .map(|entry| (entry.hash, ptr::from_ref(entry)));
        let gone: Vec<_> = gone.collect();
        let take =
            |(hash, place)| match self.map.raw_entry_mut().from_hash(hash, |entry| ptr::eq(entry, place)) {
                RawEntryMut::Occupied(found) => Some(found.remove_entry()),
                RawEntryMut::Vacant(_) => None,
            };
        gone.into_iter().filter_map(take).collect()
    }

    /// Takes out all entries.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = Entry<K, V>> {
        mem::take(self).map.into_iter().map(|(entry, _)| entry)
    }

    /// Gives back room, if more than a fifth of it is free.
    pub(super) fn trim(&mut self) {
        if self.room > self.len() + self.len() / 4 + 8 {
            self.room = self.len();
            self.map.shrink_to_fit();
        }
    }

    /// All entries from the oldest to the newest.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry<K, V>> {
        self.map.keys()
    }
}

#[cfg(test)]
impl<K, V, N> List<K, V, N> {
    /// For how many entries there is room.
    pub(super) fn room(&self) -> usize {
        self.room
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Equal to nothing, as a number that is none.
    struct Unequal;

    impl PartialEq for Unequal {
        fn eq(&self, _: &Self) -> bool {
            false
        }
    }

    impl Eq for Unequal {}

    #[test]
    fn entries_leave_whatever_their_keys_are_equal_to() {
        let mut list = List::default();
        let fill = |list: &mut List<Unequal, u32, ()>| {
            for value in 0..3 {
                list.push(Entry { hash: 7, key: Unequal, value }, ());
            }
        };
        fill(&mut list);
        assert!(list.find(7, &Unequal).is_none());
        let popped = std::iter::from_fn(|| Some(list.find_oldest()?.remove_entry().0.value));
        assert_eq!(popped.collect::<Vec<_>>(), [0, 1, 2]);
        fill(&mut list);
        assert_eq!(list.extract(|&value| value == 1).len(), 1);
        assert_eq!(list.clear().map(|entry| entry.value).collect::<Vec<_>>(), [0, 2]);
    }

    proptest! {
        #[test]
        fn list_is_as_a_vector(steps in proptest::collection::vec((0..6_u8, 0..40_u8), 1..300)) {
            let mut list = List::default();
            let mut model: Vec<(u8, usize)> = vec![];
            for (number, (step, key)) in steps.into_iter().enumerate() {
                // A bad hash, so that entries collide.
                let hash = u64::from(key % 7);
                let at = model.iter().position(|&(other, _)| other == key);
                match (list.find(hash, &key), step) {
                    (Some(found), 0) => {
                        let (Entry { hash: known, key, value }, note) = found.remove_entry();
                        prop_assert_eq!(known, hash);
                        prop_assert_eq!((key, value), model.remove(at.unwrap()));
                        prop_assert_eq!(note, value);
                    }
                    (Some(mut found), _) => {
                        found.to_back();
                        let entry = model.remove(at.unwrap());
                        model.push(entry);
                    }
                    (None, 0) => {
                        let oldest = (!model.is_empty()).then(|| model.remove(0));
                        prop_assert_eq!(list.find_oldest().map(|found| found.remove_entry()).map(|(it, _)| (it.key, it.value)), oldest);
                    }
                    (None, 1) => {
                        let gone = list.extract(|value| value % 2 == 0);
                        let before = model.len();
                        model.retain(|(_, value)| value % 2 != 0);
                        prop_assert_eq!(gone.len(), before - model.len());
                        list.trim();
                        prop_assert!(list.room() <= list.len() + list.len() / 4 + 8);
                    }
                    (None, _) => {
                        prop_assert_eq!(*list.push(Entry { hash, key, value: number }, number), number);
                        model.push((key, number));
                    }
                }
                prop_assert_eq!(list.iter().map(|entry| (entry.key, entry.value)).collect::<Vec<_>>(), &model[..]);
                prop_assert_eq!(list.oldest().map(|(oldest, _)| oldest.value), model.first().map(|oldest| oldest.1));
                for &(key, value) in &model {
                    prop_assert_eq!(list.get(u64::from(key % 7), &key).unwrap().0.value, value);
                }
            }
        }
    }
}
