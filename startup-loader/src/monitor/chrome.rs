use std::{fmt::Write as _, time::Duration};

use super::report::Report;

/// Complete events on one track per thread. Events on one track must lie inside each other or apart: what
/// overlaps otherwise (a span that is held over another) gets one more track of its thread.
pub(super) fn write(report: &Report) -> String {
    let process = std::process::id();
    let mut tracks = Vec::<Track<'_>>::new();
    let mut events = Vec::new();
    for phase in report.phases() {
        let (start, end) = (phase.start, report.end_of(phase));
        let track = Track::take(&mut tracks, phase.thread(), start, end);
        let mut args = format!("\"span\":{}", quoted(phase.name));
        for (name, text) in phase.fields() {
            push(&mut args, format_args!(",{}:{}", quoted(name), quoted(text)));
        }
        if phase.end.is_none() {
            args.push_str(",\"running\":true");
        }
        let (ts, dur) = (micros(start), micros(end - start));
        let (name, kind) = (quoted(&phase.label()), quoted(phase.kind().name()));
        events.push(format!(
            "{{\"ph\":\"X\",\"pid\":{process},\"tid\":{track},\"ts\":{ts},\"dur\":{dur},\"name\":{name},\"cat\":{kind},\"args\":{{{args}}}}}"
        ));
    }
    for mark in report.marks() {
        let track = Track::of(&mut tracks, mark.thread());
        let (ts, name) = (micros(mark.at), quoted(&mark.name));
        events.push(format!(
            "{{\"ph\":\"i\",\"s\":\"g\",\"pid\":{process},\"tid\":{track},\"ts\":{ts},\"name\":{name},\"cat\":\"mark\"}}"
        ));
    }
    let mut name = |track: usize, what: &str, name: &str| {
        let name = quoted(name);
        events.push(format!(
            "{{\"ph\":\"M\",\"pid\":{process},\"tid\":{track},\"name\":\"{what}\",\"args\":{{\"name\":{name}}}}}"
        ));
    };
    let program = std::env::current_exe().ok();
    let program = program.as_deref().and_then(|path| path.file_stem()).map(|name| name.to_string_lossy());
    name(0, "process_name", program.as_deref().unwrap_or("process"));
    for (index, track) in tracks.iter().enumerate() {
        name(index + 1, "thread_name", &track.name);
    }
    format!(
        "{{\"displayTimeUnit\":\"ms\",\"otherData\":{{\"zero\":{},\"dropped\":{}}},\"traceEvents\":[\n{}\n]}}\n",
        quoted(&report.origin().to_string()),
        report.dropped(),
        events.join(",\n")
    )
}

struct Track<'a> {
    thread: &'a str,
    name: String,
    /// The ends of the events that the next one may lie in, the innermost last.
    ends: Vec<Duration>,
}

impl<'a> Track<'a> {
    /// The number, from 1 on, of a track that this event fits on. They must come ordered by start.
    fn take(tracks: &mut Vec<Self>, thread: &'a str, start: Duration, end: Duration) -> usize {
        let mut of_thread = 0;
        for (index, track) in tracks.iter_mut().enumerate().filter(|(_, track)| track.thread == thread) {
            of_thread += 1;
            while track.ends.pop_if(|last| *last <= start).is_some() {}
            if track.ends.last().is_none_or(|last| end <= *last) {
                track.ends.push(end);
                return index + 1;
            }
        }
        let name = if of_thread == 0 { thread.to_owned() } else { format!("{thread} ({})", of_thread + 1) };
        tracks.push(Self { thread, name, ends: vec![end] });
        tracks.len()
    }

    /// The number of the first track of a thread.
    fn of(tracks: &mut Vec<Self>, thread: &'a str) -> usize {
        let found = tracks.iter().position(|track| track.thread == thread);
        found.map_or_else(|| Self::take(tracks, thread, Duration::MAX, Duration::MAX), |index| index + 1)
    }
}

fn micros(time: Duration) -> String {
    format!("{}.{:03}", time.as_micros(), time.subsec_nanos() % 1_000)
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => push(&mut out, format_args!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::{super::fixture::*, *};
    use serde_json::Value;

    fn events(report: &Report) -> Vec<Value> {
        let trace = serde_json::from_str::<Value>(&write(report)).unwrap();
        trace["traceEvents"].as_array().unwrap().clone()
    }

    #[test]
    fn phases_are_complete_events_and_marks_instants() {
        let events = events(&a_start());
        let named = |name: &str| events.iter().find(|event| event["name"] == name).unwrap();
        let view = named("view");
        assert_eq!((view["ph"].as_str(), view["ts"].as_f64()), (Some("X"), Some(110_000.0)));
        assert_eq!((view["dur"].as_f64(), &view["args"]["queued_us"]), (Some(30_000.0), &"10000".into()));
        assert_eq!(named("plotter")["args"]["error"], "no <font> & \"ink\"");
        assert_eq!((&named("ready")["ph"], &named("ready")["tid"]), (&"i".into(), &view["tid"]));
        let threads = events.iter().filter(|event| event["name"] == "thread_name");
        let threads = threads.map(|event| event["args"]["name"].as_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(threads, ["main", "worker 1", "worker 2"]);
    }

    #[test]
    fn events_of_a_track_lie_inside_each_other_or_apart() {
        let times = [(0, 10), (0, 20), (5, 15), (5, 8), (16, 30), (20, 25)];
        let phases = times.map(|(start, end)| phase("own", &[], "main", start, end)).to_vec();
        let events = events(&report(phases, vec![]));
        let spans = events.iter().filter(|event| event["ph"] == "X").map(|event| {
            let start = event["ts"].as_f64().unwrap();
            (event["tid"].as_u64().unwrap(), start, start + event["dur"].as_f64().unwrap())
        });
        let spans = spans.collect::<Vec<_>>();
        for (i, a) in spans.iter().enumerate() {
            for b in &spans[i + 1..] {
                let apart = a.2 <= b.1 || b.2 <= a.1;
                let inside = (a.1 <= b.1 && b.2 <= a.2) || (b.1 <= a.1 && a.2 <= b.2);
                assert!(a.0 != b.0 || apart || inside, "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn names_of_all_sorts_survive() {
        let odd = "\"\\\n\u{1}\u{7f}ä😀\u{2028}";
        let events = events(&report(vec![component(odd, odd, 1, 2, "", 0)], vec![mark(odd, 1)]));
        assert_eq!(events.iter().filter(|event| event["name"] == odd).count(), 2);
    }
}
