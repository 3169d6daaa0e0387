//! Least recently used first.

use equivalent::Equivalent;

use super::{
    Entry, Policy,
    list::{Found, List},
};
use crate::store::RemovalCause;

/// Exact LRU: the oldest of the list is the entry whose last use is longest ago. Noted is the tick of that.
#[derive(Debug)]
pub(crate) struct Lru<K, V>(List<K, V, u32>);

/// A use, written down when it is dropped.
struct Use<'a, 'found, K, V> {
    found: &'a mut Found<'found, K, V, u32>,
    tick: u32,
}

impl<K, V> Drop for Use<'_, '_, K, V> {
    #[inline]
    fn drop(&mut self) {
        *self.found.get_mut() = self.tick;
        self.found.to_back();
    }
}

impl<K, V> Default for Lru<K, V> {
    fn default() -> Self {
        Self(List::default())
    }
}

impl<K, V> Policy<K, V> for Lru<K, V> {
    #[inline]
    fn get<Q, R>(
        &mut self,
        hash: u64,
        key: &Q,
        tick: u32,
        stays: impl FnOnce(&V) -> Result<(), RemovalCause>,
        hit: impl FnOnce(&mut V) -> R,
        miss: impl FnOnce(Option<(Entry<K, V>, RemovalCause)>) -> R,
    ) -> R
    where
        Q: Equivalent<K> + ?Sized,
    {
        let Some(mut found) = self.0.find(hash, key) else { return miss(None) };
        if let Err(cause) = stays(&found.key().value) {
            return miss(Some((found.remove_entry().0, cause)));
        }
        let used = Use { found: &mut found, tick };
        hit(&mut used.found.key_mut().value)
    }

    fn peek<Q>(&self, hash: u64, key: &Q) -> Option<&V>
    where
        Q: Equivalent<K> + ?Sized,
    {
        self.0.get(hash, key).map(|(entry, _)| &entry.value)
    }

    fn insert(&mut self, entry: Entry<K, V>, tick: u32) {
        self.0.push(entry, tick);
    }

    fn evict(&mut self, _: usize, _: impl Fn(&V) -> bool) -> Option<Entry<K, V>> {
        Some(self.0.find_oldest()?.remove_entry().0)
    }

    /// As if each were used again after as long as it was not.
    fn worth(&mut self, tick: u32) -> Option<f64> {
        let idle = tick.wrapping_sub(*self.0.oldest()?.1);
        Some(1.0 / (f64::from(idle) + 1.0))
    }

    fn bound_ghosts(&mut self, _: usize) {}

    fn expire(&mut self, dead: impl FnMut(&V) -> bool) -> Vec<Entry<K, V>> {
        let expired = self.0.extract(dead).into_iter().map(|(entry, _)| entry).collect();
        self.0.trim();
        expired
    }

    fn clear(&mut self) -> Vec<Entry<K, V>> {
        self.0.clear().collect()
    }

    fn for_each(&self, visit: impl FnMut(&Entry<K, V>)) {
        self.0.iter().for_each(visit);
    }
}
