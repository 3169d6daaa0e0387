//! Where the system has no threads to give: tests of other modules once more, in a process of their own.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{env, process::Command};

/// Runs a test where each thread wants a stack of so many KiB, and there are `memory` KiB for everything.
fn passes(test: &str, stack: u64, memory: u64) -> bool {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -v $0 && exec \"$@\"", &memory.to_string()]);
    // The test harness takes one thread too, if there is one.
    shell.arg(env::current_exe().unwrap()).args(["--test-threads=1", "--exact", test]);
    let output = shell.env("RUST_MIN_STACK", (stack << 10).to_string()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("running 1 test"), "{said}");
    output.status.success()
}

#[test]
fn event_loop_goes_on_without_any_thread() {
    assert!(passes("main_thread::event_loop_that_is_woken_loads_everything", 4 << 20, 2 << 20));
    assert!(passes("main_thread::event_loop_without_threads_is_woken_for_everything", 4 << 20, 2 << 20));
}

#[test]
fn late_component_gives_back_the_only_thread_there_is() {
    assert!(passes("failures::thread_of_a_late_component_or_another_one_goes_on", 1 << 20, 11 << 18));
}
