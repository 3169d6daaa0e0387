//! Readers, writers, removers and loaders on a few keys of one process, whose histories are compared afterwards.

use std::{
    collections::HashMap,
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

/// A category and a key.
type Place = (usize, u32);

/// The steps of all threads in one order, in which what ends before something else begins has the smaller numbers.
#[derive(Default)]
struct Order(AtomicU64);

impl Order {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, SeqCst) + 1
    }
}

/// What one call has done to a place, or found there.
#[derive(Debug, Clone, Copy)]
struct Call {
    place: Place,
    what: What,
    begin: u64,
    end: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// An insert of a number, or a removal.
    Write(Option<u32>),
    /// A loader made a number. It began at `begin`, and whatever was written after that goes before it.
    Load(u32),
    Read(Option<u32>),
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
    check(&calls, entries < 1000)
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

/// Whether no read found what was older than a write that had ended before the read began.
fn check(calls: &[Call], memory_is_tight: bool) -> Result<()> {
    let mut places: HashMap<Place, Vec<Call>> = HashMap::new();
    for call in calls {
        places.entry(call.place).or_default().push(*call);
    }
    for (place, calls) in places {
        let tight = memory_is_tight && CATEGORIES[place.0] == "memory";
        History::new(&calls).check(&calls, tight)?;
    }
    Ok(())
}

/// The writes of one place.
struct History {
    /// By its end, the latest begin of all writes that have ended by then.
    ended: Vec<(u64, u64)>,
    /// Begin and last moment of each number.
    numbers: HashMap<u32, (u64, u64)>,
    /// Begin and end of each removal; one was before everything.
    removals: Vec<(u64, u64)>,
}

impl History {
    fn new(calls: &[Call]) -> Self {
        let (mut numbers, mut removals, mut ended) = (HashMap::new(), vec![(0, 0)], vec![]);
        for &Call { what, begin, end, .. } in calls {
            match what {
                What::Write(number) => {
                    ended.push((end, begin));
                    match number {
                        Some(number) => drop(numbers.insert(number, (begin, end))),
                        None => removals.push((begin, end)),
                    }
                }
                What::Load(number) => drop(numbers.insert(number, (begin, begin))),
                What::Read(_) => {}
            }
        }
        ended.sort_unstable();
        let mut latest = 0;
        for (_, begin) in &mut ended {
            latest = latest.max(*begin);
            *begin = latest;
        }
        removals.sort_unstable();
        // The last end of all that began by then.
        let mut last = 0;
        for (_, end) in &mut removals {
            last = last.max(*end);
            *end = last;
        }
        Self { ended, numbers, removals }
    }

    fn check(&self, calls: &[Call], may_be_gone: bool) -> Result<()> {
        for call in calls {
            let What::Read(found) = call.what else { continue };
            let ended = self.ended.partition_point(|&(end, _)| end < call.begin);
            let Some(&(_, latest)) = ended.checked_sub(1).and_then(|last| self.ended.get(last)) else {
                continue;
            };
            let (began, last) = match found {
                None if may_be_gone => continue,
                None => self.removals[self.removals.partition_point(|&(begin, _)| begin < call.end) - 1],
                Some(number) => {
                    *self.numbers.get(&number).with_context(|| format!("nobody wrote {number}"))?
                }
            };
            ensure!(began < call.end, "{call:?} found what was not written yet");
            ensure!(
                last >= latest,
                "{call:?} found what was over at {last}, but a write began at {latest} and had ended before the read"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(what: What, begin: u64, end: u64) -> Call {
        Call { place: (1, 0), what, begin, end }
    }

    fn holds(calls: &[Call]) -> bool {
        check(calls, false).is_ok()
    }

    use What::{Load, Read, Write};

    #[test]
    fn read_finds_the_last_write() {
        assert!(holds(&[call(Write(Some(1)), 1, 2), call(Read(Some(1)), 3, 4)]));
        assert!(!holds(&[call(Write(Some(1)), 1, 2), call(Write(Some(2)), 3, 4), call(Read(Some(1)), 5, 6)]));
        assert!(!holds(&[call(Write(Some(1)), 1, 2), call(Read(None), 3, 4)]));
        assert!(!holds(&[call(Write(Some(1)), 1, 2), call(Write(None), 3, 4), call(Read(Some(1)), 5, 6)]));
    }

    #[test]
    fn of_writes_at_the_same_time_either_may_win() {
        let writes = [call(Write(Some(1)), 1, 3), call(Write(Some(2)), 2, 4)];
        for number in [1, 2] {
            assert!(holds(&[writes[0], writes[1], call(Read(Some(number)), 5, 6)]));
        }
    }

    #[test]
    fn load_that_began_before_a_removal_is_not_found_after_it() {
        let calls = [call(Load(1), 1, 5), call(Write(None), 2, 3)];
        assert!(!holds(&[calls[0], calls[1], call(Read(Some(1)), 4, 6)]));
        assert!(holds(&[calls[0], calls[1], call(Read(None), 4, 6)]));
    }

    #[test]
    fn what_nobody_wrote_is_a_violation() {
        assert!(!holds(&[call(Write(Some(1)), 1, 2), call(Read(Some(9)), 3, 4)]));
    }
}
