//! Starts of a few components over two workers, the main thread and a keeper of the time.

use std::{
    cell::RefCell,
    collections::HashMap,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use crate::{
    Canceller, EventKind, LoadFailure, LoadReport, Loader, Outcome, Pumped, Retry, Running,
    sync::{Mutex, check, thread},
};

/// What the listeners heard of each component, and how often each ran.
#[derive(Default)]
struct Seen {
    settled: Mutex<HashMap<String, Vec<&'static str>>>,
    runs: AtomicUsize,
}

/// Seven components: a chain, a wanted one that fails at first, one with a delay, one that misses its deadline, two of
/// the main thread, and a barrier.
fn loader(seen: &Arc<Seen>) -> Loader {
    let run = || {
        let seen = seen.clone();
        move || {
            seen.runs.fetch_add(1, SeqCst);
            thread::yield_now();
        }
    };
    let mut loader = Loader::new();
    let first = {
        let run = run();
        loader.add("first", (), move |_, ()| {
            run();
            Ok(1_u32)
        })
    };
    let second = {
        let (run, failed) = (run(), AtomicUsize::new(0));
        let retry = Retry::new(2, Duration::from_nanos(10));
        loader.component("second").load_retrying(retry, (), move |_, ()| {
            run();
            if failed.fetch_add(1, SeqCst) == 0 { Err("not yet".into()) } else { Ok(2_u32) }
        })
    };
    let delayed = {
        let run = run();
        loader.component("delayed").delay(Duration::from_nanos(20)).load(first, move |context, first| {
            run();
            context.progress(0.5);
            Ok(*first + 2)
        })
    };
    // Not counted: its time may be over before its code begins.
    let late = loader.component("late").deadline(Duration::from_nanos(5)).load((), |context, ()| {
        while !context.is_cancelled() {
            thread::yield_now();
        }
        Ok(())
    });
    let here = {
        let run = run();
        loader.add_main("here", (first, second.wanted()), move |_, (first, second)| {
            run();
            Ok(*first + second.map_or(0, |second| *second))
        })
    };
    let run = run();
    loader.add_main("last", (here, delayed, late.wanted()), move |_, (here, delayed, late)| {
        run();
        assert!(late.is_none());
        Ok(*here + *delayed)
    });
    loader.barrier("ready", here);
    let heard = seen.clone();
    loader.threads(2).on_event(move |event| {
        let how = match &event.kind {
            EventKind::Finished => "loaded",
            EventKind::Failed(_) => "failed",
            EventKind::Skipped(_) => "skipped",
            _ => return,
        };
        heard.settled.lock().entry(event.component.to_string()).or_default().push(how);
    })
}

fn start(seen: &Arc<Seen>) -> Running {
    loader(seen).build().unwrap().start()
}

/// Each component is settled once, its listeners were told, and the report says the same.
fn once_each(report: &LoadReport, seen: &Seen) {
    let settled = seen.settled.lock();
    for component in &report.components {
        let how = match &component.outcome {
            Outcome::Loaded => "loaded",
            Outcome::Failed(_) => "failed",
            Outcome::Skipped(_) => "skipped",
            other => panic!("{} is not settled: {other:?}", component.name),
        };
        assert_eq!(settled.get(&*component.name).map(Vec::as_slice), Some(&[how][..]), "{}", component.name);
    }
    assert_eq!(settled.len(), report.components.len());
}

fn loaded(report: &LoadReport, name: &str) -> bool {
    matches!(report.component(name).unwrap().outcome, Outcome::Loaded)
}

#[test]
fn join_returns_once_each_component_is_settled_and_told() {
    check(200, || {
        let seen = Arc::default();
        let report = start(&seen).join();
        once_each(&report, &seen);
        let names = ["first", "second", "delayed", "here", "last", "ready"];
        assert!(names.iter().all(|name| loaded(&report, name)), "{report:?}");
        assert!(matches!(report.component("late").unwrap().outcome, Outcome::Failed(_)));
        // One of them twice.
        assert_eq!(seen.runs.load(SeqCst), 6);
    });
}

#[test]
fn barrier_is_reached_and_the_rest_still_loads() {
    check(200, || {
        let seen = Arc::default();
        let running = start(&seen);
        running.run_until("ready").unwrap();
        assert!(loaded(&running.report(), "here"));
        once_each(&running.join(), &seen);
    });
}

#[test]
fn start_that_is_cancelled_by_another_thread_ends() {
    check(200, || {
        let seen = Arc::default();
        let running = start(&seen);
        let canceller: Canceller = running.canceller();
        let other = thread::spawn(move || canceller.cancel());
        let ready = running.run_until("ready");
        let report = running.join();
        other.join().unwrap();
        once_each(&report, &seen);
        assert_eq!(ready.is_ok(), loaded(&report, "ready"));
    });
}

#[test]
fn event_loop_that_pumps_only_when_it_is_woken_gets_to_the_end() {
    check(200, || {
        let seen = Arc::default();
        let (wakes, woken) = shuttle::sync::mpsc::channel();
        let wakes = Mutex::new(wakes);
        let running = loader(&seen).waker(move || wakes.lock().send(()).unwrap()).build().unwrap().start();
        loop {
            match running.pump(Duration::ZERO) {
                Pumped::More => {}
                Pumped::Idle => woken.recv().unwrap(),
                Pumped::Finished => break,
            }
        }
        once_each(&running.join(), &seen);
    });
}

#[test]
fn without_threads_whoever_waits_does_all() {
    check(100, || {
        let seen = Arc::default();
        let mut loader = loader(&seen).threads(0);
        loader.add("more", (), |_, ()| Ok(()));
        let report = loader.build().unwrap().start().join();
        once_each(&report, &seen);
    });
}

#[test]
fn workers_and_the_main_thread_hand_on_without_any_times() {
    check(300, || {
        let mut loader = Loader::new();
        let first = loader.add("first", (), |_, ()| Ok(1_u32));
        let here = loader.component("here").main_thread().load(first, |_, first| Ok(*first + 1));
        let [left, right] = ["left", "right"].map(|name| loader.add(name, here, |_, here| Ok(*here)));
        let both =
            loader.component("both").main_thread().load((left, right), |_, (left, right)| Ok(*left + *right));
        let last = loader.add("last", both, |_, both| Ok(*both));
        let running = loader.threads(2).build().unwrap().start();
        running.join();
        assert_eq!(*running.get(last).unwrap(), 4);
    });
}

#[test]
fn start_that_is_dropped_leaves_no_thread_behind() {
    check(200, || {
        let seen = Arc::default();
        let running = start(&seen);
        drop(running);
        // The components hold it, and the threads those.
        while Arc::strong_count(&seen) > 1 {
            thread::yield_now();
        }
    });
}

thread_local! {
    /// Where components and listeners find their start. All threads of a model are one to the system.
    static START: RefCell<Option<Rc<Running>>> = const { RefCell::new(None) };
}

fn own_start() -> Option<Rc<Running>> {
    START.with(|start| start.borrow().clone())
}

#[test]
fn start_that_waits_for_itself_is_told_so() {
    check(200, || {
        let main = thread::current().id();
        let mut loader = Loader::new();
        let before = loader.add("before", (), |_, ()| Ok(()));
        let calls = loader.add_main("calls", (), |_, ()| {
            let start = own_start().unwrap();
            let report = start.join();
            assert!(matches!(report.component("calls").unwrap().outcome, Outcome::Pending), "{report:?}");
            for name in ["calls", "after", "end"] {
                let failure = start.run_until(name).unwrap_err();
                assert!(matches!(*failure, LoadFailure::WaitsForCaller(_)), "{failure}");
            }
            start.run_until("before").map_err(|failure| failure.to_string().into())
        });
        let after = loader.add_main("after", calls.wanted(), |_, _| Ok(()));
        loader.barrier("end", (before, after));
        let joined = Arc::new(AtomicUsize::new(0));
        let counted = joined.clone();
        let loader = loader.threads(1).on_event(move |_| {
            if thread::current().id() == main
                && let Some(start) = own_start()
            {
                start.join();
                counted.fetch_add(1, SeqCst);
            }
        });
        let running = Rc::new(loader.build().unwrap().start());
        START.with(|start| *start.borrow_mut() = Some(running.clone()));
        let report = running.join();
        START.with(|start| start.borrow_mut().take());
        assert!(report.is_ok(), "{report:?}");
    });
}
