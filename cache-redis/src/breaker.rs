//! Whether the server is asked at all, and what it has yet to be told.
//!
//! While the breaker is open, nothing is asked of the server: reads find nothing, and writes are dropped. What a dropped
//! write would have replaced is still at the server, though, and must not be read once it is back. So the keys of dropped
//! writes are *owed*: before the breaker closes, they are removed there.
//!
//! Invariant: nothing is owed while the breaker is closed.

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::{
        AtomicBool, AtomicU32, AtomicU64,
        Ordering::{Relaxed, SeqCst},
    },
};

use parking_lot::Mutex;

/// How many bytes of keys are remembered. With more, whole categories are owed.
const MOST_BYTES: usize = 4 << 20;

/// What a key takes beside its bytes, about.
const PER_KEY: usize = 64;

/// How many keys are settled at once.
const STEP: usize = 500;

#[derive(Debug)]
pub(crate) struct Breaker {
    threshold: u32,
    open: AtomicBool,
    /// Calls that failed in a row.
    in_a_row: AtomicU32,
    owed: Mutex<Owed>,
    pub(crate) failures: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) openings: AtomicU64,
}

/// What is to be removed at the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Debt {
    Keys { category: Box<str>, keys: Vec<Box<str>> },
    Category(Box<str>),
}

/// By category: its keys, or `None` for all of it.
#[derive(Debug, Default)]
struct Owed {
    categories: HashMap<Box<str>, Option<HashSet<Box<str>>>>,
    bytes: usize,
}

impl Breaker {
    /// A closed one, which opens after `threshold` reads in a row that failed, or one write.
    pub(crate) fn new(threshold: u32) -> Self {
        Self {
            threshold,
            open: AtomicBool::new(false),
            in_a_row: AtomicU32::new(0),
            owed: Mutex::default(),
            failures: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            openings: AtomicU64::new(0),
        }
    }

    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(SeqCst)
    }

    pub(crate) fn answered(&self) {
        if self.in_a_row.load(Relaxed) != 0 {
            self.in_a_row.store(0, Relaxed);
        }
    }

    /// A call failed, which changed nothing at the server.
    pub(crate) fn failed(&self) {
        self.failures.fetch_add(1, Relaxed);
        if self.in_a_row.fetch_add(1, Relaxed).saturating_add(1) >= self.threshold {
            self.open();
        }
    }

    /// Remembers a write as dropped, if the breaker is open; false if it is not.
    pub(crate) fn drops(&self, debts: &[Debt]) -> bool {
        if !self.is_open() {
            return false;
        }
        let mut owed = self.owed.lock();
        // It may have closed before the lock was had, and then nobody would settle.
        let open = self.is_open();
        if open {
            self.dropped.fetch_add(debts.iter().map(Debt::writes).sum(), Relaxed);
            owed.add(debts);
        }
        open
    }

    /// A write failed, and nobody knows what it has done: opens the breaker.
    pub(crate) fn lost(&self, debts: &[Debt]) {
        self.failures.fetch_add(1, Relaxed);
        let mut owed = self.owed.lock();
        self.dropped.fetch_add(debts.iter().map(Debt::writes).sum(), Relaxed);
        owed.add(debts);
        self.open();
    }

    /// Lets `settle` remove what is owed, and closes. Stays open if it fails.
    pub(crate) fn close<E>(&self, mut settle: impl FnMut(&Debt) -> Result<(), E>) -> Result<(), E> {
        loop {
            let debt = {
                let mut owed = self.owed.lock();
                let Some(debt) = owed.take() else {
                    self.in_a_row.store(0, Relaxed);
                    self.open.store(false, SeqCst);
                    return Ok(());
                };
                debt
            };
            if let Err(error) = settle(&debt) {
                self.owed.lock().add(&[debt]);
                return Err(error);
            }
        }
    }

    fn open(&self) {
        if !self.open.swap(true, SeqCst) {
            self.openings.fetch_add(1, Relaxed);
        }
    }
}

impl Debt {
    pub(crate) fn key(category: &str, key: &str) -> Self {
        Self::Keys { category: category.into(), keys: vec![key.into()] }
    }

    fn writes(&self) -> u64 {
        match self {
            Self::Keys { keys, .. } => keys.len() as u64,
            Self::Category(_) => 1,
        }
    }
}

impl Owed {
    fn add(&mut self, debts: &[Debt]) {
        for debt in debts {
            match debt {
                Debt::Category(category) => self.forget_keys(category),
                Debt::Keys { category, keys } => {
                    let Some(known) =
                        self.categories.entry(category.clone()).or_insert_with(|| Some(HashSet::new()))
                    else {
                        continue;
                    };
                    for key in keys {
                        if known.insert(key.clone()) {
                            self.bytes += key.len() + PER_KEY;
                        }
                    }
                    if self.bytes > MOST_BYTES {
                        self.forget_keys(category);
                    }
                }
            }
        }
    }

    fn forget_keys(&mut self, category: &str) {
        let keys = self.categories.insert(category.into(), None).flatten().unwrap_or_default();
        self.bytes -= keys.iter().map(|key| key.len() + PER_KEY).sum::<usize>();
    }

    fn take(&mut self) -> Option<Debt> {
        let category = self.categories.keys().next()?.clone();
        let Some(known) = self.categories.get_mut(&category)?.as_mut() else {
            self.categories.remove(&category);
            return Some(Debt::Category(category));
        };
        let keys: Vec<Box<str>> = known.iter().take(STEP).cloned().collect();
        for key in &keys {
            known.remove(key);
            self.bytes -= key.len() + PER_KEY;
        }
        if known.is_empty() {
            self.categories.remove(&category);
        }
        Some(Debt::Keys { category, keys })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(breaker: &Breaker) -> Vec<Debt> {
        let mut settled = vec![];
        let settle = |debt: &Debt| {
            settled.push(debt.clone());
            Ok::<_, ()>(())
        };
        breaker.close(settle).unwrap();
        assert_eq!(breaker.owed.lock().bytes, 0);
        settled
    }

    #[test]
    fn reads_open_it_after_some_failures_in_a_row() {
        let breaker = Breaker::new(3);
        for _ in 0..10 {
            breaker.failed();
            breaker.failed();
            assert!(!breaker.is_open());
            breaker.answered();
        }
        (0..3).for_each(|_| breaker.failed());
        assert!(breaker.is_open());
        assert_eq!(breaker.openings.load(Relaxed), 1);
        assert_eq!(settled(&breaker), []);
        assert!(!breaker.is_open());
    }

    #[test]
    fn lost_write_opens_it_and_is_owed_with_those_dropped_after_it() {
        let breaker = Breaker::new(3);
        assert!(!breaker.drops(&[Debt::key("c", "k")]));
        breaker.lost(&[Debt::key("c", "k")]);
        assert!(breaker.is_open());
        assert!(breaker.drops(&[Debt::key("c", "k")]));
        assert!(breaker.drops(&[Debt::key("d", "k")]));
        assert_eq!(breaker.dropped.load(Relaxed), 3);
        let mut debts = settled(&breaker);
        debts.sort_by_key(|debt| format!("{debt:?}"));
        assert_eq!(debts, [Debt::key("c", "k"), Debt::key("d", "k")]);
        assert!(!breaker.drops(&[Debt::key("c", "k")]));
    }

    #[test]
    fn cleared_category_is_owed_as_a_whole() {
        let breaker = Breaker::new(1);
        breaker.lost(&[Debt::key("c", "k"), Debt::Category("c".into()), Debt::key("c", "l")]);
        assert_eq!(settled(&breaker), [Debt::Category("c".into())]);
    }

    #[test]
    fn too_many_keys_are_owed_as_their_category() {
        let breaker = Breaker::new(1);
        breaker.failed();
        let keys = |from: usize| (from..from + 1_000).map(|i| format!("key {i}").into()).collect();
        for from in 0..MOST_BYTES / PER_KEY / 1_000 {
            breaker.drops(&[Debt::Keys { category: "c".into(), keys: keys(from * 1_000) }]);
        }
        assert_eq!(settled(&breaker), [Debt::Category("c".into())]);
    }

    #[test]
    fn stays_open_and_owes_the_same_if_settling_fails() {
        let breaker = Breaker::new(1);
        breaker.lost(&[Debt::key("c", "k")]);
        assert_eq!(breaker.close(|_| Err("away")), Err("away"));
        assert!(breaker.is_open());
        assert_eq!(settled(&breaker), [Debt::key("c", "k")]);
    }
}
