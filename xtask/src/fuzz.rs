//! `cargo xtask fuzz`: builds the package `fuzz/` with cargo-fuzz and lets libFuzzer look for inputs that break what
//! the crates promise.

mod outcome;
mod toolchain;

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Instant,
};

use toml::Table;

use crate::Result;

use self::outcome::{Outcome, Outcomes};
pub(crate) use self::toolchain::missing;

/// The longest input that is made up, in bytes: longer ones say nothing that these do not, and take longer.
const MAX_LEN: u32 = 4_096;

/// An input that takes more seconds than this is a crash.
const TIMEOUT: u32 = 20;

/// Looks for inputs that break what the crates promise.
///
/// What it learns on the way it keeps in target/fuzz/corpus for the next time, beside the corpus in the repository. An
/// input that breaks something is in target/fuzz/artifacts. Make it small, put it into fuzz/crashes, where a test replays
/// it, and mend what it broke:
///
///     cargo +nightly fuzz tmin --features libfuzzer --target-dir target/fuzz --sanitizer none TARGET FILE
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run these only.
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,

    /// How long each of them runs.
    #[arg(long, value_name = "N", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,

    /// Say which targets there are, and do nothing.
    #[arg(long)]
    list: bool,
}

impl Options {
    /// Every target, for so many seconds each.
    pub(crate) fn all(seconds: u64) -> Self {
        Self { targets: vec![], seconds, list: false }
    }
}

/// Runs one target after the other and shows what came of it.
///
/// # Errors
/// A target does not exist, a tool is missing, or an input broke something.
pub(crate) fn run(options: &Options) -> Result {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask is in the workspace")?;
    let known = targets(&fs::read_to_string(root.join("fuzz/Cargo.toml"))?)?;
    if options.list {
        known.iter().for_each(|target| println!("{target}"));
        return Ok(());
    }
    let chosen = chosen(&known, &options.targets)?;
    if let Some(what) = missing() {
        return Err(what.into());
    }
    env::set_current_dir(root)?;
    // All at once: each is a program of its own over the same libraries.
    toolchain::cargo_fuzz("build").run()?;
    let mut outcomes = Outcomes::default();
    for target in chosen {
        let outcome = fuzz(target, options.seconds)?;
        println!("{outcome}");
        outcomes.add(outcome);
    }
    println!("\n{outcomes}");
    match outcomes.broken() {
        [] => Ok(()),
        broken => Err(format!("inputs that break something: {}", broken.join(", ")).into()),
    }
}

/// The targets that a manifest declares, in its order.
fn targets(manifest: &str) -> Result<Vec<String>> {
    let manifest: Table = manifest.parse()?;
    let bins =
        manifest.get("bin").and_then(|bins| bins.as_array()).ok_or("fuzz/Cargo.toml has no targets")?;
    let name = |bin: &toml::Value| Some(bin.get("name")?.as_str()?.to_owned());
    Ok(bins.iter().filter_map(name).collect())
}

/// Those that were asked for; all of them if none was.
fn chosen<'a>(known: &'a [String], asked: &'a [String]) -> Result<&'a [String]> {
    match asked.iter().find(|asked| !known.contains(asked)) {
        Some(unknown) => Err(format!("{unknown:?} is none of the targets {}", known.join(", ")).into()),
        None if asked.is_empty() => Ok(known),
        None => Ok(asked),
    }
}

/// Runs one target. What libFuzzer says goes to a file.
fn fuzz(target: &str, seconds: u64) -> Result<Outcome> {
    let place = |what: &str| Path::new("target/fuzz").join(what).join(target);
    let (learnt, artifacts, log) = (place("corpus"), place("artifacts"), place("logs").with_extension("log"));
    for folder in [&learnt, &artifacts, &PathBuf::from("target/fuzz/logs")] {
        fs::create_dir_all(folder)?;
    }
    let before = files(&artifacts);
    let start = Instant::now();
    toolchain::cargo_fuzz("run")
        .arg(target)
        // libFuzzer adds to the first one.
        .args([&learnt, &Path::new("fuzz/corpus").join(target)])
        .args(["--", "-print_final_stats=1"])
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={MAX_LEN}"))
        // Structures need some bytes before they are more than their beginning.
        .arg("-len_control=20")
        .arg(format!("-timeout={TIMEOUT}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .logged(&log)?;
    let time = start.elapsed();
    let crashes: Vec<_> = files(&artifacts).into_iter().filter(|file| !before.contains(file)).collect();
    let said = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    Outcome::new(target, &said, files(&learnt).len(), crashes, time)
        .map_err(|why| format!("{target}: {why}; see {}", log.display()).into())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_the_programs_of_the_manifest() {
        let manifest = "[package]\nname = 'x'\n[[bin]]\nname = 'a'\n[[bin]]\nname = 'b'";
        assert_eq!(targets(manifest).unwrap(), ["a", "b"]);
        assert!(targets("[package]").is_err());
    }

    #[test]
    fn unknown_target_is_refused_with_the_known_ones() {
        let known = ["a", "b"].map(str::to_owned);
        assert_eq!(chosen(&known, &[]).unwrap(), known);
        assert_eq!(chosen(&known, &["b".to_owned()]).unwrap(), ["b"]);
        let error = chosen(&known, &["c".to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), "\"c\" is none of the targets a, b");
    }
}
