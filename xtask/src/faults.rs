//! `cargo xtask faults`: builds the program `faults` and starts it.

use std::{env, ffi::OsString, process::Command};

use crate::Result;

/// Makes faults happen, and looks whether the promises hold: `cargo xtask faults --help` says more.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// What the program is told.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Builds the program, not optimised, so that an overflow is a panic, and runs it.
pub(crate) fn run(options: &Options) -> Result {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["run", "--quiet", "--package", "faults", "--"]).args(&options.arguments);
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("faults ended with {status}").into()) }
}
