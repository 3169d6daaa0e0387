//! How much there may be, and over how many locks it is spread.

use cache_core::{ErrorKind, Result};

use crate::{EvictionPolicy, quota::Quota};

/// Options that a cache and a tier have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) max_entries: u64,
    pub(crate) max_bytes: u64,
    /// `None` for a number that fits the machine.
    pub(crate) shards: Option<usize>,
    pub(crate) policy: EvictionPolicy,
}

impl Bounds {
    /// 1000 entries of any size.
    pub(crate) const DEFAULT: Self =
        Self { max_entries: 1_000, max_bytes: u64::MAX, shards: None, policy: EvictionPolicy::Adaptive };

    const MAX_SHARDS: usize = 4_096;

    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |why: &str| Err(ErrorKind::InvalidOption(why.into()).into());
        if self.max_entries == 0 || self.max_bytes == 0 {
            return wrong("room for nothing: max_entries and max_bytes are at least 1");
        }
        if self.shards.is_some_and(|shards| !(1..=Self::MAX_SHARDS).contains(&shards)) {
            return wrong("shards are 1 to 4096");
        }
        Ok(())
    }

    pub(crate) fn quota(&self) -> Quota {
        Quota::new(self.max_entries, self.max_bytes)
    }

    /// How many locks: without a choice, enough for the processors, but not so many that a shard has too
    /// few entries to choose from.
    pub(crate) fn shards(&self) -> usize {
        self.shards.unwrap_or_else(|| {
            let processors = std::thread::available_parallelism().map_or(1, usize::from);
            let by_entries = usize::try_from(self.max_entries / 512).unwrap_or(usize::MAX);
            let shards = by_entries.min(4 * processors).clamp(1, Self::MAX_SHARDS);
            // Rounded down: the store rounds up.
            1 << shards.ilog2()
        })
    }
}
