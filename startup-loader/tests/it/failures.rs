//! Who is there, and who is not, after a failure.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    time::Duration,
};

use startup_loader::{EventKind, LoadFailure, Loader, Outcome, Retry};

#[test]
fn failure_skips_those_that_require_it_with_the_chain_of_reasons() {
    let mut loader = Loader::new();
    let index = loader.add("index", (), |_, ()| Err::<u32, _>("disk full".into()));
    let view = loader.add("view", index, |_, index| Ok(*index));
    let chart = loader.add("chart", view, |_, view| Ok(*view));
    let hint = loader.add("hint", chart.wanted(), |_, chart| Ok(chart.is_none()));
    let running = loader.build().unwrap().start();
    let report = running.join();

    assert!(!report.is_ok());
    let failures: Vec<_> = report.failures().map(|(name, failure)| (name, failure.to_string())).collect();
    assert_eq!(
        failures,
        [
            ("index", "disk full".to_owned()),
            ("view", "skipped, since index failed: disk full".to_owned()),
            ("chart", "skipped, since view <- index failed: disk full".to_owned()),
        ]
    );
    assert!(*running.get(hint).unwrap());
    assert!(running.get(chart).is_none());
    assert!(report.to_string().contains("disk full"));
}

#[derive(Debug)]
struct Unreadable(std::io::Error);

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("unreadable")
    }
}

impl std::error::Error for Unreadable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn main_shows_a_failure_with_its_causes() {
    let mut loader = Loader::new();
    let index = loader.add("index", (), |_, ()| {
        Err::<u32, _>(Unreadable(std::io::Error::other("near \"TABEL\":\n  syntax error")).into())
    });
    loader.add("view", index, |_, index| Ok(*index));
    let report = loader.build().unwrap().start().join();
    let shown: Vec<_> = report.failures().map(|(_, failure)| format!("{failure:?}")).collect();
    assert_eq!(
        shown,
        ["unreadable", "skipped, since index failed: unreadable"]
            .map(|it| format!("{it}\n  caused by: near \"TABEL\":\n  syntax error"))
    );
    let table = report.to_string();
    assert!(table.contains("failed: unreadable: near \"TABEL\": syntax error\n"), "{table}");
}

#[test]
fn panic_is_a_failure_and_the_others_go_on() {
    let mut loader = Loader::new();
    let broken = loader.add("broken", (), |_, ()| -> Result<u32, _> { panic!("no luck") });
    let other = loader.add("other", broken.wanted(), |_, broken| Ok(broken.is_none()));
    let running = loader.threads(1).build().unwrap().start();
    let report = running.join();
    let (name, failure) = report.failures().next().unwrap();
    assert_eq!((name, failure.to_string().as_str()), ("broken", "panicked: no luck"));
    assert!(*running.get(other).unwrap());
}

#[test]
fn start_without_an_optional_component_is_a_good_one() {
    let mut loader = Loader::new();
    loader.component("news").optional().load((), |_, ()| Err::<(), _>("offline".into()));
    assert!(loader.build().unwrap().run().is_ok());
}

#[test]
fn retried_component_gets_its_dependencies_again() {
    let mut loader = Loader::new();
    let base = loader.add("base", (), |_, ()| Ok(40));
    let sum = loader.component("sum").load_retrying(Retry::new(3, Duration::ZERO), base, |context, base| {
        if context.attempt() < 3 { Err("not yet".into()) } else { Ok(*base + context.attempt()) }
    });
    let running = loader.build().unwrap().start();
    let report = running.join();
    assert_eq!(*running.get(sum).unwrap(), 43);
    assert_eq!(report.component("sum").unwrap().attempts, 3);
}

#[test]
fn component_that_always_fails_is_tried_as_often_as_said() {
    let mut loader = Loader::new();
    let tries = Arc::new(AtomicU32::new(0));
    let counted = tries.clone();
    loader.component("sum").load_retrying(Retry::new(2, Duration::from_millis(1)), (), move |_, ()| {
        counted.fetch_add(1, Ordering::Relaxed);
        Err::<(), _>("never".into())
    });
    assert!(!loader.build().unwrap().start().join().is_ok());
    assert_eq!(tries.load(Ordering::Relaxed), 2);
}

#[test]
fn component_that_hangs_costs_its_dependents_and_not_the_only_thread() {
    let (release, hang) = mpsc::channel::<()>();
    let mut loader = Loader::new();
    let stuck =
        loader.component("stuck").deadline(Duration::from_millis(20)).priority(1).load((), move |_, ()| {
            let _ = hang.recv();
            Ok(1)
        });
    let after = loader.add("after", stuck, |_, stuck| Ok(*stuck));
    let other = loader.add("other", (), |_, ()| Ok(2));
    let running = loader.threads(1).build().unwrap().start();
    let report = running.join();
    assert_eq!(*running.get(other).unwrap(), 2);
    assert!(matches!(&report.component("stuck").unwrap().outcome, Outcome::Failed(failure)
        if matches!(**failure, LoadFailure::Deadline(_))));
    assert!(matches!(&report.component("after").unwrap().outcome, Outcome::Skipped(failure)
        if failure.chain() == ["stuck"]));
    drop(release);
    assert!(running.get(stuck).is_none() && running.get(after).is_none());
}

#[test]
fn cancelled_start_skips_what_does_not_run_yet() {
    let (entered, wait) = mpsc::channel();
    let (release, hang) = mpsc::channel::<()>();
    let mut loader = Loader::new();
    let first = loader.add("first", (), move |context, ()| {
        entered.send(())?;
        let _ = hang.recv();
        Ok(context.is_cancelled())
    });
    let second = loader.add("second", first, |_, first| Ok(*first));
    let running = loader.build().unwrap().start();
    wait.recv().unwrap();
    let canceller = running.canceller();
    std::thread::spawn(move || canceller.cancel()).join().unwrap();
    drop(release);
    let report = running.join();
    assert!(*running.get(first).unwrap());
    assert!(running.get(second).is_none());
    assert!(matches!(&report.component("second").unwrap().outcome, Outcome::Skipped(failure)
        if matches!(**failure, LoadFailure::Cancelled)));
}

#[test]
fn component_that_is_cancelled_between_two_attempts_has_failed() {
    let (failed, wait) = mpsc::channel();
    let mut loader = Loader::new();
    let again = Retry::new(2, Duration::from_secs(3600));
    loader.component("sum").load_retrying(again, (), |_, ()| Err::<(), _>("not yet".into()));
    let loader = loader.on_event(move |event| {
        if matches!(event.kind, EventKind::Retrying(_)) {
            let _ = failed.send(());
        }
    });
    let running = loader.build().unwrap().start();
    wait.recv().unwrap();
    running.cancel();
    let report = running.join();
    assert!(matches!(&report.component("sum").unwrap().outcome, Outcome::Failed(failure)
        if matches!(**failure, LoadFailure::Cancelled)));
    assert_eq!(report.failures().next().unwrap().1.to_string(), "cancelled");
}

#[test]
fn dropped_start_waits_for_nothing() {
    let (release, hang) = mpsc::channel::<()>();
    let (done, finished) = mpsc::channel();
    let mut loader = Loader::new();
    loader.add("slow", (), move |_, ()| {
        let _ = hang.recv();
        done.send(())?;
        Ok(())
    });
    drop(loader.build().unwrap().start());
    drop(release);
    // Either it ran to its end, or it never began: both end the channel.
    let _ = finished.recv();
}

#[test]
fn errors_can_cross_threads() {
    fn check<T: std::error::Error + Send + Sync + 'static>() {}
    check::<LoadFailure>();
    check::<startup_loader::PlanError>();
}

#[test]
fn thread_of_a_late_component_or_another_one_goes_on() {
    let mut loader = Loader::new();
    loader.component("late").deadline(Duration::from_millis(5)).priority(1).load((), |context, ()| {
        while !context.is_cancelled() {
            std::thread::yield_now();
        }
        Ok(())
    });
    let other = loader.add("other", (), |_, ()| Ok(2));
    let running = loader.threads(1).build().unwrap().start();
    running.join();
    assert_eq!(*running.get(other).unwrap(), 2);
}
