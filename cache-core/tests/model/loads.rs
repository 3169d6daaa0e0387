//! One load per key at a time.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use crate::{
    LoadError,
    sync::{check, thread},
    tiers::Fixture,
};

/// How a load ends.
#[derive(Clone, Copy)]
enum End {
    Value,
    Error,
    Panic,
}

#[derive(Default)]
struct Loads {
    inside: AtomicU64,
    begun: AtomicU64,
}

impl Loads {
    /// The number of the load, in the end that is the turn of it.
    fn load(&self, ends: &[End]) -> Result<u64, u64> {
        assert_eq!(self.inside.fetch_add(1, SeqCst), 0, "one at a time");
        let number = self.begun.fetch_add(1, SeqCst);
        thread::yield_now();
        self.inside.fetch_sub(1, SeqCst);
        match ends.get(usize::try_from(number).unwrap()) {
            Some(End::Error) => Err(number),
            // Without the hook, which prints.
            Some(End::Panic) => resume_unwind(Box::new(number)),
            Some(End::Value) | None => Ok(number),
        }
    }
}

/// What three threads get that ask at once: `None` for a panic.
fn three_ask(ends: &'static [End]) -> (Vec<Option<Result<u64, u64>>>, u64) {
    let (fixture, loads) = (Fixture::new([9, 9], 0), Arc::new(Loads::default()));
    let threads = [(); 3].map(|()| {
        let (fixture, loads) = (fixture.clone(), loads.clone());
        thread::spawn(move || {
            let ask = || fixture.values.get_or_load_typed("k", || loads.load(ends));
            match catch_unwind(AssertUnwindSafe(ask)) {
                Ok(Ok(value)) => Some(Ok(*value)),
                Ok(Err(LoadError::Failed { error, .. })) => Some(Err(*error)),
                Ok(Err(error)) => panic!("{error}"),
                Err(_) => None,
            }
        })
    });
    (threads.map(|thread| thread.join().unwrap()).into(), loads.begun.load(SeqCst))
}

#[test]
fn however_many_ask_one_loads() {
    check(300, || {
        let (outcomes, begun) = three_ask(&[]);
        assert_eq!(outcomes, [Some(Ok(0)); 3]);
        assert_eq!(begun, 1);
    });
}

#[test]
fn error_goes_to_all_that_waited_and_those_that_come_later_load_again() {
    check(300, || {
        let (outcomes, begun) = three_ask(&[End::Error]);
        assert!(begun <= 2 && outcomes.contains(&Some(Err(0))));
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Some(Err(0) | Ok(1)))), "{outcomes:?}");
    });
}

#[test]
fn load_that_panics_frees_its_key() {
    check(300, || {
        let (outcomes, begun) = three_ask(&[End::Panic, End::Panic]);
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_none()).count(), 2);
        assert!(outcomes.contains(&Some(Ok(2))) && begun == 3);
    });
}

#[test]
fn load_that_began_before_a_removal_or_an_insert_is_not_stored() {
    check(300, || {
        let fixture = Fixture::new([9, 9], 0);
        let loader = {
            let fixture = fixture.clone();
            let load = || {
                thread::yield_now();
                Ok::<u64, std::fmt::Error>(1)
            };
            thread::spawn(move || *fixture.values.get_or_load("k", load).unwrap())
        };
        thread::yield_now();
        let written = fixture.values.insert("k", 2_u64);
        let removed = fixture.values.remove("gone");
        assert!(written.is_ok() && removed.is_ok());
        let loaded = loader.join().unwrap();
        assert_eq!(fixture.values.get("k").as_deref(), Some(&2), "loaded {loaded}");
    });
}
