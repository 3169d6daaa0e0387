//! What a configuration says about the start.

use std::path::Path;

use serde_json::Value;

use crate::repo::{Repo, run};

fn some_history() -> Repo {
    let repo = Repo::new();
    repo.commit("file", "one\n", 1_700_000_000);
    repo
}

#[test]
fn configuration_of_the_documentation_is_one_for_gitweek() {
    let repo = some_history();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../warmstart.toml");
    let file = repo.configuration(&std::fs::read_to_string(example).unwrap());
    assert_eq!(repo.report(&["--config", &file, "--analysis"])["analysis"]["commits"], 1);
}

#[test]
fn unknown_names_are_told_with_those_that_there_are() {
    let repo = some_history();
    for (text, parts) in [
        ("startup.lazy_imports.defer_heavy = ['indexx']", ["defer_heavy: indexx", "is it \"index\"?"]),
        (
            "startup.async_loading.component_delays.analyses = 5",
            ["component_delays: ", "is it \"analysis\"?"],
        ),
    ] {
        let said = repo.complaint(&["--config", &repo.configuration(text)]);
        assert!(parts.iter().all(|part| said.contains(part)), "{said}");
    }
}

#[test]
fn everything_is_loaded_at_once_if_nothing_may_be_lazy() {
    let repo = some_history();
    let phases = |text: &str| {
        let (config, json) = (repo.configuration(text), repo.beside("start.json"));
        run(repo.gitweek(&["--config", &config, "--timings"]).arg(&json), b"");
        let trace: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
        let lazies = trace["traceEvents"].as_array().unwrap().iter().filter(|event| event["cat"] == "lazy");
        lazies.map(|event| event["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(phases(""), ["index"], "the first start has to read the history");
    assert!(phases("").is_empty());
    assert_eq!(phases("startup.lazy_imports.enabled = false"), ["index", "authors"]);
}

#[test]
fn delays_of_a_report_are_no_waits() {
    let repo = some_history();
    let text = "[startup.async_loading.component_delays]\nrepository = 600_000\nanalysis = 600_000\n";
    assert_eq!(repo.report(&["--config", &repo.configuration(text), "--analysis"])["commits"], 1);
}

#[test]
fn migration_has_the_time_that_it_is_given() {
    let repo = some_history();
    repo.report(&[]);
    let index = rusqlite::Connection::open(repo.kept().join("index.db")).unwrap();
    index.execute_batch("DELETE FROM refinery_schema_history WHERE version = 5").unwrap();
    let config = repo.configuration("startup.migration_optimization.timeout = '50ms'");
    let args = ["--no-cache", "--config", &config];
    index
        .execute_batch("CREATE INDEX commits_without_author_lower ON commits (id); BEGIN IMMEDIATE")
        .unwrap();
    let said = repo.complaint(&args);
    assert!(said.contains("index.db") && said.contains("50ms"), "{said}");
    index.execute_batch("COMMIT").unwrap();
    assert_eq!(repo.report(&["--no-cache"])["commits"], 1);
}
