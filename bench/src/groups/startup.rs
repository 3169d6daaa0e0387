//! Lazies, checks for migrations, the loader.

mod lazy;
mod loader;
mod makespan;
mod migrations;

use anyhow::Result;

use crate::bench::Bench;

pub(super) fn run(bench: &mut Bench<'_>) -> Result<()> {
    lazy::run(bench)?;
    migrations::run(bench)?;
    loader::run(bench)?;
    makespan::run(bench)
}
