//! Which of the operations now under way on a key came last.
//!
//! No lock is held while a tier is called or a loader runs, so operations on one key overlap. A *write*
//! takes a ticket with a new number before its first tier call. A tier asks the ticket, under its own
//! lock, whether it still has the key's latest number, and otherwise leaves its entry as it is: so the
//! write with the latest number wins in every tier, in whatever order the calls arrive.
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
    sync::atomic::{AtomicU64, Ordering::SeqCst},
};

use parking_lot::Mutex;

use crate::{Guard, Key};

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
    /// No write was under way, except the ticket's own.
    quiet: bool,
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
        if writes {
            record.latest += 1;
            record.writers += 1;
        }
        let quiet = writes || record.writers == 0;
        let stamp = Stamp { hash, epoch, latest: record.latest, ended: record.ended, quiet };
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

    /// Makes a watch a write, if it still holds.
    pub(super) fn claim(&mut self) -> bool {
        let mut shard = self.tickets.shard(self.stamp.hash).lock();
        let Some(record) = shard.get_mut(&self.stamp.hash) else { return false };
        let holds = self.stamp.quiet
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

impl Guard for Ticket<'_> {
    fn holds(&self) -> bool {
        let Stamp { hash, epoch, latest, quiet, .. } = self.stamp;
        quiet
            && epoch == self.epochs.load(SeqCst)
            && self.tickets.shard(hash).lock().get(&hash).is_some_and(|record| record.latest == latest)
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
    use crate::{Category, Route};

    fn category() -> Arc<Category> {
        Category::new(0, "c", Route::sqlite()).unwrap()
    }

    fn is_empty(tickets: &Tickets) -> bool {
        tickets.shards.iter().all(|shard| shard.lock().is_empty())
    }

    #[test]
    fn latest_write_holds() {
        let (tickets, epoch, category) = (Tickets::default(), AtomicU64::new(0), category());
        let key = Key::new(&category, "k").unwrap();
        let first = tickets.write(&key, &epoch);
        assert!(first.holds());
        let second = tickets.write(&key, &epoch);
        assert!(!first.holds() && second.holds());
        drop(second);
        assert!(!first.holds(), "a write that ended still came later");
        drop(first);
        assert!(is_empty(&tickets));
    }

    #[test]
    fn watch_holds_until_a_write_begins() {
        let (tickets, epoch, category) = (Tickets::default(), AtomicU64::new(0), category());
        let key = Key::new(&category, "k").unwrap();
        let (mut one, mut two) = (tickets.watch(&key, &epoch), tickets.watch(&key, &epoch));
        assert!(one.holds() && two.holds());
        assert!(one.claim(), "the first load to end stores its value");
        assert!(!two.claim() && !two.holds());
        drop((one, two));
        let mut watch = tickets.watch(&key, &epoch);
        drop(tickets.write(&key, &epoch));
        assert!(!watch.holds() && !watch.claim());
    }

    #[test]
    fn watch_begun_during_a_write_never_holds() {
        let (tickets, epoch, category) = (Tickets::default(), AtomicU64::new(0), category());
        let key = Key::new(&category, "k").unwrap();
        let write = tickets.write(&key, &epoch);
        let mut watch = tickets.watch(&key, &epoch);
        drop(write);
        assert!(!watch.holds() && !watch.claim());
        drop(watch);
        assert!(is_empty(&tickets));
    }

    #[test]
    fn stamp_sees_writes_begin_and_end() {
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
    }

    #[test]
    fn clear_supersedes_all() {
        let (tickets, epoch, category) = (Tickets::default(), AtomicU64::new(0), category());
        let write = tickets.write(&Key::new(&category, "a").unwrap(), &epoch);
        let mut watch = tickets.watch(&Key::new(&category, "b").unwrap(), &epoch);
        epoch.fetch_add(1, SeqCst);
        assert!(!write.holds() && !watch.holds() && !watch.claim());
    }

    #[test]
    fn other_keys_are_not_concerned() {
        let (tickets, epoch, category) = (Tickets::default(), AtomicU64::new(0), category());
        let watch = tickets.watch(&Key::new(&category, "a").unwrap(), &epoch);
        let _write = tickets.write(&Key::new(&category, "b").unwrap(), &epoch);
        assert!(watch.holds());
    }
}
