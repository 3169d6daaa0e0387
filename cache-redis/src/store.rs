//! A tier behind its handle: what it knows, and what it hears. What it reads is in reads.rs, what it writes in writes.rs.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::{Duration, Instant},
};

use cache_core::{Changed, Error, ErrorKind, Observer, Result, Route};
use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};
use redis::{Cmd, cmd};

use crate::{
    RedisOptions, breaker::Breaker, fills::Fills, health::Health, message::Message, names::Names,
    reach::Reach, server::Server, tier::NAME,
};

/// In how many groups the writes of this process are ordered, by key.
pub(crate) const STRIPES: usize = 64;

/// How long anybody waits: a day.
pub(crate) const MOST_PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// Everything of an open tier.
pub(crate) struct Store {
    pub(crate) options: RedisOptions,
    pub(crate) reach: Reach,
    pub(crate) names: Names,
    /// Tells this program's messages from those of others.
    pub(crate) origin: u64,
    closed: AtomicBool,
    /// Whether the listener has begun to listen, or failed to.
    has_tried: AtomicBool,
    pub(crate) heard: Mutex<Heard>,
    pub(crate) news: Condvar,
    pub(crate) resyncs: AtomicU64,
    /// Held while a write of one of its keys is asked for: of two, the one whose guard was asked later is done later.
    pub(crate) stripes: [Mutex<()>; STRIPES],
    observer: RwLock<Option<Arc<dyn Observer>>>,
    pub(crate) fills: Fills,
    fences: AtomicU64,
    /// How many writes had been dropped at the last flush.
    told_dropped: AtomicU64,
}

/// What the listener has heard.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) is_listening: bool,
    /// The fence that came back last.
    pub(crate) fence: u64,
}

impl Store {
    pub(crate) fn new(server: Server, names: Names, options: RedisOptions) -> Self {
        Self {
            reach: Reach::new(server, Breaker::new(options.failures)),
            names,
            options,
            origin: fastrand::u64(..),
            closed: AtomicBool::new(false),
            has_tried: AtomicBool::new(false),
            heard: Mutex::default(),
            news: Condvar::new(),
            resyncs: AtomicU64::new(0),
            stripes: std::array::from_fn(|_| Mutex::new(())),
            observer: RwLock::new(None),
            fills: Fills::default(),
            fences: AtomicU64::new(0),
            told_dropped: AtomicU64::new(0),
        }
    }

    pub(crate) fn check(&self, route: &Route) -> Result<()> {
        if route.byte_limit() < u64::MAX {
            let why = "a server keeps no budget of a category, what has to go is up to its `maxmemory-policy`; write \
                       \"unlimited\"";
            return Err(ErrorKind::InvalidRoute(why.into()).into());
        }
        route.stored_compression().map_or(Ok(()), |compression| compression.check())
    }

    pub(crate) fn observe(&self, observer: Arc<dyn Observer>) {
        *self.observer.write() = Some(observer);
    }

    pub(crate) fn flush(&self) -> Result<()> {
        let dropped = self.reach.breaker.dropped.load(Relaxed);
        match dropped - self.told_dropped.swap(dropped, Relaxed).min(dropped) {
            0 => Ok(()),
            new => {
                let why = format!("{new} writes were dropped, since the server did not answer");
                Err(Error::new(ErrorKind::Storage(why)).about(&self.reach.server))
            }
        }
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, SeqCst);
        self.reach.close();
        self.news.notify_all();
    }

    pub(crate) fn health(&self) -> Health {
        let breaker = &self.reach.breaker;
        Health {
            is_away: breaker.is_open(),
            is_listening: self.heard.lock().is_listening,
            outages: breaker.openings.load(Relaxed),
            failures: breaker.failures.load(Relaxed),
            dropped_writes: breaker.dropped.load(Relaxed),
            resyncs: self.resyncs.load(Relaxed),
        }
    }

    pub(crate) fn catch_up(&self, patience: Duration) -> bool {
        let end = Instant::now() + patience.min(MOST_PATIENCE);
        let mut fence = None;
        let mut heard = self.heard.lock();
        while !self.is_closed() {
            let since = self.resyncs.load(SeqCst);
            // A fence is gone with the connection that would have brought it back.
            match fence.filter(|&(_, sent)| heard.is_listening && sent == since) {
                Some((number, _)) if heard.fence >= number => return true,
                None if heard.is_listening => {
                    let number = self.fences.fetch_add(1, SeqCst) + 1;
                    fence = Some((number, since));
                    let commands = [self.publish(Message::Fence(number))];
                    let answers = MutexGuard::unlocked(&mut heard, || self.reach.read(&commands));
                    if !answers.is_some_and(|answers| answers.iter().all(Result::is_ok)) {
                        return false;
                    }
                }
                _ => {
                    if self.news.wait_until(&mut heard, end).timed_out() {
                        return false;
                    }
                }
            }
        }
        false
    }

    /// Others have changed something, or may have. No lock is held.
    pub(crate) fn changed(&self, what: Changed<'_>) {
        self.tell(what);
        let gone = self.fills.changed(what);
        if !gone.is_empty() {
            self.unfill(&gone);
            // Somebody here may have read it since.
            self.tell(what);
        }
    }

    pub(crate) fn tell(&self, what: Changed<'_>) {
        let observer = self.observer.read().clone();
        let Some(observer) = observer else { return };
        // Copies go with it, and a destructor of the user's may panic.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| observer.changed(NAME, what))) {
            tracing::warn!(?what, "what dropped copies in memory panicked");
            // With something whose destructor panics too, perhaps.
            if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
                std::mem::forget(again);
            }
        }
    }

    pub(crate) fn publish(&self, message: Message<'_>) -> Cmd {
        cmd("PUBLISH").arg(self.names.channel()).arg(message.to_text(self.origin)).to_owned()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(SeqCst)
    }

    /// Nothing, if the tier is open. The first call waits until changes are heard of, or cannot be: what it stores
    /// would have to go, and so would copies in memory, if that came after it.
    pub(crate) fn ready(&self) -> Result<()> {
        if self.is_closed() {
            return Err(Error::new(ErrorKind::Closed).about(&self.reach.server));
        }
        if !self.has_tried.load(SeqCst) {
            let mut heard = self.heard.lock();
            if !self.has_tried.load(SeqCst) {
                self.news.wait_for(&mut heard, self.options.timeout);
                self.has_tried.store(true, SeqCst);
            }
        }
        Ok(())
    }

    /// The listener hears changes, or does not.
    pub(crate) fn listens(&self, does: bool) -> bool {
        let mut heard = self.heard.lock();
        self.has_tried.store(true, SeqCst);
        self.news.notify_all();
        std::mem::replace(&mut heard.is_listening, does)
    }
}
