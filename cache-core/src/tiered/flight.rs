//! Single flight: one load per key, however many ask for it.
//!
//! Who asks first leads: it runs its loader while the others wait for the outcome. Loads that wait for
//! each other in a circle would wait for ever, so before a thread waits it follows the chain: the load
//! it wants, the thread that runs it, the load that thread waits for, and so on. If the chain comes back
//! to the thread itself, it gets an error that names the path instead.
//!
//! The chain spans all caches of the process. What it cannot see is a loader that hands its work to
//! another thread and waits for that one by other means.

use std::{
    any::{Any, TypeId},
    cell::RefCell,
    collections::HashMap,
    sync::Arc,
};

use super::ticket::{Stamp, Ticket};
use crate::sync::{Condvar, Mutex, ThreadId, global, local, thread};

/// The loads under way in one cache.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<FlightKey, Arc<Flight>>>);

/// A load is shared by those who ask for one key and take one type of error.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct FlightKey {
    pub(super) category: u32,
    pub(super) key: Box<str>,
    pub(super) error: TypeId,
}

/// A value or an error of types that the askers know.
pub(super) type Outcome = Result<Arc<dyn Any + Send + Sync>, Arc<dyn Any + Send + Sync>>;

/// A load under way.
#[derive(Debug)]
pub(super) struct Flight {
    /// `category/"key"`, for people.
    name: String,
    owner: ThreadId,
    /// As of the leader's ticket; its own claim is no reason not to join it.
    stamp: Mutex<Stamp>,
    state: Mutex<State>,
    landed: Condvar,
}

#[derive(Debug)]
enum State {
    Running,
    Landed(Outcome),
    /// The loader panicked.
    Lost,
}

/// What becomes of someone who asks for a load.
pub(super) enum Boarding<'a> {
    /// Run the loader and [land](Leader::land).
    Lead(Leader<'a>),
    /// Another's load ended; `None` if it panicked and it is worth asking again.
    Landed(Option<Outcome>),
    /// Waiting would be for ever. The path begins and ends with the load that was asked for.
    Cycle(Vec<String>),
}

impl Flights {
    /// Joins the load of `key` if there is one, or leads a new one. Waits.
    ///
    /// A load that began before the last write of its key is not joined: what it brings may be older. But
    /// one that this very thread runs is, however old: that is a circle.
    pub(super) fn board<'a>(
        &'a self,
        key: FlightKey,
        ticket: Ticket<'a>,
        is_unchanged: impl FnOnce(&Stamp) -> bool,
        name: impl FnOnce() -> String,
    ) -> Boarding<'a> {
        let mut flights = self.0.lock();
        if let Some(flight) = flights.get(&key)
            && (flight.owner == thread::current().id() || is_unchanged(&flight.stamp.lock()))
        {
            let flight = flight.clone();
            drop(flights);
            return match wait(&flight) {
                Ok(outcome) => Boarding::Landed(outcome),
                Err(path) => Boarding::Cycle(path),
            };
        }
        let flight = Arc::new(Flight {
            name: name(),
            owner: thread::current().id(),
            stamp: Mutex::new(ticket.stamp()),
            state: Mutex::new(State::Running),
            landed: Condvar::new(),
        });
        flights.insert(key.clone(), flight.clone());
        drop(flights);
        aboard(|aboard| aboard.push(flight.clone()));
        Boarding::Lead(Leader { flights: self, key, flight, ticket })
    }
}

/// Who runs the loader. Dropped without landing, as when the loader panics, it wakes the waiting ones,
/// and they ask again.
pub(super) struct Leader<'a> {
    flights: &'a Flights,
    key: FlightKey,
    flight: Arc<Flight>,
    /// Whether the value may still be stored.
    pub(super) ticket: Ticket<'a>,
}

impl Leader<'_> {
    /// [Claims](Ticket::claim) the key for the loaded value. Who asks while it is stored still joins.
    pub(super) fn claim(&mut self) -> bool {
        // Under the lock that who asks holds: it sees the key claimed and the stamp changed, or neither.
        let _flights = self.flights.0.lock();
        let claimed = self.ticket.claim();
        *self.flight.stamp.lock() = self.ticket.stamp();
        claimed
    }

    /// Hands the outcome to all that wait.
    pub(super) fn land(self, outcome: Outcome) {
        *self.flight.state.lock() = State::Landed(outcome);
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        aboard(|aboard| aboard.retain(|flight| !Arc::ptr_eq(flight, &self.flight)));
        {
            let mut flights = self.flights.0.lock();
            if flights.get(&self.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
                flights.remove(&self.key);
            }
        }
        let mut state = self.flight.state.lock();
        if matches!(*state, State::Running) {
            *state = State::Lost;
        }
        drop(state);
        self.flight.landed.notify_all();
    }
}

local! {
    /// The loads that this thread runs, outermost first.
    static ABOARD: RefCell<Vec<Arc<Flight>>> = const { RefCell::new(Vec::new()) };
}

/// Works on the loads that this thread runs; not at all, while the thread's locals are torn down.
fn aboard<R>(work: impl FnOnce(&mut Vec<Arc<Flight>>) -> R) -> Option<R> {
    ABOARD.try_with(|aboard| work(&mut aboard.borrow_mut())).ok()
}

global! {
    /// What each waiting thread waits for.
    static WAITING: Mutex<HashMap<ThreadId, Waiting>> = Mutex::default();
}

#[derive(Debug)]
struct Waiting {
    /// The load it waits for.
    wanted: Arc<Flight>,
    /// The loads that it runs meanwhile.
    aboard: Vec<Arc<Flight>>,
}

fn wait(wanted: &Arc<Flight>) -> Result<Option<Outcome>, Vec<String>> {
    let aboard = aboard(|aboard| aboard.clone()).unwrap_or_default();
    // A thread that runs no load keeps nobody waiting, so it cannot close a circle.
    let listed = !aboard.is_empty();
    if listed {
        let me = thread::current().id();
        let mut waiting = WAITING.lock();
        // Checked and listed under one lock: of the threads that close a circle, the last one sees it.
        if let Some(path) = circle(wanted, me, &aboard, &waiting) {
            return Err(path);
        }
        waiting.insert(me, Waiting { wanted: wanted.clone(), aboard });
    }
    let mut state = wanted.state.lock();
    while matches!(*state, State::Running) {
        wanted.landed.wait(&mut state);
    }
    let outcome = match &*state {
        State::Landed(outcome) => Some(outcome.clone()),
        State::Running | State::Lost => None,
    };
    drop(state);
    if listed {
        WAITING.lock().remove(&thread::current().id());
    }
    Ok(outcome)
}

/// The path from `wanted` back to itself, if `me` waiting for it would close one.
fn circle(
    wanted: &Arc<Flight>,
    me: ThreadId,
    mine: &[Arc<Flight>],
    waiting: &HashMap<ThreadId, Waiting>,
) -> Option<Vec<String>> {
    let mut path = Vec::new();
    let mut next = wanted;
    // Each step goes to another waiting thread, so a longer chain would be a circle without `me`, which
    // the thread that closed it would have seen.
    for _ in 0..=waiting.len() {
        if !matches!(*next.state.lock(), State::Running) {
            return None;
        }
        let ended = next.owner == me;
        let link = waiting.get(&next.owner);
        let aboard = if ended { mine } else { &link?.aboard };
        let from = aboard.iter().position(|flight| Arc::ptr_eq(flight, next))?;
        path.extend(aboard[from..].iter().map(|flight| flight.name.clone()));
        if ended {
            path.push(wanted.name.clone());
            return Some(path);
        }
        next = &link?.wanted;
    }
    None
}
