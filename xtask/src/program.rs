//! A program of the workspace as a command: built, and started in the place of this one.

use std::{env, ffi::OsString, process::Command};

use crate::Result;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// What the program is told.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Builds the package, with these flags, and runs it.
pub(crate) fn run(package: &str, flags: &[&str], options: &Options) -> Result {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["run", "--quiet", "--package", package]).args(flags).arg("--").args(&options.arguments);
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
    if status.success() { Ok(()) } else { Err(format!("the program ended with {status}").into()) }
}
