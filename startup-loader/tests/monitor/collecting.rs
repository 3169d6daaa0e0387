use std::{sync::mpsc, thread, time::Duration};

use startup_loader::monitor::{Kind, Origin, StartupMonitor, mark};
use tracing::{dispatcher::with_default, field, info_span};
use tracing_subscriber::prelude::*;

use crate::{dispatch, labelled, seen};

#[test]
fn spans_become_phases_with_names_kinds_and_parents() {
    let report = seen(|| {
        info_span!(target: "startup", "cache.open", path = %"/tmp/cache").in_scope(|| ());
        info_span!(target: "startup", "migrate.run", path = ?"/tmp/db", from = 1, to = 2).in_scope(|| {
            info_span!(target: "startup", "migrate.version", version = 2, name = "add_authors")
                .in_scope(|| ());
        });
        let after = "settings, index";
        info_span!(target: "startup", "component.load", name = "view", after, queued_us = 0).in_scope(|| {
            info_span!(target: "startup", "lazy.load", name = "plotter").in_scope(|| ());
        });
        info_span!(target: "startup", "splash").in_scope(|| ());
    });
    let labels = report.phases().iter().map(|phase| (phase.label(), phase.kind(), phase.parent()));
    let expected = [
        ("/tmp/cache", Kind::Cache, None),
        ("/tmp/db", Kind::Migration, None),
        ("2 add_authors", Kind::Migration, Some(1)),
        ("view", Kind::Component, None),
        ("plotter", Kind::Lazy, Some(3)),
        ("splash", Kind::Own, None),
    ];
    assert_eq!(
        labels.collect::<Vec<_>>(),
        expected.map(|(label, kind, parent)| (label.to_owned(), kind, parent))
    );
    assert_eq!(labelled(&report, "view").after(), ["settings", "index"]);
    for (index, phase) in report.phases().iter().enumerate() {
        let end = phase.end().unwrap();
        assert!(report.before_monitor() <= phase.start() && phase.start() <= end && end <= report.taken_at());
        if let Some(parent) = phase.parent().map(|parent| &report.phases()[parent]) {
            assert!(parent.start() <= phase.start() && Some(end) <= parent.end(), "{index}");
        }
    }
}

#[test]
fn error_is_recorded_later() {
    let report = seen(|| {
        let span = info_span!(target: "startup", "lazy.load", name = "plotter", error = field::Empty);
        span.in_scope(|| span.record("error", field::display("no fonts")));
        info_span!(target: "startup", "lazy.load", name = "fonts", error = field::Empty).in_scope(|| ());
    });
    assert_eq!(labelled(&report, "plotter").error(), Some("no fonts"));
    assert_eq!(labelled(&report, "fonts").error(), None);
}

#[test]
fn what_is_not_over_is_running() {
    let (layer, monitor) = StartupMonitor::new();
    let registry = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(registry, || {
        let span = info_span!(target: "startup", "splash").entered();
        let during = monitor.report();
        assert_eq!(during.phases()[0].end(), None);
        assert_eq!(during.total(), during.taken_at());
        drop(span);
        assert!(monitor.report().phases()[0].end().is_some());
        assert_eq!(during.phases()[0].end(), None);
    });
}

#[test]
fn span_that_is_only_kept_ended_when_it_was_left() {
    let report = seen(|| {
        let kept = info_span!(target: "startup", "kept");
        kept.in_scope(|| ());
        mark("left");
        drop(kept);
    });
    assert!(report.phases()[0].end().unwrap() <= report.mark("left").unwrap().at());
}

#[test]
fn phases_know_the_thread_that_they_ran_on() {
    let monitor = StartupMonitor::with_limit(100);
    let dispatch = dispatch(&monitor);
    let (sender, receiver) = mpsc::channel();
    with_default(&dispatch, || {
        let span = info_span!(target: "startup", "component.load", name = "made here, run there");
        sender.send(span).unwrap();
    });
    let worker = thread::Builder::new().name("worker 7".to_owned()).spawn(move || {
        with_default(&dispatch, || {
            receiver.recv().unwrap().in_scope(|| ());
            mark("worked");
        });
    });
    worker.unwrap().join().unwrap();
    let report = monitor.report();
    assert_eq!(report.phases()[0].thread(), "worker 7");
    assert_eq!(report.mark("worked").unwrap().thread(), "worker 7");
}

#[test]
fn threads_collect_at_once_and_nothing_is_lost() {
    let monitor = StartupMonitor::with_limit(10_000);
    let dispatch = dispatch(&monitor);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                with_default(&dispatch, || {
                    for _ in 0..500 {
                        let _outer = info_span!(target: "startup", "outer").entered();
                        let _inner = info_span!(target: "startup", "inner").entered();
                    }
                });
            });
        }
    });
    let report = monitor.report();
    assert_eq!((report.phases().len(), report.dropped()), (4 * 500 * 2, 0));
    for phase in report.phases() {
        let parent = phase.parent().map(|parent| report.phases()[parent].name());
        assert_eq!(parent, (phase.name() == "inner").then_some("outer"));
        assert!(phase.end().is_some());
    }
}

#[test]
fn layers_of_two_subscribers_do_not_mix_up_their_spans() {
    let monitor = StartupMonitor::with_limit(10);
    let (one, two) = (dispatch(&monitor), dispatch(&monitor));
    let first = with_default(&one, || info_span!(target: "startup", "first"));
    let second = with_default(&two, || info_span!(target: "startup", "second"));
    second.record("name", "no such field");
    drop(second);
    let ends = monitor.report().phases().iter().map(|phase| phase.end().is_some()).collect::<Vec<_>>();
    assert_eq!(ends, [false, true]);
    drop(first);
}

#[test]
fn memory_is_bounded_and_what_is_dropped_counted() {
    let monitor = StartupMonitor::with_limit(3);
    with_default(&dispatch(&monitor), || {
        for _ in 0..5 {
            let outer = info_span!(target: "startup", "lazy.load", name = "é".repeat(10_000)).entered();
            mark("ready");
            drop(outer);
        }
    });
    let report = monitor.report();
    assert_eq!((report.phases().len(), report.marks().len(), report.dropped()), (3, 3, 4));
    assert!(report.phases()[0].label().len() <= 512);
    assert!(report.to_string().contains("4 over the limit"));
}

#[test]
fn mark_knows_the_phase_that_it_was_set_in() {
    let report = seen(|| {
        info_span!(target: "startup", "before").in_scope(|| ());
        info_span!(target: "startup", "view").in_scope(|| mark("first_paint"));
        mark("ready");
    });
    let names = report.marks().iter().map(|mark| (mark.name(), mark.phase())).collect::<Vec<_>>();
    assert_eq!(names, [("first_paint", Some(1)), ("ready", None)]);
}

#[test]
fn field_that_starts_something_itself_is_no_deadlock() {
    struct Nested;
    impl std::fmt::Display for Nested {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            info_span!(target: "startup", "inside").in_scope(|| ());
            f.write_str("outside")
        }
    }
    let report = seen(|| info_span!(target: "startup", "lazy.load", name = %Nested).in_scope(|| ()));
    assert!(report.phases().iter().any(|phase| phase.label() == "outside"));
}

#[test]
fn zero_is_the_start_of_the_process_where_the_system_tells_it() {
    let report = seen(|| ());
    match report.origin() {
        Origin::ProcessStart => assert!(report.before_monitor() <= Duration::from_secs(600)),
        _ => assert_eq!(report.before_monitor(), Duration::ZERO),
    }
    assert!(report.to_string().contains(&report.origin().to_string()));
}
