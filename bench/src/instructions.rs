//! Instructions per operation, which are the same on a machine that others use too.

use std::{env, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};

/// Runs this program under callgrind twice, with few and with many operations: what starting costs falls out
/// of the difference.
pub(crate) fn per_operation(group: &str, case: &str, subject: &str) -> Result<f64> {
    const FEW: u64 = 2_000;
    const MANY: u64 = 22_000;
    let [few, many] = [FEW, MANY].map(|times| count(group, case, subject, times));
    Ok((many? - few?) / (MANY - FEW) as f64)
}

/// What callgrind counts, and nothing else: crates of others measure the clock for a while when a program starts.
#[inline(never)]
pub(crate) fn counted(run: &mut dyn FnMut(u64) -> Result<Duration>, times: u64) -> Result<Duration> {
    run(times)
}

fn count(group: &str, case: &str, subject: &str, times: u64) -> Result<f64> {
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--toggle-collect=*instructions*counted*",
        ])
        .arg(env::current_exe()?)
        .args(["--only", group, "--once", case, subject, &times.to_string()])
        .output()
        .context("valgrind could not be started: --instructions needs it")?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{case}, {subject} under valgrind: {text}");
    let collected = text.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    collected.with_context(|| format!("callgrind says nothing of what it collected: {text}"))
}
