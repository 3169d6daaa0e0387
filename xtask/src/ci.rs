//! `cargo xtask ci`: all that must hold before a change is merged.

mod cargo;
mod deny;
mod dependencies;
mod features;
mod manifests;
mod summary;

use std::{env, fmt, time::Instant};

use cargo_metadata::{Metadata, MetadataCommand};
use clap::ValueEnum;

use crate::{Result, fuzz};

use self::{
    cargo::Cargo,
    summary::{Outcome, Summary},
};

/// Checks everything that must hold before a change is merged, and stops at the first failure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Leave the step `test` out, when its command has just been run by hand.
    #[arg(long)]
    skip_tests: bool,

    /// Run these steps only, in their usual order.
    #[arg(long, value_name = "STEP", value_delimiter = ',')]
    only: Vec<Step>,
}

impl Options {
    fn includes(&self, step: Step) -> bool {
        let skipped = self.skip_tests && step == Step::Test;
        !skipped && (self.only.is_empty() || self.only.contains(&step))
    }

    /// Whether the step `test`, or the person who skips it, has tested every package with all its features.
    fn covers_all_features(&self) -> bool {
        self.skip_tests || self.includes(Step::Test)
    }
}

/// Runs the steps in order.
pub(crate) fn run(options: &Options) -> Result {
    let steps = Step::value_variants();
    if !steps.iter().any(|&step| options.includes(step)) {
        return Err("no step is left to run".into());
    }
    let workspace = MetadataCommand::new().no_deps().exec()?;
    env::set_current_dir(&workspace.workspace_root)?;

    let (summary, result) = run_steps(options, |step| step.run(&workspace, options));
    println!("\n{summary}");
    result
}

/// Runs steps with `run_step` up to the first failure.
fn run_steps(options: &Options, mut run_step: impl FnMut(Step) -> Result) -> (Summary, Result) {
    let mut summary = Summary::default();
    let mut result = Ok(());
    for &step in Step::value_variants() {
        if result.is_err() || !options.includes(step) {
            summary.add(step, Outcome::NotRun);
            continue;
        }
        println!("\n== {step} (cargo xtask ci --only {step})");
        let start = Instant::now();
        let outcome = run_step(step);
        let time = start.elapsed();
        match outcome {
            Ok(()) => {
                println!("== {step} passed in {:.1} s", time.as_secs_f64());
                summary.add(step, Outcome::Passed(time));
            }
            Err(error) => {
                summary.add(step, Outcome::Failed(time));
                result = Err(format!("step `{step}` failed: {error}").into());
            }
        }
    }
    (summary, result)
}

/// The steps, in the order they run.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// The source is formatted.
    Format,
    /// No lint has anything to say.
    Clippy,
    /// Every test passes, those in the documentation too.
    Test,
    /// The public documentation builds without a warning.
    Docs,
    /// Every library builds and passes its tests alone, with each of its features alone.
    Features,
    /// Crates depend on each other in one direction; versions, lints and the like stand once.
    Dependencies,
    /// No crate comes in with another licence, from another place or a second time; needs `cargo-deny`.
    Deny,
    /// No fault, made to happen some times, breaks a promise.
    Faults,
    /// The benchmark, a package of its own, is in order and runs. What it compares with stays out.
    Bench,
    /// What the fuzzers have found holds. They run for a moment where their tools are installed.
    Fuzz,
}

/// How long each target of the step `fuzz` runs, in seconds.
const FUZZ_SECONDS: u64 = 5;

impl Step {
    fn run(self, workspace: &Metadata, options: &Options) -> Result {
        match self {
            Self::Format => Cargo::new("fmt --all --check").run(),
            Self::Clippy => {
                Cargo::new("clippy --workspace --all-targets --all-features -- -D warnings").run()
            }
            Self::Test => Cargo::new("test --workspace --all-features").run(),
            Self::Docs => Cargo::new("doc --workspace --all-features --no-deps")
                .env("RUSTDOCFLAGS", "-D warnings")
                .run(),
            Self::Features => features::check(workspace, options.covers_all_features()),
            Self::Dependencies => {
                let mut problems = dependencies::problems(workspace);
                problems.extend(manifests::problems(workspace)?);
                if problems.is_empty() {
                    Ok(())
                } else {
                    Err(format!("\n  {}", problems.join("\n  ")).into())
                }
            }
            Self::Deny => deny::check(),
            Self::Faults => {
                Cargo::new("run --package faults --quiet -- --short --out target/faults/short").run()
            }
            Self::Bench => {
                let steps = [
                    "fmt --manifest-path bench/Cargo.toml --check",
                    "clippy --manifest-path bench/Cargo.toml --target-dir target --locked --all-targets -- -D warnings",
                    "test --manifest-path bench/Cargo.toml --target-dir target --locked",
                    "run --manifest-path bench/Cargo.toml --target-dir target --locked --quiet -- \
                     --quick --only memory,startup --out target/bench/smoke",
                ];
                steps.into_iter().try_for_each(|step| Cargo::new(step).run())
            }
            Self::Fuzz => {
                let steps = [
                    "fmt --manifest-path fuzz/Cargo.toml --check",
                    "clippy --manifest-path fuzz/Cargo.toml --target-dir target --locked --all-targets -- -D warnings",
                    "test --manifest-path fuzz/Cargo.toml --target-dir target --locked",
                ];
                steps.into_iter().try_for_each(|step| Cargo::new(step).run())?;
                match fuzz::missing() {
                    None => fuzz::run(&fuzz::Options::all(FUZZ_SECONDS)),
                    Some(what) => {
                        println!(
                            "!! THE FUZZERS ARE LEFT OUT, only what they had found was replayed: {what}"
                        );
                        Ok(())
                    }
                }
            }
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value().expect("no step is hidden from the command line");
        f.pad(value.get_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn included(options: &Options) -> Vec<String> {
        let steps = Step::value_variants().iter();
        steps.filter(|&&step| options.includes(step)).map(Step::to_string).collect()
    }

    #[test]
    fn every_step_runs_unless_told_otherwise() {
        let options = Options { skip_tests: false, only: vec![] };
        let all = [
            "format",
            "clippy",
            "test",
            "docs",
            "features",
            "dependencies",
            "deny",
            "faults",
            "bench",
            "fuzz",
        ];
        assert_eq!(included(&options), all);
        assert!(options.covers_all_features());
    }

    #[test]
    fn skipping_the_tests_skips_one_step() {
        let options = Options { skip_tests: true, only: vec![] };
        assert_eq!(
            included(&options),
            ["format", "clippy", "docs", "features", "dependencies", "deny", "faults", "bench", "fuzz"]
        );
        assert!(options.covers_all_features());
    }

    #[test]
    fn chosen_steps_run_in_their_usual_order() {
        let options = Options { skip_tests: false, only: vec![Step::Features, Step::Format] };
        assert_eq!(included(&options), ["format", "features"]);
        assert!(!options.covers_all_features(), "the step `test` does not run");
    }

    #[test]
    fn nothing_runs_after_a_failure() {
        let mut run = vec![];
        let options = Options { skip_tests: true, only: vec![] };
        let (summary, result) = run_steps(&options, |step| {
            run.push(step.to_string());
            if step == Step::Docs { Err("a link is broken".into()) } else { Ok(()) }
        });
        assert_eq!(run, ["format", "clippy", "docs"]);
        assert_eq!(result.unwrap_err().to_string(), "step `docs` failed: a link is broken");
        let outcomes: Vec<_> =
            summary.to_string().lines().skip(1).map(|line| line[14..22].to_owned()).collect();
        assert_eq!(
            outcomes.join(""),
            "passed  passed  not run FAILED  not run not run not run not run not run not run "
        );
    }
}
