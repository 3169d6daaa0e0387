//! Where the time went.

use std::fs;

use serde_json::Value;

use crate::repo::{Repo, run};

#[test]
fn waterfall_goes_to_standard_error_and_the_report_stays() {
    let repo = Repo::new();
    repo.commit("a", "one\n", 1_700_000_000);
    let output = run(&mut repo.gitweek(&["--format", "json", "--timings"]), b"");
    assert!(serde_json::from_slice::<Value>(&output.stdout).is_ok());
    let said = String::from_utf8(output.stderr).unwrap();
    for part in ["repository", "\n  git rev-parse", "cache.open cache.db", "index", "week view", "ready"] {
        assert!(said.contains(part), "{part} in {said}");
    }
}

#[test]
fn waterfall_is_a_picture_or_a_trace() {
    let repo = Repo::new();
    repo.commit("a", "one\n", 1_700_000_000);
    let (svg, json) = (repo.beside("start.svg"), repo.beside("start.json"));
    for file in [&svg, &json] {
        let output = run(repo.gitweek(&["--timings"]).arg(file), b"");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    }
    assert!(fs::read_to_string(svg).unwrap().ends_with("</svg>\n"));
    let trace: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let cache = events.iter().filter(|event| event["cat"] == "cache").count();
    assert_eq!(cache, 2, "SQLite and files are opened");

    let output = repo.gitweek(&["--timings", "start.png"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains(".svg or .json"));
}
