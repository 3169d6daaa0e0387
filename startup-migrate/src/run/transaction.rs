//! One transaction, within its time.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    time::Instant,
};

use rusqlite::hooks::{AuthContext, Authorization};

use super::Run;
use crate::{Error, ErrorKind, Result};

/// SQLite's instructions between two looks at the clock.
const OPS: i32 = 10_000;

impl Run<'_> {
    pub(super) fn transaction<T>(
        &mut self,
        doing: &str,
        work: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let asked = Instant::now();
        self.db.execute_batch("BEGIN IMMEDIATE").map_err(|error| self.busy(error, "waiting for the lock"))?;
        self.report.waited += asked.elapsed();
        let deadline = match self.deadline {
            Some(deadline) => Some(deadline),
            None => Instant::now().checked_add(self.migrator.timeout),
        };
        self.deadline = deadline;
        let versions = self.report.clone();
        let result = catch_unwind(AssertUnwindSafe(|| {
            let late = move || deadline.is_some_and(|deadline| Instant::now() > deadline);
            self.db
                .progress_handler(OPS, Some(late))
                .map_err(|error| Error::storage("setting the time limit", error))?;
            let done = work(self)?;
            self.unhook();
            self.db.execute_batch("COMMIT").map_err(|error| self.busy(error, doing))?;
            Ok(done)
        }));
        if matches!(result, Ok(Ok(_))) {
            return result.unwrap_or_else(|panic| resume_unwind(panic));
        }
        let late = self.is_late();
        self.unhook();
        if !self.db.is_autocommit()
            && let Err(error) = self.db.execute_batch("ROLLBACK")
        {
            tracing::warn!(%error, "the rollback failed");
        }
        let backup = self.report.backup.take();
        self.report = versions;
        self.report.backup = backup;
        match result {
            Ok(Err(error)) if late && matches!(error.kind(), ErrorKind::Storage(_)) => {
                Err(self.timed_out(doing))
            }
            Ok(result) => result,
            Err(panic) => resume_unwind(panic),
        }
    }

    // SQLite ignores this inside a transaction.
    pub(super) fn without_foreign_keys(&mut self, work: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let on: bool = self.storage("reading foreign_keys", |db| {
            db.pragma_query_value(None, "foreign_keys", |row| row.get(0))
        })?;
        let set = |run: &Self, on: bool| {
            run.storage("setting foreign_keys", |db| db.pragma_update(None, "foreign_keys", on))
        };
        set(self, false)?;
        let done = catch_unwind(AssertUnwindSafe(|| work(self)));
        set(self, on)?;
        done.unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn unhook(&mut self) {
        // Neither fails once it could be set.
        let _ = self.db.progress_handler(0, None::<fn() -> bool>);
        let _ = self.db.commit_hook(None::<fn() -> bool>);
        let _ = self.db.authorizer(None::<fn(AuthContext<'_>) -> Authorization>);
    }
}
