//! Makes happen what the documentation says nothing is lost by, and looks whether that is so. `cargo xtask faults`
//! builds and starts it.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this program speaks to a terminal")]

mod campaign;
mod campaigns;
mod child;
mod journal;
mod panics;
mod report;
mod stamp;
mod stand;
mod worker;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};

use self::{campaign::Campaign, campaigns::Name, report::Report};

/// Makes faults happen to caches, and looks whether what they promise holds.
#[derive(Parser, Debug)]
#[command(bin_name = "cargo xtask faults")]
struct Options {
    /// Run these campaigns only, in their usual order.
    #[arg(long, value_name = "CAMPAIGN", value_delimiter = ',')]
    only: Vec<Name>,

    /// How many rounds, instead of those that each campaign has by itself.
    #[arg(long, value_name = "N")]
    rounds: Option<u64>,

    /// The lengths that run with every change: some minutes for all campaigns, not hours.
    #[arg(long)]
    short: bool,

    /// Begin with this seed, to repeat a round that failed. The next round has the next number.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,

    /// Where the report goes.
    #[arg(long, value_name = "DIR", default_value = "target/faults")]
    out: PathBuf,

    /// What this program does as a child of itself.
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(clap::Subcommand, Debug)]
enum Role {
    /// Plays a role in a campaign.
    #[command(hide = true)]
    Child(child::Orders),
}

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match &options.role {
        Some(Role::Child(orders)) => orders.obey(),
        None => run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    ensure!(options.rounds != Some(0), "no round is no campaign");
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    let mut report = Report::new(seed, options.short);
    for &name in Name::value_variants() {
        if options.only.is_empty() || options.only.contains(&name) {
            let campaign: Campaign = name.campaign();
            report.add(campaign.run(options.short, options.rounds, seed)?);
        }
    }
    print!("{report}");
    report.write(&options.out)?;
    ensure!(report.violations() == 0, "{} violations", report.violations());
    Ok(())
}
