//! The programs this workspace runs on itself, one file per command; program.rs is for those that are programs of their own.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "these programs speak to a terminal")]

mod bench;
mod ci;
mod fuzz;
mod program;

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
    /// Makes faults happen, and looks whether the promises hold: `cargo xtask faults --help` says more.
    #[command(disable_help_flag = true)]
    Faults(program::Options),
    Fuzz(fuzz::Options),
    /// Moves what Redis holds into a cache: `cargo xtask migrate-redis --help` says more.
    #[command(disable_help_flag = true)]
    MigrateRedis(program::Options),
}

fn main() -> ExitCode {
    let outcome = match Command::parse() {
        Command::Bench(options) => bench::run(&options),
        Command::Ci(options) => ci::run(&options),
        Command::Faults(options) => {
            // Not optimised, so that an overflow is a panic.
            program::run("faults", &[], &options)
        }
        Command::Fuzz(options) => fuzz::run(&options),
        Command::MigrateRedis(options) => program::run("migrate-redis", &["--release"], &options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
