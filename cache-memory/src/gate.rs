//! One computation per key at a time.
//!
//! Computations that wait for each other in a circle would wait for ever. The thread that would close one computes
//! for itself instead, like one that asks for a key which it is computing already.

use std::{collections::HashMap, sync::Arc};

use crate::sync::{Condvar, Mutex, ThreadId, global, thread};

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
    /// This very thread is computing it, further up its stack, or another one that waits for this one.
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
            return if wait(&gate, me) { Entrance::Waited } else { Entrance::Reentered };
        }
        let gate = Arc::new(Gate { owner: me, open: Mutex::new(false), opened: Condvar::new() });
        gates.insert(hash, gate.clone());
        Entrance::Enter(Pass { gates: self, hash, gate })
    }
}

global! {
    /// What each waiting thread waits for, of all caches.
    static WAITING: Mutex<HashMap<ThreadId, Arc<Gate>>> = Mutex::default();
}

/// Waits until the gate is open; `false` if that would be for ever.
fn wait(wanted: &Arc<Gate>, me: ThreadId) -> bool {
    let mut waiting = WAITING.lock();
    // Looked for and listed under one lock: of the threads that close a circle, the last one sees it.
    if is_circle(wanted, me, &waiting) {
        return false;
    }
    waiting.insert(me, wanted.clone());
    drop(waiting);
    let mut open = wanted.open.lock();
    while !*open {
        wanted.opened.wait(&mut open);
    }
    drop(open);
    WAITING.lock().remove(&me);
    true
}

fn is_circle(wanted: &Arc<Gate>, me: ThreadId, waiting: &HashMap<ThreadId, Arc<Gate>>) -> bool {
    let mut next = wanted;
    loop {
        // Who waited here goes on, though it may not have come to say so.
        if *next.open.lock() {
            return false;
        }
        if next.owner == me {
            return true;
        }
        match waiting.get(&next.owner) {
            Some(further) => next = further,
            None => return false,
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.gates.0.lock().remove(&self.hash);
        *self.gate.open.lock() = true;
        self.gate.opened.notify_all();
    }
}
