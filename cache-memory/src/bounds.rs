//! How much there may be, and over how many locks it is spread.

use std::{sync::OnceLock, thread::available_parallelism};

use cache_core::{ErrorKind, Result};

use crate::{EvictionPolicy, quota::Quota};

/// Asked for once, where it matters: the system looks into half a dozen files.
static PROCESSORS: OnceLock<usize> = OnceLock::new();

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
        let wrong = |why: String| Err(ErrorKind::InvalidOption(why).into());
        for (what, most) in [("max_entries", self.max_entries), ("max_bytes", self.max_bytes)] {
            if most == 0 {
                return wrong(format!("{what} of 0 is room for nothing: it is at least 1"));
            }
        }
        if let Some(shards) = self.shards.filter(|shards| !(1..=Self::MAX_SHARDS).contains(shards)) {
            return wrong(format!("{shards} shards: there can be 1 to {}", Self::MAX_SHARDS));
        }
        Ok(())
    }

    pub(crate) fn quota(&self) -> Quota {
        Quota::new(self.max_entries, self.max_bytes)
    }

    /// How many locks: without a choice, so many for each processor, but not so many that a shard has too few entries to
    /// choose from.
    pub(crate) fn shards(&self, per_processor: usize, entries: u64) -> usize {
        self.shards.unwrap_or_else(|| {
            let mut shards = usize::try_from(self.max_entries / entries).unwrap_or(usize::MAX);
            if shards > per_processor {
                let processors = *PROCESSORS.get_or_init(|| available_parallelism().map_or(1, usize::from));
                shards = shards.min(per_processor * processors);
            }
            // Rounded down: the store rounds up.
            1 << shards.clamp(1, Self::MAX_SHARDS).ilog2()
        })
    }
}
