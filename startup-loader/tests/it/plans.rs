//! What a plan refuses, and in which order it loads.

use std::time::Duration;

use startup_loader::{Loader, PlanError, Profile};

fn register(loader: &mut Loader, name: &str, dependencies: &[&str]) {
    loader.register(name, || Ok(()), dependencies.iter().copied(), Duration::ZERO);
}

#[test]
fn duplicate_is_told_with_both_places() {
    let mut loader = Loader::new();
    register(&mut loader, "db", &[]);
    loader.add("db", (), |_, ()| Ok(()));
    let error = loader.build().unwrap_err();
    let PlanError::Duplicate { name, places: [first, second] } = &error else { panic!("{error}") };
    assert_eq!((name.as_str(), first.file(), second.line() > first.line()), ("db", file!(), true));
}

#[test]
fn unknown_dependency_is_told_with_the_nearest_name() {
    let mut loader = Loader::new();
    register(&mut loader, "settings", &[]);
    register(&mut loader, "view", &["setings"]);
    let error = loader.build().unwrap_err().to_string();
    assert!(error.starts_with("view (") && error.contains("\"setings\""), "{error}");
    assert!(error.ends_with("is it \"settings\"?"), "{error}");
}

#[test]
fn delay_of_an_unknown_component_is_refused() {
    let mut loader = Loader::new();
    register(&mut loader, "settings", &[]);
    let error = loader.delays([("charts", Duration::ZERO)]).build().unwrap_err();
    assert_eq!(error.to_string(), "a delay names \"charts\", and there is no such component");
}

#[test]
fn cycle_is_told_as_its_whole_path_with_places() {
    let mut loader = Loader::new();
    register(&mut loader, "outside", &["a"]);
    register(&mut loader, "a", &["b"]);
    register(&mut loader, "b", &["c"]);
    register(&mut loader, "c", &["a"]);
    let error = loader.build().unwrap_err();
    let PlanError::Cycle { path } = &error else { panic!("{error}") };
    let names: Vec<_> = path.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "a"]);
    assert!(path.iter().all(|(_, place)| place.file() == file!()));
    assert!(error.to_string().contains(" -> b ("), "{error}");
}

#[test]
fn component_that_waits_for_itself_is_a_cycle() {
    let mut loader = Loader::new();
    register(&mut loader, "a", &["a"]);
    let PlanError::Cycle { path } = loader.build().unwrap_err() else { panic!("no cycle") };
    assert_eq!(path.len(), 2);
}

#[test]
fn handle_of_another_loader_is_refused() {
    let foreign = Loader::new().add("number", (), |_, ()| Ok(1));
    let mut loader = Loader::new();
    loader.add("text", (), |_, ()| Ok("one"));
    loader.add("view", foreign, |_, number| Ok(*number));
    assert!(matches!(loader.build().unwrap_err(), PlanError::Foreign { name, .. } if name == "view"));
}

#[test]
fn barrier_goes_before_priority_and_that_before_the_longest_path() {
    let mut loader = Loader::new();
    register(&mut loader, "short", &[]);
    register(&mut loader, "long", &[]);
    loader.component("important").priority(1).after("part").load((), |_, ()| Ok(()));
    register(&mut loader, "part", &[]);
    let shown = loader.add("shown", (), |_, ()| Ok(()));
    loader.barrier("ready", shown);
    let mut profile = Profile::default();
    profile.set("long", Duration::from_secs(1));
    let plan = loader.profile(&profile).build().unwrap();
    assert_eq!(plan.order(), ["shown", "ready", "part", "important", "long", "short"]);
}

#[test]
fn plan_without_components_ends_at_once() {
    let report = Loader::new().build().unwrap().start().join();
    assert!(report.is_ok() && report.components.is_empty());
}

#[test]
fn handle_of_another_loader_has_no_result_here() {
    let foreign = Loader::new().add("number", (), |_, ()| Ok(1));
    let foreign_main = Loader::new().add_main("number", (), |_, ()| Ok(1));
    let mut loader = Loader::new();
    let own = loader.add("number", (), |_, ()| Ok(2));
    let running = loader.build().unwrap().start();
    running.join();
    assert!(running.get(foreign).is_none() && running.get(foreign_main).is_none());
    assert_eq!(*running.get(own).unwrap(), 2);
}
