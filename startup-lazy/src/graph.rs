//! Which thread loads what, and which thread waits for what.

use super::sync::ThreadId;

/// The loads that run now and the threads that wait for them. As many entries as there are such threads,
/// so that a walk over all of them is short.
#[derive(Debug)]
pub(crate) struct Graph {
    /// In the order in which they began: what one thread loads is a stack, the innermost last.
    loads: Vec<Load>,
    waits: Vec<Wait>,
}

/// The address of a machine. It does not move while it loads, since it is borrowed.
pub(crate) type Id = usize;

#[derive(Debug)]
struct Load {
    thread: ThreadId,
    id: Id,
    name: &'static str,
}

#[derive(Debug)]
struct Wait {
    thread: ThreadId,
    id: Id,
}

impl Graph {
    pub(crate) const fn new() -> Self {
        Self { loads: Vec::new(), waits: Vec::new() }
    }

    /// The path from `id` back to `id`, if `thread` would wait for ever for it.
    ///
    /// A thread waits for one load at a time and a load has one thread, so there is one way to walk.
    pub(crate) fn cycle(&self, thread: ThreadId, id: Id) -> Option<Vec<&'static str>> {
        let mut path = Vec::new();
        let mut wanted = id;
        // There was no cycle before this one, so the walk meets each load once at most.
        for _ in 0..=self.loads.len() {
            let start = self.loads.iter().position(|load| load.id == wanted)?;
            let loader = self.loads[start].thread;
            path.extend(
                self.loads[start..].iter().filter(|load| load.thread == loader).map(|load| load.name),
            );
            if loader == thread {
                path.extend(path.first().copied());
                return Some(path);
            }
            wanted = self.waits.iter().find(|wait| wait.thread == loader)?.id;
        }
        None
    }

    pub(crate) fn begin(&mut self, thread: ThreadId, id: Id, name: &'static str) {
        self.loads.push(Load { thread, id, name });
    }

    /// Ends the load and the waits for it: a waiter that has not yet woken up must not be taken for one
    /// that waits for the next load.
    pub(crate) fn end(&mut self, id: Id) {
        self.loads.retain(|load| load.id != id);
        self.waits.retain(|wait| wait.id != id);
    }

    pub(crate) fn wait(&mut self, thread: ThreadId, id: Id) {
        self.waits.push(Wait { thread, id });
    }

    pub(crate) fn woken(&mut self, thread: ThreadId) {
        self.waits.retain(|wait| wait.thread != thread);
    }
}
