//! Loaders and errors that call the lazies again, or panic.

use std::{
    error::Error,
    fmt,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    thread,
};

use startup_lazy::{Lazy, LazyErrorKind, LazyRegistry, LazyState};

use crate::ends::ends;

#[test]
fn loader_may_ask_for_everything_about_itself() {
    static VALUE: Lazy<u32> = Lazy::new("value", || {
        assert_eq!(VALUE.state(), LazyState::Loading);
        assert!(VALUE.get_if_loaded().is_none() && VALUE.load_time().is_none());
        assert!(VALUE.first_caller().is_some() && VALUE.last_error().is_none());
        assert!(matches!(VALUE.get().unwrap_err().kind(), LazyErrorKind::Cycle(_)));
        assert!(format!("{VALUE:?}").contains("value"));
        Ok(1)
    });
    ends(|| assert_eq!(*VALUE.get().unwrap(), 1));
}

#[test]
fn loader_may_wait_for_a_registry_that_it_is_in() {
    static REGISTRY: OnceLock<LazyRegistry> = OnceLock::new();
    static OTHER: Lazy<u32> = Lazy::new("other", || Ok(2));
    static VALUE: Lazy<u32> = Lazy::new("value", || {
        let registry = REGISTRY.get().unwrap();
        let failures = registry.preload_all().wait();
        registry.report();
        assert!(matches!(failures[0].kind(), LazyErrorKind::Cycle(_)) && failures.len() == 1, "{failures:?}");
        assert!(OTHER.get_if_loaded().is_some());
        Ok(1)
    });
    ends(|| {
        REGISTRY.set(LazyRegistry::new().with(&VALUE).with(&OTHER)).unwrap();
        assert_eq!(*VALUE.get().unwrap(), 1);
    });
}

/// Asks for its lazy when it is dropped, and panics when it is shown and dropped.
struct Awkward;

static DROPPED: AtomicU32 = AtomicU32::new(0);
static IS_CALM: AtomicBool = AtomicBool::new(false);

impl Drop for Awkward {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, SeqCst);
        let _ = (FAILING.state(), FAILING.get().is_ok(), FAILING.last_error().is_some());
        if !IS_CALM.load(SeqCst) && !thread::panicking() {
            panic!("dropped");
        }
    }
}

impl fmt::Debug for Awkward {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("shown");
    }
}

impl fmt::Display for Awkward {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("shown");
    }
}

impl Error for Awkward {}

static ATTEMPTS: AtomicU32 = AtomicU32::new(0);
static FAILING: Lazy<u32> = Lazy::new("failing", || match ATTEMPTS.fetch_add(1, SeqCst) {
    0..3 => Err(Awkward.into()),
    _ => Ok(1),
});

#[test]
fn error_may_ask_for_its_lazy_and_panic_when_it_is_dropped() {
    ends(|| {
        for _ in 0..8 {
            let _ = std::panic::catch_unwind(|| drop(FAILING.get()));
        }
        IS_CALM.store(true, SeqCst);
        assert_eq!(*FAILING.get().unwrap(), 1);
        assert!(DROPPED.load(SeqCst) > 0);
        thread::spawn(|| assert!(FAILING.get().is_ok())).join().unwrap();
    });
}
