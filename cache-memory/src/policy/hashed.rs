//! A key together with its hash.

use std::hash::{BuildHasher, Hash, Hasher};

/// A key whose hash was worked out before it came here: the map asks for it again whenever it grows, and
/// must not be stopped in the middle by a `Hash` that panics.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hashed<K> {
    pub(super) hash: u64,
    pub(super) key: K,
}

impl<K> Hash for Hashed<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// Takes a hash as it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct AsItIs;

#[derive(Debug)]
pub(super) struct Taken(u64);

impl BuildHasher for AsItIs {
    type Hasher = Taken;

    fn build_hasher(&self) -> Taken {
        Taken(0)
    }
}

impl Hasher for Taken {
    fn write(&mut self, _: &[u8]) {
        unreachable!("a hashed key writes one u64");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
