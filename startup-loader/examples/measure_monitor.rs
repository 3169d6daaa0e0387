//! What the monitor costs: a span of the start, and one that is none of its business, with it and without.
//!
//! ```text
//! cargo run --release -p startup-loader --example measure_monitor
//! ```
//!
//! Each is measured in processes of its own, in turn, since a subscriber once installed stays. Medians of rounds.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program for the terminal")]

use std::{hint::black_box, process::Command, time::Instant};

use startup_loader::monitor::StartupMonitor;
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

const ROUNDS: usize = 21;
/// Fewer than the monitor keeps.
const SPANS: u32 = 9_000;
const SUBJECTS: [(&str, &str); 5] = [
    ("other", "span of another target, no subscriber"),
    ("other monitor", "span of another target, with the monitor"),
    ("other registry", "span of another target, with a bare registry"),
    ("startup", "span of the start, no subscriber"),
    ("startup monitor", "span of the start, with the monitor"),
];

fn main() {
    if let Some(subject) = std::env::args().nth(1) {
        return println!("{}", measure(&subject));
    }
    let mut times = SUBJECTS.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (times, (subject, _)) in times.iter_mut().zip(SUBJECTS) {
            let output = Command::new(std::env::current_exe().unwrap()).arg(subject).output().unwrap();
            times.push(String::from_utf8(output.stdout).unwrap().trim().parse::<f64>().unwrap());
        }
    }
    println!("{:<46}  {:>8}", "what", "ns");
    for (times, (_, name)) in times.iter_mut().zip(SUBJECTS) {
        times.sort_by(f64::total_cmp);
        println!("{name:<46}  {:>8.1}", times[ROUNDS / 2]);
    }
}

/// Nanoseconds of a span that is made, entered, left and closed.
fn measure(subject: &str) -> f64 {
    if subject.ends_with("monitor") {
        let (layer, _monitor) = StartupMonitor::new();
        tracing_subscriber::registry().with(layer).init();
    } else if subject.ends_with("registry") {
        tracing_subscriber::registry().init();
    }
    let start = Instant::now();
    for number in 0..SPANS {
        if subject.starts_with("startup") {
            tracing::info_span!(target: "startup", "part", number).in_scope(|| black_box(number));
        } else {
            tracing::info_span!(target: "other", "part", number).in_scope(|| black_box(number));
        }
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(SPANS)
}
