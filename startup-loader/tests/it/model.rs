//! Plans at random against what should come of them.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use proptest::prelude::*;
use startup_loader::{Canceller, EventKind, Loader, Outcome, Pumped, Retry};

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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn each_component_ends_once_however_it_is_driven(
        plan in plans(),
        limits in prop::collection::vec((0_usize..4, 1_u32..4, 0_u64..3), 30),
        threads in 0_usize..4,
        cancel_at in prop::option::of(0_usize..60),
        in_event_loop in any::<bool>(),
        is_slow in prop::bool::weighted(0.2),
    ) {
        let (wake, woken) = mpsc::channel();
        let mut loader = Loader::new();
        for (place, (dependencies, fails, on_main)) in plan.iter().enumerate() {
            let (limit, attempts, delay) = limits[place];
            let mut draft = loader.component(place.to_string()).delay(Duration::from_micros(delay * 150));
            for (dependency, required) in dependencies {
                let name = dependency.to_string();
                draft = if *required { draft.after(name) } else { draft.after_wanted(name) };
            }
            if let 0 | 1 = limit {
                draft = draft.deadline(Duration::from_micros(limit as u64 * 200));
            }
            if *on_main {
                draft = draft.main_thread();
            }
            let (fails, last) = (*fails, attempts);
            let retry = Retry::new(attempts, Duration::from_micros(delay * 50));
            draft.load_retrying(retry, (), move |context, ()| {
                if limit == 1 {
                    thread::sleep(Duration::from_micros(190));
                }
                context.progress(0.5);
                if fails || context.attempt() < last { Err("fails".into()) } else { Ok(()) }
            });
        }
        let events = loader.events();
        let slot: Arc<Mutex<Option<Canceller>>> = Arc::default();
        let (cancellers, heard) = (slot.clone(), AtomicUsize::new(0));
        let loader = loader.on_event(move |_| {
            if is_slow {
                thread::sleep(Duration::from_micros(100));
            }
            if Some(heard.fetch_add(1, Ordering::Relaxed)) == cancel_at
                && let Some(canceller) = cancellers.lock().unwrap().take()
            {
                canceller.cancel();
            }
        });
        let loader = loader.threads(threads).waker(move || _ = wake.send(()));
        let running = loader.build().unwrap().start();
        *slot.lock().unwrap() = Some(running.canceller());
        if in_event_loop {
            loop {
                woken.recv().unwrap();
                let mut pumped = running.pump(Duration::ZERO);
                while pumped == Pumped::More {
                    pumped = running.pump(Duration::ZERO);
                }
                if pumped == Pumped::Finished {
                    break;
                }
            }
        }
        let report = running.join();
        slot.lock().unwrap().take();

        prop_assert!((running.progress() - 1.0).abs() < f32::EPSILON);
        let mut ends = vec![None; plan.len()];
        for event in events.try_iter() {
            let place = event.component.parse::<usize>().unwrap();
            prop_assert_eq!(ends[place], None, "{:?} after the end", event);
            ends[place] = match event.kind {
                EventKind::Finished => Some("loaded"),
                EventKind::Failed(_) => Some("failed"),
                EventKind::Skipped(_) => Some("skipped"),
                _ => None,
            };
        }
        for (part, end) in report.components.iter().zip(ends) {
            let outcome = match part.outcome {
                Outcome::Loaded => "loaded",
                Outcome::Failed(_) => "failed",
                Outcome::Skipped(_) => "skipped",
                _ => "pending",
            };
            prop_assert_eq!(Some(outcome), end);
            prop_assert_eq!(part.attempts == 0, outcome == "skipped", "{:?}", part);
        }
    }
}
