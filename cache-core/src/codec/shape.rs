//! The shape of a type, as serde sees it.

use serde::de::DeserializeOwned;
use serde_reflection::{Error, Samples, Tracer, TracerConfig};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::Fingerprint;

/// How often a type is walked through at most. Each walk finds what the one before left open: enums
/// inside enums.
const WALKS: usize = 32;

/// A canonical description of the shape of `T`.
pub(super) fn trace<T: DeserializeOwned>() -> Result<Vec<u8>, Error> {
    let samples = Samples::new();
    let mut open: Vec<String> = Vec::new();
    let mut walks = 1;
    loop {
        let mut tracer = Tracer::new(TracerConfig::default());
        let (mut format, _) = tracer.trace_type_once::<T>(&samples)?;
        for _ in 1..walks {
            // An enum that is known to be unfinished is only then looked into again.
            for name in &open {
                tracer.check_incomplete_enum(name);
            }
            (format, _) = tracer.trace_type_once::<T>(&samples)?;
        }
        match tracer.registry() {
            Ok(registry) => {
                return postcard::to_stdvec(&(format, registry))
                    .map_err(|error| Error::Custom(error.to_string()));
            }
            Err(Error::MissingVariants(names)) if walks < WALKS => {
                open.extend(names);
                walks *= 2;
            }
            Err(error) => return Err(error),
        }
    }
}

pub(super) fn fingerprint(shape: &[u8], version: u32) -> Fingerprint {
    Fingerprint(xxh3_64_with_seed(shape, u64::from(version)))
}
