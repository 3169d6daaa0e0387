//! What the loader itself costs: components that do nothing, each of which waits for two of those before it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use petgraph::{algo::toposort, graph::DiGraph};
use warmstart::loader::{Loader, Plan};

use crate::bench::{Bench, Case};

/// Plans in a turn.
const PLANS: usize = 8;

pub(super) fn run(bench: &mut Bench<'_>) -> Result<()> {
    for count in [100, 1_000] {
        // An operation is a component. Threads are started anew for each plan: the loader keeps none.
        bench.case(&format!("a component of {count}, loaded on threads"), |case| {
            case.threads(std::thread::available_parallelism()?.get());
            case.operations((count * PLANS) as u64);
            subject(case, "declared, loaded on threads", count, |names| {
                ensure!(plan(names)?.start().join().is_ok(), "all components load");
                Ok(())
            });
            Ok(())
        })?;
        bench.case(&format!("a component of {count}"), |case| {
            case.operations((count * PLANS) as u64);
            subject(case, "declared, loaded by the caller", count, |names| {
                ensure!(plan(names)?.run().is_ok(), "all components load");
                Ok(())
            });
            subject(case, "declared", count, |names| {
                drop(plan(names)?);
                Ok(())
            });
            subject(case, "floor: petgraph, built and sorted", count, |names| sorted(names.len()));
            Ok(())
        })?;
    }
    Ok(())
}

fn subject(case: &mut Case<'_>, name: &str, count: usize, one: impl Fn(&[String]) -> Result<()> + 'static) {
    let names: Vec<String> = (0..count).map(|place| format!("component {place}")).collect();
    case.subject(name, move |times| {
        let start = Instant::now();
        for _ in 0..times / count as u64 {
            one(&names)?;
        }
        Ok(start.elapsed())
    });
}

fn plan(names: &[String]) -> Result<Plan> {
    let mut loader = Loader::new();
    for (place, name) in names.iter().enumerate() {
        loader.register(name, || Ok(()), before(place).map(|place| &*names[place]), Duration::ZERO);
    }
    Ok(loader.build()?)
}

fn sorted(count: usize) -> Result<()> {
    let mut graph = DiGraph::<(), ()>::new();
    let nodes: Vec<_> = (0..count).map(|_| graph.add_node(())).collect();
    for place in 0..count {
        for before in before(place) {
            graph.update_edge(nodes[before], nodes[place], ());
        }
    }
    ensure!(toposort(&graph, None).is_ok_and(|order| order.len() == count), "no component waits for itself");
    Ok(())
}

/// What a component waits for.
fn before(place: usize) -> impl Iterator<Item = usize> {
    [place.checked_sub(1), place.checked_sub(place / 2 + 1)].into_iter().flatten()
}
