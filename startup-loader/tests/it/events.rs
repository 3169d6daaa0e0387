//! What listeners hear.

use std::{
    sync::{Arc, Mutex, mpsc::RecvTimeoutError},
    time::Duration,
};

use startup_loader::{EventKind, Loader};

#[test]
fn events_come_in_order_and_end_with_the_whole() {
    let mut loader = Loader::new();
    let events = loader.events();
    let index = loader.add("index", (), |context, ()| {
        for part in [0.25, 0.252, f32::NAN, 7.0] {
            context.progress(part);
        }
        Ok(())
    });
    loader.add("view", index, |_, _| Err::<(), _>("no".into()));
    loader.build().unwrap().start().join();
    let told: Vec<_> = events
        .try_iter()
        .map(|event| {
            let kind = match event.kind {
                EventKind::Queued => "queued".to_owned(),
                EventKind::Started { attempt } => format!("started {attempt}"),
                EventKind::Progress(part) => format!("progress {part}"),
                EventKind::Finished => "finished".to_owned(),
                EventKind::Failed(failure) => format!("failed {failure}"),
                other => format!("{other:?}"),
            };
            format!("{} {kind} {}", event.component, event.overall)
        })
        .collect();
    assert_eq!(
        told,
        [
            "index queued 0",
            "index started 1 0",
            "index progress 0.25 0.125",
            "index progress 0 0",
            "index progress 1 0.5",
            "index finished 0.5",
            "view queued 0.5",
            "view started 1 0.5",
            "view failed no 1",
        ]
    );
}

#[test]
fn progress_may_come_from_elsewhere_while_the_component_runs() {
    let mut loader = Loader::new();
    let events = loader.events();
    let index = loader.add("index", (), |context, ()| {
        let reporter = context.reporter();
        let there = reporter.clone();
        std::thread::spawn(move || there.progress(0.5)).join().map_err(|_| "no thread")?;
        Ok(reporter)
    });
    let running = loader.build().unwrap().start();
    running.join();
    let reporter = running.get(index).unwrap();
    reporter.progress(0.75);
    let told = events.try_iter().filter_map(|event| match event.kind {
        EventKind::Progress(part) => Some(part),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [0.5]);
    drop(running);
    reporter.progress(1.0);
    let rest = events.recv_timeout(Duration::from_secs(60));
    assert_eq!(
        rest.unwrap_err(),
        RecvTimeoutError::Disconnected,
        "a result that holds a reporter keeps nothing alive"
    );
}

#[test]
fn listener_may_cancel_and_may_panic() {
    let slot: Arc<Mutex<Option<startup_loader::Canceller>>> = Arc::default();
    let seen = slot.clone();
    let mut loader = Loader::new();
    let a = loader.add_main("a", (), |_, ()| Ok(()));
    loader.add_main("b", a, |_, _| Ok(()));
    let loader = loader.on_event(move |event| {
        if matches!(event.kind, EventKind::Started { .. }) {
            if let Some(canceller) = seen.lock().unwrap().take() {
                canceller.cancel();
            }
            panic!("a listener of no use");
        }
    });
    let running = loader.build().unwrap().start();
    *slot.lock().unwrap() = Some(running.canceller());
    let report = running.join();
    assert_eq!(report.failures().map(|(name, _)| name).collect::<Vec<_>>(), ["b"]);
}
