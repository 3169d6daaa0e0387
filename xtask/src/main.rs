//! The programs this workspace runs on itself, one file per command.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "these programs speak to a terminal")]

mod ci;

use std::process::ExitCode;

use clap::Parser;

/// The programs this workspace runs on itself.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Command {
    Ci(ci::Options),
}

fn main() -> ExitCode {
    let outcome = match Command::parse() {
        Command::Ci(options) => ci::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
