//! Components and listeners that call the start that they are part of.

use std::{
    cell::{OnceCell, RefCell},
    rc::Rc,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use startup_loader::{LoadFailure, Loader, Outcome, Running};

use crate::ends::ends;

thread_local! {
    static START: RefCell<Option<Rc<Running>>> = const { RefCell::new(None) };
}

/// The start of this thread, if it has begun.
fn start() -> Option<Rc<Running>> {
    START.with(|start| start.borrow().clone())
}

fn keep(running: Running) -> Rc<Running> {
    let running = Rc::new(running);
    START.with(|start| *start.borrow_mut() = Some(running.clone()));
    running
}

#[test]
fn component_that_joins_its_start_is_told_how_it_went_so_far() {
    ends(|| {
        let mut loader = Loader::new();
        let first = loader.add("first", (), |_, ()| Ok(()));
        let joins = loader.add_main("joins", first, |_, _| {
            let report = start().unwrap().join();
            Ok(matches!(report.component("joins").unwrap().outcome, Outcome::Pending)
                && matches!(report.component("first").unwrap().outcome, Outcome::Loaded))
        });
        let running = keep(loader.threads(1).build().unwrap().start());
        assert!(running.join().is_ok());
        assert!(*running.get(joins).unwrap());
    });
}

#[test]
fn component_cannot_wait_for_one_that_waits_for_it() {
    ends(|| {
        let mut loader = Loader::new();
        let (ready, is_ready) = mpsc::channel();
        let waits = loader.component("waits").load_main((), move |_, ()| {
            let start = start().unwrap();
            // The one that it does not depend on is awaited, though it is not there yet.
            ready.send(()).unwrap();
            start.run_until("other")?;
            Ok([start.run_until("waits"), start.run_until("after"), start.run_until("barrier")])
        });
        loader.add("other", (), move |_, ()| Ok(is_ready.recv()?));
        let after = loader.add_main("after", waits.wanted(), |_, _| Ok(()));
        loader.barrier("barrier", after);
        let running = keep(loader.threads(1).build().unwrap().start());
        assert!(running.join().is_ok());
        for outcome in running.get(waits).unwrap().iter() {
            let failure = outcome.as_ref().unwrap_err();
            assert!(matches!(**failure, LoadFailure::WaitsForCaller(_)), "{failure}");
        }
    });
}

#[test]
fn listener_that_joins_waits_for_nothing_and_hears_of_the_rest() {
    ends(|| {
        let mut loader = Loader::new();
        let heard = Arc::new(Mutex::new(0));
        let counted = heard.clone();
        for name in ["a", "b", "c"] {
            loader.add_main(name, (), |context, ()| {
                context.progress(0.5);
                Ok(())
            });
        }
        let loader = loader.threads(1).on_event(move |_| {
            if let Some(start) = start() {
                start.join();
                *counted.lock().unwrap() += 1;
            }
        });
        let running = keep(loader.build().unwrap().start());
        assert!(running.join().is_ok());
        // Started, half way and ended, each of them.
        assert_eq!(*heard.lock().unwrap(), 9);
    });
}

#[test]
fn listener_and_waker_may_call_everything() {
    ends(|| {
        let mut loader = Loader::new();
        let here = loader.add_main("here", (), |_, ()| Ok(()));
        loader.add("there", (), |_, ()| Ok(()));
        let call = || {
            let Some(start) = start() else { return };
            start.pump(Duration::ZERO);
            start.report();
            start.progress();
            let _ = (start.is_finished(), start.run_until("there"), start.join());
        };
        let loader = loader.threads(1).on_event(move |_| call()).waker(call);
        let running = keep(loader.build().unwrap().start());
        assert!(running.join().is_ok() && running.get(here).is_some());
    });
}

#[test]
fn late_result_may_cancel_the_start_that_drops_it() {
    struct Cancels(OnceCell<startup_loader::Canceller>);

    impl Drop for Cancels {
        fn drop(&mut self) {
            self.0.take().unwrap().cancel();
        }
    }

    ends(|| {
        let mut loader = Loader::new();
        loader.component("late").deadline(Duration::ZERO).load_main((), |_, ()| {
            let canceller = start().unwrap().canceller();
            Ok(Cancels(OnceCell::from(canceller)))
        });
        let running = keep(loader.threads(1).build().unwrap().start());
        assert!(!running.join().is_ok());
    });
}
