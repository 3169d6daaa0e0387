//! Values that say what they are: a value that is not wholly what was written is known without having been told.

use std::fmt;

use anyhow::{Result, ensure};
use fastrand::Rng;

/// Which write of which key a value is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp {
    pub(crate) key: u32,
    pub(crate) writer: u32,
    pub(crate) number: u32,
}

const HEAD: usize = 12;

/// One value of so many is large.
const LARGE: u32 = 40;

impl Stamp {
    /// The value of the write: always the same, of some bytes, kilobytes or hundreds of kilobytes.
    pub(crate) fn value(self) -> Vec<u8> {
        let mut value = vec![];
        for part in [self.key, self.writer, self.number] {
            value.extend_from_slice(&part.to_le_bytes());
        }
        let seed = (u64::from(self.key) << 40) ^ (u64::from(self.writer) << 32) ^ u64::from(self.number);
        let mut rng = Rng::with_seed(seed);
        let length = if rng.u32(..LARGE) == 0 { rng.usize(..400_000) } else { rng.usize(..6_000) };
        // The first half cannot be compressed, the second one can.
        let mut noise = vec![0; length / 2];
        rng.fill(&mut noise);
        value.append(&mut noise);
        let word = rng.u32(..).to_string();
        value.extend(word.bytes().cycle().take(length - length / 2));
        value
    }

    /// The stamp of a value, if every byte of it is right.
    pub(crate) fn read(value: &[u8]) -> Result<Self> {
        let part = |i: usize| {
            value.get(4 * i..4 * i + 4).and_then(|part| Some(u32::from_le_bytes(part.try_into().ok()?)))
        };
        let (Some(key), Some(writer), Some(number)) = (part(0), part(1), part(2)) else {
            anyhow::bail!("a wrong value of {} bytes, {HEAD} at least are right", value.len());
        };
        let stamp = Self { key, writer, number };
        ensure!(stamp.value() == value, "a wrong value of {} bytes that says it is {stamp}", value.len());
        Ok(stamp)
    }

    /// The stamp of a value that was found under `key`.
    pub(crate) fn read_under(key: u32, value: &[u8]) -> Result<Self> {
        let stamp = Self::read(value)?;
        ensure!(stamp.key == key, "{stamp} was found under key {key}");
        Ok(stamp)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "write {} of writer {} of key {}", self.number, self.writer, self.key)
    }
}

/// The text of a key.
pub(crate) fn name(key: u32) -> String {
    format!("key {key}")
}
