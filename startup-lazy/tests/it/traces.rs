//! What listeners hear.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use startup_lazy::Lazy;
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::with_default,
};
use tracing_subscriber::{
    layer::{Context, Layer, SubscriberExt},
    registry,
};

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Visit for Heard {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.lock().unwrap().push(format!("{field}={value:?}"));
    }
}

impl<S: Subscriber> Layer<S> for Heard {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let metadata = attributes.metadata();
        self.0.lock().unwrap().push(format!("{} {}", metadata.target(), metadata.name()));
        attributes.record(&mut self.clone());
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        values.record(&mut self.clone());
    }
}

#[test]
fn each_attempt_is_a_span_also_in_the_background() {
    static GOOD: Lazy<u32> = Lazy::new("good", || Ok(1));
    static BAD: Lazy<u32> = Lazy::new("bad", || Err("offline".into()));
    crate::listeners::hear_all();
    let heard = Heard::default();
    with_default(registry().with(heard.clone()), || {
        GOOD.preload().wait().unwrap();
        GOOD.get().unwrap();
        BAD.get().unwrap_err();
    });
    let expected = [
        "startup lazy.load",
        "name=\"good\"",
        "startup lazy.load",
        "name=\"bad\"",
        "error=\"bad: could not be loaded\\n  caused by: offline\"",
    ];
    assert_eq!(*heard.0.lock().unwrap(), expected);
}
