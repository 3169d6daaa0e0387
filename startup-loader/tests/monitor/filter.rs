use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use startup_loader::monitor::{StartupMonitor, mark};
use tracing::{Event, Level, Subscriber, enabled, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
};

use crate::seen;

struct Counting(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for Counting {
    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn nothing_outside_of_the_target_is_turned_on() {
    let report = seen(|| {
        assert!(!enabled!(target: "sqlite", Level::ERROR));
        assert!(!enabled!(target: "startup::inner", Level::ERROR));
        assert!(tracing::error_span!("other").is_disabled());
        assert!(tracing::trace_span!(target: "startup", "detail").is_disabled());
        assert!(!tracing::debug_span!(target: "startup", "lazy.load").is_disabled());
        tracing::error!("other");
        tracing::error!(target: "startup", "no mark");
    });
    assert_eq!((report.phases().len(), report.marks().len()), (1, 0));
}

#[test]
fn hint_of_the_level_is_debug() {
    let (layer, _monitor) = StartupMonitor::new();
    assert_eq!(tracing_subscriber::registry().with(layer).max_level_hint(), Some(LevelFilter::DEBUG));
}

#[test]
fn other_layers_see_everything() {
    let seen = Arc::new(AtomicUsize::new(0));
    let (layer, monitor) = StartupMonitor::new();
    let registry = tracing_subscriber::registry().with(layer).with(Counting(seen.clone()));
    tracing::subscriber::with_default(registry, || {
        tracing::trace!("other");
        mark("ready");
        let _other = tracing::info_span!("other").entered();
        tracing::info_span!(target: "startup", "splash").in_scope(|| ());
    });
    assert_eq!(seen.load(Ordering::Relaxed), 2);
    let report = monitor.report();
    assert_eq!((report.phases().len(), report.marks().len()), (1, 1));
    assert_eq!(report.phases()[0].parent(), None);
}
