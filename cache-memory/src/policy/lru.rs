//! Least recently used first.

use equivalent::Equivalent;
use hashlink::{LinkedHashMap, linked_hash_map::RawEntryMut};

use super::{
    Lookup, Policy,
    hashed::{AsItIs, Hashed},
};

/// Exact LRU: the front of the list is the entry whose last use is longest ago.
#[derive(Debug)]
pub(crate) struct Lru<K, V> {
    map: LinkedHashMap<Hashed<K>, V, AsItIs>,
}

impl<K, V> Default for Lru<K, V> {
    fn default() -> Self {
        Self { map: LinkedHashMap::with_hasher(AsItIs) }
    }
}

impl<K: Eq, V> Policy<K, V> for Lru<K, V> {
    #[inline]
    fn lookup<Q>(&mut self, hash: u64, key: &Q, live: impl FnOnce(&V) -> bool) -> Lookup<'_, K, V>
    where
        Q: Equivalent<K> + ?Sized,
    {
        match self.map.raw_entry_mut().from_hash(hash, |known| key.equivalent(&known.key)) {
            RawEntryMut::Occupied(mut entry) => {
                if live(entry.get()) {
                    entry.to_back();
                    Lookup::Hit(entry.into_mut())
                } else {
                    let (hashed, value) = entry.remove_entry();
                    Lookup::Gone(hashed.key, value)
                }
            }
            RawEntryMut::Vacant(_) => Lookup::Miss,
        }
    }

    fn peek<Q>(&self, hash: u64, key: &Q) -> Option<&V>
    where
        Q: Equivalent<K> + ?Sized,
    {
        Some(self.map.raw_entry().from_hash(hash, |known| key.equivalent(&known.key))?.1)
    }

    fn insert(&mut self, hash: u64, key: K, value: V) {
        // Nothing is equal to it, so nothing is compared.
        if let RawEntryMut::Vacant(place) = self.map.raw_entry_mut().from_hash(hash, |_| false) {
            place.insert_hashed_nocheck(hash, Hashed { hash, key }, value);
        }
    }

    fn remove<Q>(&mut self, hash: u64, key: &Q) -> Option<(K, V)>
    where
        Q: Equivalent<K> + ?Sized,
    {
        match self.map.raw_entry_mut().from_hash(hash, |known| key.equivalent(&known.key)) {
            RawEntryMut::Occupied(entry) => Some(apart(entry.remove_entry())),
            RawEntryMut::Vacant(_) => None,
        }
    }

    /// As if each were used again after as long as it was not.
    #[expect(clippy::cast_precision_loss, reason = "53 bits tell ages apart")]
    fn worth(&self, idle: impl Fn(&V) -> u64) -> Option<f64> {
        Some(1.0 / (idle(self.map.front()?.1) as f64 + 1.0))
    }

    fn evict(&mut self, _: usize, _: impl Fn(&V) -> bool) -> Option<(K, V)> {
        self.map.pop_front().map(apart)
    }

    fn extract(&mut self, mut gone: impl FnMut(&V) -> bool) -> Vec<(K, V)> {
        // Nodes stay where they are while others are removed, so their addresses tell them apart.
        let nodes: Vec<(u64, *const Hashed<K>)> = self
            .map
            .iter()
            .filter(|(_, value)| gone(value))
            .map(|(hashed, _)| (hashed.hash, std::ptr::from_ref(hashed)))
            .collect();
        let extracted = nodes
            .into_iter()
            .filter_map(|(hash, node)| {
                match self.map.raw_entry_mut().from_hash(hash, |key| std::ptr::eq(key, node)) {
                    RawEntryMut::Occupied(entry) => Some(apart(entry.remove_entry())),
                    RawEntryMut::Vacant(_) => None,
                }
            })
            .collect();
        if self.map.is_empty() {
            self.map.shrink_to_fit();
        }
        extracted
    }

    fn for_each(&mut self, mut visit: impl FnMut(&K, &mut V)) {
        for (hashed, value) in &mut self.map {
            visit(&hashed.key, value);
        }
    }
}

fn apart<K, V>((hashed, value): (Hashed<K>, V)) -> (K, V) {
    (hashed.key, value)
}
