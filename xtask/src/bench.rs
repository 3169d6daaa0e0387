//! `cargo xtask bench`: builds the package `bench/`, with the peers only if they are asked for, and starts it.

use std::{env, ffi::OsString, path::Path, process::Command};

use crate::Result;

/// Measures what the crates cost: `cargo xtask bench --help` says more.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// What the benchmark is told.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Builds the benchmark and runs it, from where the caller is: paths that it is given are the caller's.
pub(crate) fn run(options: &Options) -> Result {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask is in the workspace")?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let (package, target) = (root.join("bench/Cargo.toml"), root.join("target"));
    let mut command = Command::new(cargo);
    command.args(["run", "--quiet", "--release", "--manifest-path"]).arg(package);
    command.arg("--target-dir").arg(target);
    if options.arguments.iter().any(|argument| argument == "--peers") {
        command.args(["--features", "peers"]);
    }
    let status = command.arg("--").args(&options.arguments).status()?;
    if status.success() { Ok(()) } else { Err(format!("the benchmark ended with {status}").into()) }
}
