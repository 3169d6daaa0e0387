//! What may come into the dependency trees: `deny.toml`.

use std::process::Command;

use crate::Result;

use super::cargo::Cargo;

/// What `cargo deny` is asked. Advisories change while the code does not: they are looked up by hand.
const CHECKS: [&str; 2] = [
    // A warning is an exception that nothing needs any more, in the file that lists them.
    "deny --workspace --locked check -D warnings -A license-exception-not-encountered bans licenses sources",
    // Peers bring their own older versions, and no user of the libraries builds them.
    "deny --manifest-path bench/Cargo.toml --config deny.toml --locked check \
     -A license-not-encountered -A license-exception-not-encountered licenses sources",
];

/// Asks `cargo deny` about the workspace and the benchmark.
pub(super) fn check() -> Result {
    if !Command::new("cargo-deny").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return Err("cargo-deny is missing: cargo install cargo-deny --locked".into());
    }
    CHECKS.into_iter().try_for_each(|check| Cargo::new(check).run())
}
