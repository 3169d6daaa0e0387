//! Plans at random against what should come of them.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use proptest::prelude::*;
use startup_loader::{Loader, Outcome};

/// Each component depends on some of those before it, requires them or not, fails or not, and runs on the main thread
/// or not.
type Plan = Vec<(Vec<(usize, bool)>, bool, bool)>;

fn plans() -> impl Strategy<Value = Plan> {
    let component =
        (prop::collection::vec((0_usize..30, any::<bool>()), 0..4), prop::bool::weighted(0.1), any::<bool>());
    prop::collection::vec(component, 1..30).prop_map(|mut plan| {
        for (place, (dependencies, ..)) in plan.iter_mut().enumerate() {
            dependencies.retain_mut(|(dependency, _)| {
                *dependency = dependency.checked_rem(place).unwrap_or(usize::MAX);
                *dependency != usize::MAX
            });
        }
        plan
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn each_component_ends_as_its_dependencies_say(plan in plans(), threads in 0_usize..4) {
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut loader = Loader::new();
        for (place, (dependencies, fails, on_main)) in plan.iter().enumerate() {
            let mut draft = loader.component(place.to_string());
            for (dependency, required) in dependencies {
                let name = dependency.to_string();
                draft = if *required { draft.after(name) } else { draft.after_wanted(name) };
            }
            if *on_main {
                draft = draft.main_thread();
            }
            let (order, fails) = (order.clone(), *fails);
            draft.delay(Duration::from_micros(place as u64 % 3 * 100)).load((), move |_, ()| {
                order.lock().unwrap().push(place);
                if fails { Err("fails".into()) } else { Ok(()) }
            });
        }
        let report = loader.threads(threads).build().unwrap().start().join();

        let mut is_there = Vec::new();
        let mut runs = Vec::new();
        for (dependencies, fails, _) in &plan {
            let run = dependencies.iter().all(|&(dependency, required)| !required || is_there[dependency]);
            runs.push(run);
            is_there.push(run && !fails);
        }
        let order = order.lock().unwrap();
        for (place, part) in report.components.iter().enumerate() {
            let (loaded, skipped) =
                (matches!(part.outcome, Outcome::Loaded), matches!(part.outcome, Outcome::Skipped(_)));
            prop_assert_eq!((loaded, skipped), (is_there[place], !runs[place]), "component {}", place);
            let at = |place| order.iter().position(|&other| other == place);
            prop_assert_eq!(order.iter().filter(|&&other| other == place).count(), usize::from(runs[place]));
            if runs[place] {
                for &(dependency, _) in plan[place].0.iter().filter(|(dependency, _)| runs[*dependency]) {
                    prop_assert!(at(dependency) < at(place));
                }
            }
        }
    }
}
