//! The way through all keys of the source.

use std::ops::ControlFlow;

use cache_core::{Key, Result};

use super::{
    Migration,
    report::{Progress, Reason, Report},
    source::{Found, Node, Source, shares},
    state::State,
};

/// What is done with the keys.
pub(super) trait Work {
    /// The state is that of the beginning.
    fn begin(&mut self, _state: &mut State) -> Result<()> {
        Ok(())
    }

    /// Does it with some of them.
    fn take(&mut self, node: &mut Node, found: &[Found<'_>], report: &mut Report) -> Result<()>;

    /// What is in the state is done, and nothing else.
    fn rest(&mut self, _state: &mut State) -> Result<()> {
        Ok(())
    }
}

impl Migration {
    /// Goes on through the keys from where the state is. What is done in a step of the scan counts at its end.
    pub(super) fn walk(
        &self,
        source: &mut Source,
        state: &mut State,
        work: &mut impl Work,
    ) -> Result<ControlFlow<()>> {
        let total = source.keys();
        state.meet(&source.nodes);
        work.begin(state)?;
        for (at, node) in source.nodes.iter_mut().enumerate() {
            while let Some(cursor) = state.places[at].cursor {
                let mut report = state.places[at].report.clone();
                let (next, keys) = node.scan(cursor, self.batch)?;
                report.scanned += keys.len() as u64;
                let wanted = self.sort(keys, &mut report);
                let found = node.measure(wanted, &mut report)?;
                for share in shares(&found) {
                    work.take(node, share, &mut report)?;
                    if self.tell(state, at, &report, total).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                state.places[at].report = report;
                state.places[at].cursor = (next != 0).then_some(next);
                work.rest(state)?;
                // Many keys may be skipped on the way to one that is not.
                if self.tell(state, at, &state.places[at].report, total).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Keys with their categories; what has none, or is no key of a cache, is skipped.
    fn sort(&self, keys: Vec<Vec<u8>>, report: &mut Report) -> Vec<(String, &str)> {
        let mut wanted = Vec::with_capacity(keys.len());
        for key in keys {
            let Some(category) = self.category_of(&key) else {
                report.skip(Reason::NoPattern, &key);
                continue;
            };
            if key.len() > Key::MAX_LEN {
                report.skip(Reason::KeyTooLong, &key);
                continue;
            }
            match String::from_utf8(key) {
                Ok(key) => wanted.push((key, category)),
                Err(error) => report.skip(Reason::NotUtf8, error.as_bytes()),
            }
        }
        wanted
    }

    /// Says how far it is: what the state holds of the other nodes, and `report` of the node `at`.
    fn tell(&self, state: &State, at: usize, report: &Report, total: Option<u64>) -> ControlFlow<()> {
        let Some(on_progress) = &self.on_progress else { return ControlFlow::Continue(()) };
        let mut progress = Progress { scanned: 0, total, moved: 0, skipped: 0, bytes: 0 };
        for (place, known) in state.places.iter().enumerate() {
            let report = if place == at { report } else { &known.report };
            progress.scanned += report.scanned;
            progress.moved += report.moved();
            progress.skipped += report.skipped();
            progress.bytes += report.categories.values().map(|moved| moved.bytes).sum::<u64>();
        }
        on_progress(&progress)
    }
}
