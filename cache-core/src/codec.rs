//! Values to bytes and back: postcard, with a fingerprint of the type's shape.
//!
//! postcard writes no names and no types, so bytes of one type may decode as a value of another. Three
//! things keep that from happening:
//!
//! - every stored entry carries the [`Fingerprint`] of the shape of its type (names, fields, variants
//!   and primitives, all the way down) and of its category's version;
//! - a value with a field that `skip_serializing_if` leaves out is refused, each time: what is left is
//!   too short for its type, or worse, just as long as another value;
//! - the first value that a codec encodes is decoded and encoded again and has to come out the same, and
//!   so is the first value with each variant of an enum. This finds attributes such as `untagged`, variants
//!   behind a skipped one (which serde numbers differently when it writes and when it reads), and
//!   hand-written implementations that do not agree with each other.
//!
//! Bytes left over after decoding are an error.

mod measure;
mod shape;

use std::{
    any::{Any, type_name},
    collections::HashSet,
    fmt,
};

use bytes::Bytes;
use parking_lot::RwLock;
use serde::{Serialize, de::DeserializeOwned};

use self::{
    measure::{Measure, Variant},
    shape::Untraceable,
};
use crate::{EncodeFn, Error, ErrorKind, Fingerprint, Result};

/// Turns values of one type into bytes and back.
///
/// ```
/// use cache_core::codec::Codec;
///
/// # #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
/// struct Week { hours: Vec<u32>, note: Option<String> }
///
/// let codec = Codec::<Week>::postcard(None)?;
/// let week = Week { hours: vec![8, 7], note: None };
/// assert_eq!(codec.decode(&codec.encode(&week)?)?, week);
/// # Ok::<(), cache_core::Error>(())
/// ```
pub struct Codec<T> {
    fingerprint: Fingerprint,
    encode: fn(&T) -> Result<Encoded>,
    encode_live: EncodeFn,
    decode: fn(&Bytes) -> Result<T>,
    size: fn(&T) -> Result<u64>,
    /// The variants that have come back from their own bytes; `None` before the first value has.
    proven: RwLock<Option<HashSet<Variant>>>,
}

/// The bytes of a value, and the variants that occur in it.
type Encoded = (Bytes, Vec<Variant>);

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Codec<T> {
    /// The codec of a category with this explicit version, if it has one. [`Bytes`] are stored
    /// [as they are](Self::bytes), which is also how they are streamed.
    ///
    /// # Errors
    /// [`ErrorKind::Untraceable`]: the shape of the type cannot be found out, and there is no version to go
    /// by instead. This happens with types that check what they decode and take none of the guesses made
    /// here; dates, identifiers, addresses and numbers of the usual crates do.
    ///
    /// [`ErrorKind::Unencodable`]: the type asks its input what it holds, which bytes of postcard cannot say.
    /// This is so with serde's `untagged`, `tag` and `flatten`, and with types such as `serde_json::Value`.
    pub fn postcard(version: Option<u32>) -> Result<Self> {
        if let Some(plain) = plain(version) {
            return Ok(plain);
        }
        let name = type_name::<T>();
        let fingerprint = match (shape::trace::<T>(), version) {
            (Ok(shape), version) => shape::fingerprint(&shape, version.unwrap_or(0)),
            (Err(Untraceable::AsksItsInput), _) => {
                let why = format!(
                    "`{name}` asks its input what it holds, as with serde's `untagged`, `tag` and `flatten`, \
                     and postcard does not say that; store bytes of your own making, such as JSON"
                );
                return Err(ErrorKind::Unencodable(why).into());
            }
            (Err(_), Some(version)) => shape::fingerprint(name.as_bytes(), version),
            (Err(why), None) => return Err(ErrorKind::Untraceable { name, why: why.to_string() }.into()),
        };
        Ok(Self { fingerprint, size: |value| Ok(measure::strictly(value)?.len), ..Self::untraced() })
    }

    /// A codec for values that never leave the process: with the fingerprint of plain bytes. They are
    /// weighed, whether or not they could be stored.
    pub(crate) fn untraced() -> Self {
        plain(None).unwrap_or_else(|| Self {
            fingerprint: Fingerprint::BYTES,
            encode: encode::<T>,
            encode_live: |value| Ok(encode::<T>(known(value)?)?.0),
            decode: decode::<T>,
            size: measure::weight::<T>,
            proven: RwLock::new(None),
        })
    }
}

impl Codec<Bytes> {
    /// Bytes as they are.
    pub fn bytes(version: Option<u32>) -> Self {
        Self {
            fingerprint: version.map_or(Fingerprint::BYTES, |version| shape::fingerprint(b"bytes", version)),
            encode: |bytes| Ok((bytes.clone(), Vec::new())),
            encode_live: |value| Ok(known::<Bytes>(value)?.clone()),
            decode: |bytes| Ok(bytes.clone()),
            size: |bytes| Ok(bytes.len() as u64),
            proven: RwLock::new(Some(HashSet::new())),
        }
    }
}

impl<T> Codec<T> {
    /// What entries of this codec are marked with.
    #[inline]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The bytes of `value`.
    ///
    /// # Errors
    /// [`ErrorKind::Unencodable`]: the value would not come back as it is.
    pub fn encode(&self, value: &T) -> Result<Bytes> {
        let (bytes, variants) = (self.encode)(value)?;
        let is_proven = |proven: &HashSet<_>| variants.iter().all(|variant| proven.contains(variant));
        if !self.proven.read().as_ref().is_some_and(is_proven) {
            self.prove(&bytes)?;
            self.proven.write().get_or_insert_default().extend(variants);
        }
        Ok(bytes)
    }

    /// The value of `bytes`.
    ///
    /// # Errors
    /// [`ErrorKind::Undecodable`]: they are no such value, or hold more than one.
    pub fn decode(&self, bytes: &Bytes) -> Result<T> {
        (self.decode)(bytes)
    }

    /// The length of the bytes of `value`, without making them.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encoded_len(&self, value: &T) -> Result<u64> {
        (self.size)(value)
    }

    pub(crate) fn encode_live(&self) -> EncodeFn {
        self.encode_live
    }

    fn prove(&self, bytes: &Bytes) -> Result<()> {
        let refused = |why: String| Error::new(ErrorKind::Unencodable(why));
        let back = self
            .decode(bytes)
            .map_err(|error| refused("it does not come back from its own bytes".into()).caused_by(error))?;
        // A HashMap comes back in another order: the same bytes, elsewhere.
        let (again, _) = (self.encode)(&back)?;
        if again != bytes && histogram(&again) != histogram(bytes) {
            return Err(refused("it comes back from its own bytes as another value".into()));
        }
        Ok(())
    }
}

impl<T> fmt::Debug for Codec<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec")
            .field("type", &type_name::<T>())
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

/// The codec of plain bytes, if that is what a `T` is: they are a serde type too, where a dependency of
/// the program turns that on.
fn plain<T: 'static>(version: Option<u32>) -> Option<Codec<T>> {
    let codec: Box<dyn Any> = Box::new(Codec::bytes(version));
    codec.downcast().ok().map(|codec| *codec)
}

fn encode<T: Serialize>(value: &T) -> Result<Encoded> {
    let Measure { len, variants, .. } = measure::strictly(value)?;
    let buffer = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
    match postcard::to_extend(value, buffer) {
        Ok(bytes) => Ok((bytes.into(), variants)),
        Err(error) => Err(ErrorKind::Unencodable(error.to_string()).into()),
    }
}

fn decode<T: DeserializeOwned>(bytes: &Bytes) -> Result<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(ErrorKind::Undecodable(format!("{} bytes are left over", rest.len())).into()),
        Err(error) => Err(ErrorKind::Undecodable(error.to_string()).into()),
    }
}

fn known<T: 'static>(value: &(dyn Any + Send + Sync)) -> Result<&T> {
    let wrong = || ErrorKind::Unencodable(format!("it is no `{}`", type_name::<T>()));
    value.downcast_ref().ok_or_else(|| wrong().into())
}

fn histogram(bytes: &[u8]) -> [usize; 256] {
    let mut counts = [0; 256];
    for &byte in bytes {
        counts[usize::from(byte)] += 1;
    }
    counts
}
