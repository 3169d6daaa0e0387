//! What is stored: the same names and values for everything that is compared.

use std::sync::Arc;

use warmstart::Bytes;

/// Random bytes that all values are cut from.
const POOL: usize = 4 << 20;

/// An entry.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) value: Bytes,
}

#[cfg(feature = "peers")]
impl Row {
    pub(crate) fn parts(&self) -> (&str, &[u8]) {
        (&self.name, &self.value)
    }
}

/// So many entries with values of one size. The values are random: no store gains or loses by compression.
pub(crate) struct Rows {
    pub(crate) count: u64,
    size: usize,
    pool: Bytes,
}

impl Rows {
    pub(crate) fn new(count: u64, size: usize) -> Self {
        let mut pool = vec![0; POOL + size];
        fastrand::Rng::with_seed(7).fill(&mut pool);
        Self { count, size, pool: pool.into() }
    }

    /// Entry number `number`, which may be past the count.
    pub(crate) fn row(&self, number: u64) -> Row {
        // Neighbours come from places far apart, so that they do not repeat each other.
        let place = (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize % POOL;
        Row { name: name(number), value: self.pool.slice(place..place + self.size) }
    }

    /// All entries, in pieces of some thousand. Sorted by what a store sorts by, a million of them takes seconds and not
    /// minutes.
    pub(crate) fn pieces<K: Ord>(&self, order: impl Fn(&str) -> K) -> impl Iterator<Item = Vec<Row>> {
        let mut numbers: Vec<u64> = (0..self.count).collect();
        numbers.sort_by_cached_key(|&number| order(&name(number)));
        let pieces: Vec<Vec<u64>> = numbers.chunks(10_000).map(<[u64]>::to_vec).collect();
        pieces.into_iter().map(|piece| piece.into_iter().map(|number| self.row(number)).collect())
    }

    pub(crate) fn names(&self) -> Arc<[String]> {
        (0..self.count).map(name).collect()
    }

    /// Names of no entry.
    pub(crate) fn strangers(&self) -> Arc<[String]> {
        (self.count..2 * self.count).map(name).collect()
    }
}

/// Entries come in no order of their names, or else those that are sorted by name would be filled at their end alone.
fn name(number: u64) -> String {
    // An odd factor gives every number below 2^32 a place of its own.
    format!("entry number {}", number.wrapping_mul(0x9E37_79B1) % (1 << 32))
}
