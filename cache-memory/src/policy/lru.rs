//! Least recently used first.

use std::hash::{BuildHasher, Hash};

use equivalent::Equivalent;
use hashlink::{LinkedHashMap, linked_hash_map::RawEntryMut};

use super::{Lookup, Policy};

/// Exact LRU: the front of the list is the entry whose last use is longest ago.
#[derive(Debug)]
pub(crate) struct Lru<K, V, S> {
    map: LinkedHashMap<K, V, S>,
}

impl<K, V, S> Lru<K, V, S> {
    pub(crate) fn new(hasher: S) -> Self {
        Self { map: LinkedHashMap::with_hasher(hasher) }
    }
}

impl<K: Hash + Eq, V, S: BuildHasher> Policy<K, V> for Lru<K, V, S> {
    #[inline]
    fn lookup<Q>(&mut self, hash: u64, key: &Q, live: impl FnOnce(&V) -> bool) -> Lookup<'_, K, V>
    where
        Q: Equivalent<K> + ?Sized,
    {
        match self.map.raw_entry_mut().from_hash(hash, |known| key.equivalent(known)) {
            RawEntryMut::Occupied(mut entry) => {
                if live(entry.get()) {
                    entry.to_back();
                    Lookup::Hit(entry.into_mut())
                } else {
                    let (key, value) = entry.remove_entry();
                    Lookup::Gone(key, value)
                }
            }
            RawEntryMut::Vacant(_) => Lookup::Miss,
        }
    }

    fn peek<Q>(&self, hash: u64, key: &Q) -> Option<&V>
    where
        Q: Equivalent<K> + ?Sized,
    {
        Some(self.map.raw_entry().from_hash(hash, |known| key.equivalent(known))?.1)
    }

    fn insert(&mut self, hash: u64, key: K, value: V) {
        match self.map.raw_entry_mut().from_hash(hash, |known| *known == key) {
            RawEntryMut::Vacant(place) => {
                place.insert_hashed_nocheck(hash, key, value);
            }
            RawEntryMut::Occupied(_) => unreachable!("the key was removed before"),
        }
    }

    fn remove<Q>(&mut self, hash: u64, key: &Q) -> Option<(K, V)>
    where
        Q: Equivalent<K> + ?Sized,
    {
        match self.map.raw_entry_mut().from_hash(hash, |known| key.equivalent(known)) {
            RawEntryMut::Occupied(entry) => Some(entry.remove_entry()),
            RawEntryMut::Vacant(_) => None,
        }
    }

    fn victim(&self) -> Option<&V> {
        Some(self.map.front()?.1)
    }

    fn evict(&mut self) -> Option<(K, V)> {
        self.map.pop_front()
    }

    fn extract(&mut self, mut gone: impl FnMut(&V) -> bool) -> Vec<(K, V)> {
        // Nodes stay where they are while others are removed, so their addresses tell them apart.
        let nodes: Vec<(u64, *const K)> = self
            .map
            .iter()
            .filter(|(_, value)| gone(value))
            .map(|(key, _)| (self.map.hasher().hash_one(key), std::ptr::from_ref(key)))
            .collect();
        nodes
            .into_iter()
            .filter_map(|(hash, node)| {
                match self.map.raw_entry_mut().from_hash(hash, |key| std::ptr::eq(key, node)) {
                    RawEntryMut::Occupied(entry) => Some(entry.remove_entry()),
                    RawEntryMut::Vacant(_) => None,
                }
            })
            .collect()
    }

    fn for_each(&mut self, mut visit: impl FnMut(&K, &mut V)) {
        for (key, value) in &mut self.map {
            visit(key, value);
        }
    }
}
