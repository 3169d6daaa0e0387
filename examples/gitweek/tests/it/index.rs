//! The index of an earlier gitweek, and of a later one.

use rusqlite::Connection;

use crate::{
    repo::{Numbers, Repo},
    stream::Stream,
};

const NOON: i64 = 1_700_049_600;

fn some_history() -> Repo {
    let authors = ["Ärmel", "Ada", "Jürgen Ärmel", "Bob"].into_iter().cycle();
    let mut stream = Stream::default();
    for (time, author) in (NOON..).step_by(100_000).zip(authors).take(3000) {
        stream = stream.commit(author.as_bytes(), time, &[(b"file", time.to_string().as_bytes())]);
    }
    Repo::import(stream.bytes())
}

impl Repo {
    /// The index, taken back to an earlier version by hand.
    fn index_of_version(&self, version: u32) -> Connection {
        let index = Connection::open(self.kept().join("index.db")).unwrap();
        let back = [
            (2, "DROP TABLE changes; DROP TABLE paths; DROP INDEX commits_in_time;"),
            (3, "ALTER TABLE commits DROP COLUMN author_lower;"),
        ];
        for (_, sql) in back.iter().rev().filter(|(undone, _)| *undone > version) {
            index.execute_batch(sql).unwrap();
        }
        index.execute("DELETE FROM refinery_schema_history WHERE version > ?", [version]).unwrap();
        if version == 1 {
            index.execute_batch("CREATE INDEX commits_of_week ON commits (week)").unwrap();
        }
        index
    }
}

/// The history that the fixtures were made of.
fn fixed_history() -> Repo {
    let commit = |stream: Stream, name: &str, time, content: &str| {
        stream.commit(name.as_bytes(), time, &[(b"file", content.as_bytes())])
    };
    let stream = commit(Stream::default(), "ΟΔΥΣΣΕΥΣ", NOON, "one\n");
    let stream = commit(stream, "Ada", NOON + 700_000, "one\ntwo\n");
    Repo::import(commit(stream, "Ärmel", NOON + 700_001, "two\n").bytes())
}

/// Files of the versions that this program has written are read as they are: none is made anew, and what is in them is
/// not read again.
#[cfg(unix)]
#[test]
fn index_of_each_version_is_understood() {
    for fixture in [include_str!("../fixtures/index-v2.sql"), include_str!("../fixtures/index-v5.sql")] {
        let repo = fixed_history();
        let expected = repo.report(&["--analysis"]);
        let path = repo.kept().join("index.db");
        std::fs::remove_file(&path).unwrap();
        Connection::open(&path).unwrap().execute_batch(fixture).unwrap();
        let asked = repo.asked_of_git(&["--no-cache", "--author", "ΟΔΥΣ", "--week", "2023-W46"]);
        assert!(asked.contains("config") && !asked.contains(" log "), "{asked}");
        assert_eq!(versions(&repo), [1, 2, 3, 4, 5]);
        let report = repo.report(&["--no-cache", "--analysis"]);
        assert_eq!(
            (Numbers::of(&report), &report["analysis"]),
            (Numbers::of(&expected), &expected["analysis"])
        );
        let odysseus = repo.report(&["--no-cache", "--author", "ΟΔΥΣ", "--week", "2023-W46"]);
        assert_eq!(odysseus["commits"], 1);
    }
}

fn versions(repo: &Repo) -> Vec<u32> {
    let index = Connection::open(repo.kept().join("index.db")).unwrap();
    let mut query = index.prepare("SELECT version FROM refinery_schema_history ORDER BY 1").unwrap();
    query.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[cfg(unix)]
#[test]
fn index_of_an_earlier_version_is_migrated_and_nothing_is_read_again() {
    let repo = some_history();
    let expected = repo.report(&["--author", "äRMEL", "--analysis"]);
    assert_eq!(expected["analysis"]["commits"], 1500);
    repo.index_of_version(2);
    // More rows than one batch has.
    let asked = repo.asked_of_git(&["--no-cache", "--author", "ärmel", "--format", "json"]);
    assert!(!asked.contains(" log ") && asked.contains("config"), "{asked}");
    assert_eq!(versions(&repo), [1, 2, 3, 4, 5]);
    let report = repo.report(&["--no-cache", "--author", "ärmel", "--analysis"]);
    assert_eq!((Numbers::of(&report), &report["analysis"]), (Numbers::of(&expected), &expected["analysis"]));
}

#[test]
fn index_without_changes_is_read_again() {
    let repo = some_history();
    let expected = repo.report(&["--analysis"]);
    repo.index_of_version(1);
    let report = repo.report(&["--no-cache", "--analysis"]);
    assert_eq!((&report["weeks"], &report["analysis"]), (&expected["weeks"], &expected["analysis"]));
    assert_eq!(versions(&repo), [1, 2, 3, 4, 5]);
}

#[test]
fn index_of_a_later_gitweek_is_left_alone() {
    let repo = some_history();
    let expected = repo.report(&[]);
    let later = "INSERT INTO refinery_schema_history VALUES (6, 'later', '2026-01-01T00:00:00Z', '7')";
    repo.index_of_version(5).execute_batch(later).unwrap();
    let before = std::fs::read(repo.kept().join("index.db")).unwrap();
    let (report, said) = repo.report_and_notes(&["--no-cache"]);
    assert!(said.contains("later gitweek") && said.contains("V6__later"), "{said}");
    assert_eq!(Numbers::of(&report), Numbers::of(&expected));
    assert_eq!(std::fs::read(repo.kept().join("index.db")).unwrap(), before);
}

#[test]
fn index_from_before_there_were_migrations_is_made_anew() {
    let repo = some_history();
    let expected = repo.report(&[]);
    let index = Connection::open(repo.kept().join("index.db")).unwrap();
    index.execute_batch("DROP TABLE refinery_schema_history; PRAGMA user_version = 2").unwrap();
    drop(index);
    let (report, said) = repo.report_and_notes(&["--no-cache"]);
    assert!(said.contains("made anew"), "{said}");
    assert_eq!(Numbers::of(&report), Numbers::of(&expected));
    repo.report(&["--no-cache"]);
}
