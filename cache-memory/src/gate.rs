//! One computation per key at a time.

use std::{
    collections::HashMap,
    sync::Arc,
    thread::{self, ThreadId},
};

use parking_lot::{Condvar, Mutex};

/// The keys whose values are being computed, by hash: two keys of one hash take turns.
#[derive(Debug, Default)]
pub(crate) struct Gates(Mutex<HashMap<u64, Arc<Gate>>>);

#[derive(Debug)]
struct Gate {
    owner: ThreadId,
    open: Mutex<bool>,
    opened: Condvar,
}

/// What becomes of someone who wants to compute a value.
pub(crate) enum Entrance<'a> {
    /// Compute it; the gate opens for others when this is dropped.
    Enter(Pass<'a>),
    /// Someone else has just ended; look again.
    Waited,
    /// This very thread is computing it, further up its stack.
    Reentered,
}

/// The right to compute, until it is dropped.
pub(crate) struct Pass<'a> {
    gates: &'a Gates,
    hash: u64,
    gate: Arc<Gate>,
}

impl Gates {
    /// Enters the gate of a key, or waits until who is inside leaves.
    pub(crate) fn enter(&self, hash: u64) -> Entrance<'_> {
        let me = thread::current().id();
        let mut gates = self.0.lock();
        if let Some(gate) = gates.get(&hash).cloned() {
            drop(gates);
            if gate.owner == me {
                return Entrance::Reentered;
            }
            let mut open = gate.open.lock();
            while !*open {
                gate.opened.wait(&mut open);
            }
            return Entrance::Waited;
        }
        let gate = Arc::new(Gate { owner: me, open: Mutex::new(false), opened: Condvar::new() });
        gates.insert(hash, gate.clone());
        Entrance::Enter(Pass { gates: self, hash, gate })
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.gates.0.lock().remove(&self.hash);
        *self.gate.open.lock() = true;
        self.gate.opened.notify_all();
    }
}
