//! Migrations of an SQLite database.
//!
//! A program has a set of [`Migrations`]; a [`Migrator`] brings a database up to date with it, or says at once
//! that it is. History and checksums are those of refinery 0.10: its databases are taken over as they are, and
//! it goes on with those migrated here.
//!
//! ```
//! use startup_migrate::{Migrations, Migrator};
//!
//! let migrations = Migrations::new()
//!     .sql(1, "notes", "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")
//!     .sql(2, "words", "ALTER TABLE notes ADD COLUMN words INTEGER")
//!     .batched(3, "count", "SELECT count(*) FROM notes WHERE words IS NULL", |db, rows| {
//!         Ok(db.execute(
//!             "UPDATE notes SET words = 1 WHERE id IN (SELECT id FROM notes WHERE words IS NULL LIMIT ?1)",
//!             [i64::try_from(rows)?],
//!         )?)
//!     });
//! let dir = tempfile::tempdir()?;
//! let db = Migrator::new(migrations).open(dir.path().join("notes.db"))?;
//! db.execute("INSERT INTO notes (body) VALUES ('warm')", [])?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What holds
//!
//! - A step, its row in the history and the check of foreign keys are one transaction; with
//!   [`grouped`](Migrator::grouped), all versions are. A crash at any moment leaves whole versions.
//! - Several processes may start at once: one migrates, the others wait and find it done. On a file they take
//!   turns through a lock file beside it, `<file>.migrate-lock`, which is there while one migrates.
//! - The answer "current" is never wrong about the history: whoever writes to it removes the digest that
//!   the answer comes from, by triggers of the history table. The digest is in the table
//!   `startup_migrate_state`.
//! - A set that differs only in line endings is the same set.
//! - Nothing but the schema you ask for is changed: no journal mode, and `user_version` only with
//!   [`stamp`](Migrator::stamp).
//!
//! # What it is not for
//!
//! Other databases than SQLite, and programs with another SQLite in them: `links = "sqlite3"` allows one, that
//! of rusqlite 0.41. refinery does not run steps in Rust; it can go on only with a set that has a file with
//! the text `-- a step in Rust` in the place of each.
//!
//! # Spans
//!
//! Target `startup`: `migrate.check` {path}; `migrate.run` {path, from, to}; in it one `migrate.version`
//! {version, name} each.
//!
//! # Features
//!
//! None.

mod backup;
mod checksum;
mod error;
mod folder;
mod header;
mod history;
mod lock;
mod migrator;
mod progress;
mod report;
mod run;
mod set;

pub use backup::{Backup, restore};
pub use error::{BoxError, Error, ErrorKind, Result};
pub use migrator::Migrator;
pub use progress::Progress;
pub use report::{Applied, Report};
pub use set::{Migrations, Sql, SqlSet};
