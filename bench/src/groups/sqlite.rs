use anyhow::Result;

use crate::bench::Bench;

pub(super) fn run(_bench: &mut Bench<'_>) -> Result<()> {
    Ok(())
}
