//! `cargo xtask migrate-redis`: builds the program `migrate-redis` and starts it.

use std::{env, ffi::OsString, process::Command};

use crate::Result;

/// Moves what Redis holds into a cache: `cargo xtask migrate-redis --help` says more.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// What the program is told.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Builds the program, optimised, and runs it.
pub(crate) fn run(options: &Options) -> Result {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["run", "--release", "--quiet", "--package", "migrate-redis", "--"])
        .args(&options.arguments);
    become_it(command)
}

/// In the place of this process: one that is interrupted at the terminal must not end before the program has.
#[cfg(unix)]
fn become_it(mut command: Command) -> Result {
    Err(std::os::unix::process::CommandExt::exec(&mut command).into())
}

#[cfg(not(unix))]
fn become_it(mut command: Command) -> Result {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("migrate-redis ended with {status}").into()) }
}
