//! This test binary once more, as a process of its own that migrates a file and tells how far it is.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use rusqlite::Connection;
use startup_migrate::{Backup, Migrations, Migrator};

const ORDER: &str = "STARTUP_MIGRATE_TEST_ORDER";

/// Rows of the database before [`all`] is applied.
pub(crate) const ROWS: i64 = 3000;
const BATCH: u64 = 100;

/// How a process migrates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode {
    pub(crate) wal: bool,
    pub(crate) grouped: bool,
    pub(crate) stamp: bool,
    /// From the last version back to the first.
    pub(crate) down: bool,
}

impl Mode {
    /// Each mode once in eight rounds.
    pub(crate) const fn of_round(round: usize) -> Self {
        Self { wal: round & 1 != 0, grouped: round & 2 != 0, stamp: round & 4 != 0, down: false }
    }

    pub(crate) fn migrator(self, migrations: Migrations) -> Migrator {
        let migrator = Migrator::new(migrations).batch_size(BATCH).backup(Backup::Keep);
        let migrator = if self.grouped { migrator.grouped() } else { migrator };
        if self.stamp { migrator.stamp() } else { migrator }
    }
}

/// The version that is there before: one table with [`ROWS`] rows.
pub(crate) fn first() -> Migrations {
    Migrations::new().sql(
        1,
        "notes",
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL);
         WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
         INSERT INTO notes SELECT i, 'body ' || i || hex(zeroblob(100)) FROM n;",
    )
}

/// Five versions; each changes every row, so that half of one would show.
pub(crate) fn all() -> Migrations {
    first()
        .sql(2, "size", "ALTER TABLE notes ADD COLUMN size INTEGER; UPDATE notes SET size = length(body);")
        .batched(3, "twice", "SELECT count(*) FROM notes WHERE size < 1000", |tx, batch_size| {
            Ok(tx.execute(
                "UPDATE notes SET size = size + 1000 WHERE id IN
                     (SELECT id FROM notes WHERE size < 1000 LIMIT ?1)",
                [i64::try_from(batch_size)?],
            )?)
        })
        .sql(
            4,
            "rebuilt",
            "CREATE TABLE fresh (id INTEGER PRIMARY KEY, body TEXT NOT NULL, size INTEGER NOT NULL);
             INSERT INTO fresh SELECT id, body, size FROM notes;
             DROP TABLE notes;
             ALTER TABLE fresh RENAME TO notes;
             CREATE INDEX notes_size ON notes (size);",
        )
        .rust(5, "marked", |tx, _| {
            tx.execute("UPDATE notes SET body = 'marked ' || id", [])?;
            Ok(())
        })
        .down_sql(2, "ALTER TABLE notes DROP COLUMN size")
        .down_sql(3, "UPDATE notes SET size = size - 1000")
        .down_sql(4, "DROP INDEX notes_size")
        .down_rust(5, |tx, progress| {
            for rows in 0..30 {
                let id = (rows * 100, rows * 100 + 100);
                tx.execute("UPDATE notes SET body = 'body ' || id WHERE id > ? AND id <= ?", id)?;
                progress.advance(100);
            }
            Ok(())
        })
}

/// The last version of [`all`].
pub(crate) const LAST: i32 = 5;

/// The version that the history tells, after a check that the data are of exactly that version.
pub(crate) fn whole_version(db: &Connection) -> i32 {
    let one = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(db.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).unwrap(), "ok");
    let version = one("SELECT max(version) FROM refinery_schema_history");
    assert_eq!(one("SELECT count(*) FROM refinery_schema_history"), version);
    assert_eq!(one("SELECT count(*) FROM notes"), ROWS);
    let sized = one("SELECT count(*) FROM pragma_table_info('notes') WHERE name = 'size'");
    assert_eq!(sized, i64::from(version >= 2));
    if version >= 2 {
        let enlarged = one("SELECT count(*) FROM notes WHERE size > 1000");
        assert_eq!(enlarged, if version >= 3 { ROWS } else { 0 });
        assert_eq!(one("SELECT count(*) FROM notes WHERE size IS NULL OR size > 2000"), 0);
    }
    assert_eq!(one("SELECT count(*) FROM sqlite_master WHERE name = 'notes_size'"), i64::from(version >= 4));
    let marked = one("SELECT count(*) FROM notes WHERE body = 'marked ' || id");
    assert_eq!(marked, if version >= 5 { ROWS } else { 0 });
    i32::try_from(version).unwrap()
}

/// Backups beside `path`; a part of one under another name is none.
pub(crate) fn backups(path: &Path) -> Vec<PathBuf> {
    let prefix = format!("{}.backup-v", path.file_name().unwrap().to_str().unwrap());
    let is_backup = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.strip_prefix(&prefix).is_some_and(|version| version.parse::<i32>().is_ok())
    };
    path.parent().unwrap().read_dir().unwrap().map(|entry| entry.unwrap().path()).filter(is_backup).collect()
}

/// A process that migrates; it waits for [`Migrating::go`].
pub(crate) struct Migrating {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Migrating {
    /// Returns when the process is at its starting line.
    pub(crate) fn start(path: &Path, mode: Mode) -> Self {
        let Mode { wal, grouped, stamp, down } = mode;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child::role_of_a_child_process", "--nocapture"])
            .env(ORDER, format!("{wal}\n{grouped}\n{stamp}\n{down}\n{}", path.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut this = Self { child, lines };
        this.find("waiting").unwrap();
        this
    }

    pub(crate) fn go(&mut self) {
        self.child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    }

    /// The next step that the process tells; `None` when it is done.
    pub(crate) fn step(&mut self) -> Option<String> {
        let line =
            self.lines.by_ref().map(Result::unwrap).find(|line| is(line, "step") || is(line, "done"))?;
        is(&line, "step").then_some(line)
    }

    /// Waits for the end: how many versions this process applied.
    ///
    /// # Panics
    /// When the process failed.
    pub(crate) fn applied(mut self) -> usize {
        let done = self.find("done");
        assert!(self.child.wait().unwrap().success(), "a process that migrates has failed");
        done.unwrap().rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn find(&mut self, word: &str) -> Option<String> {
        self.lines.by_ref().map(Result::unwrap).find(|line| is(line, word))
    }
}

// The harness writes its own words before ours on the first line.
fn is(line: &str, word: &str) -> bool {
    line.split_once(':').is_some_and(|(before, _)| before.ends_with(word))
}

/// Does nothing unless this process was started by [`Migrating::start`].
#[test]
fn role_of_a_child_process() {
    let Ok(order) = std::env::var(ORDER) else { return };
    let [wal, grouped, stamp, down, path] = order.split('\n').collect::<Vec<_>>()[..] else {
        panic!("no order: {order}")
    };
    let [wal, grouped, stamp, down] = [wal, grouped, stamp, down].map(|word| word == "true");
    let mode = Mode { wal, grouped, stamp, down };
    let migrator = mode.migrator(all()).on_progress(|progress| say(&format!("step: {progress:?}")));
    say("waiting: yes");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let (mut db, mut report) = migrator.open_report(path).unwrap();
    assert_eq!(whole_version(&db), LAST);
    if down {
        report = migrator.rollback(&mut db, 1).unwrap();
        assert_eq!(whole_version(&db), 1);
    }
    say(&format!("done: {}", report.applied.len()));
}

fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{what}").unwrap();
    out.flush().unwrap();
}
