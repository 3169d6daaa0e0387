//! What the crates of warmstart cost, beside the floors under them and, with the feature `peers`, beside the
//! caches and tools of others. `cargo xtask bench` builds and starts it.

mod allocator;
mod bench;
mod groups;
mod instructions;
mod machine;
#[cfg(feature = "peers")]
mod peers;
mod report;
mod row;
mod zipf;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};

use self::{bench::Bench, groups::Group, report::Report};

/// Measures what the crates cost: everything that is compared takes turns in one process, and a table shows the
/// median and the ratio to ours.
#[derive(Parser, Debug)]
#[command(bin_name = "cargo xtask bench")]
pub(crate) struct Options {
    /// Fewer and shorter rounds: a look, not a measurement.
    #[arg(long)]
    quick: bool,

    /// Run these groups only, in their usual order.
    #[arg(long, value_name = "GROUP", value_delimiter = ',')]
    only: Vec<Group>,

    /// Run only the cases whose name contains this. "1 M" asks for those of a million values of 16 KB too, which take
    /// 17 GB in each store.
    #[arg(long, value_name = "TEXT")]
    case: Option<String>,

    /// Compare with the caches and tools of others too. Builds them first, which takes minutes.
    #[arg(long)]
    peers: bool,

    /// Count instructions per operation too, where a nanosecond matters. Needs valgrind.
    #[arg(long)]
    instructions: bool,

    /// Replay the access traces `*.trace.zst` of this folder in `hit-ratio`: little-endian u64 keys, compressed.
    #[arg(long, value_name = "DIR")]
    traces: Option<PathBuf>,

    /// Where the reports and plots go: without this, `target/bench` of the workspace.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Run one subject of one case so many times and stop: what `--instructions` has counted.
    #[arg(long, hide = true, num_args = 3, value_names = ["CASE", "SUBJECT", "TIMES"])]
    once: Option<Vec<String>>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    ensure!(
        !options.peers || cfg!(feature = "peers"),
        "built without peers: `cargo xtask bench --peers` builds with them"
    );
    let groups: Vec<Group> = Group::value_variants()
        .iter()
        .copied()
        .filter(|group| options.only.is_empty() || options.only.contains(group))
        .collect();
    let mut bench = Bench::new(options, groups.len())?;
    for group in groups {
        bench.enter(group);
        group.run(&mut bench).with_context(|| format!("group {group}"))?;
    }
    if options.once.is_some() {
        return Ok(());
    }
    let report = Report::new(bench.into_rows());
    print!("{}", report.table());
    let workspace = || Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target/bench");
    report.write(&options.out.clone().unwrap_or_else(workspace))
}
