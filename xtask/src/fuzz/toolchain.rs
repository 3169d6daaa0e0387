//! What fuzzing needs beside stable Rust.

use std::{
    ffi::OsStr,
    fs::File,
    path::Path,
    process::{Command, Stdio},
};

use crate::Result;

/// What is missing, and how it is installed.
pub(crate) fn missing() -> Option<&'static str> {
    let needs = [
        (
            &["rustup", "run", "nightly", "rustc", "--version"][..],
            "fuzzing needs a nightly toolchain: rustup toolchain install nightly",
        ),
        (&["cargo-fuzz", "--version"], "fuzzing needs cargo-fuzz: cargo install cargo-fuzz --locked"),
        (&["c++", "--version"], "fuzzing needs a C++ compiler, for libFuzzer: install g++ or clang"),
    ];
    needs.into_iter().find(|(command, _)| !succeeds(command)).map(|(_, what)| what)
}

fn succeeds(command: &[&str]) -> bool {
    let status =
        Command::new(command[0]).args(&command[1..]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// A command of cargo-fuzz.
pub(super) struct CargoFuzz(Command);

/// `cargo fuzz {subcommand}` on nightly, whatever the toolchain of this program is.
pub(super) fn cargo_fuzz(subcommand: &str) -> CargoFuzz {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo", "fuzz", subcommand]);
    command.args(["--features", "libfuzzer", "--target-dir", "target/fuzz"]);
    // The crates have no `unsafe` code where inputs come by: a sanitizer would find nothing, and take half of the runs.
    command.args(["--sanitizer", "none"]);
    CargoFuzz(command)
}

impl CargoFuzz {
    pub(super) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.0.arg(arg);
        self
    }

    pub(super) fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.0.args(args);
        self
    }

    /// Runs it, in sight.
    pub(super) fn run(mut self) -> Result {
        let status = self.0.status()?;
        if status.success() { Ok(()) } else { Err(format!("cargo fuzz ended with {status}").into()) }
    }

    /// Runs it with all that it says in a file. That an input broke something is no error here.
    pub(super) fn logged(mut self, log: &Path) -> Result {
        let log = File::create(log)?;
        self.0.stdout(log.try_clone()?).stderr(log).status()?;
        Ok(())
    }
}
