//! What takes long and nobody waits for: deleting what was cleared, and finding the entries of a category whose
//! log is gone. Done by a thread that lives as long as there is such work.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::JoinHandle,
    time::Instant,
};

use cache_core::{ErrorKind, Result};
use parking_lot::Mutex;

use crate::{format::Opening, names::Leaf, record::Meta, shelf::Reading, store::Store};

/// The thread.
#[derive(Debug, Default)]
pub(crate) struct Worker {
    state: Mutex<State>,
    stop: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    thread: Option<JoinHandle<()>>,
    running: bool,
    /// Whether more work came while it ran.
    again: bool,
}

impl Store {
    /// Has the thread look for work. Without threads, maintenance does it.
    pub(crate) fn start_work(self: &Arc<Self>) {
        if !self.options.threaded {
            return;
        }
        let mut state = self.worker.state.lock();
        if state.running {
            state.again = true;
            return;
        }
        let store = Arc::clone(self);
        let spawned = std::thread::Builder::new().name("cache-file".into()).spawn(move || store.run());
        match spawned {
            Ok(thread) => (state.thread, state.running) = (Some(thread), true),
            Err(error) => tracing::warn!(%error, "no thread for the cache; the next maintenance tries again"),
        }
    }

    /// Stops the thread at the next file, and waits for it.
    pub(crate) fn stop_work(&self) {
        self.worker.stop.store(true, SeqCst);
        let thread = self.worker.state.lock().thread.take();
        if let Some(thread) = thread {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the thread of the cache panicked");
            }
        }
    }

    fn run(self: Arc<Self>) {
        loop {
            if let Err(error) = self.work(true) {
                tracing::warn!(%error, "the cache could not be put in order; the next maintenance tries again");
            }
            let mut state = self.worker.state.lock();
            state.running = state.again && !self.worker.stop.load(SeqCst);
            state.again = false;
            if !state.running {
                return;
            }
        }
    }

    /// Does all there is; `gently` lets others have the disk half of the time.
    pub(crate) fn work(&self, gently: bool) -> Result<()> {
        let swept = self.tree.sweep(&|| self.goes_on());
        let rebuild = |category: &String| match self.goes_on() && !self.is_complete(category)? {
            true => self.rebuild(category, gently),
            false => Ok(()),
        };
        self.tree.categories()?.iter().map(rebuild).fold(swept, Result::and)
    }

    fn goes_on(&self) -> bool {
        !self.worker.stop.load(SeqCst)
    }

    fn is_complete(&self, category: &str) -> Result<bool> {
        self.locked(|shelves, _| {
            let shelf = shelves.entry(category.into()).or_default();
            shelf.sync(&self.tree, category, Reading::All)?;
            Ok(shelf.complete().is_some())
        })
    }

    /// Makes the log of a category anew from the heads of its entries.
    fn rebuild(&self, category: &str, gently: bool) -> Result<()> {
        tracing::info!(category, "looking for the entries of a category without a whole log");
        let mut found = Vec::new();
        for leaf in Leaf::all() {
            let start = Instant::now();
            let listed = self.tree.list(category, leaf)?;
            for &(id, len, written) in &listed {
                if !self.goes_on() {
                    return Ok(());
                }
                // Under the lock, so that what is deleted as damaged has not just been replaced.
                let meta = self.locked(|_, _| Ok(self.count(category, id, len, written)))?;
                found.extend(meta.map(|meta| (id, meta)));
            }
            if gently && !listed.is_empty() {
                // Not a sleep: who stops the thread ends it.
                std::thread::park_timeout(start.elapsed());
            }
        }
        self.locked(|shelves, _| {
            let shelf = shelves.entry(category.into()).or_default();
            shelf.sync(&self.tree, category, Reading::All)?;
            // Another process may have been quicker, or the category is gone.
            if shelf.complete().is_none() && self.tree.has_category(category) {
                shelf.complete_with(found, &self.tree, category)?;
            }
            Ok(())
        })
    }

    /// What an entry counts. One that cannot be read, such as another user's, takes its room all the same.
    pub(crate) fn count(&self, category: &str, id: u64, len: u64, written: i64) -> Option<Meta> {
        self.look_at(category, id, written).unwrap_or_else(|error| {
            tracing::warn!(category, %error, "an entry cannot be looked at");
            Some(Meta { size: len, expires_at: None, last_used: written, hits: 0 })
        })
    }

    /// What the head of an entry says; one that is damaged is deleted, so this needs the lock.
    pub(crate) fn look_at(&self, category: &str, id: u64, last_used: i64) -> Result<Option<Meta>> {
        let Some((mut file, len)) = self.tree.open_entry(category, id)? else { return Ok(None) };
        match Opening::read(&mut file, len, &mut self.pool.take().buffer) {
            Ok(opening) => {
                let expires_at = opening.head.expires_at;
                Ok(Some(Meta { size: len, expires_at, last_used, hits: 0 }))
            }
            Err(error) if matches!(error.kind(), ErrorKind::Corrupt(_)) => {
                tracing::warn!(category, %error, "a damaged entry is deleted");
                self.tree.delete(category, id).map(|()| None)
            }
            Err(error) => Err(error),
        }
    }
}
