//! What gitweek says when there can be no report.

use std::process::Stdio;

use crate::repo::Repo;

const NOON: i64 = 1_700_049_600;

#[test]
fn folder_without_a_repository() {
    let repo = Repo::new();
    let plain = repo.beside("plain");
    std::fs::create_dir(&plain).unwrap();
    let said = repo.complaint(&["--repo", plain.to_str().unwrap()]);
    assert_eq!(said, format!("gitweek: {} is not in a git repository\n", plain.display()));
    let said = repo.at(plain).complaint(&[]);
    assert!(said.contains("plain is not in a git repository"), "{said}");
}

#[test]
fn path_that_is_not_there() {
    let said = Repo::new().complaint(&["--repo", "nowhere"]);
    assert_eq!(said, "gitweek: nowhere is not a folder\n");
}

#[test]
fn repository_without_commits() {
    let repo = Repo::new();
    let said = repo.complaint(&[]);
    assert!(said.ends_with("project has no commits yet\n"), "{said}");
}

#[test]
fn week_without_commits() {
    let repo = Repo::new();
    repo.commit("file", "one\n", NOON);
    repo.commit("file", "two\n", NOON + 30 * 86_400);
    let said = repo.complaint(&["--week", "2023-W48"]);
    assert_eq!(said, "gitweek: no commits in 2023-W48; the nearest weeks with commits: 2023-W46, 2023-W50\n");
}

#[test]
fn command_line_that_makes_no_sense() {
    let repo = Repo::new();
    for args in [&["--week", "2023-W54"][..], &["--week", "soon"], &["--format", "xml"], &["--nothing"]] {
        assert_eq!(repo.gitweek(args).output().unwrap().status.code(), Some(2));
    }
}

#[test]
fn no_git() {
    let repo = Repo::new();
    let output = repo.gitweek(&[]).env("PATH", repo.beside("nowhere")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "gitweek: git is not installed, or not in PATH\n");
}

#[test]
fn object_that_is_missing_is_no_silent_zero() {
    let repo = Repo::new();
    repo.commit("file", "one\n", NOON);
    repo.commit("file", "two\n", NOON + 1);
    let blob = repo.git_text(&["rev-parse", "HEAD~1:file"]);
    std::fs::remove_file(repo.path.join(".git/objects").join(&blob[..2]).join(&blob[2..])).unwrap();
    for _ in 0..2 {
        let said = repo.complaint(&[]);
        assert!(said.contains("`git log` failed") && !said.contains("hint"), "{said}");
    }
}

#[test]
fn reader_that_goes_away_is_no_error() {
    let repo = Repo::new();
    repo.commit("file", "one\n", NOON);
    let mut run = repo.gitweek(&[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(run.stdout.take());
    let output = run.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}
