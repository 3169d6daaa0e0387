//! What the loader itself costs: plans of components that do nothing, built and loaded, beside petgraph's bare graph and
//! topological order.
//!
//! ```text
//! cargo run --release -p startup-loader --example measure_loader
//! ```
//!
//! Each component waits for two of those before it. Medians of interleaved rounds.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program for the terminal")]

use std::time::{Duration, Instant};

use petgraph::{algo::toposort, graph::DiGraph};
use startup_loader::{Loader, Plan};

const ROUNDS: usize = 51;

fn main() {
    println!("{:>10}  {:<28}  {:>9}  {:>14}", "components", "what", "us", "ns a component");
    for count in [10, 100, 1_000] {
        let mut times: [Vec<Duration>; 4] = Default::default();
        for _ in 0..ROUNDS {
            times[0].push(time(|| sorted(count)));
            times[1].push(time(|| drop(plan(count))));
            let sequential = plan(count);
            times[2].push(time(|| assert!(sequential.run().is_ok())));
            let threaded = plan(count);
            times[3].push(time(|| assert!(threaded.start().join().is_ok())));
        }
        let names = ["petgraph, sorted", "declared and checked", "run on one thread", "started, joined"];
        for (name, times) in names.iter().zip(&mut times) {
            times.sort_unstable();
            let median = times[ROUNDS / 2];
            let each = median.as_nanos() / count as u128;
            println!("{count:>10}  {name:<28}  {:>9.1}  {each:>14}", median.as_secs_f64() * 1e6);
        }
    }
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// What a component waits for.
fn before(place: usize) -> impl Iterator<Item = usize> {
    [place.checked_sub(1), place.checked_sub(place / 2 + 1)].into_iter().flatten()
}

fn plan(count: usize) -> Plan {
    let mut loader = Loader::new();
    for place in 0..count {
        loader.register(
            format!("component {place}"),
            || Ok(()),
            before(place).map(|place| format!("component {place}")),
            Duration::ZERO,
        );
    }
    loader.build().unwrap()
}

fn sorted(count: usize) {
    let mut graph = DiGraph::<(), ()>::new();
    let nodes: Vec<_> = (0..count).map(|_| graph.add_node(())).collect();
    for place in 0..count {
        for before in before(place) {
            graph.update_edge(nodes[before], nodes[place], ());
        }
    }
    assert_eq!(toposort(&graph, None).unwrap().len(), count);
}
