//! The server as a tier asks it: through connections that are kept, unless the breaker is open.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use cache_core::Error;
use parking_lot::Mutex;
use redis::{Cmd, RedisError, RedisResult, ServerErrorKind, Value};

use crate::{
    breaker::{Breaker, Debt},
    server::{Link, Server, is_interrupted},
};

/// How many connections are kept while nobody uses them.
const KEPT: usize = 16;

#[derive(Debug)]
pub(crate) struct Reach {
    pub(crate) server: Server,
    pub(crate) breaker: Breaker,
    /// `None` once the tier is closed.
    idle: Mutex<Option<Vec<Link>>>,
    /// What ends the connections of writes that nobody answered.
    strays: Mutex<Vec<Cmd>>,
    /// Whether it was told that others are not told.
    is_mute: AtomicBool,
}

/// What the server said to several commands, each for itself.
pub(crate) type Answers = Vec<RedisResult<Value>>;

impl Reach {
    pub(crate) fn new(server: Server, breaker: Breaker) -> Self {
        Self {
            server,
            breaker,
            idle: Mutex::new(Some(Vec::new())),
            strays: Mutex::default(),
            is_mute: AtomicBool::new(false),
        }
    }

    /// Asks what changes nothing. `None` if the server is away, which is counted.
    pub(crate) fn read(&self, commands: &[Cmd]) -> Option<Answers> {
        if self.breaker.is_open() {
            return None;
        }
        let outcome = self.server.again(|| self.ask(commands, &[], &mut Vec::new()));
        self.note(&outcome);
        outcome.ok()
    }

    /// Does what replaces or removes, and publishes what is to be told of it. `None` if the server is away: then `debts` is
    /// owed.
    pub(crate) fn write(&self, commands: &[Cmd], publish: &[Cmd], debts: &[Debt]) -> Option<Answers> {
        if self.breaker.drops(debts) {
            return None;
        }
        let mut strays = Vec::new();
        match self.server.again(|| self.ask(commands, publish, &mut strays)) {
            Ok(answers) => {
                self.breaker.answered();
                Some(answers)
            }
            Err(error) => {
                self.told(&error);
                self.strays.lock().extend(strays);
                self.breaker.lost(debts);
                None
            }
        }
    }

    /// Removes what is owed with `settle`, if the server answers to `probe`, and closes the breaker.
    pub(crate) fn try_close(&self, probe: Cmd, settle: impl Fn(&mut Link, &Debt) -> RedisResult<()>) -> bool {
        self.forget_idle();
        let strays = std::mem::take(&mut *self.strays.lock());
        let closed = self.server.again(|| {
            let mut link = self.server.connect()?;
            // Before: a write that arrives later would undo the removal of what is owed.
            link.ask(&strays, &[])?;
            link.ask(std::slice::from_ref(&probe), &[]).and_then(is_there)?;
            self.breaker.close(|debt| settle(&mut link, debt))
        });
        match &closed {
            Ok(()) => tracing::info!(server = %self.server, "the server is back"),
            Err(error) => {
                self.strays.lock().extend(strays);
                if is_away(error) {
                    tracing::debug!(server = %self.server, %error, "the server is still away");
                } else {
                    tracing::warn!(server = %self.server, %error, "what is out of date cannot be removed");
                }
            }
        }
        closed.is_ok()
    }

    /// Lets go of all connections, and keeps none from now on.
    pub(crate) fn close(&self) {
        let idle = self.idle.lock().take();
        drop(idle);
    }

    /// What a call says that the breaker kept from the server.
    pub(crate) fn away(&self) -> Error {
        let why = "it does not answer; it is asked again in a moment";
        Error::new(cache_core::ErrorKind::Storage(why.into())).about(&self.server)
    }

    /// Counts the outcome of a call that changed nothing.
    pub(crate) fn note<T>(&self, outcome: &RedisResult<T>) {
        match outcome {
            Err(error) if is_away(error) => {
                self.told(error);
                self.breaker.failed();
            }
            _ => self.breaker.answered(),
        }
    }

    fn told(&self, error: &RedisError) {
        tracing::warn!(server = %self.server, %error, "the server does not answer");
    }

    /// Asks through a connection that is kept or made. What ends those that failed is put to `strays`.
    fn ask(&self, commands: &[Cmd], publish: &[Cmd], strays: &mut Vec<Cmd>) -> RedisResult<Answers> {
        loop {
            let kept = self.idle.lock().as_mut().and_then(Vec::pop);
            let was_kept = kept.is_some();
            let mut link = match kept {
                Some(link) => link,
                None => self.server.connect()?,
            };
            let ended = link.ask(strays, &[]);
            match ended.and_then(|_| link.ask(commands, publish)).and_then(is_there) {
                Ok(mut answers) => {
                    let published = answers.split_off(commands.len());
                    if answers.iter().any(Result::is_ok) {
                        self.hear(published);
                    }
                    if let Some(idle) = self.idle.lock().as_mut().filter(|idle| idle.len() < KEPT) {
                        idle.push(link);
                    }
                    return Ok(answers);
                }
                Err(error) => {
                    strays.extend(link.end());
                    // A server closes connections that nobody uses, and all of them when it starts anew. All that is asked may
                    // be asked twice.
                    if !was_kept || error.is_timeout() {
                        return Err(error);
                    }
                    if !is_interrupted(&error) {
                        self.forget_idle();
                    }
                }
            }
        }
    }

    /// Counts what others were not told of, since the server does not let this program publish.
    fn hear(&self, published: Answers) {
        let Some(error) = published.into_iter().find_map(Result::err) else { return };
        self.breaker.failures.fetch_add(1, Relaxed);
        if !self.is_mute.swap(true, Relaxed) {
            tracing::warn!(server = %self.server, %error, "others are not told of changes");
        }
    }

    fn forget_idle(&self) {
        let idle = self.idle.lock().as_mut().map(std::mem::take);
        drop(idle);
    }
}

/// The answers, unless one of them says that the server has other things to do.
fn is_there(answers: Answers) -> RedisResult<Answers> {
    match answers.iter().find_map(|answer| answer.as_ref().err().filter(|error| is_away(error))) {
        Some(error) => Err(error.clone()),
        None => Ok(answers),
    }
}

/// Whether the server is not there, or has other things to do; it may also refuse one thing.
pub(crate) fn is_away(error: &RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, ReadOnly};
    match error.kind() {
        redis::ErrorKind::Server(kind) => matches!(kind, BusyLoading | ClusterDown | MasterDown | ReadOnly),
        redis::ErrorKind::Extension => matches!(error.code(), Some("NOAUTH" | "WRONGPASS")),
        _ => true,
    }
}
