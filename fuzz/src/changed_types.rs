//! Values of one type, read as values of another.

mod kept;
mod types;

use std::sync::Arc;

use arbitrary::{Arbitrary, Unstructured};
use serde::{Serialize, de::DeserializeOwned};
use warmstart::core::{
    Bytes, Category, Entry, Fingerprint, Key, Level, Route, Routes, Tier, TieredCache, Unguarded,
    codec::Codec,
};
use warmstart::memory::MemoryTier;

use self::{kept::KeptTier, types::Any};

#[derive(Debug, Arbitrary)]
struct Input {
    value: Any,
    read_as: u8,
    versions: [Option<u8>; 2],
    key: String,
    /// What is put in the place of the stored bytes, with the fingerprint of the type that is read.
    damage: Option<Damage>,
}

#[derive(Debug, Arbitrary)]
enum Damage {
    Bytes(Vec<u8>),
    Flip {
        at: u8,
        bits: u8,
    },
    Cut(u8),
    /// None: the bytes of the other type pass for those of this one.
    Fingerprint,
}

/// A value that was stored as one type is not there for any other. Bytes that pass for a value are one, or nothing.
pub fn run(data: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) else { return };
    types::store(&input.value, &input);
}

/// A type that values are stored as.
trait Stored: Serialize + DeserializeOwned + Clone + PartialEq + std::fmt::Debug + Send + Sync + 'static {
    /// Its place among the types.
    const PLACE: u8;
}

/// The cache of one start of the program, over a tier that outlives it.
fn start(home: &Arc<KeptTier>, version: Option<u8>) -> TieredCache {
    let route = version.map_or(Route::sqlite(), |version| Route::sqlite().version(version.into()));
    TieredCache::builder()
        .tier(Level::L1, Arc::new(MemoryTier::new()))
        .tier(Level::L2, home.clone())
        .routes(Routes::empty().with("c", route))
        .without_maintenance_thread()
        .build()
        .expect("a cache of two tiers")
}

/// Stores a value, and has it read as `read_as` by the next start.
fn store<T: Stored>(value: &T, input: &Input) {
    let home = Arc::new(KeptTier::default());
    let cache = start(&home, input.versions[0]);
    let handle = cache.category::<T>("c").expect("a type whose shape is known");
    let stored = handle.insert(&input.key, value.clone());
    if input.key.len() > Key::MAX_LEN {
        stored.expect_err("the key is too long");
        return;
    }
    stored.expect("a value that postcard can hold");
    assert_eq!(handle.get(&input.key).as_deref(), Some(value), "live");
    drop((handle, cache));
    types::load(input.read_as, value, input, &home);
}

/// Reads as a `U` what was stored as a `T`.
fn load<T: Stored, U: Stored>(value: &T, input: &Input, home: &Arc<KeptTier>) {
    let version = input.versions[1];
    let cache = start(home, version);
    let handle = cache.category::<U>("c").expect("a type whose shape is known");
    let is_same = T::PLACE == U::PLACE && input.versions[0].unwrap_or(0) == version.unwrap_or(0);
    let value: &dyn std::any::Any = value;
    let expected = value.downcast_ref::<U>().filter(|_| is_same);
    let codec = Codec::<U>::postcard(version.map(u32::from)).expect("a type whose shape is known");
    if let Some(damage) = &input.damage {
        pretend(damage, &codec, input, home);
        if let Some(found) = handle.get(&input.key) {
            let bytes = codec.encode(&found).expect("what was decoded is encoded");
            assert_eq!(codec.decode(&bytes).expect("what was encoded is decoded"), *found);
        }
        return;
    }
    assert_eq!(handle.get(&input.key).as_deref(), expected, "read anew");
    assert_eq!(handle.contains(&input.key), expected.is_some());
    assert_eq!(handle.get(&input.key).as_deref(), expected, "kept live");
    let loaded = handle.get_or_load(&input.key, || Err::<Arc<U>, _>(std::io::Error::other("there is none")));
    assert_eq!(loaded.ok().as_deref(), expected);
}

/// Puts damaged bytes into the place of the entry.
fn pretend<U: Stored>(damage: &Damage, codec: &Codec<U>, input: &Input, home: &Arc<KeptTier>) {
    let category = Category::new(0, "c", Route::sqlite()).expect("a good name");
    let key = Key::new(&category, &input.key).expect("a key that was stored");
    let entry = home.get(&key).expect("a map can be read").expect("it was stored");
    let mut bytes = entry.value.to_bytes().expect("bytes").to_vec();
    match damage {
        Damage::Bytes(other) => bytes.clone_from(other),
        Damage::Flip { at, bits } => {
            let len = bytes.len();
            if let Some(at) = usize::from(*at).checked_rem(len) {
                bytes[at] ^= bits;
            }
        }
        Damage::Cut(len) => bytes.truncate((*len).into()),
        Damage::Fingerprint => {}
    }
    let Fingerprint(fingerprint) = codec.fingerprint();
    let entry = Entry {
        fingerprint: Fingerprint(fingerprint),
        ..Entry::from_bytes(Bytes::from(bytes), entry.created_at)
    };
    home.put(&key, &entry, &Unguarded).expect("a map can be written");
}
