//! What the cache did, as a table.

use std::fmt::{self, Write};

use console::style;
use warmstart::{Stats, stats::TierStats};

/// A line per tier, and under it one per category that the tier serves.
///
/// What is counted where is said in [`warmstart::stats`].
pub(crate) fn render(stats: &Stats) -> Result<String, fmt::Error> {
    let mut out = String::new();
    let head = format!("{:<19} entries     bytes hits misses evictions expirations errors", "Cache");
    writeln!(out, "\n{}", style(head).bold())?;
    for tier in &stats.tiers {
        writeln!(out, "{}", style(line(&format!("  {}", tier.name), tier)).bold())?;
        for category in &stats.categories {
            for part in category.tiers.iter().filter(|part| part.name == tier.name) {
                writeln!(out, "{}", line(&format!("    {}", category.name), part))?;
            }
        }
    }
    if let Some(why) = &stats.degraded {
        writeln!(out, "  does without a tier: {why}")?;
    }
    Ok(out)
}

fn line(name: &str, tier: &TierStats) -> String {
    let usage = tier.usage.unwrap_or_default();
    format!(
        "{name:<21} {:>5} {:>9} {:>4} {:>6} {:>9} {:>11} {:>6}",
        usage.entries,
        usage.bytes,
        tier.reads.hits,
        tier.reads.misses,
        tier.evictions,
        tier.expirations,
        tier.errors
    )
}
