//! The programs this workspace runs on itself, one file per command.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "these programs speak to a terminal")]

mod bench;
mod ci;
mod faults;
mod fuzz;
mod migrate_redis;

use std::process::ExitCode;

use clap::Parser;

/// What a command ends with. A failure is a text for the person who started it.
type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// The programs this workspace runs on itself.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Command {
    Bench(bench::Options),
    Ci(ci::Options),
    Faults(faults::Options),
    Fuzz(fuzz::Options),
    MigrateRedis(migrate_redis::Options),
}

fn main() -> ExitCode {
    let outcome = match Command::parse() {
        Command::Bench(options) => bench::run(&options),
        Command::Ci(options) => ci::run(&options),
        Command::Faults(options) => faults::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::MigrateRedis(options) => migrate_redis::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
