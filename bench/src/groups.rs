//! What is measured, a group a file.

mod application;
mod file;
pub(crate) mod hit_ratio;
pub(crate) mod memory;
mod memory_use;
mod open;
mod redis;
mod specification;
mod sqlite;
mod startup;
mod tiered;

use std::fmt;

use anyhow::Result;
use clap::ValueEnum;

use crate::bench::Bench;

/// The groups, in the order they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Group {
    /// Hits, insertions and a mix of both in memory.
    Memory,
    /// Reads and writes of the SQLite tier.
    Sqlite,
    /// Reads, writes and streams of the file tier.
    File,
    /// The tier at a server, and the move from there. Needs `redis-server`.
    Redis,
    /// Loads through all tiers.
    Tiered,
    /// Opening, with few and with many entries.
    Open,
    /// What an entry in memory takes beyond its key and value.
    MemoryUse,
    /// Which part of the requests of a trace is answered.
    HitRatio,
    /// Lazies, checks for migrations, the loader.
    Startup,
    /// The example gitweek as a whole process.
    Application,
    /// The times that the tiers were specified to take.
    Specification,
}

impl Group {
    pub(crate) fn run(self, bench: &mut Bench<'_>) -> Result<()> {
        match self {
            Self::Memory => memory::run(bench),
            Self::Sqlite => sqlite::run(bench),
            Self::File => file::run(bench),
            Self::Redis => redis::run(bench),
            Self::Tiered => tiered::run(bench),
            Self::Open => open::run(bench),
            Self::MemoryUse => memory_use::run(bench),
            Self::HitRatio => hit_ratio::run(bench),
            Self::Startup => startup::run(bench),
            Self::Application => application::run(bench),
            Self::Specification => specification::run(bench),
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value().expect("no group is hidden from the command line");
        f.pad(value.get_name())
    }
}
