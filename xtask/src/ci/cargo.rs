//! One cargo command, shown before it runs so that a person can repeat it.

use std::{env, fmt, process::Command};

use crate::Result;

/// A cargo command line.
pub(crate) struct Cargo {
    env: Vec<(&'static str, &'static str)>,
    args: Vec<String>,
}

impl Cargo {
    /// The command `cargo {args}`; the arguments are split at white space.
    pub(crate) fn new(args: &str) -> Self {
        Self { env: vec![], args: args.split_whitespace().map(str::to_owned).collect() }
    }

    /// Sets an environment variable for this command.
    pub(crate) fn env(mut self, name: &'static str, value: &'static str) -> Self {
        self.env.push((name, value));
        self
    }

    /// Shows the command, runs it, and waits for it.
    pub(crate) fn run(self) -> Result {
        println!("$ {self}");
        // Cargo says which cargo it is, so that `cargo +nightly xtask` stays with its toolchain.
        let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(program)
            .args(&self.args)
            .envs(self.env.iter().copied())
            .status()
            .map_err(|error| format!("`{self}` could not be started: {error}"))?;
        if status.success() { Ok(()) } else { Err(format!("`{self}` ended with {status}").into()) }
    }
}

impl fmt::Display for Cargo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.env {
            write!(f, "{name}=\"{value}\" ")?;
        }
        write!(f, "cargo {}", self.args.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_is_shown_as_a_shell_takes_it() {
        let command = Cargo::new("doc  --no-deps").env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(command.to_string(), r#"RUSTDOCFLAGS="-D warnings" cargo doc --no-deps"#);
    }
}
