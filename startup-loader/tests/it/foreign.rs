//! Code and figures of others that misbehave.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    error::Error,
    fmt,
    panic::panic_any,
    sync::{Arc, Mutex},
    time::Duration,
};

use startup_loader::{Canceller, LoadFailure, Loader, Outcome, PlanError, Retry};

/// Panics when it is dropped.
#[derive(Debug)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("dropped");
        }
    }
}

#[test]
fn panic_with_something_that_panics_too_is_a_failure() {
    let mut loader = Loader::new();
    let broken = loader.add("broken", (), |_, ()| -> Result<(), _> { panic_any(Bomb) });
    let other = loader.add("other", broken.wanted(), |_, broken| Ok(broken.is_none()));
    let loader = loader.on_event(|_| panic_any(Bomb)).waker(|| panic_any(Bomb));
    let running = loader.threads(1).build().unwrap().start();
    let report = running.join();
    assert_eq!(report.failures().map(|(name, _)| name).collect::<Vec<_>>(), ["broken"]);
    assert!(*running.get(other).unwrap());
}

/// An error that cancels the start when it is dropped, and then panics.
struct Last(Arc<Mutex<Option<Canceller>>>);

impl Drop for Last {
    fn drop(&mut self) {
        if let Some(canceller) = self.0.lock().unwrap().take() {
            canceller.cancel();
            panic!("dropped");
        }
    }
}

impl fmt::Debug for Last {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Last")
    }
}

impl fmt::Display for Last {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not yet")
    }
}

impl Error for Last {}

#[test]
fn error_of_an_earlier_attempt_is_dropped_without_the_lock() {
    for is_heard in [false, true] {
        let slot: Arc<Mutex<Option<Canceller>>> = Arc::default();
        let mut loader = Loader::new();
        let shared = slot.clone();
        let retry = Retry::new(9, Duration::ZERO);
        loader
            .component("sum")
            .main_thread()
            .load_retrying(retry, (), move |_, ()| Err::<(), _>(Last(shared.clone()).into()));
        let loader = if is_heard { loader.on_event(|_| ()) } else { loader };
        let running = loader.build().unwrap().start();
        *slot.lock().unwrap() = Some(running.canceller());
        assert!(!running.join().is_ok());
    }
}

#[test]
fn result_that_comes_too_late_may_panic_when_it_is_dropped() {
    let mut loader = Loader::new();
    let late = loader.component("late").deadline(Duration::ZERO).load((), |_, ()| Ok(Bomb));
    let other = loader.add("other", late.wanted(), |_, late| Ok(late.is_none()));
    let running = loader.threads(1).build().unwrap().start();
    running.join();
    assert!(running.get(late).is_none() && *running.get(other).unwrap());
}

#[test]
fn failure_at_the_end_of_a_long_chain_is_no_matter_of_the_stack() {
    let mut loader = Loader::new();
    loader.register("0", || Err("no".into()), [""; 0], Duration::ZERO);
    for place in 1..100_000 {
        loader.register(place.to_string(), || Ok(()), [(place - 1).to_string()], Duration::ZERO);
    }
    let report = loader.build().unwrap().run();
    let Outcome::Skipped(failure) = &report.component("99999").unwrap().outcome else {
        panic!("not skipped")
    };
    assert_eq!(failure.chain().len(), 99_999);
}

#[test]
fn long_cycle_is_no_matter_of_the_stack() {
    let mut loader = Loader::new();
    for place in 0..100_000 {
        let before = (place + 99_999) % 100_000;
        loader.register(place.to_string(), || Ok(()), [before.to_string()], Duration::ZERO);
    }
    let PlanError::Cycle { path } = loader.build().unwrap_err() else { panic!("no cycle") };
    assert_eq!(path.len(), 100_001);
}

#[test]
fn times_that_no_clock_tells_are_never() {
    for never in [Duration::MAX, Duration::from_secs(u64::MAX / 4), Duration::from_secs(u64::MAX / 2)] {
        let mut loader = Loader::new();
        let now = loader.component("").deadline(never).priority(i32::MIN).load((), |_, ()| Ok(()));
        loader.component("late").delay(never).load((), |_, ()| Ok(()));
        loader.component("late here").delay(never).load_main((), |_, ()| Ok(()));
        loader
            .component("again")
            .load_retrying(Retry::new(u32::MAX, never), (), |_, ()| Err::<(), _>("no".into()));
        loader.barrier("ready", now);
        let running = loader.threads(1).build().unwrap().start();
        running.run_until("ready").unwrap();
        running.cancel();
        let report = running.join();
        assert!(matches!(&report.component("late").unwrap().outcome, Outcome::Skipped(failure)
            if matches!(**failure, LoadFailure::Cancelled)));
    }
}
