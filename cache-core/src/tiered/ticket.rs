//! Which of the operations now under way on a key came last.
//!
//! No lock is held while a tier is called or a loader runs, so operations on one key overlap. A *write*
//! takes a ticket with a new number before its first tier call. A tier asks the ticket, under its own
//! lock, whether a write with a later number has come through there, and then leaves its entry as it is:
//! so the write with the latest number wins in every tier, in whatever order the calls arrive. That a
//! later one has only begun is no reason to stand back: it may fail, and until it is through, who made
//! the earlier one would read what was there before both.
//!
//! A read that may copy what it finds into memory, and a load, take a ticket that *watches*: it has no
//! number of its own and holds as long as no write began after it. What a write has begun before and
//! not yet finished could be seen in one tier and not in another, so a watch begun meanwhile never
//! holds.
//!
//! `clear` concerns all keys of a category: every ticket also remembers the category's epoch, which a
//! clear moves on.
//!
//! Invariant: a key has a record here only while an operation is under way on it.
//! A record goes by the 64-bit hash that keys have within a process. Two keys of one hash that are
//! written at the same moment would be taken for one.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::atomic::Ordering::SeqCst,
};

use crate::{
    Guard, Key,
    sync::{AtomicU64, Mutex},
};

/// The two tiers of a category.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Home,
    Front,
}

const SHARDS: usize = 16;

/// The operations under way.
#[derive(Debug, Default)]
pub(super) struct Tickets {
    shards: [Mutex<Records>; SHARDS],
}

type Records = HashMap<u64, Record, BuildHasherDefault<AlreadyHashed>>;

#[derive(Debug, Default)]
struct Record {
    /// The number of the write that began last.
    latest: u64,
    /// How many writes have ended.
    ended: u64,
    writers: u32,
    holders: u32,
    /// The number of the last write that came through, by place.
    through: [u64; 2],
    /// How often the entry has left the home tier by itself.
    departures: u64,
}

/// The place of one operation among those on its key.
#[derive(Debug)]
pub(super) struct Ticket<'a> {
    tickets: &'a Tickets,
    epochs: &'a AtomicU64,
    stamp: Stamp,
    writes: bool,
}

/// What a ticket remembers of the moment when it was taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    hash: u64,
    epoch: u64,
    latest: u64,
    ended: u64,
    departures: u64,
    /// No write was under way.
    alone: bool,
}

impl Tickets {
    /// A write: supersedes every operation on the key that is under way.
    pub(super) fn write<'a>(&'a self, key: &Key<'_>, epochs: &'a AtomicU64) -> Ticket<'a> {
        self.take(key, epochs, true)
    }

    /// A read or load: superseded by every write that is under way or to come.
    pub(super) fn watch<'a>(&'a self, key: &Key<'_>, epochs: &'a AtomicU64) -> Ticket<'a> {
        self.take(key, epochs, false)
    }

    /// The home tier has let go of the key by itself: what is under way must not leave a copy in front.
    pub(super) fn depart(&self, key: &Key<'_>) {
        if let Some(record) = self.shard(key.hash()).lock().get_mut(&key.hash()) {
            record.departures += 1;
        }
    }

    /// Another program has written the key: to what is under way, as a write that began after it; and what is about to
    /// leave a copy in front, of a write too, takes it back.
    pub(super) fn intrude(&self, key: &Key<'_>) {
        if let Some(record) = self.shard(key.hash()).lock().get_mut(&key.hash()) {
            record.latest += 1;
            record.departures += 1;
        }
    }

    /// Whether no write of the key began or ended since the stamp was made, as long as its ticket lives.
    pub(super) fn is_unchanged(&self, stamp: &Stamp, epochs: &AtomicU64) -> bool {
        epochs.load(SeqCst) == stamp.epoch
            && self
                .shard(stamp.hash)
                .lock()
                .get(&stamp.hash)
                .is_some_and(|record| record.latest == stamp.latest && record.ended == stamp.ended)
    }

    fn take<'a>(&'a self, key: &Key<'_>, epochs: &'a AtomicU64, writes: bool) -> Ticket<'a> {
        let (hash, epoch) = (key.hash(), epochs.load(SeqCst));
        let mut shard = self.shard(hash).lock();
        let record = shard.entry(hash).or_default();
        record.holders += 1;
        let alone = record.writers == 0;
        if writes {
            record.latest += 1;
            record.writers += 1;
        }
        let &mut Record { latest, ended, departures, .. } = record;
        let stamp = Stamp { hash, epoch, latest, ended, departures, alone };
        Ticket { tickets: self, epochs, stamp, writes }
    }

    fn shard(&self, hash: u64) -> &Mutex<Records> {
        // The top bits: the maps use the others.
        &self.shards[(hash >> 60) as usize % SHARDS]
    }
}

impl Ticket<'_> {
    pub(super) fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Whether a clear of the category has begun since the ticket was taken.
    pub(super) fn was_cleared(&self) -> bool {
        self.epochs.load(SeqCst) != self.stamp.epoch
    }

    /// The guard of a call to the tier there.
    pub(super) fn at(&self, place: Place) -> Pass<'_> {
        Pass { ticket: self, place }
    }

    /// Whether the home tier has let go of the key since the ticket was taken.
    pub(super) fn has_departed(&self) -> bool {
        let Stamp { hash, departures, .. } = self.stamp;
        self.tickets.shard(hash).lock().get(&hash).is_none_or(|record| record.departures != departures)
    }

    /// Whether the home tier was told that this write holds, so that one that was under way before it
    /// and comes later stands back.
    pub(super) fn has_superseded(&self) -> bool {
        let Stamp { hash, latest, alone, .. } = self.stamp;
        !alone
            && self
                .tickets
                .shard(hash)
                .lock()
                .get(&hash)
                .is_some_and(|record| record.through[Place::Home as usize] == latest)
    }

    /// Makes a watch a write, if it still holds.
    pub(super) fn claim(&mut self) -> bool {
        let mut shard = self.tickets.shard(self.stamp.hash).lock();
        let Some(record) = shard.get_mut(&self.stamp.hash) else { return false };
        let holds = self.stamp.alone
            && self.stamp.latest == record.latest
            && self.stamp.epoch == self.epochs.load(SeqCst);
        if holds {
            record.latest += 1;
            record.writers += 1;
            self.stamp.latest = record.latest;
            self.writes = true;
        }
        holds
    }
}

/// A ticket as the guard of a call to one tier.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    ticket: &'a Ticket<'a>,
    place: Place,
}

impl Guard for Pass<'_> {
    fn holds(&self) -> bool {
        let Ticket { tickets, epochs, stamp, writes } = self.ticket;
        if stamp.epoch != epochs.load(SeqCst) {
            return false;
        }
        let mut shard = tickets.shard(stamp.hash).lock();
        let Some(record) = shard.get_mut(&stamp.hash) else { return false };
        if !writes {
            return stamp.alone && record.latest == stamp.latest;
        }
        let through = &mut record.through[self.place as usize];
        let holds = *through <= stamp.latest;
        if holds {
            *through = stamp.latest;
        }
        holds
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut shard = self.tickets.shard(self.stamp.hash).lock();
        if let Some(record) = shard.get_mut(&self.stamp.hash) {
            record.holders -= 1;
            if self.writes {
                record.writers -= 1;
                record.ended += 1;
            }
            if record.holders == 0 {
                shard.remove(&self.stamp.hash);
            }
        }
    }
}

/// The hasher of keys that are hashes.
#[derive(Debug, Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn write(&mut self, _: &[u8]) {
        unreachable!("only u64 keys are hashed");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Category, Route, sync::alone};

    fn category() -> Arc<Category> {
        Category::new(0, "c", Route::sqlite()).unwrap()
    }

    fn is_empty(tickets: &Tickets) -> bool {
        tickets.shards.iter().all(|shard| shard.lock().is_empty())
    }

    fn holds(ticket: &Ticket<'_>) -> bool {
        ticket.at(Place::Home).holds()
    }

    #[test]
    fn latest_write_holds() {
        alone(|| {
            let (tickets, epoch, category) = (Tickets::default(), AtomicU64::new(0), category());
            let key = Key::new(&category, "k").unwrap();
            let first = tickets.write(&key, &epoch);
            let second = tickets.write(&key, &epoch);
            assert!(holds(&first), "the second one has only begun");
            assert!(holds(&second) && holds(&second) && !holds(&first));
            assert!(first.at(Place::Front).holds(), "another tier");
            drop(second);
            assert!(!holds(&first), "a write that ended still came later");
            drop(first);
            assert!(is_empty(&tickets));
        });
    }

    #[test]
    fn watch_holds_until_a_write_begins() {
        alone(|| {
            let (tickets, epoch, category) = (Tickets::default(), AtomicU64::new(0), category());
            let key = Key::new(&category, "k").unwrap();
            let (mut one, mut two) = (tickets.watch(&key, &epoch), tickets.watch(&key, &epoch));
            assert!(holds(&one) && holds(&two));
            assert!(one.claim(), "the first load to end stores its value");
            assert!(!two.claim() && !holds(&two));
            drop((one, two));
            let mut watch = tickets.watch(&key, &epoch);
            drop(tickets.write(&key, &epoch));
            assert!(!holds(&watch) && !watch.claim());
        });
    }

    #[test]
    fn watch_begun_during_a_write_never_holds() {
        alone(|| {
            let (tickets, epoch, category) = (Tickets::default(), AtomicU64::new(0), category());
            let key = Key::new(&category, "k").unwrap();
            let write = tickets.write(&key, &epoch);
            let mut watch = tickets.watch(&key, &epoch);
            drop(write);
            assert!(!holds(&watch) && !watch.claim());
            drop(watch);
            assert!(is_empty(&tickets));
        });
    }

    #[test]
    fn stamp_sees_writes_begin_and_end() {
        alone(|| {
            let (tickets, epoch, category) = (Tickets::default(), AtomicU64::new(0), category());
            let key = Key::new(&category, "k").unwrap();
            let write = tickets.write(&key, &epoch);
            let during = tickets.watch(&key, &epoch);
            assert!(tickets.is_unchanged(&during.stamp(), &epoch));
            drop(write);
            assert!(!tickets.is_unchanged(&during.stamp(), &epoch));
            let after = tickets.watch(&key, &epoch);
            assert!(tickets.is_unchanged(&after.stamp(), &epoch));
            let _write = tickets.write(&key, &epoch);
            assert!(!tickets.is_unchanged(&after.stamp(), &epoch));
        });
    }

    #[test]
    fn clear_supersedes_all() {
        alone(|| {
            let (tickets, epoch, category) = (Tickets::default(), AtomicU64::new(0), category());
            let write = tickets.write(&Key::new(&category, "a").unwrap(), &epoch);
            let mut watch = tickets.watch(&Key::new(&category, "b").unwrap(), &epoch);
            epoch.fetch_add(1, SeqCst);
            assert!(!holds(&write) && !holds(&watch) && !watch.claim());
        });
    }

    #[test]
    fn other_keys_are_not_concerned() {
        alone(|| {
            let (tickets, epoch, category) = (Tickets::default(), AtomicU64::new(0), category());
            let watch = tickets.watch(&Key::new(&category, "a").unwrap(), &epoch);
            let _write = tickets.write(&Key::new(&category, "b").unwrap(), &epoch);
            assert!(holds(&watch));
        });
    }
}
