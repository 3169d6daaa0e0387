//! Several programs at one server: this test binary runs itself again as children. No read returns a value older than the
//! last write that its program was told of.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::FileExt,
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    thread,
    time::{Duration, Instant},
};

use warmstart::{
    Cache, Handle, Level, Route, Routes,
    core::{
        Category, Changed, Departure, Entry, EntryInfo, EntryWriter, Guard, Key, Observer, Result, Tier,
        TieredCache, Touch, Usage,
    },
    memory::MemoryTier,
    redis::RedisTier,
};

use crate::{
    PATIENCE,
    dice::Dice,
    redis_server::{Redis, has_redis},
    until,
};

const PROGRAMS: usize = 2;
/// Each is written by one thread of one program.
const KEYS: usize = 8;
const WHILE: Duration = Duration::from_secs(5);

const URL: &str = "WARMSTART_TEST_URL";
const LEDGER: &str = "WARMSTART_TEST_LEDGER";
const NUMBER: &str = "WARMSTART_TEST_NUMBER";

/// What has been written, in a file that the programs share: what they tell each other beside the server.
#[derive(Debug)]
struct Ledger(File);

/// A column of the ledger, of one number for each key.
#[derive(Clone, Copy)]
enum Column {
    /// The version whose write returned last.
    Version,
    /// How many messages have been sent. One write may send several: it is done again when something was cleared meanwhile.
    Sent,
    /// Of which version the message of that number told.
    Message(u64),
}

impl Ledger {
    fn place(key: usize, column: Column) -> u64 {
        let row = match column {
            Column::Version => 0,
            Column::Sent => 1,
            Column::Message(number) => 2 + number,
        };
        8 * (row * KEYS as u64 + key as u64)
    }

    fn note(&self, key: usize, column: Column, number: u64) {
        self.0.write_all_at(&number.to_le_bytes(), Self::place(key, column)).unwrap();
    }

    fn read(&self, key: usize, column: Column) -> u64 {
        let mut bytes = [0; 8];
        self.0.read_exact_at(&mut bytes, Self::place(key, column)).unwrap();
        u64::from_le_bytes(bytes)
    }
}

/// What a program was told of.
#[derive(Debug)]
struct Told {
    ledger: Ledger,
    /// No read that begins now may find an older version.
    floors: [AtomicU64; KEYS],
    /// The number of the last message, or an earlier one if some were lost.
    heard: [AtomicU64; KEYS],
    /// Versions and messages when a loss of changes was last told: at the next time, the channel was subscribed to since.
    before: Mutex<[(u64, u64); KEYS]>,
    messages: AtomicU64,
}

fn name(key: usize) -> String {
    format!("key\n{key}")
}

fn key_of(text: &str) -> usize {
    (0..KEYS).find(|&key| name(key) == text).unwrap()
}

impl Told {
    fn raise(&self, key: usize, version: u64) {
        self.floors[key].fetch_max(version, SeqCst);
    }
}

/// Passes on what a tier tells, and takes note of it after that.
#[derive(Debug)]
struct Witness {
    inner: Arc<dyn Observer>,
    told: Arc<Told>,
}

impl Observer for Witness {
    fn departed(&self, departure: Departure<'_>) {
        self.inner.departed(departure);
    }

    fn changed(&self, tier: &'static str, what: Changed<'_>) {
        self.inner.changed(tier, what);
        self.told.messages.fetch_add(1, Relaxed);
        match what {
            Changed::Entry { key, .. } => {
                let key = key_of(key);
                let number = self.told.heard[key].fetch_add(1, SeqCst) + 1;
                self.told.raise(key, self.told.ledger.read(key, Column::Message(number)));
            }
            Changed::Category(_) => {}
            Changed::Anything => {
                let mut before = self.told.before.lock().unwrap();
                for (key, before) in before.iter_mut().enumerate() {
                    self.told.raise(key, before.0);
                    self.told.heard[key].fetch_max(before.1, SeqCst);
                    let ledger = &self.told.ledger;
                    *before = (ledger.read(key, Column::Version), ledger.read(key, Column::Sent));
                }
            }
        }
    }
}

/// Takes note of what is about to be sent.
struct Sending<'a> {
    inner: &'a dyn Guard,
    ledger: &'a Ledger,
    key: usize,
    is_sent: AtomicBool,
}

impl Guard for Sending<'_> {
    fn holds(&self) -> bool {
        let holds = self.inner.holds();
        if holds {
            let number = self.ledger.read(self.key, Column::Sent) + 1;
            let version = self.ledger.read(self.key, Column::Version) + 1;
            self.ledger.note(self.key, Column::Message(number), version);
            self.is_sent.store(true, Relaxed);
        }
        holds
    }
}

/// A tier whose observer and writes are watched.
#[derive(Debug)]
struct Watched {
    tier: RedisTier,
    told: Arc<Told>,
}

impl Watched {
    fn send(&self, key: &Key<'_>, guard: &dyn Guard, write: impl Fn(&dyn Guard) -> Result<()>) -> Result<()> {
        let (ledger, key) = (&self.told.ledger, key_of(key.as_str()));
        let sending = Sending { inner: guard, ledger, key, is_sent: AtomicBool::new(false) };
        let outcome = write(&sending);
        if sending.is_sent.load(Relaxed) {
            ledger.note(key, Column::Sent, ledger.read(key, Column::Sent) + 1);
        }
        outcome
    }
}

impl Tier for Watched {
    fn observe(&self, inner: Arc<dyn Observer>) {
        self.tier.observe(Arc::new(Witness { inner, told: self.told.clone() }));
    }

    fn name(&self) -> &'static str {
        self.tier.name()
    }

    fn check(&self, route: &Route) -> Result<()> {
        self.tier.check(route)
    }

    fn get(&self, key: &Key<'_>) -> Result<Option<Entry>> {
        self.tier.get(key)
    }

    fn get_many(&self, keys: &[Key<'_>]) -> Vec<Result<Option<Entry>>> {
        self.tier.get_many(keys)
    }

    fn put(&self, key: &Key<'_>, entry: &Entry, guard: &dyn Guard) -> Result<()> {
        self.send(key, guard, |guard| self.tier.put(key, entry, guard))
    }

    fn remove(&self, key: &Key<'_>, guard: &dyn Guard) -> Result<()> {
        self.send(key, guard, |guard| self.tier.remove(key, guard))
    }

    fn scan(&self, category: &Arc<Category>, visit: &mut dyn FnMut(EntryInfo)) -> Result<()> {
        self.tier.scan(category, visit)
    }

    fn writer<'a>(&'a self, key: &Key<'a>) -> Result<Box<dyn EntryWriter + 'a>> {
        self.tier.writer(key)
    }

    fn clear(&self, category: &Arc<Category>) -> Result<()> {
        self.tier.clear(category)
    }

    fn known_usage(&self, category: &Arc<Category>) -> Result<Option<Usage>> {
        self.tier.known_usage(category)
    }

    fn touch(&self, category: &Arc<Category>, touches: &[Touch]) -> Result<()> {
        self.tier.touch(category, touches)
    }

    fn close(&self) -> Result<()> {
        self.tier.close()
    }
}

/// One of the programs.
struct Program {
    number: usize,
    tier: RedisTier,
    cache: Cache,
    values: Handle<u64>,
    told: Arc<Told>,
    caught_up: AtomicU64,
}

impl Program {
    fn start(url: &str, ledger: &str, number: usize) -> Self {
        let file = OpenOptions::new().read(true).write(true).open(ledger).unwrap();
        let told = Arc::new(Told {
            ledger: Ledger(file),
            floors: std::array::from_fn(|_| AtomicU64::new(0)),
            heard: std::array::from_fn(|_| AtomicU64::new(0)),
            before: Mutex::default(),
            messages: AtomicU64::new(0),
        });
        let tier = RedisTier::options().timeout(Duration::from_secs(20)).pause(Duration::from_millis(20));
        let tier = tier.open(url).unwrap();
        let memory = MemoryTier::builder().max_entries(12).build().unwrap();
        let cache = TieredCache::builder()
            .routes(Routes::empty().with("c", Route::redis()))
            .tier(Level::L1, Arc::new(memory))
            .tier(Level::L4, Arc::new(Watched { tier: tier.clone(), told: told.clone() }))
            .build()
            .unwrap();
        let values = cache.category("c").unwrap();
        Self { number, tier, cache, values, told, caught_up: AtomicU64::new(0) }
    }

    fn own(&self) -> impl Iterator<Item = usize> {
        (self.number..KEYS).step_by(PROGRAMS)
    }

    fn write(&self, dice: &mut Dice) {
        let key = dice.roll(KEYS / PROGRAMS) * PROGRAMS + self.number;
        let version = self.told.ledger.read(key, Column::Version) + 1;
        match dice.roll(20) {
            0 => self.values.clear().unwrap(),
            1..5 => self.values.remove(&name(key)).unwrap(),
            _ => self.values.insert(&name(key), version).unwrap(),
        }
        self.told.raise(key, version);
        self.told.ledger.note(key, Column::Version, version);
    }

    fn read(&self, key: usize, floor: u64) {
        if let Some(found) = self.values.get(&name(key)) {
            assert!(*found >= floor, "program {}: {found} of key {key} after {floor}", self.number);
        }
    }

    fn read_some(&self, dice: &mut Dice) {
        let key = dice.roll(KEYS);
        self.read(key, self.told.floors[key].load(SeqCst));
    }

    /// Told in another way.
    fn catch_up(&self, dice: &mut Dice) {
        let key = dice.roll(KEYS);
        let floor = self.told.ledger.read(key, Column::Version);
        if self.tier.catch_up(PATIENCE) {
            self.caught_up.fetch_add(1, Relaxed);
            self.read(key, floor);
        }
    }
}

#[test]
fn program_reads_nothing_older_than_it_was_told_of() {
    let [Ok(url), Ok(ledger), Ok(number)] = [URL, LEDGER, NUMBER].map(std::env::var) else { return };
    let program = Program::start(&url, &ledger, number.parse().unwrap());
    until("changes are heard of", || program.tier.health().is_listening);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let seed = Dice::seed();
        let (program, is_over) = (&program, &is_over);
        let works: [fn(&Program, &mut Dice); 4] =
            [Program::write, Program::read_some, Program::read_some, Program::catch_up];
        for (thread, work) in works.into_iter().enumerate() {
            scope.spawn(move || {
                let mut dice = Dice::new(seed + thread as u64);
                while !is_over.load(Relaxed) {
                    work(program, &mut dice);
                }
            });
        }
        thread::sleep(WHILE);
        is_over.store(true, Relaxed);
    });
    // All of it happened.
    let health = program.tier.health();
    let hits = program.cache.stats().tiers[0].reads.hits;
    let [messages, caught_up] = [&program.told.messages, &program.caught_up].map(|count| count.load(Relaxed));
    assert!(
        health.resyncs > 2 && hits > 0 && messages > 100 && caught_up > 10,
        "{health:?}, {hits} hits, {messages} messages, {caught_up} times caught up"
    );
    assert_eq!((health.dropped_writes, health.outages), (0, 0), "else one message is sent twice");
    assert!(program.own().all(|key| program.told.ledger.read(key, Column::Version) > 0));
}

#[test]
fn programs_read_nothing_older_than_they_were_told_of() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let ledger = tempfile::NamedTempFile::new().unwrap();
    ledger.as_file().set_len(64 << 20).unwrap();
    let mut programs = [0, 1].map(|number: usize| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "machines::program_reads_nothing_older_than_it_was_told_of", "--nocapture"])
            .env(URL, redis.url())
            .env(LEDGER, ledger.path())
            .env(NUMBER, number.to_string())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    });
    let mut dice = Dice::new(Dice::seed());
    let start = Instant::now();
    while programs.iter_mut().any(|program| program.try_wait().unwrap().is_none()) {
        assert!(start.elapsed() < 4 * PATIENCE, "hangs");
        thread::sleep(Duration::from_millis(dice.roll(400) as u64));
        redis.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    }
    for mut program in programs {
        assert!(program.wait().unwrap().success());
    }
}
