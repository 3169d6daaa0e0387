//! Readers, writers, removers and loaders on a few keys of one process, whose histories are compared afterwards.

mod history;

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, ensure};
use fastrand::Rng;
use warmstart::{Cache, CacheOptions, Handle, Route, Routes};

use self::history::{Call, Place, What, check};
use crate::{
    campaign::{Campaign, Length, Round},
    stamp::name,
};

pub(crate) const CAMPAIGN: Campaign = Campaign {
    name: "race",
    length: Length::Time {
        long: Duration::from_secs(600),
        short: Duration::from_secs(20),
        round: Duration::from_secs(2),
    },
    round,
};

const THREADS: u64 = 6;
const CATEGORIES: [&str; 3] = ["memory", "rows", "files"];
const KEYS: u32 = 3;

/// A value says of which key and write it is.
type Block = (u32, u32);

/// The steps of all threads in one order, in which what ends before something else begins has the smaller numbers.
#[derive(Default)]
struct Order(AtomicU64);

impl Order {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, SeqCst) + 1
    }
}

fn options(round: &Round, entries: u64) -> CacheOptions {
    let routes = [Route::memory(), Route::sqlite(), Route::file()];
    let routes = CATEGORIES
        .into_iter()
        .zip(routes)
        .fold(Routes::empty(), |routes, (name, route)| routes.with(name, route));
    CacheOptions::new().dir(round.dir().join("cache")).routes(routes).memory_entries(entries)
}

fn handles(cache: &Cache) -> warmstart::Result<Vec<Handle<Block>>> {
    CATEGORIES.iter().map(|name| cache.category(name)).collect()
}

fn round(round: &mut Round) -> Result<()> {
    // With little room, copies in memory leave all the time, and come back from where they are at home.
    let entries = if round.rng.bool() { 4 } else { 1000 };
    let cache = options(round, entries).open_strict()?;
    let (order, numbers, over) = (Order::default(), AtomicU32::new(0), AtomicBool::new(false));
    let calls = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let (cache, order, numbers, over) = (&cache, &order, &numbers, &over);
                let rng = round.rng.fork();
                scope.spawn(move || {
                    Thread { handles: handles(cache)?, order, numbers, rng, calls: vec![] }.run(over)
                })
            })
            .collect();
        thread::sleep(round.time);
        over.store(true, SeqCst);
        let joined =
            threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?);
        joined.collect::<Result<Vec<_>>>()
    })?;
    let mut calls = calls.concat();
    round.count("calls", calls.len() as u64);

    // At rest, what is in memory is what is at home.
    let here = look(&cache, &order)?;
    cache.close()?;
    let again = options(round, entries).open_strict()?;
    let there = look(&again, &order)?;
    for (here, there) in here.iter().zip(&there).filter(|(here, _)| here.place.0 > 0) {
        ensure!(here.what == there.what, "memory and home differ at rest: {here:?}, {there:?}");
    }
    ensure!(again.stats().errors == 0, "{} errors", again.stats().errors);
    calls.extend(here);
    check(&calls, |place| entries < 1000 && CATEGORIES[place.0] == "memory")
}

/// What is at each place.
fn look(cache: &Cache, order: &Order) -> Result<Vec<Call>> {
    let handles = handles(cache)?;
    let places = (0..handles.len()).flat_map(|category| (0..KEYS).map(move |key| (category, key)));
    let look = |place: Place| {
        let begin = order.next();
        let found = handles[place.0].get(&name(place.1)).map(|value| value.1);
        Call { place, what: What::Read(found), begin, end: order.next() }
    };
    Ok(places.map(look).collect())
}

struct Thread<'a> {
    handles: Vec<Handle<Block>>,
    order: &'a Order,
    numbers: &'a AtomicU32,
    rng: Rng,
    calls: Vec<Call>,
}

impl Thread<'_> {
    fn run(mut self, over: &AtomicBool) -> Result<Vec<Call>> {
        while !over.load(SeqCst) {
            let place = (self.rng.usize(..self.handles.len()), self.rng.u32(..KEYS));
            let (handle, key) = (self.handles[place.0].clone(), name(place.1));
            match self.rng.u32(..100) {
                0..15 => {
                    let number = self.numbers.fetch_add(1, SeqCst);
                    let insert = || handle.insert(&key, (place.1, number)).context("insert");
                    self.call(place, insert, |()| What::Write(Some(number)))?;
                }
                15..25 => {
                    self.call(place, || handle.remove(&key).context("remove"), |()| What::Write(None))?;
                }
                25 => {
                    let begin = self.order.next();
                    handle.clear().context("clear")?;
                    let end = self.order.next();
                    let what = What::Write(None);
                    self.calls.extend((0..KEYS).map(|key| Call { place: (place.0, key), what, begin, end }));
                }
                26..45 => self.load(place, &handle, &key)?,
                45..50 => {
                    let keys: Vec<_> = (0..KEYS).map(name).collect();
                    let begin = self.order.next();
                    let found = handle.get_many(&keys);
                    let end = self.order.next();
                    for (key, found) in (0..).zip(found) {
                        let what = What::Read(found.map(|value| read(key, &value)).transpose()?);
                        self.calls.push(Call { place: (place.0, key), what, begin, end });
                    }
                }
                _ => self.call(
                    place,
                    || handle.get(&key).map(|value| read(place.1, &value)).transpose(),
                    What::Read,
                )?,
            }
        }
        Ok(self.calls)
    }

    fn call<T>(
        &mut self,
        place: Place,
        call: impl FnOnce() -> Result<T>,
        what: impl FnOnce(T) -> What,
    ) -> Result<()> {
        let begin = self.order.next();
        let what = what(call()?);
        self.calls.push(Call { place, what, begin, end: self.order.next() });
        Ok(())
    }

    fn load(&mut self, place: Place, handle: &Handle<Block>, key: &str) -> Result<()> {
        let begin = self.order.next();
        let mut loaded = None;
        let (order, numbers, pause) = (self.order, self.numbers, self.rng.u32(..20));
        let value = handle.get_or_load(key, || {
            let (began, number) = (order.next(), numbers.fetch_add(1, SeqCst));
            (0..pause).for_each(|_| thread::yield_now());
            loaded = Some((began, number));
            Ok::<_, Infallible>((place.1, number))
        });
        let value = read(place.1, &value.context("load")?)?;
        let end = self.order.next();
        if let Some((begin, number)) = loaded {
            self.calls.push(Call { place, what: What::Load(number), begin, end });
        }
        self.calls.push(Call { place, what: What::Read(Some(value)), begin, end });
        Ok(())
    }
}

/// The number of a value.
fn read(key: u32, value: &Arc<Block>) -> Result<u32> {
    ensure!(value.0 == key, "{value:?} was found under key {key}");
    Ok(value.1)
}
