//! A report is never about yesterday's history.

use std::{io::Read, process::Stdio};

use crate::{
    repo::{Numbers, Repo},
    stream::Stream,
};

const NOON: i64 = 1_700_049_600;
const DAY: i64 = 86_400;

fn some_history() -> Repo {
    let mut stream = Stream::default();
    for number in 0..12 {
        let text = "line\n".repeat(10 + usize::try_from(number).unwrap());
        stream = stream.commit(b"Ada", NOON + 2 * number * DAY, &[(b"file", text.as_bytes())]);
    }
    Repo::import(stream.bytes())
}

/// The part of a report that says when the index was used.
fn index_was_opened(report: &serde_json::Value) -> bool {
    !report["timings"]["index_ms"].is_null()
}

#[test]
fn new_commit_is_there_at_once() {
    let repo = some_history();
    repo.check();
    repo.commit("file", "new\n", NOON + 22 * DAY);
    repo.check();
    repo.commit("other", "new\n", NOON + 60 * DAY);
    repo.check();
}

#[test]
fn second_run_is_served_by_the_cache_alone() {
    let repo = some_history();
    let (chart, export) = (repo.beside("c.svg"), repo.beside("e.csv"));
    let all = ["--analysis", "--chart", chart.to_str().unwrap(), "--export", export.to_str().unwrap()];
    let (first, second) = (repo.report(&all), repo.report(&all));
    assert!(index_was_opened(&first) && !index_was_opened(&second));
    assert!(second["cache"]["sqlite"]["hits"].as_u64().unwrap() > 0, "{second}");
    assert_eq!(Numbers::of(&first), Numbers::of(&second));
    assert_eq!((&first["weeks"], &first["analysis"]), (&second["weeks"], &second["analysis"]));
    assert!(index_was_opened(&repo.report(&["--no-cache"])));
}

#[test]
fn every_category_is_in_use() {
    let repo = some_history();
    let (chart, export) = (repo.beside("c.svg"), repo.beside("e.csv"));
    let all = ["--analysis", "--chart", chart.to_str().unwrap(), "--export", export.to_str().unwrap()];
    let first = repo.report(&all);
    for (name, tiers) in first["cache"]["categories"].as_object().unwrap() {
        let sets: u64 = tiers.as_object().unwrap().values().map(|tier| tier["sets"].as_u64().unwrap()).sum();
        assert!(sets > 0, "{name} in {first:#}");
    }
    assert_eq!(first["cache"]["categories"].as_object().unwrap().len(), 9);
}

#[cfg(unix)]
#[test]
fn second_run_asks_git_once() {
    let repo = some_history();
    assert!(repo.asked_of_git(&[]).contains("log --no-merges"));
    let asked = repo.asked_of_git(&[]);
    assert!(asked.contains(" rev-parse ") && asked.lines().count() == 1, "{asked}");
}

#[test]
fn amended_commit_replaces_the_old_one() {
    let repo = some_history();
    repo.check();
    std::fs::write(repo.path.join("file"), "amended\n").unwrap();
    repo.commit_as(&["--amend", "-a"], NOON + 23 * DAY);
    repo.check();
}

#[test]
fn reset_takes_commits_away() {
    let repo = some_history();
    repo.check();
    let head = repo.git_text(&["rev-parse", "HEAD"]);
    repo.git(&["reset", "-q", "--hard", "HEAD~5"]);
    repo.check();
    repo.git(&["reset", "-q", "--hard", &head]);
    repo.check();
}

#[test]
fn rebased_history_is_read_anew() {
    let repo = some_history();
    repo.git(&["checkout", "-q", "-b", "side", "HEAD~6"]);
    repo.commit("side", "one\n", NOON + 40 * DAY);
    repo.commit("side", "two\n", NOON + 41 * DAY);
    repo.check();
    repo.git(&["rebase", "-q", "main"]);
    repo.check();
    repo.git(&["checkout", "-q", "main"]);
    repo.check();
    repo.git(&["checkout", "-q", "--orphan", "apart"]);
    repo.commit("alone", "alone\n", NOON);
    repo.check();
}

#[test]
fn old_commits_may_be_gone_from_the_repository() {
    let repo = some_history();
    repo.check();
    repo.git(&["checkout", "-q", "--orphan", "new"]);
    repo.commit_as(&["-a"], NOON);
    repo.git(&["branch", "-D", "main"]);
    repo.git(&["reflog", "expire", "--expire=now", "--all"]);
    repo.git(&["gc", "-q", "--prune=now"]);
    repo.check();
}

#[test]
fn two_runs_at_once_are_both_right() {
    let repo = some_history();
    let expected = repo.numbers();
    for round in 0..5 {
        if round % 2 == 0 {
            std::fs::remove_dir_all(repo.cache_dir()).ok();
        }
        let runs: Vec<_> = (0..6)
            .map(|_| {
                repo.gitweek(&["--format=json"])
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap()
            })
            .collect();
        for run in runs {
            let output = run.wait_with_output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stderr), "");
            let report = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(Numbers::of(&report), *expected.values().next_back().unwrap());
        }
    }
}

#[test]
fn two_work_trees_at_once_are_both_right() {
    let repo = some_history();
    let tree = repo.beside("tree");
    repo.git(&["worktree", "add", "-q", "--detach", tree.to_str().unwrap(), "HEAD~7"]);
    for _ in 0..5 {
        let runs: Vec<_> = (0..6)
            .map(|number| {
                let mut command = repo.gitweek(&["--format=json", "--no-cache"]);
                if number % 2 == 1 {
                    command.arg("--repo").arg(&tree);
                }
                (number, command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
            })
            .collect();
        for (number, run) in runs {
            let output = run.wait_with_output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stderr), "");
            let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            let counted: u64 = report["weeks"]
                .as_array()
                .unwrap()
                .iter()
                .map(|week| week["commits"].as_u64().unwrap())
                .sum();
            assert_eq!(counted, if number % 2 == 1 { 5 } else { 12 });
        }
    }
}

#[test]
fn slow_reader_keeps_nobody_waiting() {
    // More weeks than a pipe holds text for.
    let weekly = |stream: Stream, week| stream.commit(b"Ada", NOON + 7 * week * DAY, &[]);
    let repo = Repo::import((0..2000_i64).fold(Stream::default(), weekly).bytes());
    let mut stuck = repo.gitweek(&["--format=json", "--no-cache"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0];
    stuck.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    repo.commit("file", "new\n", NOON + 14_000 * DAY);
    assert_eq!(repo.report(&["--no-cache"])["weeks"].as_array().unwrap().len(), 2001);
    assert!(stuck.try_wait().unwrap().is_none(), "it still wants to write");
    drop(stuck.stdout.take());
    assert!(stuck.wait().unwrap().success());
}

#[test]
fn killed_run_leaves_no_wrong_numbers() {
    let repo = some_history();
    for wait in 0..12 {
        std::fs::remove_dir_all(repo.cache_dir()).ok();
        let mut run = repo.gitweek(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(wait));
        run.kill().unwrap();
        run.wait().unwrap();
        let report = repo.report(&[]);
        assert_eq!(Numbers::of(&report), *repo.numbers().values().next_back().unwrap());
    }
}

#[test]
fn damaged_cache_costs_time_only() {
    let repo = some_history();
    repo.check();
    let cache = repo.cache_dir().join("cache/cache.db");
    let whole = std::fs::read(&cache).unwrap();
    let text = b"no database at all ".repeat(100);
    let mut torn = whole.clone();
    torn[whole.len() / 3..].fill(0x5a);
    for damaged in [&text[..], &torn, &whole[..whole.len() / 2]] {
        std::fs::write(&cache, damaged).unwrap();
        let (report, _) = repo.report_and_notes(&[]);
        assert_eq!(Numbers::of(&report), *repo.numbers().values().next_back().unwrap());
    }
}

#[test]
fn cache_can_be_read_in_the_sqlite_shell() {
    let repo = some_history();
    repo.report(&[]);
    let database = rusqlite::Connection::open(repo.cache_dir().join("cache/cache.db")).unwrap();
    let query = "select category, count(*), sum(size_bytes) from cache_entries group by 1";
    let mut query = database.prepare(query).unwrap();
    let rows: Vec<(String, u32, u32)> = query
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let categories: Vec<&str> = rows.iter().map(|(category, ..)| category.as_str()).collect();
    assert_eq!(categories, ["aggregated_stats", "task_lists", "week_data"]);
    assert!(rows.iter().all(|&(_, count, bytes)| count == 1 && bytes > 40), "{rows:?}");
}

#[test]
fn damaged_index_is_made_anew() {
    let repo = some_history();
    repo.check();
    let index = repo.kept().join("index.db");
    let whole = std::fs::read(&index).unwrap();
    let mut torn = whole.clone();
    torn[4096..].fill(0x5a);
    for damaged in [
        b"no database at all, but some text that is longer than a header of SQLite's would be ......"
            .to_vec(),
        torn,
        whole[..5000].to_vec(),
    ] {
        std::fs::write(&index, damaged).unwrap();
        let (report, said) = repo.report_and_notes(&["--no-cache"]);
        assert!(said.contains("made anew"), "{said}");
        assert_eq!(Numbers::of(&report), *repo.numbers().values().next_back().unwrap());
        repo.check();
    }
}
