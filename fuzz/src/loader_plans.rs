//! Components that depend on each other in any way.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use arbitrary::{Arbitrary, Unstructured};
use warmstart::loader::{Component, EventKind, Loader, Outcome, Plan, PlanError, Retry};

/// What components are called: few, so that names meet.
const NAMES: [&str; 32] = [
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", "u",
    "v", "w", "x", "y", "z", "", "a,b", "a\\", "ü", "a b", "nobody",
];

#[derive(Debug, Arbitrary)]
struct Input {
    parts: Vec<Part>,
    delays: Vec<(u8, u8)>,
    threads: u8,
    sequential: bool,
    pumped: bool,
    cancel_at: Option<u8>,
}

#[derive(Debug, Arbitrary)]
struct Part {
    /// The next name that is free, or any.
    name: Option<u8>,
    /// By name, and whether it is required.
    named: Vec<(u8, bool)>,
    /// By handle: of one that was declared before.
    handle: Option<u8>,
    barrier: bool,
    on_main: bool,
    optional: bool,
    priority: i8,
    /// The attempts that fail, of so many.
    failing: u8,
    attempts: u8,
}

/// What the plan should be.
#[derive(Debug, Default)]
struct Model {
    names: Vec<&'static str>,
    /// By place: places, and whether they are required.
    needs: Vec<Vec<(usize, bool)>>,
    unknown: bool,
}

impl Part {
    fn name(&self, place: usize) -> &'static str {
        NAMES[self.name.map_or(place, usize::from) % NAMES.len()]
    }

    fn attempts(&self) -> u32 {
        u32::from(self.attempts % 3) + 1
    }

    /// Whether it is loaded in the end, when it runs. A barrier does nothing, and so does not fail.
    fn succeeds(&self) -> bool {
        self.barrier || u32::from(self.failing % 4) < self.attempts()
    }
}

impl Model {
    fn new(input: &Input) -> Self {
        let names: Vec<_> = input.parts.iter().enumerate().map(|(place, part)| part.name(place)).collect();
        let mut model = Self { needs: Vec::new(), unknown: false, names };
        for (place, part) in input.parts.iter().enumerate() {
            let mut needs = Vec::new();
            if let Some(of) = part.handle.and_then(|of| usize::from(of).checked_rem(place)) {
                needs.push((of, true));
            }
            for (name, required) in part.named.iter().filter(|_| !part.barrier) {
                let name = NAMES[usize::from(*name) % NAMES.len()];
                match model.names.iter().position(|other| *other == name) {
                    Some(of) => needs.push((of, *required)),
                    None => model.unknown = true,
                }
            }
            model.needs.push(needs);
        }
        let delays = input.delays.iter().map(|(name, _)| NAMES[usize::from(*name) % NAMES.len()]);
        model.unknown |= delays.into_iter().any(|name| !model.names.contains(&name));
        model
    }

    fn has_duplicate(&self) -> bool {
        (1..self.names.len()).any(|place| self.names[..place].contains(&self.names[place]))
    }

    /// Places in an order in which each comes after what it needs; shorter than all if there is a circle.
    fn order(&self) -> Vec<usize> {
        let mut order = Vec::new();
        loop {
            let is_ready = |place: &usize| {
                !order.contains(place) && self.needs[*place].iter().all(|(need, _)| order.contains(need))
            };
            let Some(next) = (0..self.names.len()).find(is_ready) else { return order };
            order.push(next);
        }
    }

    fn check_order(&self, plan: &Plan) {
        let order = plan.order();
        assert_eq!(order.len(), self.names.len());
        let at =
            |place: usize| order.iter().position(|name| *name == self.names[place]).expect("all are there");
        for (place, needs) in self.needs.iter().enumerate() {
            assert!(needs.iter().all(|(need, _)| at(*need) < at(place)), "{order:?}");
        }
    }

    fn check_error(&self, error: &PlanError) {
        assert!(!error.to_string().is_empty());
        match error {
            PlanError::Duplicate { name, .. } => {
                assert!(self.names.iter().filter(|other| *other == name).count() > 1, "{error}");
            }
            PlanError::Unknown { name, .. } => {
                assert!(self.unknown && !self.names.contains(&&**name) && !self.has_duplicate(), "{error}");
            }
            PlanError::Cycle { path } => {
                assert!(self.order().len() < self.names.len() && path.len() > 1, "{error}");
                assert_eq!(path[0].0, path[path.len() - 1].0);
                let place = |name: &str| self.names.iter().position(|other| *other == name);
                for pair in path.windows(2) {
                    let (from, to) = (place(&pair[0].0), place(&pair[1].0));
                    let (from, to) = (from.expect("a name"), to.expect("a name"));
                    assert!(self.needs[from].iter().any(|(need, _)| *need == to), "{error}");
                }
            }
            _ => panic!("{error}"),
        }
    }
}

/// A plan is refused for a reason that is there, or each of its components ends once, as it should, after what it
/// depends on.
pub fn run(data: &[u8]) {
    let Ok(mut input) = Input::arbitrary_take_rest(Unstructured::new(data)) else { return };
    input.parts.truncate(26);
    let model = Model::new(&input);
    let ran = Arc::new(Mutex::new(Vec::new()));
    let loader = loader(&input, &ran);
    let plan = match loader.build() {
        Ok(plan) => plan,
        Err(error) => return model.check_error(&error),
    };
    assert!(!model.has_duplicate() && !model.unknown && model.order().len() == model.names.len());
    model.check_order(&plan);
    let running = plan.start();
    if input.cancel_at == Some(0) {
        running.cancel();
    }
    if input.pumped && input.threads % 3 == 0 {
        // Without threads, all is done here; a delay that runs is not waited for but joined.
        while running.pump(Duration::ZERO) == warmstart::loader::Pumped::More {}
    }
    if let Some(name) = model.names.first() {
        let _ = running.run_until(name);
    }
    let report = running.join();
    assert!(running.is_finished() && running.progress() >= 1.0);
    assert!(!report.to_string().is_empty());

    let ran = ran.lock().expect("nothing panics under this lock");
    let mut there = vec![false; model.names.len()];
    for place in model.order() {
        let (part, needs) = (&input.parts[place], &model.needs[place]);
        let runs = needs.iter().all(|(need, required)| !required || there[*need]);
        let outcome = &report.components[place].outcome;
        there[place] = matches!(outcome, Outcome::Loaded);
        let attempts = ran.iter().filter(|other| **other == place).count();
        if input.cancel_at.is_some() {
            assert!(!there[place] || (runs && part.succeeds()), "{place}: {outcome:?}");
        } else if !runs {
            assert!(matches!(outcome, Outcome::Skipped(_)) && attempts == 0, "{place}: {outcome:?}");
        } else if part.succeeds() {
            assert!(there[place], "{place}: {outcome:?}");
            let expected = if part.barrier { 0 } else { usize::from(part.failing % 4) + 1 };
            assert_eq!(attempts, expected);
        } else {
            assert!(matches!(outcome, Outcome::Failed(_)), "{place}: {outcome:?}");
            assert_eq!(attempts, part.attempts() as usize);
        }
        let first = |place: usize| ran.iter().position(|other| *other == place);
        let last = |place: usize| ran.iter().rposition(|other| *other == place);
        for (need, _) in needs {
            assert!(first(place).is_none_or(|at| last(*need).is_none_or(|before| before < at)));
        }
    }
    let is_whole =
        there.iter().zip(&input.parts).all(|(there, part)| *there || (part.optional && !part.barrier));
    assert_eq!(report.is_ok(), is_whole);
}

fn loader(input: &Input, ran: &Arc<Mutex<Vec<usize>>>) -> Loader {
    let mut loader = Loader::new();
    let mut handles: Vec<Component<()>> = Vec::new();
    for (place, part) in input.parts.iter().enumerate() {
        let name = part.name(place);
        let handle = part.handle.and_then(|of| usize::from(of).checked_rem(place)).map(|of| handles[of]);
        if part.barrier {
            handles.push(match handle {
                Some(handle) => loader.barrier(name, handle),
                None => loader.barrier(name, ()),
            });
            continue;
        }
        let mut draft = loader.component(name).priority(part.priority.into());
        for (name, required) in &part.named {
            let name = NAMES[usize::from(*name) % NAMES.len()];
            draft = if *required { draft.after(name) } else { draft.after_wanted(name) };
        }
        if part.on_main {
            draft = draft.main_thread();
        }
        if part.optional {
            draft = draft.optional();
        }
        let (ran, mut left) = (ran.clone(), part.failing % 4);
        let mut load = move || {
            ran.lock().expect("nothing panics under this lock").push(place);
            if left == 0 {
                return Ok(());
            }
            left -= 1;
            Err("fails".into())
        };
        let retry = Retry::new(part.attempts(), Duration::ZERO);
        handles.push(match handle {
            Some(handle) => draft.load_retrying(retry, handle, move |_, _| load()),
            None => draft.load_retrying(retry, (), move |_, ()| load()),
        });
    }
    let delays = input.delays.iter().map(|(name, micros)| {
        (NAMES[usize::from(*name) % NAMES.len()], Duration::from_micros(u64::from(*micros % 16)))
    });
    let settled = Mutex::new(HashMap::<String, u32>::new());
    loader = loader.delays(delays).threads(usize::from(input.threads % 3)).on_event(move |event| {
        if let EventKind::Finished | EventKind::Failed(_) | EventKind::Skipped(_) = event.kind {
            let mut settled = settled.lock().expect("nothing panics under this lock");
            let times = settled.entry(event.component.to_string()).or_default();
            *times += 1;
            assert_eq!(*times, 1, "{} ends twice", event.component);
        }
        assert!((0.0..=1.0).contains(&event.overall));
    });
    if input.sequential { loader.sequential() } else { loader }
}
