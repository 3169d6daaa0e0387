use std::{
    collections::HashMap,
    fmt,
    sync::Arc,
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};
use tracing_subscriber::{
    layer::{Context, Filter, Layer},
    registry::LookupSpan,
};

use super::{
    TARGET,
    origin::{self, Origin},
    report::{Mark, Phase, Report},
};

/// The longest text of one field, in bytes; the rest is cut off.
const MAX_TEXT: usize = 512;
/// The same for the names of dependencies, of which a lost one would lead a critical path astray.
const MAX_AFTER: usize = 4096;
const MAX_FIELDS: usize = 16;

/// What was seen so far, shared by the layer and the monitor.
#[derive(Debug)]
pub(super) struct Collected {
    origin: Origin,
    /// From the origin to the creation of the monitor.
    before: Duration,
    created: Instant,
    limit: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    phases: Vec<Raw>,
    marks: Vec<Mark>,
    /// The phases that are not closed, by the identity of their span, which is used again after closing.
    open: HashMap<Key, usize>,
    layers: usize,
    threads: HashMap<ThreadId, Arc<str>>,
    dropped: u64,
}

/// The number of a layer, as identities of spans are those of its subscriber, and the identity.
type Key = (usize, u64);

#[derive(Debug)]
struct Raw {
    phase: Phase,
    entered: bool,
    exited: Option<Duration>,
}

impl Collected {
    pub(super) fn new(limit: usize) -> Self {
        let created = Instant::now();
        let (origin, before) = origin::find();
        Self { origin, before, created, limit, state: Mutex::default() }
    }

    pub(super) fn report(&self) -> Report {
        let state = self.state.lock();
        let phases = state.phases.iter().map(|raw| raw.phase.clone()).collect();
        // Under the lock, so that nothing in the report is later than the report.
        Report::new(phases, state.marks.clone(), self.origin, self.before, self.now(), state.dropped)
    }

    fn now(&self) -> Duration {
        self.before + self.created.elapsed()
    }
}

impl State {
    fn thread(&mut self) -> Arc<str> {
        let current = thread::current();
        let count = self.threads.len();
        let name = self.threads.entry(current.id()).or_insert_with(|| match current.name() {
            Some(name) => cut(name.to_owned(), MAX_TEXT).into(),
            None => format!("thread {}", count + 1).into(),
        });
        name.clone()
    }
}

/// The layer itself; [`OnlyStartup`] stands before it.
#[derive(Debug)]
pub(super) struct Collector {
    collected: Arc<Collected>,
    layer: usize,
}

impl Collector {
    pub(super) fn new(collected: Arc<Collected>) -> Self {
        let mut state = collected.state.lock();
        state.layers += 1;
        let layer = state.layers;
        drop(state);
        Self { collected, layer }
    }

    fn key(&self, id: &Id) -> Key {
        (self.layer, id.into_u64())
    }

    fn change(&self, id: &Id, change: impl FnOnce(&mut Raw, Arc<str>)) {
        let mut state = self.collected.state.lock();
        let Some(index) = state.open.get(&self.key(id)).copied() else { return };
        let thread = state.thread();
        if let Some(raw) = state.phases.get_mut(index) {
            change(raw, thread);
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Collector {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let start = self.collected.now();
        // Before the lock: what formats a field may itself be a part of the start.
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let parent = context.span(id).and_then(|span| span.parent()).map(|parent| self.key(&parent.id()));

        let mut state = self.collected.state.lock();
        if state.phases.len() >= self.collected.limit {
            state.dropped += 1;
            return;
        }
        let phase = Phase {
            name: attributes.metadata().name(),
            fields: fields.0,
            thread: state.thread(),
            start,
            end: None,
            parent: parent.and_then(|parent| state.open.get(&parent).copied()),
        };
        let index = state.phases.len();
        state.phases.push(Raw { phase, entered: false, exited: None });
        state.open.insert(self.key(id), index);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        self.change(id, |raw, _| {
            for (name, text) in fields.0 {
                set(&mut raw.phase.fields, name, text);
            }
        });
    }

    fn on_enter(&self, id: &Id, _: Context<'_, S>) {
        let now = self.collected.now();
        self.change(id, |raw, thread| {
            if !std::mem::replace(&mut raw.entered, true) {
                raw.phase.start = now;
                raw.phase.thread = thread;
            }
        });
    }

    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        let now = self.collected.now();
        self.change(id, |raw, _| raw.exited = Some(now));
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        let now = self.collected.now();
        let mut state = self.collected.state.lock();
        let Some(index) = state.open.remove(&self.key(&id)) else { return };
        if let Some(raw) = state.phases.get_mut(index) {
            // A span stays open while a handle to it or a child lives; it ran until it was last left.
            raw.phase.end = Some(raw.exited.unwrap_or(now));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let at = self.collected.now();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Some((_, name)) = fields.0.into_iter().find(|(name, _)| *name == "mark") else { return };
        let phase = context.event_span(event).map(|span| self.key(&span.id()));

        let mut state = self.collected.state.lock();
        if state.marks.len() >= self.collected.limit {
            state.dropped += 1;
            return;
        }
        let phase = phase.and_then(|id| state.open.get(&id).copied());
        let thread = state.thread();
        state.marks.push(Mark { name, at, thread, phase });
    }
}

/// The filter of the layer alone: what other layers see does not change, and a place in the code that no
/// layer wants is turned off once and for all.
#[derive(Debug)]
pub(super) struct OnlyStartup;

impl OnlyStartup {
    fn wants(metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET
            && *metadata.level() <= Level::DEBUG
            && (metadata.is_span() || metadata.fields().field("mark").is_some())
    }
}

impl<S> Filter<S> for OnlyStartup {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        Self::wants(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if Self::wants(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }
}

#[derive(Default)]
struct Fields(Vec<(&'static str, String)>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        set(&mut self.0, field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        set(&mut self.0, field.name(), format!("{value:?}"));
    }
}

fn set(fields: &mut Vec<(&'static str, String)>, name: &'static str, text: String) {
    let text = cut(text, if name == "after" { MAX_AFTER } else { MAX_TEXT });
    let has_room = fields.len() < MAX_FIELDS;
    match fields.iter_mut().find(|(known, _)| *known == name) {
        Some((_, old)) => *old = text,
        None if has_room => fields.push((name, text)),
        None => {}
    }
}

fn cut(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit));
        text.shrink_to_fit();
    }
    text
}
