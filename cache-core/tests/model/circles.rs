//! Loads that ask for other keys.

use std::sync::Arc;

use crate::{
    LoadError,
    sync::{check, thread},
    tiers::Fixture,
};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// Loads a key of a program in which each key needs others: `Err` with the path of a circle.
fn load(fixture: &Fixture, needs: &'static [&'static [usize]], key: usize) -> Result<u64, String> {
    let load = || {
        thread::yield_now();
        let sum = needs[key].iter().map(|need| load(fixture, needs, *need)).sum::<Result<u64, String>>()?;
        Ok::<u64, String>(sum + 1)
    };
    match fixture.values.get_or_load_typed(NAMES[key], load) {
        Ok(value) => Ok(*value),
        Err(LoadError::Failed { error, .. }) => Err((*error).clone()),
        Err(LoadError::Cycle { path }) => Err(path.join(" > ")),
    }
}

fn run(
    needs: &'static [&'static [usize]],
    threads: &[&'static [usize]],
) -> (Arc<Fixture>, Vec<Result<u64, String>>) {
    let fixture = Fixture::new([9, 9], 0);
    let spawn = |keys: &&'static [usize]| {
        let (fixture, keys) = (fixture.clone(), *keys);
        thread::spawn(move || keys.iter().map(|key| load(&fixture, needs, *key)).collect::<Vec<_>>())
    };
    let threads: Vec<_> = threads.iter().map(spawn).collect();
    let outcomes = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    (fixture, outcomes)
}

#[test]
fn circle_over_threads_always_ends_in_an_error_with_its_path() {
    check(300, || {
        let (_, outcomes) = run(&[&[1], &[2], &[0]], &[&[0], &[1], &[2]]);
        for outcome in outcomes {
            let path = outcome.unwrap_err();
            let (from, to) = (path.split(" > ").next(), path.split(" > ").last());
            assert!(path.matches(" > ").count() == 3 && from == to, "{path}");
        }
    });
}

#[test]
fn without_a_circle_none_is_reported() {
    check(300, || {
        let (_, outcomes) = run(&[&[2], &[2, 3], &[3], &[]], &[&[0, 3], &[1, 2], &[3, 2, 0]]);
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    });
}

#[test]
fn circle_that_was_an_error_leaves_the_keys_free() {
    check(300, || {
        let (fixture, _) = run(&[&[1], &[0]], &[&[0], &[1]]);
        for name in &NAMES[..2] {
            let load = || Ok::<u64, std::fmt::Error>(7);
            assert_eq!(fixture.values.get_or_load(name, load).unwrap(), Arc::new(7));
        }
    });
}
