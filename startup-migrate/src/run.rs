//! One run over an open database.

use std::{
    cell::Cell,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rusqlite::{
    Connection, ErrorCode,
    hooks::{AuthAction, AuthContext, Authorization},
};

use crate::{
    Applied, Backup, BoxError, Error, ErrorKind, Migrator, Progress, Report, Result, backup, header, history,
    lock::Lock,
    set::{Action, Step},
};

mod transaction;
mod undo;

pub(crate) struct Run<'a> {
    migrator: &'a Migrator,
    db: &'a mut Connection,
    report: Report,
    /// When the work must be done; starts with the first lock.
    deadline: Option<Instant>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(migrator: &'a Migrator, db: &'a mut Connection) -> Self {
        Self { migrator, db, report: Report::default(), deadline: None }
    }

    pub(crate) fn up(self) -> Result<Report> {
        self.with_settings(Self::bring_up)
    }

    pub(crate) fn down(self, to: i32) -> Result<Report> {
        self.with_settings(|run| run.bring_down(to))
    }

    fn with_settings(mut self, work: impl FnOnce(&mut Self) -> Result<()>) -> Result<Report> {
        if !self.db.is_autocommit() {
            return Err(ErrorKind::Storage("migrating inside an open transaction".to_owned()).into());
        }
        let storage = |error| Error::storage("preparing the connection", error);
        let busy: u32 = self.db.query_row("PRAGMA busy_timeout", [], |row| row.get(0)).map_err(storage)?;
        self.db.busy_timeout(self.migrator.timeout.min(Duration::from_secs(86_400))).map_err(storage)?;
        let done = work(&mut self);
        self.db.busy_timeout(Duration::from_millis(busy.into())).map_err(storage)?;
        done.map(|()| self.report)
    }

    fn bring_up(&mut self) -> Result<()> {
        let (digest, last) = self.migrator.digest()?;
        let path = self.path();
        let shown = path.as_deref().unwrap_or(Path::new("")).display().to_string();
        {
            let _span = tracing::info_span!(target: "startup", "migrate.check", path = shown).entered();
            if self.migrator.fast && self.is_done(digest, last)? {
                (self.report.from, self.report.to) = (last, last);
                return Ok(());
            }
        }
        let steps = self.migrator.steps()?;
        let start = Instant::now();
        let mut lock = None;
        if !history::pending(steps, &self.applied()?)?.is_empty() {
            lock = self.lock(path.as_deref())?;
        }
        self.report.waited = start.elapsed();
        // The second look: others may have been at it while this one waited.
        let applied = self.applied()?;
        let pending = history::pending(steps, &applied)?;
        self.report.from = history::last(&applied);
        self.report.to = self.report.from;
        if pending.is_empty() {
            if self.migrator.fast {
                self.take_over(digest);
            }
            return Ok(());
        }
        let span = tracing::info_span!(target: "startup", "migrate.run", path = shown, from = self.report.from, to = last);
        let _span = span.entered();
        let count = pending.len();
        self.without_foreign_keys(|run| {
            while run.transaction("migrating", |run| run.some(steps, digest, count))? {}
            Ok(())
        })?;
        self.settle();
        drop(lock);
        Ok(())
    }

    /// One transaction; whether there is more to do.
    fn some(&mut self, steps: &[Step], digest: u64, count: usize) -> Result<bool> {
        let applied = self.applied()?;
        let pending = history::pending(steps, &applied)?;
        let from = history::last(&applied);
        if self.report.applied.is_empty() {
            (self.report.from, self.report.to) = (from, from);
        }
        if pending.is_empty() {
            return Ok(false);
        }
        self.back_up(from)?;
        let now = if self.migrator.grouped { &pending[..] } else { &pending[..1] };
        self.storage("writing the history", history::create)?;
        for &at in now {
            let step = &steps[at];
            self.apply(step, &step.up, count)?;
            self.storage("writing the history", |db| history::add(db, step))?;
            self.report.to = self.report.to.max(step.version);
        }
        let more = now.len() < pending.len();
        if !more {
            self.check_integrity()?;
            self.storage("writing the history", |db| history::record(db, digest))?;
            if self.migrator.stamp {
                self.storage("writing the stamp", |db| header::write(db, digest))?;
            }
        }
        Ok(more)
    }

    fn apply(&mut self, step: &Step, action: &Action, count: usize) -> Result<()> {
        let (version, name) = (step.version, &*step.name);
        let _span = tracing::info_span!(target: "startup", "migrate.version", version, name).entered();
        let start = Instant::now();
        let progress = Progress {
            version,
            name,
            index: self.report.applied.len() + 1,
            count,
            rows: Cell::new(0),
            total: Cell::new(None),
            listener: &*self.migrator.listener,
        };
        let before = self.db.total_changes();
        progress.tell();
        let done = self.do_action(action, &progress);
        if self.is_late() {
            return Err(self.timed_out(&format!("V{version}__{name}")));
        }
        done.map_err(|error| {
            Error::new(ErrorKind::Step { version, name: name.to_owned() }).caused_by(error)
        })?;
        self.check_foreign_keys(version)?;
        let rows = match action {
            Action::Batched { .. } => progress.rows(),
            Action::Sql(_) | Action::Rust(_) => self.db.total_changes().saturating_sub(before),
        };
        self.report.applied.push(Applied { version, name: name.to_owned(), duration: start.elapsed(), rows });
        Ok(())
    }

    fn do_action(&mut self, action: &Action, progress: &Progress<'_>) -> Result<(), BoxError> {
        // A step that committed would leave half a version behind. SQLite also rolls back by itself (`OR
        // ROLLBACK`, a full disk): what a step then goes on to do would be committed at once.
        self.db.commit_hook(Some(|| true))?;
        self.db.authorizer(Some(|context: AuthContext<'_>| match context.action {
            AuthAction::Transaction { .. } => Authorization::Deny,
            _ => Authorization::Allow,
        }))?;
        match action {
            Action::Sql(sql) => self.db.execute_batch(sql)?,
            Action::Rust(code) => code(self.db, progress)?,
            Action::Batched { total, batch } => {
                let rows: i64 = self.db.query_row(total, [], |row| row.get(0))?;
                progress.set_total(u64::try_from(rows).unwrap_or(0));
                loop {
                    let rows = batch(self.db, self.migrator.batch_size)?;
                    if rows == 0 || self.is_late() {
                        break;
                    }
                    progress.advance(rows as u64);
                }
            }
        }
        self.db.authorizer(None::<fn(AuthContext<'_>) -> Authorization>)?;
        self.db.commit_hook(None::<fn() -> bool>)?;
        if self.db.is_autocommit() {
            return Err("the step has lost its transaction".into());
        }
        Ok(())
    }

    fn check_foreign_keys(&self, version: i32) -> Result<()> {
        let tables = self.storage("checking foreign keys", |db| {
            let mut statement = db.prepare("PRAGMA foreign_key_check")?;
            let tables = statement.query_map([], |row| row.get::<_, String>(0))?;
            tables.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        match tables.first() {
            Some(table) => {
                Err(ErrorKind::ForeignKeys { version, table: table.clone(), rows: tables.len() }.into())
            }
            None => Ok(()),
        }
    }

    fn check_integrity(&self) -> Result<()> {
        if !self.migrator.integrity {
            return Ok(());
        }
        let check =
            |db: &Connection| db.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0));
        let said = self.storage("checking the integrity", check)?;
        if said == "ok" { Ok(()) } else { Err(ErrorKind::Integrity(said).into()) }
    }

    fn back_up(&mut self, from: i32) -> Result<()> {
        let Some(path) = self.path() else { return Ok(()) };
        if self.migrator.backup == Backup::None || !self.report.applied.is_empty() {
            return Ok(());
        }
        let count =
            |db: &Connection| db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0));
        let filled: i64 = self.storage("looking at the schema", count)?;
        if filled > 0 {
            self.report.backup = Some(backup::make(&path, from)?);
        }
        Ok(())
    }

    /// What is left to do when all went well.
    fn settle(&mut self) {
        if self.migrator.backup == Backup::RemoveOnSuccess
            && let Some(backup) = self.report.backup.take()
            && let Err(error) = std::fs::remove_file(&backup)
        {
            tracing::warn!(%error, "the backup could not be removed");
            self.report.backup = Some(backup);
        }
    }

    fn is_done(&self, digest: u64, last: i32) -> Result<bool> {
        let recorded = self.storage("reading the history", |db| history::is_recorded(db, digest, last))?;
        Ok(recorded
            && (!self.migrator.stamp
                || self.storage("reading the stamp", |db| header::is_stamped(db, digest))?))
    }

    /// Makes the next check fast. A database that cannot be written is current all the same.
    fn take_over(&mut self, digest: u64) {
        let migrator = self.migrator;
        // Not worth a wait; the next run tries again.
        if self.db.busy_timeout(Duration::ZERO).is_err() {
            return;
        }
        let done = self.transaction("taking over", |run| {
            let steps = migrator.steps()?;
            if !steps.is_empty() && history::pending(steps, &run.applied()?)?.is_empty() {
                run.storage("writing the history", |db| history::record(db, digest))?;
                if migrator.stamp {
                    run.storage("writing the stamp", |db| header::write(db, digest))?;
                }
            }
            Ok(())
        });
        if let Err(error) = done {
            tracing::debug!(%error, "the digest of the migrations is not written down");
        }
    }

    fn lock(&self, path: Option<&Path>) -> Result<Option<Lock>> {
        let Some(path) = path else { return Ok(None) };
        Lock::acquire(path, self.migrator.timeout).map_err(|_| self.timed_out("waiting for another process"))
    }

    fn path(&self) -> Option<PathBuf> {
        self.db.path().filter(|path| !path.is_empty()).map(PathBuf::from)
    }

    fn applied(&self) -> Result<Vec<history::Row>> {
        self.storage("reading the history", history::rows)?
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() > deadline)
    }

    fn timed_out(&self, doing: &str) -> Error {
        ErrorKind::Timeout { doing: doing.to_owned(), limit: self.migrator.timeout }.into()
    }

    fn busy(&self, error: rusqlite::Error, doing: &str) -> Error {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy) => self.timed_out(doing).caused_by(error),
            _ => Error::storage(doing, error),
        }
    }

    fn storage<T>(&self, doing: &str, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(self.db).map_err(|error| self.busy(error, doing))
    }
}
