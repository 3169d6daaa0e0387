//! The memory cache and the memory tier, beside maps without bounds.

mod cache;
mod tier;

use arbitrary::{Arbitrary, Unstructured};
use warmstart::memory::EvictionPolicy;

#[derive(Debug, Arbitrary)]
enum Input {
    Cache(cache::Input),
    Tier(tier::Input),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Arbitrary)]
enum Policy {
    Lru,
    Adaptive,
}

impl From<Policy> for EvictionPolicy {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::Lru => Self::Lru,
            Policy::Adaptive => Self::Adaptive,
        }
    }
}

/// Does what the input says to a cache and to a map: the cache has at most what the map has, keeps its bounds after
/// each step, and its statistics add up.
pub fn run(data: &[u8]) {
    match Input::arbitrary_take_rest(Unstructured::new(data)) {
        Ok(Input::Cache(input)) => cache::run(&input),
        Ok(Input::Tier(input)) => tier::run(&input),
        Err(_) => {}
    }
}
