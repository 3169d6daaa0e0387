//! What is not a string in Redis, as a value of a cache.

use std::collections::{BTreeMap, BTreeSet};

use cache_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// A hash, list, set or sorted set, as [`Migration`](super::Migration) stores it.
///
/// ```
/// use cache_redis::migrate::Collection;
///
/// let tags = Collection::Set([b"green".to_vec(), b"small".to_vec()].into());
/// let bytes = tags.to_bytes();
/// assert_eq!(bytes, b"redis\x01\x02\x02\x05green\x05small");
/// assert_eq!(Collection::from_bytes(&bytes)?, tags);
/// # Ok::<(), cache_core::Error>(())
/// ```
///
/// # Format
///
/// The six bytes `redis\x01`, and then, as [postcard](https://postcard.jamesmunns.com/wire-format) writes it:
///
/// | | bytes |
/// |---|---|
/// | a number | seven bits a byte, the lowest first; all bytes but the last one have their highest bit set |
/// | a string | its length, a number; its bytes |
/// | a score | eight bytes: an IEEE 754 double, little-endian |
/// | hash | 0; the number of fields; for each field, in the order of their bytes, its name and its value: strings |
/// | list | 1; the number of elements; the elements in their order: strings |
/// | set | 2; the number of members; the members in the order of their bytes: strings |
/// | sorted set | 3; the number of members; for each, in the order of score and then bytes, the member, a string, and its score |
///
/// The same content makes the same bytes. A Redis string is stored as it is, without any of this, and may begin with the
/// same six bytes: which of its keys are collections is for the application to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Collection {
    /// Values by their fields.
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
    /// Elements, first to last.
    List(Vec<Vec<u8>>),
    /// Members.
    Set(BTreeSet<Vec<u8>>),
    /// Members with their scores, lowest score first.
    SortedSet(Vec<(Vec<u8>, f64)>),
}

/// The name and version of the format.
const MAGIC: &[u8] = b"redis\x01";

impl Collection {
    /// The collection in `bytes`.
    ///
    /// # Errors
    /// [`ErrorKind::Undecodable`]: the bytes are something else, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let wrong = |why: &str| Error::from(ErrorKind::Undecodable(why.into()));
        let bytes = bytes.strip_prefix(MAGIC).ok_or_else(|| wrong("no collection from Redis"))?;
        match postcard::take_from_bytes(bytes) {
            Ok((collection, [])) => Ok(collection),
            Ok(_) => Err(wrong("there is more after the collection")),
            Err(error) => Err(wrong("a damaged collection").caused_by(error)),
        }
    }

    /// As [`from_bytes`](Self::from_bytes) reads it.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Into memory, plain data is always written.
        postcard::to_extend(self, MAGIC.to_vec()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> [Collection; 4] {
        let (a, b) = (b"a\0\xff".to_vec(), Vec::new());
        [
            Collection::Hash([(b.clone(), a.clone()), (a.clone(), b.clone())].into()),
            Collection::List(vec![b.clone(), a.clone(), a.clone()]),
            Collection::Set([a.clone(), b.clone()].into()),
            Collection::SortedSet(vec![(a.clone(), f64::NEG_INFINITY), (b, -0.5), (a, f64::INFINITY)]),
        ]
    }

    #[test]
    fn collection_comes_back_from_its_bytes() {
        for collection in all() {
            assert_eq!(Collection::from_bytes(&collection.to_bytes()).unwrap(), collection);
        }
    }

    #[test]
    fn format_is_as_documented() {
        let bytes = Collection::SortedSet(vec![(b"m".to_vec(), 1.5)]).to_bytes();
        assert_eq!(bytes, b"redis\x01\x03\x01\x01m\0\0\0\0\0\0\xf8\x3f");
        let long = Collection::List(vec![vec![7; 300]]).to_bytes();
        assert_eq!(long[..10], *b"redis\x01\x01\x01\xac\x02");
    }

    #[test]
    fn damaged_collection_is_an_error_or_another_one() {
        for bytes in all().map(|collection| collection.to_bytes()) {
            for at in 0..bytes.len() {
                assert!(Collection::from_bytes(&bytes[..at]).is_err(), "{at}");
                for byte in 0..=u8::MAX {
                    let mut damaged = bytes.clone();
                    damaged[at] = byte;
                    let _ = Collection::from_bytes(&damaged);
                }
            }
            assert!(Collection::from_bytes(&[&*bytes, b"more"].concat()).is_err());
        }
        // A length that no memory has.
        assert!(Collection::from_bytes(b"redis\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").is_err());
    }
}
