//! Components whose dependencies are checked, in the order in which they should run.

use std::{
    cmp::Reverse,
    collections::{HashMap, hash_map::Entry},
    fmt,
    sync::Arc,
    time::Duration,
};

use petgraph::{
    Direction::{Incoming, Outgoing},
    algo::{astar, kosaraju_scc, toposort},
    graph::{DiGraph, NodeIndex},
    visit::{Dfs, EdgeRef, Reversed},
};

use crate::{
    LoadReport, Loader, PlanError, Profile, Running,
    loader::{Job, Manner, Retry, Spec},
};

/// What a component takes of which nothing is known, for the longest path.
const UNKNOWN: Duration = Duration::from_millis(1);

/// Components that can be loaded: [`Loader::build`] has checked them.
#[must_use = "nothing is loaded until the plan is started"]
pub struct Plan {
    pub(crate) loader: u64,
    pub(crate) nodes: Vec<Node>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) manner: Manner,
}

/// A component of a plan.
pub(crate) struct Node {
    pub(crate) name: Arc<str>,
    /// Names of what it waits for, with commas.
    pub(crate) after: String,
    pub(crate) dependencies: usize,
    /// Who waits for it, and whether they require it.
    pub(crate) dependents: Vec<(usize, bool)>,
    /// Lower goes first. No two components have the same.
    pub(crate) rank: usize,
    pub(crate) lane: Option<Lane>,
    pub(crate) delay: Duration,
    pub(crate) deadline: Option<Duration>,
    pub(crate) optional: bool,
    pub(crate) retry: Retry,
}

/// Where a component runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    Worker,
    Main,
}

impl Plan {
    /// Starts loading. Components of the main thread load in the functions of what is returned.
    pub fn start(self) -> Running {
        Running::start(self)
    }

    /// Loads everything in order on this thread; see [`Loader::sequential`].
    pub fn run(mut self) -> LoadReport {
        self.manner.sequential = true;
        self.start().join()
    }

    /// The names of the components, in the order in which they load if nothing runs at once.
    pub fn order(&self) -> Vec<&str> {
        let mut waiting: Vec<_> = self.nodes.iter().map(|node| node.dependencies).collect();
        let mut ready: Vec<_> = (0..waiting.len()).filter(|&place| waiting[place] == 0).collect();
        let mut order = Vec::new();
        while let Some(at) = (0..ready.len()).min_by_key(|&at| self.nodes[ready[at]].rank) {
            let node = &self.nodes[ready.swap_remove(at)];
            order.push(&*node.name);
            for &(dependent, _) in &node.dependents {
                waiting[dependent] -= 1;
                if waiting[dependent] == 0 {
                    ready.push(dependent);
                }
            }
        }
        order
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("order", &self.order()).finish_non_exhaustive()
    }
}

type Graph = DiGraph<(), bool>;

pub(crate) fn check(loader: Loader) -> Result<Plan, PlanError> {
    let names = names(&loader.specs)?;
    let graph = graph(&loader, &names)?;
    let order = toposort(&graph, None).map_err(|_| cycle(&graph, &loader.specs))?;
    let Loader { id, mut specs, delays, profile, manner } = loader;
    for (name, delay) in delays {
        let &place = names.get(&*name).ok_or_else(|| unknown(&name, "a delay".to_owned(), &specs))?;
        specs[place].delay = delay;
    }
    let ranks = ranks(&graph, &order, &specs, &profile, manner.sequential);
    let mut nodes = Vec::new();
    for (place, spec) in specs.iter().enumerate() {
        let index = NodeIndex::new(place);
        let mut after: Vec<_> = graph.neighbors_directed(index, Incoming).map(NodeIndex::index).collect();
        after.sort_unstable();
        let escaped = |place: usize| specs[place].name.replace('\\', "\\\\").replace(',', "\\,");
        let after: Vec<_> = after.into_iter().map(escaped).collect();
        nodes.push(Node {
            name: spec.name.clone(),
            dependencies: after.len(),
            after: after.join(","),
            dependents: graph.edges(index).map(|edge| (edge.target().index(), *edge.weight())).collect(),
            rank: ranks[place],
            lane: match spec.job {
                Job::None => None,
                Job::Worker(_) => Some(Lane::Worker),
                Job::Main(_) | Job::Local(_) => Some(Lane::Main),
            },
            delay: spec.delay,
            deadline: spec.deadline,
            optional: spec.optional,
            retry: spec.retry,
        });
    }
    Ok(Plan { loader: id, nodes, jobs: specs.into_iter().map(|spec| spec.job).collect(), manner })
}

fn names(specs: &[Spec]) -> Result<HashMap<Arc<str>, usize>, PlanError> {
    let mut names = HashMap::new();
    for (place, spec) in specs.iter().enumerate() {
        match names.entry(spec.name.clone()) {
            Entry::Vacant(free) => _ = free.insert(place),
            Entry::Occupied(first) => {
                return Err(PlanError::Duplicate {
                    name: spec.name.to_string(),
                    places: [specs[*first.get()].place, spec.place],
                });
            }
        }
    }
    Ok(names)
}

/// Edges go from a component to those that wait for it; their weight is whether they require it.
fn graph(loader: &Loader, names: &HashMap<Arc<str>, usize>) -> Result<Graph, PlanError> {
    let specs = &loader.specs;
    let mut graph = Graph::new();
    for _ in specs {
        graph.add_node(());
    }
    let mut edge = |from: usize, to: usize, required: bool| {
        let (from, to) = (NodeIndex::new(from), NodeIndex::new(to));
        match graph.find_edge(from, to) {
            Some(edge) => graph[edge] |= required,
            None => _ = graph.add_edge(from, to, required),
        }
    };
    for (place, spec) in specs.iter().enumerate() {
        for need in &spec.needs {
            if !loader.is_own(need.id) {
                return Err(PlanError::Foreign { name: spec.name.to_string(), place: spec.place });
            }
            edge(need.id.place, place, need.required);
        }
        for (name, required) in &spec.named {
            let asked_by = || format!("{} ({})", spec.name, spec.place);
            let &from = names.get(&**name).ok_or_else(|| unknown(name, asked_by(), specs))?;
            edge(from, place, *required);
        }
    }
    Ok(graph)
}

fn unknown(name: &str, asked_by: String, specs: &[Spec]) -> PlanError {
    let nearest = nearest(name, specs.iter().map(|spec| &*spec.name)).map(str::to_owned);
    PlanError::Unknown { name: name.to_owned(), asked_by, nearest }
}

/// The name that the fewest changes turn `name` into, if these are at most a third of it or two.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(2);
    let distances = known.map(|known| (strsim::levenshtein(name, known), known));
    distances
        .filter(|&(distance, _)| distance <= limit)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, name)| name)
}

/// The shortest of the circles, each component before the one that it depends on.
fn cycle(graph: &Graph, specs: &[Spec]) -> PlanError {
    let circle = |start: NodeIndex| {
        let steps = graph.neighbors_directed(start, Incoming);
        let back = |step| astar(Reversed(graph), step, |node| node == start, |_| 1, |_| 0);
        steps.filter_map(back).min_by_key(|&(length, _)| length).map(|(_, path)| (start, path))
    };
    // Not Tarjan's, which recurses: a circle may be longer than the stack.
    let parts = kosaraju_scc(graph);
    let circles = parts.iter().filter_map(|part| circle(*part.iter().min()?));
    let shortest = circles.min_by_key(|(_, path)| path.len());
    let path = shortest.into_iter().flat_map(|(start, path)| [start].into_iter().chain(path));
    let named = |node: NodeIndex| (specs[node.index()].name.to_string(), specs[node.index()].place);
    PlanError::Cycle { path: path.map(named).collect() }
}

/// What a barrier needs first, then by priority, then the longest path, then as declared.
fn ranks(
    graph: &Graph,
    order: &[NodeIndex],
    specs: &[Spec],
    profile: &Profile,
    sequential: bool,
) -> Vec<usize> {
    let mut urgent = vec![false; specs.len()];
    for place in (0..specs.len()).filter(|&place| specs[place].is_barrier) {
        let mut needed = Dfs::new(Reversed(graph), NodeIndex::new(place));
        while let Some(node) = needed.next(Reversed(graph)) {
            urgent[node.index()] = true;
        }
    }
    let mut priority: Vec<_> = specs.iter().map(|spec| spec.priority).collect();
    let mut remaining = vec![Duration::ZERO; specs.len()];
    for node in order.iter().rev() {
        let place = node.index();
        for after in graph.neighbors_directed(*node, Outgoing) {
            priority[place] = priority[place].max(priority[after.index()]);
            remaining[place] = remaining[place].max(remaining[after.index()]);
        }
        let own = profile.time(&specs[place].name).unwrap_or(UNKNOWN);
        remaining[place] = remaining[place].saturating_add(own);
    }
    let mut places: Vec<_> = (0..specs.len()).collect();
    places.sort_by_key(|&place| {
        let delay = if sequential { specs[place].delay } else { Duration::ZERO };
        (!urgent[place], Reverse(priority[place]), delay, Reverse(remaining[place]), place)
    });
    let mut ranks = vec![0; specs.len()];
    places.into_iter().enumerate().for_each(|(rank, place)| ranks[place] = rank);
    ranks
}
