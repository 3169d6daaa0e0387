//! The caches and tools of others, set up as their documentation advises.

pub(crate) mod cacache;
pub(crate) mod fjall;
pub(crate) mod hit_ratio;
pub(crate) mod loading;
pub(crate) mod memory;
pub(crate) mod redb;
