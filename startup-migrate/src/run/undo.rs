//! A rollback.

use std::{path::Path, time::Instant};

use super::Run;
use crate::{Error, ErrorKind, Result, history, set::Step};

impl Run<'_> {
    pub(super) fn bring_down(&mut self, to: i32) -> Result<()> {
        let steps = self.migrator.steps()?;
        let path = self.path();
        let start = Instant::now();
        let _lock = self.lock(path.as_deref())?;
        self.report.waited = start.elapsed();
        let shown = path.as_deref().unwrap_or(Path::new("")).display().to_string();
        let from = history::last(&self.applied()?);
        let _span = tracing::info_span!(target: "startup", "migrate.run", path = shown, from, to).entered();
        self.without_foreign_keys(|run| run.transaction("rolling back", |run| run.undo(steps, to)))?;
        self.settle();
        Ok(())
    }

    fn undo(&mut self, steps: &[Step], to: i32) -> Result<()> {
        let applied = self.applied()?;
        history::pending(steps, &applied)?;
        let from = history::last(&applied);
        (self.report.from, self.report.to) = (from, from);
        let versions = applied.iter().rev().map(|row| row.version).take_while(|version| *version > to);
        let mut undone = Vec::new();
        for version in versions {
            let step = steps.iter().find(|step| step.version == version);
            let down = step.and_then(|step| Some((step, step.down.as_ref()?)));
            let name = || step.map_or_else(String::new, |step| step.name.to_string());
            undone.push(down.ok_or_else(|| Error::new(ErrorKind::NoDownStep { version, name: name() }))?);
        }
        if undone.is_empty() {
            return Ok(());
        }
        self.back_up(from)?;
        self.storage("writing the history", history::create)?;
        for (step, down) in &undone {
            self.apply(step, down, undone.len())?;
            self.storage("writing the history", |db| history::remove(db, step.version))?;
        }
        self.report.to =
            applied.iter().rev().map(|row| row.version).find(|version| *version <= to).unwrap_or(0);
        if self.migrator.stamp {
            self.storage("removing the stamp", |db| db.pragma_update(None, "user_version", 0))?;
        }
        self.check_integrity()
    }
}
