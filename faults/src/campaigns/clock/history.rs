//! What is done to a cache while its clock jumps, and what may come out of it.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use warmstart::{
    Bytes, Cache, CacheOptions, Handle, Route, Routes, Ttl,
    core::{Clock, Time},
};

use crate::stamp::{Stamp, name};

/// 2026-01-01T00:00:00Z.
pub(super) const START: i64 = 1_767_225_600_000;

pub(super) const HOUR: i64 = 3_600_000;
pub(super) const DAY: i64 = 24 * HOUR;
pub(super) const YEAR: i64 = 365 * DAY;

const KEYS: u32 = 6;

/// A category, at home in each of the tiers, with and without copies in memory.
#[derive(Debug, Clone, Copy)]
struct Shelf {
    name: &'static str,
    /// Outlives the process.
    persistent: bool,
    front: bool,
}

const SHELVES: [Shelf; 5] = [
    Shelf { name: "memory", persistent: false, front: false },
    Shelf { name: "rows", persistent: true, front: true },
    Shelf { name: "rows_alone", persistent: true, front: false },
    Shelf { name: "files", persistent: true, front: true },
    Shelf { name: "files_alone", persistent: true, front: false },
];

/// Whoever turns the clock.
pub(super) trait Hand {
    fn clock(&self) -> Arc<dyn Clock>;
    fn turn(&mut self, rng: &mut Rng) -> Result<()>;
    /// Another process begins, which has a clock of its own. False if that cannot be.
    fn begin_anew(&mut self, rng: &mut Rng) -> bool;
    /// Another process begins, whose clock reads the wall time `wall`. False if that cannot be.
    fn begin_at(&mut self, wall: i64) -> bool;
    /// Whether the clock may be set back by less than it was put forward before: what was put forward is then no
    /// longer needed for the monotonic clock to keep up.
    fn may_set_back(&self) -> bool;
    /// The wall time that would be read had nobody turned the clock.
    fn truth(&self) -> i64;
}

/// One write, and what has happened since.
#[derive(Debug)]
struct Written {
    number: u32,
    /// The readings before and after it.
    at: [Time; 2],
    /// Milliseconds.
    ttl: Option<i64>,
    life: u32,
    /// A reading since would have let it expire: it may be gone.
    lapsed: bool,
    /// Somebody looked for it then: it must not come back.
    dead: bool,
    /// The wall clock was set back since: by that much longer the entry may live, in a tier that goes by it.
    set_back: bool,
}

impl Written {
    /// When it expires by the wall clock, at the earliest and at the latest.
    ///
    /// The end of time never comes.
    fn expiry(&self) -> Option<[i64; 2]> {
        self.ttl
            .map(|ttl| self.at.map(|at| at.wall.saturating_add(ttl)))
            .filter(|[_, latest]| *latest < i64::MAX)
    }

    fn has_expired(&self, now: Time) -> bool {
        self.expiry().is_some_and(|[_, latest]| now.wall >= latest)
    }

    /// Whether it has lived for its ttl by the monotonic clock of the process that wrote it.
    fn has_aged(&self, now: Time, life: u32) -> bool {
        let lived = now.monotonic.saturating_sub(self.at[1].monotonic) / 1_000_000;
        life == self.life
            && self.expiry().is_some()
            && self.ttl.is_some_and(|ttl| lived >= ttl.unsigned_abs())
    }

    /// Nothing lives in the last millisecond that there is.
    fn may_have_lapsed(&self, now: Time, life: u32) -> bool {
        now.wall == i64::MAX
            || self.expiry().is_some_and(|[earliest, _]| now.wall >= earliest)
            || self.has_aged(now, life)
    }
}

pub(super) struct History<'a, H> {
    dir: &'a Path,
    hand: &'a mut H,
    rng: &'a mut Rng,
    cache: Cache,
    handles: Vec<Handle<Bytes>>,
    written: BTreeMap<(usize, u32), Written>,
    number: u32,
    life: u32,
    /// The reading after the last turn of the clock.
    last: Time,
    pub(super) values: u64,
    pub(super) jumps: u64,
}

fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<(Cache, Vec<Handle<Bytes>>)> {
    let route = |shelf: Shelf| {
        let route = match shelf.name.split('_').next() {
            Some("rows") => Route::sqlite(),
            Some("files") => Route::file(),
            _ => Route::memory(),
        };
        let route = route.ttl(Duration::from_secs(3600));
        if shelf.persistent && !shelf.front { route.without_front() } else { route }
    };
    let routes = SHELVES.iter().fold(Routes::empty(), |routes, shelf| routes.with(shelf.name, route(*shelf)));
    // Everything happens here, one thing after the other.
    let cache = CacheOptions::new()
        .dir(dir)
        .routes(routes)
        .clock(clock)
        .file(warmstart::file::FileCache::options().without_thread())
        .without_maintenance_thread()
        .open_strict()?;
    let handles = SHELVES.iter().map(|shelf| cache.bytes(shelf.name)).collect::<Result<_, _>>()?;
    Ok((cache, handles))
}

impl<'a, H: Hand> History<'a, H> {
    pub(super) fn new(dir: &'a Path, hand: &'a mut H, rng: &'a mut Rng) -> Result<Self> {
        let (cache, handles) = open(dir, hand.clock())?;
        let written = BTreeMap::new();
        let last = hand.clock().now();
        Ok(Self { dir, hand, rng, cache, handles, written, number: 0, life: 0, last, values: 0, jumps: 0 })
    }

    /// Does so many things, and looks what is left in the end.
    pub(super) fn run(&mut self, steps: u32) -> Result<()> {
        for _ in 0..steps {
            self.step().with_context(|| format!("after {} writes, at {:?}", self.number, self.now()))?;
        }
        self.end().context("in the end")
    }

    fn now(&self) -> Time {
        self.hand.clock().now()
    }

    fn step(&mut self) -> Result<()> {
        let (shelf, key) = (self.rng.usize(..SHELVES.len()), self.rng.u32(..KEYS));
        match self.rng.u32(..100) {
            0..25 => self.insert(shelf, key)?,
            25..29 => {
                self.handles[shelf].remove(&name(key))?;
                self.written.remove(&(shelf, key));
            }
            29..70 => self.read(shelf, key)?,
            70..90 => {
                self.hand.turn(self.rng)?;
                self.jumps += 1;
                self.look();
            }
            90..92 => {
                self.maintain()?;
                let errors = self.cache.stats().errors;
                ensure!(errors == 0, "{errors} errors");
            }
            92 => {
                if self.hand.begin_anew(self.rng) {
                    self.reopen()?;
                }
            }
            93 => drop(self.handles[shelf].entries()?),
            94 => self.cache.flush()?,
            _ => self.load(shelf, key)?,
        }
        Ok(())
    }

    fn insert(&mut self, shelf: usize, key: u32) -> Result<()> {
        let (stamp, ttl) = (self.stamp(shelf, key), self.ttl());
        let until = ttl.map_or(Ttl::Never, |ms| Ttl::After(Duration::from_millis(ms.unsigned_abs())));
        let (key_name, value) = (name(key), Bytes::from(stamp.value()));
        let before = self.now();
        if SHELVES[shelf].persistent && self.rng.u32(..4) == 0 {
            let mut writer = self.handles[shelf].writer_with(&key_name, until)?;
            std::io::Write::write_all(&mut writer, &value)?;
            writer.commit()?;
        } else {
            self.handles[shelf].insert_with(&key_name, value, until)?;
        }
        self.wrote(shelf, stamp, before, ttl);
        Ok(())
    }

    fn ttl(&mut self) -> Option<i64> {
        let ttl = [0, 1_000, HOUR, HOUR, DAY, YEAR, i64::MAX][self.rng.usize(..7)];
        (self.rng.u32(..8) > 0).then_some(ttl)
    }

    fn load(&mut self, shelf: usize, key: u32) -> Result<()> {
        let stamp = self.stamp(shelf, key);
        let (before, mut loaded) = (self.now(), false);
        let value = self.handles[shelf].get_or_load(&name(key), || {
            loaded = true;
            Ok::<_, std::io::Error>(Bytes::from(stamp.value()))
        })?;
        let found = (!loaded).then(|| Stamp::read_under(key, &value)).transpose()?;
        self.check(shelf, key, before, found)?;
        if loaded {
            self.wrote(shelf, stamp, before, Some(HOUR));
        }
        Ok(())
    }

    fn stamp(&mut self, shelf: usize, key: u32) -> Stamp {
        self.number += 1;
        Stamp { key, writer: u32::try_from(shelf).unwrap_or_default(), number: self.number }
    }

    fn wrote(&mut self, shelf: usize, stamp: Stamp, before: Time, ttl: Option<i64>) {
        let (at, life, number) = ([before, self.now()], self.life, stamp.number);
        let lapsed = ttl.is_some_and(|ttl| at[1].wall.checked_add(ttl).is_none());
        let written = Written { number, at, ttl, life, lapsed, dead: false, set_back: false };
        self.written.insert((shelf, stamp.key), written);
        self.look();
    }

    fn read(&mut self, shelf: usize, key: u32) -> Result<()> {
        let (handle, key_name) = (&self.handles[shelf], name(key));
        let before = self.now();
        let found = match self.rng.u32(..4) {
            0 => handle.get_many(&[&key_name]).remove(0),
            1 => match handle.reader(&key_name) {
                Some(mut reader) => {
                    let mut value = vec![];
                    std::io::Read::read_to_end(&mut reader, &mut value)?;
                    Some(Arc::new(Bytes::from(value)))
                }
                None => None,
            },
            _ => handle.get(&key_name),
        };
        let found = found.map(|value| Stamp::read_under(key, &value)).transpose()?;
        self.check(shelf, key, before, found)
    }

    /// Whether this may be found by a read that began at `before` and ended now.
    fn check(&mut self, shelf: usize, key: u32, before: Time, found: Option<Stamp>) -> Result<()> {
        let (now, life, Shelf { persistent, front, .. }) = (self.now(), self.life, SHELVES[shelf]);
        let what = format!("{} of {}", name(key), SHELVES[shelf].name);
        let Some(written) = self.written.get_mut(&(shelf, key)) else {
            ensure!(found.is_none(), "{what} is there, and was not written or was removed");
            return Ok(());
        };
        let aged =
            written.has_aged(before, life) && !(persistent && written.set_back && self.hand.may_set_back());
        let expired = written.has_expired(before);
        if let Some(stamp) = found {
            self.values += 1;
            ensure!(stamp.number == written.number, "{what}: {stamp} is not the last one");
            ensure!(!written.dead, "{what} is back: {written:?}");
            ensure!(!expired, "{what} has expired at {before:?}: {written:?}");
            ensure!(!aged, "{what} has lived for its ttl at {before:?}: {written:?}");
            let future = now.wall < written.at[0].wall;
            ensure!(!future || !persistent || front, "{what} is of the future at {now:?}: {written:?}");
        } else {
            written.dead |= expired || (aged && !persistent);
            let future = now.wall < written.at[1].wall;
            let gone = written.lapsed || written.may_have_lapsed(now, life) || (future && persistent);
            ensure!(gone, "{what} is missing at {now:?}: {written:?}");
        }
        Ok(())
    }

    /// Takes note of what the clock says about every entry.
    fn look(&mut self) {
        let (now, life) = (self.now(), self.life);
        let passed = |from: Time| i128::from(now.monotonic) - i128::from(from.monotonic);
        let wall = |from: Time| i128::from(now.wall) - i128::from(from.wall);
        let set_back = wall(self.last) < passed(self.last) / 1_000_000;
        self.last = now;
        for written in self.written.values_mut() {
            written.lapsed |= written.may_have_lapsed(now, life);
            written.set_back |= set_back;
        }
    }

    fn maintain(&mut self) -> Result<()> {
        let (before, life) = (self.now(), self.life);
        self.cache.maintain()?;
        for ((shelf, _), written) in &mut self.written {
            // What a clock that was far ahead has left is not kept for good.
            written.lapsed |= before.wall < written.at[1].wall.saturating_sub(DAY);
            written.dead |= written.has_expired(before);
            written.dead |= !SHELVES[*shelf].persistent && written.has_aged(before, life);
        }
        Ok(())
    }

    fn reopen(&mut self) -> Result<()> {
        self.cache.close()?;
        (self.cache, self.handles) = open(self.dir, self.hand.clock())?;
        (self.life, self.last) = (self.life + 1, self.now());
        self.written.retain(|(shelf, _), _| SHELVES[*shelf].persistent);
        self.look();
        Ok(())
    }

    /// Once the clock is right again, nothing is left of what has expired, and some day nothing at all.
    fn end(&mut self) -> Result<()> {
        let truth = self.hand.truth();
        if self.hand.begin_at(truth) {
            self.reopen()?;
            self.left()?;
        }
        Ok(())
    }

    fn left(&mut self) -> Result<()> {
        self.maintain()?;
        let now = self.now();
        for (i, shelf) in SHELVES.iter().enumerate() {
            let of = self.written.iter().filter(|((shelf, _), _)| *shelf == i);
            let stays = |written: &Written| {
                let stray = now.wall >= START && written.at[0].wall > now.wall.saturating_add(DAY);
                !stray && !written.has_expired(now)
            };
            let most = of.filter(|(_, written)| stays(written)).count();
            let stats = self.cache.stats();
            let category = stats.categories.iter().find(|category| category.name == shelf.name);
            let usage = category
                .and_then(|category| category.tiers.last())
                .and_then(|tier| tier.usage)
                .context("no usage")?;
            let listed = self.handles[i].entries()?;
            let most = most as u64;
            ensure!(
                listed.len() as u64 <= most,
                "{} entries listed in {}, of {most}",
                listed.len(),
                shelf.name
            );
            ensure!(usage.entries <= most, "{} entries in {}, of {most}", usage.entries, shelf.name);
            ensure!(usage.entries > 0 || usage.bytes == 0, "{} bytes of nothing", usage.bytes);
        }
        Ok(())
    }
}
