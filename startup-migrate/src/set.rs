//! The migrations of a program.

use std::{borrow::Cow, fmt, sync::Arc};

use refinery::Migration;
use rusqlite::Connection;

use crate::{BoxError, Progress, checksum};

type Code = Arc<dyn Fn(&Connection, &Progress<'_>) -> Result<(), BoxError> + Send + Sync>;
type Batch = Arc<dyn Fn(&Connection, u64) -> Result<usize, BoxError> + Send + Sync>;

/// A step in SQL whose checksum is computed at compile time, where it stands in a `const` or `static`.
#[derive(Debug, Clone, Copy)]
pub struct Sql {
    version: i32,
    name: &'static str,
    text: &'static str,
    lines: u64,
}

impl Sql {
    /// The step `V{version}__{name}.sql`.
    pub const fn new(version: i32, name: &'static str, text: &'static str) -> Self {
        Self { version, name, text, lines: checksum::of_lines(version, name, text) }
    }
}

/// A set of steps in SQL whose digest is computed at compile time: asking whether a database is current then
/// costs the same for ten and for a thousand.
///
/// ```
/// use startup_migrate::{Migrator, Sql, SqlSet};
///
/// static SCHEMA: SqlSet = SqlSet::new(&[
///     Sql::new(1, "notes", "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL)"),
///     Sql::new(2, "stars", "ALTER TABLE notes ADD COLUMN stars INTEGER NOT NULL DEFAULT 0"),
/// ]);
/// let dir = tempfile::tempdir()?;
/// let db = Migrator::new(&SCHEMA).open(dir.path().join("notes.db"))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SqlSet {
    steps: &'static [Sql],
    digest: u64,
    ordered: bool,
}

impl SqlSet {
    /// These steps. If their versions do not ascend, the digest is computed when it is needed.
    pub const fn new(steps: &'static [Sql]) -> Self {
        let mut digest = checksum::Digest::new();
        let (mut at, mut last, mut ordered) = (0, 0, true);
        while at < steps.len() {
            ordered &= steps[at].version > last && !steps[at].name.is_empty();
            last = steps[at].version;
            digest.add(last, steps[at].lines);
            at += 1;
        }
        Self { steps, digest: digest.finish(), ordered }
    }
}

/// The migrations of a program, checked when they are first used.
///
/// ```
/// use startup_migrate::{Migrations, Migrator};
///
/// let migrations = Migrations::new()
///     .sql(1, "notes", "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL, words INTEGER)")
///     .down_sql(1, "DROP TABLE notes")
///     .rust(2, "words", |db, progress| {
///         progress.advance(db.execute("UPDATE notes SET words = 1", [])? as u64);
///         Ok(())
///     });
/// let dir = tempfile::tempdir()?;
/// let db = Migrator::new(migrations).open(dir.path().join("notes.db"))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct Migrations {
    fixed: Option<&'static SqlSet>,
    steps: Vec<Step>,
    downs: Vec<(i32, Action)>,
}

/// One version.
pub(crate) struct Step {
    pub(crate) version: i32,
    pub(crate) name: Cow<'static, str>,
    pub(crate) up: Action,
    pub(crate) down: Option<Action>,
    /// refinery's `U` prefix: may be applied after later versions.
    pub(crate) any_order: bool,
}

pub(crate) enum Action {
    Sql(Cow<'static, str>),
    Rust(Code),
    Batched { total: String, batch: Batch },
}

impl Migrations {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Those that refinery read or embedded.
    ///
    /// As in refinery, one with the prefix `U` is applied once like any other, but also where later versions
    /// already were. A rollback goes by the versions, not by the order in which they were applied.
    pub fn from_refinery(migrations: impl IntoIterator<Item = Migration>) -> Self {
        let step = |migration: Migration| Step {
            version: migration.version(),
            name: migration.name().to_owned().into(),
            up: Action::Sql(migration.sql().unwrap_or_default().to_owned().into()),
            down: None,
            any_order: migration.to_string().starts_with('U'),
        };
        Self { steps: migrations.into_iter().map(step).collect(), ..Self::default() }
    }

    /// Adds a step in SQL, any number of statements.
    #[must_use]
    pub fn sql(self, version: i32, name: impl Into<String>, sql: impl Into<String>) -> Self {
        self.step(version, name.into(), Action::Sql(sql.into().into()))
    }

    /// Adds a step in Rust, which runs inside the transaction of its version.
    ///
    /// Its checksum is that of `V{version}__{name}.sql` with the text `-- a step in Rust`: a change of the code
    /// is not noticed.
    #[must_use]
    pub fn rust<F>(self, version: i32, name: impl Into<String>, step: F) -> Self
    where
        F: Fn(&Connection, &Progress<'_>) -> Result<(), BoxError> + Send + Sync + 'static,
    {
        self.step(version, name.into(), Action::Rust(Arc::new(step)))
    }

    /// Adds a step in Rust that is called with a number of rows until it says that it did none; `total` is a
    /// query for the number of rows there are to do. All batches are one transaction. Checksum as of
    /// [`rust`](Self::rust).
    #[must_use]
    pub fn batched<F>(self, version: i32, name: impl Into<String>, total: impl Into<String>, batch: F) -> Self
    where
        F: Fn(&Connection, u64) -> Result<usize, BoxError> + Send + Sync + 'static,
    {
        self.step(version, name.into(), Action::Batched { total: total.into(), batch: Arc::new(batch) })
    }

    /// Says in SQL how a version is undone.
    #[must_use]
    pub fn down_sql(mut self, version: i32, sql: impl Into<String>) -> Self {
        self.downs.push((version, Action::Sql(sql.into().into())));
        self
    }

    /// Says in Rust how a version is undone.
    #[must_use]
    pub fn down_rust<F>(mut self, version: i32, step: F) -> Self
    where
        F: Fn(&Connection, &Progress<'_>) -> Result<(), BoxError> + Send + Sync + 'static,
    {
        self.downs.push((version, Action::Rust(Arc::new(step))));
        self
    }

    fn step(mut self, version: i32, name: String, up: Action) -> Self {
        self.steps.push(Step { version, name: name.into(), up, down: None, any_order: false });
        self
    }

    /// The digest, where it is known without looking at the steps, and the last version.
    pub(crate) fn known(&self) -> Option<(u64, i32)> {
        let fixed = self.fixed.filter(|fixed| fixed.ordered && self.steps.is_empty())?;
        Some((fixed.digest, fixed.steps.last().map_or(0, |last| last.version)))
    }

    /// The steps in order, or what is wrong with them.
    pub(crate) fn check(&self) -> Result<Vec<Step>, String> {
        let fixed = self.fixed.map_or(&[][..], |fixed| fixed.steps).iter().map(|sql| Step {
            version: sql.version,
            name: sql.name.into(),
            up: Action::Sql(sql.text.into()),
            down: None,
            any_order: false,
        });
        let mut steps: Vec<Step> = fixed.chain(self.steps.iter().map(Step::share)).collect();
        steps.sort_by_key(|step| step.version);
        for step in &steps {
            let usable = |c: char| c.is_alphanumeric() || c == '_';
            if step.version < 1 {
                return Err(format!("{step} has a version below 1"));
            }
            if step.name.is_empty() || !step.name.chars().all(usable) {
                return Err(format!("{step} has a name that is not letters, digits and underscores"));
            }
        }
        if let Some([a, b]) = steps.array_windows().find(|[a, b]| a.version == b.version) {
            return Err(format!("{a} and {b} have the same version"));
        }
        for (version, down) in &self.downs {
            match steps.binary_search_by_key(version, |step| step.version) {
                Ok(at) if steps[at].down.is_none() => steps[at].down = Some(down.share()),
                Ok(at) => return Err(format!("{} has two down steps", steps[at])),
                Err(_) => return Err(format!("a down step for version {version}, which there is not")),
            }
        }
        Ok(steps)
    }
}

impl Step {
    /// What refinery would write down.
    pub(crate) fn checksum(&self) -> u64 {
        checksum::of_text(self.version, &self.name, self.up.text())
    }

    /// The same for all line endings.
    pub(crate) fn lines(&self) -> u64 {
        checksum::of_lines(self.version, &self.name, self.up.text())
    }

    /// Whether this is the checksum of the step with one line ending or the other.
    pub(crate) fn is(&self, checksum: u64) -> bool {
        let crlf = || self.up.text().replace("\r\n", "\n").replace('\n', "\r\n");
        checksum == self.checksum()
            || checksum == self.lines()
            || checksum == checksum::of_text(self.version, &self.name, &crlf())
    }

    fn share(&self) -> Self {
        let Self { version, name, up, any_order, .. } = self;
        Self { version: *version, name: name.clone(), up: up.share(), down: None, any_order: *any_order }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = if self.any_order { 'U' } else { 'V' };
        write!(f, "{prefix}{}__{}", self.version, self.name)
    }
}

impl Action {
    fn text(&self) -> &str {
        match self {
            Self::Sql(sql) => sql,
            Self::Rust(_) | Self::Batched { .. } => checksum::RUST_TEXT,
        }
    }

    fn share(&self) -> Self {
        match self {
            Self::Sql(sql) => Self::Sql(sql.clone()),
            Self::Rust(code) => Self::Rust(code.clone()),
            Self::Batched { total, batch } => Self::Batched { total: total.clone(), batch: batch.clone() },
        }
    }
}

impl From<Vec<Migration>> for Migrations {
    fn from(migrations: Vec<Migration>) -> Self {
        Self::from_refinery(migrations)
    }
}

impl From<&'static SqlSet> for Migrations {
    fn from(fixed: &'static SqlSet) -> Self {
        Self { fixed: Some(fixed), ..Self::default() }
    }
}

impl fmt::Debug for Migrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.steps.iter().map(ToString::to_string).collect();
        f.debug_struct("Migrations")
            .field("fixed", &self.fixed)
            .field("steps", &names)
            .finish_non_exhaustive()
    }
}
