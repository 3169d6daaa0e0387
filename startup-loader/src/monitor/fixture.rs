//! Starts that never happened.

use std::time::Duration;

use super::{Mark, Origin, Phase, Report};

pub(super) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(super) fn phase(
    name: &'static str,
    fields: &[(&'static str, &str)],
    thread: &str,
    start: u64,
    end: u64,
) -> Phase {
    let fields = fields.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
    Phase { name, fields, thread: thread.into(), start: ms(start), end: Some(ms(end)), parent: None }
}

pub(super) fn component(
    name: &str,
    thread: &str,
    start: u64,
    end: u64,
    after: &str,
    queued_ms: u64,
) -> Phase {
    let queued = (queued_ms * 1000).to_string();
    phase("component.load", &[("name", name), ("after", after), ("queued_us", &queued)], thread, start, end)
}

pub(super) fn mark(name: &str, at: u64) -> Mark {
    Mark { name: name.to_owned(), at: ms(at), thread: "main".into(), phase: None }
}

pub(super) fn report(phases: Vec<Phase>, marks: Vec<Mark>) -> Report {
    Report::new(phases, marks, Origin::ProcessStart, ms(8), ms(200), 0)
}

/// A cache and six components on three threads, with a lazy in one and a migration in another.
pub(super) fn a_start() -> Report {
    let mut phases = vec![
        phase("start", &[], "main", 9, 150),
        phase("cache.open", &[("path", "/db")], "main", 10, 30),
        component("settings", "main", 40, 50, "", 0),
        component("index", "worker 1", 45, 100, "", 5),
        component("repository", "worker 2", 52, 90, "settings", 2),
        component("view", "main", 110, 140, "index, repository", 10),
        component("export", "worker 1", 150, 190, "view", 3),
        phase("migrate.run", &[("path", "\"/index.db\""), ("from", "1"), ("to", "2")], "worker 1", 46, 80),
        phase("migrate.version", &[("version", "2"), ("name", "add_authors")], "worker 1", 47, 79),
        phase("lazy.load", &[("name", "plotter"), ("error", "no <font> & \"ink\"")], "worker 1", 160, 170),
        component("chart", "worker 2", 152, 158, "view", 12),
    ];
    phases[1].parent = Some(0);
    phases[7].parent = Some(3);
    phases[8].parent = Some(7);
    phases[9].parent = Some(6);
    report(phases, vec![mark("first_paint", 142), mark("ready", 145)])
}
