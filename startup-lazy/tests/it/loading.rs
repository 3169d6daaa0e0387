//! One lazy: when it loads, what it remembers, and what failures do.

use std::{
    error::Error,
    num::ParseIntError,
    panic::Location,
    sync::{
        Barrier, Mutex,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use startup_lazy::{Lazy, LazyErrorKind, LazyState};

#[test]
fn value_is_loaded_once_and_only_when_it_is_used() {
    static LOADS: AtomicU32 = AtomicU32::new(0);
    static VALUE: Lazy<u32> = Lazy::new("value", || Ok(LOADS.fetch_add(1, Ordering::Relaxed)));

    assert_eq!((VALUE.state(), VALUE.get_if_loaded()), (LazyState::Unloaded, None));
    assert_eq!((VALUE.load_time(), VALUE.first_caller()), (None, None));
    assert_eq!(*VALUE.get().unwrap(), 0);
    assert_eq!(*VALUE.get().unwrap(), 0);
    assert_eq!((VALUE.state(), VALUE.get_if_loaded()), (LazyState::Loaded, Some(&0)));
    assert!(VALUE.load_time().is_some());
    assert_eq!(LOADS.load(Ordering::Relaxed), 1);
}

#[test]
fn first_caller_is_where_the_first_use_stands() {
    static VALUE: Lazy<u32> = Lazy::new("value", || Ok(1));
    let here = Location::caller().line();
    VALUE.get().unwrap();
    VALUE.get().unwrap();
    let caller = VALUE.first_caller().unwrap();
    assert_eq!(caller.line(), here + 1);
    assert!(caller.file().ends_with("loading.rs"));
}

#[test]
fn failure_is_kept_and_the_next_call_tries_again() {
    static LOADS: AtomicU32 = AtomicU32::new(0);
    static VALUE: Lazy<u32, ParseIntError> =
        Lazy::new("value", || match LOADS.fetch_add(1, Ordering::Relaxed) {
            0 => "none".parse(),
            _ => Ok(7),
        });

    let error = VALUE.get().unwrap_err();
    assert_eq!((error.name(), error.kind()), ("value", &LazyErrorKind::Failed));
    assert!(error.source().unwrap().is::<ParseIntError>());
    assert_eq!(VALUE.state(), LazyState::Failed);
    assert_eq!(*VALUE.get().unwrap(), 7);
    assert_eq!(VALUE.state(), LazyState::Loaded);
    assert_eq!(VALUE.last_error().unwrap().to_string(), "value: could not be loaded");
}

#[test]
fn within_the_backoff_nothing_is_tried() {
    static LOADS: AtomicU32 = AtomicU32::new(0);
    static VALUE: Lazy<u32> = Lazy::new("value", || {
        LOADS.fetch_add(1, Ordering::Relaxed);
        Err("offline".into())
    })
    .backoff(Duration::from_secs(3600));

    for _ in 0..3 {
        assert_eq!(VALUE.get().unwrap_err().source().unwrap().to_string(), "offline");
    }
    assert_eq!(VALUE.preload().wait().unwrap_err().kind(), &LazyErrorKind::Failed);
    assert_eq!(LOADS.load(Ordering::Relaxed), 1);
}

#[test]
fn panic_is_an_error_for_all_who_wait() {
    static BEGUN: Mutex<Option<mpsc::Receiver<()>>> = Mutex::new(None);
    static LOADS: AtomicU32 = AtomicU32::new(0);
    static VALUE: Lazy<u32> = Lazy::new("value", || {
        LOADS.fetch_add(1, Ordering::Relaxed);
        let gate = BEGUN.lock().unwrap().take().unwrap();
        gate.recv().unwrap();
        panic!("no {}", "disk")
    })
    .backoff(Duration::from_secs(3600));

    let (open, gate) = mpsc::channel();
    *BEGUN.lock().unwrap() = Some(gate);
    let barrier = Barrier::new(9);
    thread::scope(|scope| {
        let waiters = [(); 8].map(|()| {
            scope.spawn(|| {
                barrier.wait();
                VALUE.get().unwrap_err()
            })
        });
        barrier.wait();
        open.send(()).unwrap();
        for waiter in waiters {
            let error = waiter.join().unwrap();
            assert_eq!(error.kind(), &LazyErrorKind::Panicked("no disk".to_owned()));
        }
    });
    assert_eq!(LOADS.load(Ordering::Relaxed), 1);
}

#[test]
fn many_threads_get_one_value() {
    static LOADS: AtomicU32 = AtomicU32::new(0);
    static VALUE: Lazy<u32> = Lazy::new("value", || Ok(LOADS.fetch_add(1, Ordering::Relaxed)));
    let barrier = Barrier::new(16);
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                barrier.wait();
                assert_eq!(*VALUE.get().unwrap(), 0);
            });
        }
    });
    assert_eq!(LOADS.load(Ordering::Relaxed), 1);
}

#[test]
fn lazy_outside_of_a_static_may_capture() {
    let text = "42".to_owned();
    let value: Lazy<u32, ParseIntError, _> = Lazy::capturing("value", || text.parse());
    let moved = value;
    assert_eq!(*moved.get().unwrap(), 42);
}
