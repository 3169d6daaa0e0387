//! The server as a tier asks it: through connections that are kept, unless the breaker is open.

use cache_core::Error;
use parking_lot::Mutex;
use redis::{Cmd, RedisError, RedisResult, ServerErrorKind, Value};

use crate::{
    breaker::{Breaker, Debt},
    server::{Link, Server},
};

/// How many connections are kept while nobody uses them.
const KEPT: usize = 16;

#[derive(Debug)]
pub(crate) struct Reach {
    pub(crate) server: Server,
    pub(crate) breaker: Breaker,
    idle: Mutex<Vec<Link>>,
}

/// What the server said to several commands, each for itself.
pub(crate) type Answers = Vec<RedisResult<Value>>;

impl Reach {
    pub(crate) fn new(server: Server, breaker: Breaker) -> Self {
        Self { server, breaker, idle: Mutex::default() }
    }

    /// Asks what changes nothing. `None` if the server is away, which is counted.
    pub(crate) fn read(&self, commands: &[Cmd]) -> Option<Answers> {
        if self.breaker.is_open() {
            return None;
        }
        let outcome = self.ask(commands, &[]);
        self.note(&outcome);
        outcome.ok()
    }

    /// Does what replaces or removes, and publishes what is to be told of it. `None` if the server is away: then `debts` is
    /// owed.
    pub(crate) fn write(&self, commands: &[Cmd], publish: &[Cmd], debts: &[Debt]) -> Option<Answers> {
        if self.breaker.drops(debts) {
            return None;
        }
        match self.ask(commands, publish) {
            Ok(answers) => {
                self.breaker.answered();
                Some(answers)
            }
            Err(error) => {
                self.told(&error);
                self.breaker.lost(debts);
                None
            }
        }
    }

    /// Removes what is owed with `settle`, if the server answers, and closes the breaker.
    pub(crate) fn try_close(&self, settle: impl Fn(&mut Link, &Debt) -> RedisResult<()>) -> bool {
        self.idle.lock().clear();
        let closed = self.server.connect().and_then(|mut link| {
            // Reads what any server lets everybody read, and a cluster from any of its nodes.
            link.ask(&[redis::cmd("EXISTS").arg("x").to_owned()], &[]).and_then(is_there)?;
            self.breaker.close(|debt| settle(&mut link, debt))
        });
        match &closed {
            Ok(()) => tracing::info!(server = %self.server, "the server is back"),
            Err(error) => tracing::debug!(server = %self.server, %error, "the server is still away"),
        }
        closed.is_ok()
    }

    /// What a call says that the breaker kept from the server.
    pub(crate) fn away(&self) -> Error {
        let why = "it does not answer; it is asked again in a moment";
        Error::new(cache_core::ErrorKind::Storage(why.into())).about(&self.server)
    }

    /// Counts the outcome of a call that changed nothing.
    pub(crate) fn note<T>(&self, outcome: &RedisResult<T>) {
        match outcome {
            Ok(_) => self.breaker.answered(),
            Err(error) => {
                self.told(error);
                self.breaker.failed();
            }
        }
    }

    fn told(&self, error: &RedisError) {
        tracing::warn!(server = %self.server, %error, "the server does not answer");
    }

    fn ask(&self, commands: &[Cmd], publish: &[Cmd]) -> RedisResult<Answers> {
        loop {
            let kept = self.idle.lock().pop();
            let was_kept = kept.is_some();
            let mut link = match kept {
                Some(link) => link,
                None => self.server.connect()?,
            };
            match link.ask(commands, publish).and_then(is_there) {
                Ok(answers) => {
                    let mut idle = self.idle.lock();
                    if idle.len() < KEPT {
                        idle.push(link);
                    }
                    return Ok(answers);
                }
                // A server closes connections that nobody uses, and all of them when it starts anew. All that is asked may
                // be asked twice.
                Err(error) if was_kept && !error.is_timeout() => self.idle.lock().clear(),
                Err(error) => return Err(error),
            }
        }
    }
}

/// The answers, unless one of them says that the server has other things to do.
fn is_there(answers: Answers) -> RedisResult<Answers> {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, ReadOnly};
    let is_away = |error: &RedisError| match error.kind() {
        redis::ErrorKind::Server(kind) => matches!(kind, BusyLoading | ClusterDown | MasterDown | ReadOnly),
        redis::ErrorKind::AuthenticationFailed => true,
        _ => matches!(error.code(), Some("NOAUTH" | "WRONGPASS")),
    };
    match answers.iter().find_map(|answer| answer.as_ref().err().filter(|error| is_away(error))) {
        Some(error) => Err(error.clone()),
        None => Ok(answers),
    }
}
