//! The waiting, with its locks and threads swapped for those of a model checker that tries many orders.
#![expect(dead_code, reason = "the model uses less of the machine than the crate does")]

use std::{
    panic::Location,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use machine::{Machine, Request};

#[path = "../../src/graph.rs"]
mod graph;
#[path = "../../src/machine.rs"]
mod machine;

/// As much of an error as the machine makes.
mod error {
    #[derive(Debug, Clone)]
    pub(crate) struct LazyError(pub(crate) Option<String>);

    impl LazyError {
        pub(crate) fn cycle(_name: &str, path: Vec<&'static str>) -> Self {
            Self(Some(path.join(" -> ")))
        }
    }
}

mod sync {
    pub(crate) use shuttle::{
        sync::{Condvar, Mutex, MutexGuard},
        thread::ThreadId,
    };

    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap()
    }

    pub(crate) fn wait<'a, T>(signal: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        signal.wait(guard).unwrap()
    }

    pub(crate) fn current_thread() -> ThreadId {
        shuttle::thread::current().id()
    }
}

type Outcome = Result<u32, error::LazyError>;

/// A program of lazies `0..N`, each of which needs others.
struct Program<const N: usize> {
    graph: sync::Mutex<graph::Graph>,
    machines: [Machine<u32>; N],
    needs: [&'static [usize]; N],
    /// How many attempts of each fail before one succeeds.
    failures: [sync::Mutex<u32>; N],
    /// Whether a loader goes on without what failed, unless that is a circle.
    tolerant: bool,
}

impl<const N: usize> Program<N> {
    fn new(needs: [&'static [usize]; N], failures: [u32; N]) -> Arc<Self> {
        Arc::new(Self::with(needs, failures, false))
    }

    fn with(needs: [&'static [usize]; N], failures: [u32; N], tolerant: bool) -> Self {
        let graph = sync::Mutex::new(graph::Graph::new());
        let failures = failures.map(sync::Mutex::new);
        Self { graph, machines: [(); N].map(|()| Machine::new()), needs, failures, tolerant }
    }

    fn get(&self, lazy: usize, joined: u64) -> Outcome {
        let name = ["a", "b", "c", "d"][lazy];
        let request = Request { name, caller: Location::caller(), backoff: Duration::ZERO, joined };
        let load = || {
            shuttle::thread::yield_now();
            let mut left = sync::lock(&self.failures[lazy]);
            if *left > 0 {
                *left -= 1;
                return Err(error::LazyError(None));
            }
            drop(left);
            let need = |need: &usize| match self.get(*need, u64::MAX) {
                Err(error::LazyError(None)) if self.tolerant => Ok(0),
                outcome => outcome,
            };
            self.needs[lazy].iter().map(need).sum::<Outcome>().map(|sum| sum + 1)
        };
        self.machines[lazy].get_or_load(&self.graph, request, load).copied()
    }

    /// Each thread asks for these, one after the other; all their answers.
    fn run(self: &Arc<Self>, threads: &[&'static [usize]]) -> Vec<Vec<Outcome>> {
        let spawn = |lazies: &&'static [usize]| {
            let (program, lazies) = (self.clone(), *lazies);
            shuttle::thread::spawn(move || lazies.iter().map(|lazy| program.get(*lazy, u64::MAX)).collect())
        };
        let threads: Vec<_> = threads.iter().map(spawn).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    }
}

fn check(model: impl Fn() + Send + Sync + 'static) {
    let model = Arc::new(model);
    let again = model.clone();
    let asked = std::env::var("MODEL_ROUNDS").ok().and_then(|asked| asked.parse().ok());
    let rounds = asked.unwrap_or(2000);
    shuttle::check_random(move || model(), rounds);
    shuttle::check_pct(move || again(), rounds, 3);
}

fn path(outcome: &Outcome) -> Option<String> {
    outcome.as_ref().err()?.0.clone()
}

#[test]
fn all_threads_get_the_value_of_one_load() {
    check(|| {
        let program = Program::new([&[1], &[]], [0, 0]);
        for outcomes in program.run(&[&[0, 1], &[1, 0], &[0]]) {
            assert!(outcomes.into_iter().all(|outcome| outcome.is_ok()));
        }
        assert!(program.machines.iter().all(|machine| machine.history().attempts == 1));
    });
}

#[test]
fn cycle_over_threads_always_ends_in_an_error() {
    check(|| {
        let program = Program::new([&[1], &[2], &[0]], [0, 0, 0]);
        for outcomes in program.run(&[&[0], &[1], &[2]]) {
            let path = path(&outcomes[0]).unwrap();
            let circles = ["a -> b -> c -> a", "b -> c -> a -> b", "c -> a -> b -> c"];
            assert!(circles.contains(&path.as_str()), "{path}");
        }
    });
}

#[test]
fn without_a_circle_none_is_reported() {
    check(|| {
        // Failures make for second attempts while waiters of the first have not woken up yet.
        let program = Program::new([&[2], &[2], &[3], &[]], [1, 0, 1, 1]);
        for outcome in program.run(&[&[0, 1, 2], &[1, 3, 0], &[2, 0, 3]]).concat() {
            assert_eq!(path(&outcome), None);
        }
    });
}

#[test]
fn failed_attempt_answers_all_who_joined_it() {
    check(|| {
        let program = Program::new([&[]], [1]);
        let joined = {
            let program = program.clone();
            shuttle::thread::spawn(move || program.get(0, 1))
        };
        let first = program.get(0, 1);
        assert!(first.is_err() && joined.join().unwrap().is_err());
        assert_eq!(program.machines[0].history().attempts, 1);
        assert_eq!(program.get(0, u64::MAX).unwrap(), 1);
    });
}

#[test]
fn who_waits_for_a_failing_attempt_does_not_try_again() {
    let fewest = Arc::new(AtomicU64::new(u64::MAX));
    let seen = fewest.clone();
    check(move || {
        let program = Program::new([&[]], [u32::MAX]);
        let outcomes = program.run(&[&[0], &[0], &[0]]).concat();
        assert!(outcomes.iter().all(Result::is_err));
        seen.fetch_min(program.machines[0].history().attempts, Ordering::Relaxed);
    });
    // In some order all three meet in one attempt.
    assert_eq!(fewest.load(Ordering::Relaxed), 1);
}

#[test]
fn waiter_of_a_failed_attempt_does_not_count_as_one_of_the_next() {
    check(|| {
        // `b` needs `a` only in its second attempt, and `a` goes on without the first.
        let program = Arc::new(Program::with([&[1], &[0]], [0, 1], true));
        let outcomes = program.run(&[&[0], &[1, 1]]);
        // Then `a` was never in a circle, and whoever saw one was wrong.
        if outcomes[0][0].is_ok() && program.machines[0].history().attempts == 1 {
            assert!(outcomes[1].iter().all(|outcome| path(outcome).is_none()));
        }
    });
}
