//! What a subscriber sees.

use std::{
    env,
    fmt::Debug,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use startup_loader::Loader;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

/// Gathers what is recorded as the error of any span.
#[derive(Clone, Default)]
struct Errors(Arc<Mutex<Vec<String>>>);

impl Visit for &Errors {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "error" {
            self.0.lock().expect("no test panics here").push(format!("{value:?}"));
        }
    }
}

impl Subscriber for Errors {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "startup"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut &*self);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

const ALONE: &str = "STARTUP_LOADER_TEST_ALONE";

/// Runs in a process of its own: where another test meets a span for the first time just when a subscriber comes, the
/// span may stay unseen.
#[test]
fn span_of_what_comes_too_late_has_the_deadline_as_its_error() {
    if env::var_os(ALONE).is_none() {
        let test = "spans::span_of_what_comes_too_late_has_the_deadline_as_its_error";
        let mut alone = Command::new(env::current_exe().unwrap());
        let output = alone.args(["--exact", test]).env(ALONE, "1").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("1 passed"), "{said}");
        return;
    }
    let errors = Errors::default();
    let mut loader = Loader::new();
    loader.component("late").deadline(Duration::ZERO).load((), |_, ()| Ok(()));
    loader.add("fine", (), |_, ()| Ok(()));
    loader.add("broken", (), |_, ()| Err::<(), _>("no".into()));
    let plan = loader.build().unwrap();
    tracing::subscriber::with_default(errors.clone(), || plan.run());
    assert_eq!(*errors.0.lock().unwrap(), ["took longer than 0ns", "no"]);
}
