//! Categories and the keys in them.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{Arc, OnceLock},
};

use foldhash::{SharedSeed, fast::SeedableRandomState};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{Error, ErrorKind, Result, Route};

/// Seed of [`Key::stable_hash`]. Part of every on-disk format: it never changes.
const STABLE_SEED: u64 = 0x7761_726d_7374_6172;

/// A named group of entries with one [`Route`].
pub struct Category {
    name: Box<str>,
    route: Route,
    index: u32,
    hasher: SeedableRandomState,
    stable_seed: u64,
}

impl Category {
    /// The most bytes of a name.
    pub const MAX_NAME_LEN: usize = 64;

    /// A category that is number `index` among the categories of its tiers.
    ///
    /// Numbers are dense from 0 and live as long as the process; on disk a category goes by its name.
    /// [`TieredCache`](crate::TieredCache) gives them out itself.
    ///
    /// # Errors
    /// The route holds a budget that is no size, or the name is not 1 to 64 of `a-z A-Z 0-9 _ -`:
    /// a name also serves as the name of a folder.
    pub fn new(index: u32, name: &str, route: Route) -> Result<Arc<Self>> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if name.is_empty() || name.len() > Self::MAX_NAME_LEN || !name.bytes().all(allowed) {
            let why = "a category is named by 1 to 64 of the characters a-z A-Z 0-9 _ -";
            return Err(
                Error::new(ErrorKind::InvalidRoute(why.into())).about(format_args!("category {name:?}"))
            );
        }
        route.check().map_err(|kind| Error::new(kind).about(format_args!("category {name:?}")))?;
        let stable_seed = xxh3_64_with_seed(name.as_bytes(), STABLE_SEED);
        Ok(Arc::new(Self { name: name.into(), route, index, hasher: hasher(name), stable_seed }))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its entries live.
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// Its number among the categories of its tiers.
    pub fn index(&self) -> u32 {
        self.index
    }
}

/// A key in a category: any UTF-8 text up to 64 KiB.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    category: &'a Arc<Category>,
    name: &'a str,
    hash: u64,
}

impl<'a> Key<'a> {
    /// The most bytes of a key.
    pub const MAX_LEN: usize = 64 * 1024;

    /// The key `name` in `category`.
    ///
    /// # Errors
    /// The name is longer than 64 KiB.
    #[inline]
    pub fn new(category: &'a Arc<Category>, name: &'a str) -> Result<Self> {
        Self::of(category, name)
            .ok_or_else(|| Error::new(ErrorKind::KeyTooLong { len: name.len() }).about(&category.name))
    }

    /// As [`new`](Self::new), for those who do not tell of an error.
    #[inline]
    pub(crate) fn of(category: &'a Arc<Category>, name: &'a str) -> Option<Self> {
        let fits = name.len() <= Self::MAX_LEN;
        fits.then(|| Self { category, name, hash: category.hasher.hash_one(name) })
    }

    /// The category.
    #[inline]
    pub fn category(&self) -> &'a Arc<Category> {
        self.category
    }

    /// The text of the key.
    #[inline]
    pub fn as_str(&self) -> &'a str {
        self.name
    }

    /// A hash of category and key that differs from process to process, so that nobody can prepare
    /// keys that collide. Computed once, when the key is made.
    #[inline]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// A hash of category and key that is the same everywhere and always: XXH3-64 of the key, seeded
    /// with the XXH3-64 of the category's name, which is seeded with `0x7761726d73746172`.
    pub fn stable_hash(&self) -> u64 {
        xxh3_64_with_seed(self.name.as_bytes(), self.category.stable_seed)
    }
}

/// `category/"key"`, the key shortened where it is long.
impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 80;
        let end = self.name.floor_char_boundary(SHOWN);
        let more = if end < self.name.len() { "..." } else { "" };
        write!(f, "{}/{:?}{more}", self.category.name, &self.name[..end])
    }
}

/// The hasher of a category's keys: from secrets of the process alone. Were the difference of two seeds known, so would be keys
/// that have the same hash.
fn hasher(category: &str) -> SeedableRandomState {
    static SECRETS: OnceLock<(RandomState, SharedSeed)> = OnceLock::new();
    let (seeds, shared) = SECRETS.get_or_init(|| {
        let seeds = RandomState::new();
        let shared = SharedSeed::from_u64(seeds.hash_one(STABLE_SEED));
        (seeds, shared)
    });
    SeedableRandomState::with_seed(seeds.hash_one(category), shared)
}

impl fmt::Debug for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, route, index, .. } = self;
        f.debug_struct("Category")
            .field("name", name)
            .field("route", route)
            .field("index", index)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_folder_are_refused() {
        for name in ["", "..", "a/b", "a\0b", "käse", &"x".repeat(65)] {
            let error = Category::new(0, name, Route::memory()).unwrap_err();
            assert!(error.to_string().contains("1 to 64"), "{error}");
        }
    }

    #[test]
    fn any_text_up_to_64_kib_is_a_key() {
        let category = Category::new(0, "c", Route::memory()).unwrap();
        for name in ["", "../../etc/passwd", "a\0b", "😀", &"x".repeat(Key::MAX_LEN)] {
            assert_eq!(Key::new(&category, name).unwrap().as_str(), name);
        }
        let error = Key::new(&category, &"x".repeat(Key::MAX_LEN + 1)).unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::KeyTooLong { len: 65_537 });
    }

    #[test]
    fn stable_hash_is_part_of_the_format() {
        let category = Category::new(3, "week_data", Route::sqlite()).unwrap();
        assert_eq!(Key::new(&category, "2026-W47").unwrap().stable_hash(), 7_911_075_960_137_259_099);
    }

    #[test]
    fn keys_of_two_categories_cannot_be_made_to_collide() {
        let [cart, index] = ["cart", "index"].map(|name| Category::new(0, name, Route::memory()).unwrap());
        // What would collide if the seeds of two categories differed by what their stable seeds do: a hash of 16 bytes
        // begins with the first 8 of them XOR the seed, rotated by 16.
        let difference = (cart.stable_seed ^ index.stable_seed).rotate_right(16);
        let key = |first: u64| [first.to_le_bytes(), *b"-2026-47"].concat();
        let mut tried = 0;
        for first in 0..1_u64 << 20 {
            let first = u64::from_le_bytes(std::array::from_fn(|i| b' ' + (first >> (5 * i) & 31) as u8));
            let names = [key(first), key(first ^ difference)];
            if let [Ok(one), Ok(other)] = names.each_ref().map(|name| str::from_utf8(name)) {
                tried += 1;
                assert_ne!(Key::new(&cart, one).unwrap().hash(), Key::new(&index, other).unwrap().hash());
            }
        }
        assert!(tried > 0);
        let again = Category::new(7, "cart", Route::sqlite()).unwrap();
        assert_eq!(Key::new(&cart, "k").unwrap().hash(), Key::new(&again, "k").unwrap().hash());
    }

    #[test]
    fn long_key_is_shortened_for_people() {
        let category = Category::new(0, "c", Route::memory()).unwrap();
        let name = "ä".repeat(100);
        let shown = Key::new(&category, &name).unwrap().to_string();
        assert!(shown.starts_with("c/\"ä") && shown.ends_with("\"...") && shown.len() < 100, "{shown}");
        // Nor can a key begin a line of a log.
        assert_eq!(
            Key::new(&category, "a\nERROR \u{1b}[2J").unwrap().to_string(),
            r#"c/"a\nERROR \u{1b}[2J""#
        );
    }
}
