//! Which entry goes first when room is needed.

mod hashed;
mod lru;

use equivalent::Equivalent;

pub(crate) use lru::Lru;

/// A map that keeps its entries in the order in which they would be evicted.
///
/// A policy is one for each group of entries in each shard, and is called under the shard's lock: it
/// neither blocks nor drops keys or values, but hands them out. The hash that comes with a key is the one
/// of the key.
pub(crate) trait Policy<K, V> {
    /// The entry under `key`, after counting a use of it; or taken out, if it is not `live`.
    fn lookup<Q>(&mut self, hash: u64, key: &Q, live: impl FnOnce(&V) -> bool) -> Lookup<'_, K, V>
    where
        Q: Equivalent<K> + ?Sized;

    /// The entry under `key`, without counting a use.
    fn peek<Q>(&self, hash: u64, key: &Q) -> Option<&V>
    where
        Q: Equivalent<K> + ?Sized;

    /// Adds an entry under a key that is not there. Runs no code of the key's.
    fn insert(&mut self, hash: u64, key: K, value: V);

    /// Takes out the entry under `key`.
    fn remove<Q>(&mut self, hash: u64, key: &Q) -> Option<(K, V)>
    where
        Q: Equivalent<K> + ?Sized;

    /// The entry that [`evict`](Self::evict) would take out.
    fn victim(&self) -> Option<&V>;

    /// Takes out the entry that is needed least.
    fn evict(&mut self) -> Option<(K, V)>;

    /// Takes out all entries that are `gone`.
    fn extract(&mut self, gone: impl FnMut(&V) -> bool) -> Vec<(K, V)>;

    /// Shows all entries, those first that would be evicted first.
    fn for_each(&mut self, visit: impl FnMut(&K, &mut V));
}

/// What a [`Policy::lookup`] finds.
pub(crate) enum Lookup<'a, K, V> {
    Hit(&'a mut V),
    /// No longer live, and taken out.
    Gone(K, V),
    Miss,
}
