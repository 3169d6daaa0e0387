//! What is stored and removed at the server.

use std::sync::Arc;

use cache_core::{Category, Entry, Error, Guard, Key, Put, Result, Stored};
use parking_lot::MutexGuard;
use redis::{Cmd, RedisResult, Value, cmd};

use crate::{
    breaker::Debt,
    fills::{Head, Place},
    message::Message,
    reach::is_away,
    reads::{for_each_batch, remove_unchanged},
    record::{self, HEAD, Written},
    server::{Link, of_redis},
    store::{STRIPES, Store},
};

/// How many bytes of values are sent at once.
const SENT: usize = 8 << 20;

/// A time to live from which on an entry is stored without one: about 300 years, in milliseconds. The server counts in
/// numbers that end somewhere.
const FOR_EVER: i64 = 10_000_000_000_000;

/// Stores a loaded value, unless there is another one of its fingerprint that is not of the future, which another program has
/// loaded or stored meanwhile.
const FILL: &str = "
    local there = redis.pcall('GETRANGE', KEYS[1], 0, 47)
    if type(there) == 'string' and #there == 48 and string.sub(there, 25, 32) == ARGV[1]
        and struct.unpack('<i8', string.sub(there, 9, 16)) <= tonumber(ARGV[2]) then
        return there == string.sub(ARGV[3], 1, 48) and 1 or 0
    end
    if ARGV[4] == '' then redis.call('SET', KEYS[1], ARGV[3])
    else redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4]) end
    return 1";

impl Store {
    pub(crate) fn put(&self, key: &Key<'_>, entry: &Entry, guard: &dyn Guard) -> Result<()> {
        let put = Put { key: *key, entry: entry.clone(), guard };
        self.put_many(&[put]).pop().unwrap_or(Ok(()))
    }

    pub(crate) fn put_many(&self, puts: &[Put<'_>]) -> Vec<Result<()>> {
        if self.reach.breaker.is_open() && self.drops(puts) {
            return puts.iter().map(|_| Ok(())).collect();
        }
        let mut outcomes = Vec::with_capacity(puts.len());
        let mut rest = puts;
        while !rest.is_empty() {
            let mut bytes = 0;
            let packed: Vec<Result<Cmd>> = rest
                .iter()
                .map_while(|put| {
                    // At least one, however large.
                    let goes = bytes == 0 || bytes + put.entry.size <= SENT as u64;
                    bytes += put.entry.size.max(1);
                    goes.then(|| self.command(put))
                })
                .collect();
            let (now, later) = rest.split_at(packed.len());
            outcomes.extend(self.send(now, packed));
            rest = later;
        }
        outcomes
    }

    pub(crate) fn fill(&self, key: &Key<'_>, entry: &Entry, guard: &dyn Guard) -> Result<bool> {
        self.ready()?;
        let stored = self.pack(key, entry)?;
        let now = self.options.clock.now();
        let Some(left) = self.left(&stored) else { return Ok(true) };
        let head: Head = record::head(&stored);
        let mut command = cmd("EVAL");
        command
            .arg(FILL)
            .arg(1)
            .arg(self.names.of(key))
            .arg(&stored.fingerprint.to_le_bytes())
            .arg(now.wall.saturating_add(record::SKEW))
            .arg(Written(&stored))
            .arg(left.map(|left| left.to_string()).unwrap_or_default());
        let _ordered = self.order([key]);
        let place: Place = (key.category().name().into(), key.as_str().into());
        self.fills.begin(place.clone());
        // Nobody is told: nobody had anything there that could be read.
        let fill = || self.reach.write(&[command], &[], &[debt_of(key)])?.pop();
        let answer = guard.holds().then(fill);
        let is_stored = matches!(answer, Some(Some(Ok(Value::Int(1)))));
        if self.fills.end(&place, is_stored.then_some(head)) {
            self.unfill(&[(place, head)]);
            return Ok(false);
        }
        match answer {
            Some(Some(Ok(Value::Int(0)))) => Ok(false),
            Some(answer) => self.done(answer, "storing").map(|()| true).map_err(|error| error.about(key)),
            None => Ok(true),
        }
    }

    pub(crate) fn remove(&self, key: &Key<'_>, guard: &dyn Guard) -> Result<()> {
        self.ready()?;
        let _ordered = self.order([key]);
        if !guard.holds() {
            return Ok(());
        }
        let removal = cmd("UNLINK").arg(self.names.of(key)).to_owned();
        self.done(self.write_one(key, removal), "removing").map_err(|error| error.about(key))
    }

    pub(crate) fn clear(&self, category: &Arc<Category>) -> Result<()> {
        self.ready()?;
        let debt = Debt::Category(category.name().into());
        if self.reach.breaker.drops(std::slice::from_ref(&debt)) {
            return Ok(());
        }
        // What was told that it may be stored, and is on its way, is cleared too.
        self.stripes.iter().for_each(|stripe| drop(stripe.lock()));
        match self.settle_all(category.name()) {
            Err(error) if is_away(&error) => {
                tracing::warn!(server = %self.reach.server, %error, "a category is not cleared yet");
                self.reach.breaker.lost(&[debt]);
                Ok(())
            }
            outcome => outcome.map_err(|error| of_redis(error, &self.reach.server, "clearing")),
        }
    }

    /// Removes what is owed.
    pub(crate) fn settle(&self, link: &mut Link, debt: &Debt) -> RedisResult<()> {
        match debt {
            Debt::Category(category) => self.settle_all(category),
            Debt::Keys { category, keys } => {
                let removals: Vec<_> = keys
                    .iter()
                    .map(|key| cmd("UNLINK").arg(self.names.entry(category, key)).to_owned())
                    .collect();
                let news: Vec<_> =
                    keys.iter().map(|key| self.publish(Message::Entry { category, key })).collect();
                let answers = link.ask(&removals, &news)?.into_iter();
                answers.take(removals.len()).try_for_each(|answer| answer.map(drop))
            }
        }
    }

    /// Removes all entries of a category, and tells of it.
    fn settle_all(&self, category: &str) -> RedisResult<()> {
        // Before, since a look at all keys may take long; and after, for what was read meanwhile.
        let (server, news) = (&self.reach.server, [self.publish(Message::Cleared(category))]);
        let tell = || server.again(|| server.connect()?.ask(&[], &news).map(drop));
        tell()?;
        for_each_batch(server, &self.names.pattern(category), |master, names| {
            let removals: Vec<_> = names.iter().map(|name| cmd("UNLINK").arg(name).to_owned()).collect();
            master.ask(&removals)?.into_iter().try_for_each(|answer| answer.map(drop))
        })?;
        tell()
    }

    /// Removes loaded values that have not been replaced.
    pub(crate) fn unfill(&self, gone: &[(Place, Head)]) {
        let name = |(category, key): &Place| self.names.entry(category, key);
        let removals: Vec<_> =
            gone.iter().map(|(place, head)| remove_unchanged(&name(place), head)).collect();
        let news: Vec<_> =
            gone.iter().map(|((category, key), _)| self.publish(Message::Entry { category, key })).collect();
        let debts: Vec<_> = gone.iter().map(|((category, key), _)| Debt::key(category, key)).collect();
        self.reach.write(&removals, &news, &debts);
    }

    /// Remembers puts that still count as dropped, and does not look at what they would have stored; false if the breaker is
    /// closed.
    fn drops(&self, puts: &[Put<'_>]) -> bool {
        let _ordered = self.order(puts.iter().map(|put| &put.key));
        let holding = puts.iter().filter(|put| put.guard.holds());
        let debts: Vec<_> = holding.map(|put| debt_of(&put.key)).collect();
        self.ready().is_ok() && self.reach.breaker.drops(&debts)
    }

    /// The command that stores an entry.
    fn command(&self, put: &Put<'_>) -> Result<Cmd> {
        let stored = self.pack(&put.key, &put.entry)?;
        let name = self.names.of(&put.key);
        let Some(left) = self.left(&stored) else { return Ok(cmd("UNLINK").arg(name).to_owned()) };
        let mut command = cmd("SET");
        command.arg(name).arg(Written(&stored));
        if let Some(left) = left {
            command.arg("PX").arg(left);
        }
        Ok(command)
    }

    /// A server takes as much as it is stored as, with its head, and hangs up on more.
    fn pack(&self, key: &Key<'_>, entry: &Entry) -> Result<Stored> {
        let chosen = key.category().route().stored_compression().unwrap_or(self.options.compression);
        let stored = Stored::pack(key, entry, |_| chosen)?;
        match stored.value.len() as u64 + HEAD as u64 {
            len if len > Stored::MAX_VALUE => Err(Error::too_large(key, len, Stored::MAX_VALUE)),
            _ => Ok(stored),
        }
    }

    /// How many milliseconds the server is to keep an entry, if it is not to keep it for good; `None` if its time is over.
    fn left(&self, stored: &Stored) -> Option<Option<i64>> {
        match stored.expires_at.map(|at| at.saturating_sub(self.options.clock.now().wall)) {
            Some(..=0) => None,
            left => Some(left.filter(|&left| left < FOR_EVER)),
        }
    }

    /// Sends the commands of puts that still count.
    fn send(&self, puts: &[Put<'_>], packed: Vec<Result<Cmd>>) -> Vec<Result<()>> {
        if let Err(error) = self.ready() {
            return puts.iter().map(|_| Err(Error::new(error.kind().clone()))).collect();
        }
        let _ordered = self.order(puts.iter().map(|put| &put.key));
        let (mut commands, mut news, mut debts) = (Vec::new(), Vec::new(), Vec::new());
        // What became of each: an error, nothing, or a command.
        let sent: Vec<Result<bool>> = puts
            .iter()
            .zip(packed)
            .map(|(put, packed)| {
                let command = packed?;
                let holds = put.guard.holds();
                if holds {
                    commands.push(command);
                    news.push(self.news_of(&put.key));
                    debts.push(debt_of(&put.key));
                }
                Ok(holds)
            })
            .collect();
        if commands.is_empty() {
            return sent.into_iter().map(|sent| sent.map(drop)).collect();
        }
        let mut answers = self.reach.write(&commands, &news, &debts).map(Vec::into_iter);
        let each = puts.iter().zip(sent);
        each.map(|(put, sent)| {
            if !sent? {
                return Ok(());
            }
            let answer = answers.as_mut().and_then(Iterator::next);
            self.done(answer, "storing").map_err(|error| error.about(put.key))
        })
        .collect()
    }

    /// How a write went; one that was dropped is counted, and no error.
    fn done(&self, answer: Option<RedisResult<Value>>, doing: &str) -> Result<()> {
        match answer {
            Some(Err(error)) => Err(of_redis(error, &self.reach.server, doing)),
            _ => Ok(()),
        }
    }

    /// Waits for the writes of these keys that came before.
    fn order<'a>(&self, keys: impl IntoIterator<Item = &'a Key<'a>>) -> Vec<MutexGuard<'_, ()>> {
        let mut stripes: Vec<_> = keys.into_iter().map(|key| (key.hash() >> 32) as usize % STRIPES).collect();
        // All take them in one order, so nobody waits for ever.
        stripes.sort_unstable();
        stripes.dedup();
        stripes.into_iter().map(|stripe| self.stripes[stripe].lock()).collect()
    }

    /// Does what replaces or removes one entry, and tells of it.
    fn write_one(&self, key: &Key<'_>, command: Cmd) -> Option<RedisResult<Value>> {
        self.reach.write(&[command], &[self.news_of(key)], &[debt_of(key)])?.pop()
    }

    fn news_of(&self, key: &Key<'_>) -> Cmd {
        self.publish(Message::Entry { category: key.category().name(), key: key.as_str() })
    }
}

/// What is owed if a write of the key is dropped.
fn debt_of(key: &Key<'_>) -> Debt {
    Debt::key(key.category().name(), key.as_str())
}
