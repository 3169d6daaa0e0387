//! Entries at the server.

use std::{
    collections::HashSet,
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

use cache_core::{
    Bytes, Category, Changed, Entry, EntryInfo, Error, ErrorKind, Guard, Key, Observer, Put, Result, Route,
    Stored, Touch,
};
use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};
use redis::{Cmd, Connection, RedisError, RedisResult, Value, cmd};

use crate::{
    RedisOptions,
    breaker::{Breaker, Debt},
    fills::{Fills, Head, Place},
    health::Health,
    message::Message,
    names::Names,
    reach::Reach,
    record::{self, HEAD, Written, corrupt},
    server::{self, Link, Server, of_redis},
    tier::NAME,
};

/// How many keys a server looks at in one step of a scan.
const SCAN: usize = 1_000;

/// How many bytes of values are sent at once.
const SENT: usize = 8 << 20;

/// In how many groups the writes of this process are ordered, by key.
const STRIPES: usize = 64;

/// A time to live from which on an entry is stored without one: about 300 years, in milliseconds. The server counts in
/// numbers that end somewhere.
const FOR_EVER: i64 = 10_000_000_000_000;

/// Removes a value that begins as it did when it was read.
const REMOVE_UNCHANGED: &str =
    "if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) == ARGV[1] then redis.call('DEL', KEYS[1]) end";

/// Stores a loaded value, unless there is one of its fingerprint that is not of the future: another program has loaded or
/// stored it meanwhile.
const FILL: &str = "
    local there = redis.pcall('GETRANGE', KEYS[1], 0, 31)
    if type(there) == 'string' and #there == 32 and string.sub(there, 25, 32) == ARGV[1]
        and struct.unpack('<i8', string.sub(there, 9, 16)) <= tonumber(ARGV[2]) then
        return 0
    end
    if ARGV[4] == '' then redis.call('SET', KEYS[1], ARGV[3])
    else redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4]) end
    return 1";

/// Everything of an open tier.
pub(crate) struct Store {
    pub(crate) options: RedisOptions,
    pub(crate) reach: Reach,
    pub(crate) names: Names,
    /// Tells this program's messages from those of others.
    pub(crate) origin: u64,
    pub(crate) closed: AtomicBool,
    pub(crate) heard: Mutex<Heard>,
    pub(crate) news: Condvar,
    pub(crate) resyncs: AtomicU64,
    /// Held while a write of one of its keys is asked for: of two, the one whose guard was asked later is done later.
    stripes: [Mutex<()>; STRIPES],
    observer: RwLock<Option<Arc<dyn Observer>>>,
    fills: Fills,
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

    pub(crate) fn get(&self, key: &Key<'_>) -> Result<Option<Entry>> {
        self.check_open()?;
        let asked = cmd("GET").arg(self.names.of(key)).to_owned();
        let answer = self.reach.read(&[asked]).and_then(|mut answers| answers.pop());
        answer.map_or(Ok(None), |answer| self.found(key, answer))
    }

    pub(crate) fn get_many(&self, keys: &[Key<'_>]) -> Vec<Result<Option<Entry>>> {
        if let Err(error) = self.check_open() {
            return keys.iter().map(|_| Err(Error::new(error.kind().clone()))).collect();
        }
        let asked: Vec<_> = keys.iter().map(|key| cmd("GET").arg(self.names.of(key)).to_owned()).collect();
        match self.reach.read(&asked) {
            Some(answers) => keys.iter().zip(answers).map(|(key, answer)| self.found(key, answer)).collect(),
            None => keys.iter().map(|_| Ok(None)).collect(),
        }
    }

    pub(crate) fn put(&self, key: &Key<'_>, entry: &Entry, guard: &dyn Guard) -> Result<()> {
        let put = Put { key: *key, entry: entry.clone(), guard };
        self.put_many(&[put]).pop().unwrap_or(Ok(()))
    }

    pub(crate) fn put_many(&self, puts: &[Put<'_>]) -> Vec<Result<()>> {
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
        self.check_open()?;
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
        let answer = guard.holds().then(|| self.write_one(key, command));
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
        self.check_open()?;
        let _ordered = self.order([key]);
        if !guard.holds() {
            return Ok(());
        }
        let removal = cmd("UNLINK").arg(self.names.of(key)).to_owned();
        self.done(self.write_one(key, removal), "removing").map_err(|error| error.about(key))
    }

    pub(crate) fn scan(&self, category: &Arc<Category>, visit: &mut dyn FnMut(EntryInfo)) -> Result<()> {
        self.check_open()?;
        let now = self.options.clock.now();
        // A server shows a key twice when its table grows or shrinks meanwhile.
        let mut shown = HashSet::new();
        self.each_batch(&self.names.pattern(category.name()), |connection, names| {
            let asked: Vec<_> = names
                .iter()
                .flat_map(|name| {
                    [
                        cmd("GETRANGE").arg(name).arg(0).arg(HEAD - 1).to_owned(),
                        cmd("STRLEN").arg(name).to_owned(),
                    ]
                })
                .collect();
            let answers = server::ask(connection, &asked)?;
            for (name, answers) in names.iter().zip(answers.chunks(2)) {
                let [Ok(Value::BulkString(head)), Ok(Value::Int(len))] = answers else { continue };
                let Some(stored) = record::from_bytes(Bytes::copy_from_slice(head)) else { continue };
                let Some((_, key)) = self.names.parts(name) else { continue };
                if record::is_fresh(&stored, now) && shown.insert(key.to_owned()) {
                    let size =
                        key.len() as u64 + u64::try_from(*len).unwrap_or(0).saturating_sub(HEAD as u64);
                    visit(EntryInfo::new(key.to_owned(), size, stored.created_at, stored.expires_at, 0));
                }
            }
            Ok(())
        })
    }

    pub(crate) fn clear(&self, category: &Arc<Category>) -> Result<()> {
        self.check_open()?;
        let debt = Debt::Category(category.name().into());
        if self.reach.breaker.drops(std::slice::from_ref(&debt)) {
            return Ok(());
        }
        if let Err(error) = self.settle_all(category.name()) {
            tracing::warn!(server = %self.reach.server, %error, "a category is not cleared yet");
            self.reach.breaker.lost(&[debt]);
        }
        Ok(())
    }

    pub(crate) fn stored_categories(&self) -> Result<Vec<String>> {
        self.check_open()?;
        let mut categories = HashSet::new();
        self.each_batch(&self.names.pattern_of_all(), |_, names| {
            let parts = names.iter().filter_map(|name| self.names.parts(name));
            categories.extend(parts.map(|(category, _)| category.to_owned()));
            Ok(())
        })?;
        Ok(categories.into_iter().collect())
    }

    pub(crate) fn touch(&self, category: &Arc<Category>, touches: &[Touch]) -> Result<()> {
        self.check_open()?;
        let name = |touch: &Touch| self.names.entry(category.name(), &touch.key);
        let asked: Vec<_> = touches.iter().map(|touch| cmd("TOUCH").arg(name(touch)).to_owned()).collect();
        // If the server is away, its order of use is a little off.
        let _ = self.reach.read(&asked);
        Ok(())
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
        let end = Instant::now().checked_add(patience);
        let number = self.fences.fetch_add(1, SeqCst) + 1;
        let fence = self.publish(Message::Fence(number));
        let sent = self.reach.read(&[fence]).is_some_and(|answers| answers.iter().all(Result::is_ok));
        let mut heard = self.heard.lock();
        while sent && heard.is_listening && heard.fence < number && !self.closed.load(SeqCst) {
            match end {
                Some(end) => {
                    if self.news.wait_until(&mut heard, end).timed_out() {
                        break;
                    }
                }
                None => self.news.wait(&mut heard),
            }
        }
        sent && heard.is_listening && heard.fence >= number
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

    /// Removes loaded values that have not been replaced.
    fn unfill(&self, gone: &[(Place, Head)]) {
        let name = |(category, key): &Place| self.names.entry(category, key);
        let removals: Vec<_> =
            gone.iter().map(|(place, head)| remove_unchanged(&name(place), head)).collect();
        let news: Vec<_> =
            gone.iter().map(|((category, key), _)| self.publish(Message::Entry { category, key })).collect();
        let debts: Vec<_> = gone.iter().map(|((category, key), _)| Debt::key(category, key)).collect();
        self.reach.write(&removals, &news, &debts);
    }

    fn tell(&self, what: Changed<'_>) {
        let observer = self.observer.read().clone();
        let Some(observer) = observer else { return };
        // Copies go with it, and a destructor of the user's may panic.
        if catch_unwind(AssertUnwindSafe(|| observer.changed(NAME, what))).is_err() {
            tracing::warn!(?what, "what dropped copies in memory panicked");
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
                link.ask(&removals, &news)?.into_iter().try_for_each(|answer| answer.map(drop))
            }
        }
    }

    /// Removes all entries of a category, and tells of it.
    fn settle_all(&self, category: &str) -> RedisResult<()> {
        for_each_batch(&self.reach.server, &self.names.pattern(category), |connection, names| {
            let removals: Vec<_> = names.iter().map(|name| cmd("UNLINK").arg(name).to_owned()).collect();
            server::ask(connection, &removals)?.into_iter().try_for_each(|answer| answer.map(drop))
        })?;
        self.reach.server.connect()?.ask(&[], &[self.publish(Message::Cleared(category))]).map(drop)
    }

    /// Shows `work` the names of all entries that a pattern takes, node by node.
    fn each_batch(
        &self,
        pattern: &str,
        work: impl FnMut(&mut Connection, &[Vec<u8>]) -> RedisResult<()>,
    ) -> Result<()> {
        if self.reach.breaker.is_open() {
            return Err(self.reach.away());
        }
        let outcome = for_each_batch(&self.reach.server, pattern, work);
        self.reach.note(&outcome);
        outcome.map_err(|error| of_redis(error, &self.reach.server, "listing"))
    }

    /// What the server found under a key.
    fn found(&self, key: &Key<'_>, answer: RedisResult<Value>) -> Result<Option<Entry>> {
        let bytes = match answer {
            Ok(Value::Nil) => return Ok(None),
            Ok(Value::BulkString(bytes)) => Bytes::from(bytes),
            Ok(_) => return Err(Error::new(corrupt("it is no string")).about(key)),
            Err(error) => return Err(of_redis(error, &self.reach.server, "reading").about(key)),
        };
        let head = bytes.slice(..HEAD.min(bytes.len()));
        let now = self.options.clock.now();
        let Some(stored) = record::from_bytes(bytes) else {
            self.remove_unchanged(key, &head);
            return Err(Error::new(corrupt("no entry of ours")).about(key));
        };
        let is_expired = stored.is_expired(now);
        let found = record::open(stored, key, now);
        if is_expired || found.as_ref().is_err_and(|error| matches!(error.kind(), ErrorKind::Corrupt(_))) {
            self.remove_unchanged(key, &head);
        }
        found
    }

    fn remove_unchanged(&self, key: &Key<'_>, head: &[u8]) {
        // Otherwise it is found again the next time.
        let _ = self.reach.read(&[remove_unchanged(&self.names.of(key), head)]);
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

    fn pack(&self, key: &Key<'_>, entry: &Entry) -> Result<Stored> {
        let chosen = key.category().route().stored_compression().unwrap_or(self.options.compression);
        Stored::pack(key, entry, |_| chosen)
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
        if let Err(error) = self.check_open() {
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
                    debts.push(Debt::key(put.key.category().name(), put.key.as_str()));
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
        let debt = Debt::key(key.category().name(), key.as_str());
        self.reach.write(&[command], &[self.news_of(key)], &[debt])?.pop()
    }

    fn news_of(&self, key: &Key<'_>) -> Cmd {
        self.publish(Message::Entry { category: key.category().name(), key: key.as_str() })
    }

    fn publish(&self, message: Message<'_>) -> Cmd {
        cmd("PUBLISH").arg(self.names.channel()).arg(message.to_text(self.origin)).to_owned()
    }

    fn check_open(&self) -> Result<()> {
        if self.closed.load(SeqCst) {
            return Err(Error::new(ErrorKind::Closed).about(&self.reach.server));
        }
        Ok(())
    }
}

/// The command that removes a value if it begins with `head`.
fn remove_unchanged(name: &str, head: &[u8]) -> Cmd {
    cmd("EVAL").arg(REMOVE_UNCHANGED).arg(1).arg(name).arg(head).to_owned()
}

fn for_each_batch(
    server: &Server,
    pattern: &str,
    mut work: impl FnMut(&mut Connection, &[Vec<u8>]) -> RedisResult<()>,
) -> Result<(), RedisError> {
    for (_, mut connection) in server.masters()? {
        let mut cursor = 0;
        loop {
            let (next, names) = server::scan(&mut connection, cursor, pattern, SCAN)?;
            work(&mut connection, &names)?;
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
    }
    Ok(())
}
