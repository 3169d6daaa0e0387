//! Finding out that there is nothing to migrate.

use std::{
    fs,
    hint::black_box,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Result, ensure};
use refinery::{Migration, Runner};
use rusqlite::Connection;
use rusqlite_migration::{M, Migrations as Steps};
use tempfile::TempDir;
use warmstart::migrate::{Migrations, Migrator, Sql, SqlSet};

use crate::bench::{Bench, Case};

pub(super) fn run(bench: &mut Bench<'_>) -> Result<()> {
    for count in [10, 100, 1_000] {
        bench.case(&format!("no migration of {count}, database is open"), |case| open(case, count))?;
        bench.case(&format!("no migration of {count}, database is not open"), |case| closed(case, count))?;
    }
    Ok(())
}

/// What one connection is asked again and again. Lists of migrations are made each time.
fn open(case: &mut Case<'_>, count: i32) -> Result<()> {
    let database = Database::new(count)?;

    let (db, fixed) = (database.connect("ours.db")?, database.fixed);
    subject(case, "is_current", move || {
        ensure!(Migrator::new(fixed).is_current(&db)?, "the database is current");
        Ok(())
    });

    let (mut db, texts) = (database.connect("listed.db")?, database.texts.clone());
    subject(case, "run, of a list", move || {
        ensure!(Migrator::new(listed(&texts)).run(&mut db)?.applied.is_empty(), "the database is current");
        Ok(())
    });

    let (mut db, texts) = (database.connect("refinery.db")?, database.texts.clone());
    subject(case, "refinery", move || theirs(&texts, &mut db));

    let (path, fixed) = (database.of_steps("steps.db")?, steps(&database.texts).leak());
    let mut db = Connection::open(path)?;
    subject(case, "rusqlite_migration", move || {
        // Hidden, so that nothing is known of it: as if it came from another crate.
        Ok(Steps::from_slice(black_box(&*fixed)).to_latest(&mut db)?)
    });

    let (path, texts) = (database.of_steps("listed-steps.db")?, database.texts.clone());
    let mut db = Connection::open(path)?;
    subject(case, "rusqlite_migration, of a list", move || Ok(Steps::new(steps(&texts)).to_latest(&mut db)?));

    let db = database.connect("floor.db")?;
    subject(case, "floor: PRAGMA user_version", move || {
        let _folder = &database;
        user_version(&db)
    });
    Ok(())
}

/// The same from a path.
fn closed(case: &mut Case<'_>, count: i32) -> Result<()> {
    let database = Database::new(count)?;

    let (path, fixed) = (database.copy("ours.db")?, database.fixed);
    subject(case, "needs_migration, by the header", move || {
        ensure!(!Migrator::new(fixed).stamp().needs_migration(&path)?, "the database is current");
        Ok(())
    });

    let (path, fixed) = (database.copy("fixed.db")?, database.fixed);
    subject(case, "open", move || {
        drop(Migrator::new(fixed).open(&path)?);
        Ok(())
    });

    let (path, texts) = (database.copy("listed.db")?, database.texts.clone());
    subject(case, "open, of a list", move || {
        drop(Migrator::new(listed(&texts)).open(&path)?);
        Ok(())
    });

    let (path, texts) = (database.copy("refinery.db")?, database.texts.clone());
    subject(case, "refinery", move || theirs(&texts, &mut Connection::open(&path)?));

    let (path, fixed) = (database.of_steps("steps.db")?, steps(&database.texts).leak());
    subject(case, "rusqlite_migration", move || {
        Ok(Steps::from_slice(black_box(&*fixed)).to_latest(&mut Connection::open(&path)?)?)
    });

    let (path, texts) = (database.of_steps("listed-steps.db")?, database.texts.clone());
    subject(case, "rusqlite_migration, of a list", move || {
        Ok(Steps::new(steps(&texts)).to_latest(&mut Connection::open(&path)?)?)
    });

    let path = database.copy("floor.db")?;
    subject(case, "floor: opened, PRAGMA user_version", move || {
        let _folder = &database;
        user_version(&Connection::open(&path)?)
    });
    Ok(())
}

fn subject<'s>(case: &mut Case<'s>, name: &str, mut one: impl FnMut() -> Result<()> + 's) {
    case.subject(name, move |times| {
        let start = Instant::now();
        for _ in 0..times {
            one()?;
        }
        Ok(start.elapsed())
    });
}

/// Names and texts of migrations, as `include_str!` would give them.
type Texts = Vec<(i32, &'static str, &'static str)>;

/// A database that is current. What was not open never is: each subject gets a copy of its own, since the header
/// must not be read of a file that the process has open.
struct Database {
    folder: TempDir,
    texts: Texts,
    fixed: &'static SqlSet,
}

impl Database {
    fn new(count: i32) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let texts = texts(count);
        let steps: Vec<Sql> =
            texts.iter().map(|(version, name, text)| Sql::new(*version, name, text)).collect();
        let fixed: &'static SqlSet = Box::leak(Box::new(SqlSet::new(steps.leak())));
        drop(Migrator::new(fixed).stamp().grouped().open(original(folder.path()))?);
        Ok(Self { folder, texts, fixed })
    }

    fn copy(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder.path().join(name);
        fs::copy(original(self.folder.path()), &path)?;
        Ok(path)
    }

    /// One that rusqlite_migration made.
    fn of_steps(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder.path().join(name);
        Steps::new(steps(&self.texts)).to_latest(&mut Connection::open(&path)?)?;
        Ok(path)
    }

    fn connect(&self, name: &str) -> Result<Connection> {
        Ok(Connection::open(self.copy(name)?)?)
    }
}

fn original(folder: &Path) -> PathBuf {
    folder.join("original.db")
}

fn texts(count: i32) -> Texts {
    let text = |n: i32| match n {
        1 => "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL)".to_owned(),
        n => {
            format!("INSERT INTO notes (id, body) VALUES ({n}, 'a text about as long as a migration may be')")
        }
    };
    (1..=count).map(|n| (n, &*format!("step_{n}").leak(), &*text(n).leak())).collect()
}

fn listed(texts: &Texts) -> Migrations {
    texts.iter().fold(Migrations::new(), |set, (version, name, text)| set.sql(*version, *name, *text))
}

fn steps(texts: &Texts) -> Vec<M<'static>> {
    texts.iter().map(|(_, _, text)| M::up(text)).collect()
}

fn theirs(texts: &Texts, db: &mut Connection) -> Result<()> {
    let one = |(version, name, text): &(i32, &str, &str)| {
        Migration::unapplied(&format!("V{version}__{name}"), text)
    };
    let migrations = texts.iter().map(one).collect::<Result<Vec<_>, _>>()?;
    ensure!(Runner::new(&migrations).run(db)?.applied_migrations().is_empty(), "the database is current");
    Ok(())
}

fn user_version(db: &Connection) -> Result<()> {
    db.pragma_query_value(None, "user_version", |row| row.get::<_, i32>(0))?;
    Ok(())
}
