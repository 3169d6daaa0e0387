//! Delays.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use startup_loader::{LoadFailure, Loader};

#[test]
fn delayed_component_begins_after_its_delay_and_holds_no_thread() {
    let mut loader = Loader::new();
    loader.component("late").delay(Duration::from_millis(30)).priority(9).load((), |_, ()| Ok(()));
    loader.add("early", (), |_, ()| Ok(()));
    let report = loader.threads(1).build().unwrap().start().join();
    let started = |name| report.component(name).unwrap().started.unwrap();
    assert!(started("late") >= Duration::from_millis(30));
    assert!(started("early") < started("late"));
}

#[test]
fn configured_delay_goes_before_the_one_in_code() {
    let mut loader = Loader::new();
    loader.component("charts").delay(Duration::MAX).load((), |_, ()| Ok(()));
    let report = loader.delays([("charts", Duration::ZERO)]).build().unwrap().start().join();
    assert!(report.is_ok());
}

#[test]
fn sequential_start_runs_in_order_and_waits_for_no_delay() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut loader = Loader::new();
    for (name, delay) in [("late", Duration::MAX), ("later", Duration::MAX), ("now", Duration::ZERO)] {
        let order = order.clone();
        loader.component(name).delay(delay).load((), move |_, ()| {
            order.lock().unwrap().push(name);
            Ok(())
        });
    }
    let running = loader.sequential().build().unwrap().start();
    assert!(running.is_finished() && running.join().is_ok());
    assert_eq!(*order.lock().unwrap(), ["now", "late", "later"]);
}

#[test]
fn loader_sees_that_its_deadline_is_over_where_nobody_else_looks() {
    let mut loader = Loader::new();
    loader.component("slow").deadline(Duration::from_millis(5)).load((), |context, ()| {
        while !context.is_cancelled() {
            std::thread::yield_now();
        }
        Ok(())
    });
    let report = loader.build().unwrap().run();
    let (_, failure) = report.failures().next().unwrap();
    assert!(matches!(failure, LoadFailure::Deadline(_)));
}
