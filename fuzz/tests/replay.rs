//! What the fuzzers have found, and what leads them everywhere, once more.

use std::{
    fs,
    panic::catch_unwind,
    path::{Path, PathBuf},
};

use warmstart_fuzz::{Run, TARGETS};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The inputs of a target, in order.
fn inputs(folder: &str, target: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root().join(folder).join(target)) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// The inputs of all targets with which something does not hold.
fn failing(folder: &str) -> Vec<PathBuf> {
    let run = |(target, run): &(&str, Run)| {
        let fails = |path: &PathBuf| {
            let input = fs::read(path).unwrap();
            catch_unwind(|| run(&input)).is_err()
        };
        inputs(folder, target).into_iter().filter(fails).collect::<Vec<_>>()
    };
    TARGETS.iter().flat_map(run).collect()
}

#[test]
fn every_input_of_the_corpus_holds() {
    assert_eq!(failing("corpus"), [""; 0].map(PathBuf::from));
}

#[test]
fn every_crash_that_was_found_is_mended() {
    assert_eq!(failing("crashes"), [""; 0].map(PathBuf::from));
}

#[test]
fn every_target_has_a_program_and_a_corpus() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
    for (target, _) in TARGETS {
        let program = format!("fuzz_targets/{target}.rs");
        assert!(manifest.contains(&format!("path = {program:?}")), "{target}");
        let source = fs::read_to_string(root().join(program)).unwrap();
        assert!(source.contains(&format!("warmstart_fuzz::{target}::run(data)")), "{target}");
        assert!(!inputs("corpus", target).is_empty(), "{target}");
    }
}
