//! # Recency-frequency classes, evicted by measured rates of reuse
//!
//! An eviction policy for workloads that nobody knows beforehand: hot sets that shift, scans, loops larger than
//! the cache, recency alone; for a few hundred entries or a hundred thousand.
//!
//! ## Idea
//!
//! LRU bets that what was used last is used next. A scan or a loop makes it lose every time. Policies that
//! resist scans let new entries prove themselves in a small queue, and lose where recency is all there is.
//! Each bet is right somewhere, so this policy makes none: it measures. Of each entry it knows two things, how often
//! it was used (its *class*) and how long ago (its *age*, in requests). It counts at which ages entries of each class
//! are used again, or forgotten without, and from that follows how many uses an entry earns for the room it takes
//! if it is kept on: its *rate of reuse*. Where two entries compete for room, the higher rate stays.
//!
//! Looking through all entries for the lowest rate would cost too much. It is enough to look at the oldest ones of
//! four lists, since within a list rates differ by age alone.
//!
//! ## What is kept
//!
//! - a *queue* of entries that wait for a second use, with a target length H, at least 1;
//! - three *main* lists of those that had it, one for each class;
//! - *ghosts*: the history of entries that left, by hash: of as many as there are entries, or of C / 8 if these are
//!   fewer. What comes back is recognised.
//!
//! ## Rules
//!
//! With C for the number of entries that fit: as many as there are when room is needed, of all categories together. A
//! use less than C / 20 requests after the last one that counted belongs to one *burst* with it: one action of the
//! program, which says nothing about the next.
//!
//! 1. **Class.** 0 for a new entry; 1, 2, 3 for one that was used again and had up to 2, up to 4, or more uses.
//! 2. **A hit** makes the entry the newest of the list of its class. In a burst it changes nothing at all, neither class
//!    nor age, so that what is used all the time costs least.
//! 3. **A new entry** becomes the newest of the queue. While nothing had to be evicted yet, it is taken for one of
//!    class 1: an empty cache has no reason to doubt.
//! 4. **What comes back** from the ghosts has one use more. It goes to main if the queue is not short, or if its last use
//!    is less long ago than that of main's victim; else to the queue. An entry that was removed or replaced leaves a
//!    ghost too, and so does one that was found to be out of time; those that are cleared all at once leave none. If such a one comes back, it goes to the list of its
//!    class; and of one that was out of time, that says nothing about rates, since keeping it would have been of no use.
//! 5. **Main's victim** is the oldest entry of a main list: of the three, the one with the lowest rate of reuse.
//! 6. **Eviction.** If the oldest entry of a list is out of time, it goes. Else, if the queue is *short*, shorter than H,
//!    main's victim goes, else the oldest of the queue. Its history becomes a ghost.
//! 7. **H** is judged before every fourth eviction, or the first one from then on that finds both queue and main occupied:
//!    if the oldest of the queue has more than 1.2 times the rate of main's victim, H grows by 0.8, else it shrinks by
//!    0.8, between 1 and 0.9 C.
//!
//! How rates follow from the counts is told in [`rates`]. They are drawn anew, and the counts fade, when room is needed and
//! C / 5 requests went by since the last time, or 128 if that is more.
//!
//! Several categories of one cache have lists, ghosts and rates each. When room has to be made among them, the one gives
//! whose next victim has the lowest rate, converted from requests for this category to requests for all.
//!
//! ## What each part is worth
//!
//! In points of the mean hit ratio, 58.1 %, over the sixteen rows of recorded traces of the benchmark `hit-ratio`. The
//! worst of 65 recorded and 15 made-up cases was 0.2 below LRU.
//!
//! | instead | mean |
//! |---|---:|
//! | no H: of the two candidates, that with the lower rate goes; with the factor of rule 7 | -2.7; -2.1 |
//! | H fixed at C / 10 | -0.5, and a shifting hot set 5.4 below LRU |
//! | the first entries to the queue as well (rule 3) | -2.1 |
//! | everything that comes back to main; all of it to the queue (rule 4) | -1.7; -1.8 |
//! | half as many ghosts; twice as many | -0.6; 0.0 |
//! | one class in main; two | -0.8; -0.3 |
//! | the oldest of main as its victim (rule 5) | -0.7 |
//! | no bursts (rule 2) | -0.4 |
//! | rates that jump from bucket to bucket | -0.2 |
//! | what leaves main has a last chance in the queue | 0.0, and recency alone up to 7.5 below LRU |
//!
//! The constants matter little, and none was fitted: bursts under C / 40 or C / 10, H judged at each eviction by 0.1 or
//! 0.2, rates drawn half as often, classes up to 2 and 8 uses, counts that fade twice as fast or half as fast: all stay
//! within 0.1. The factor of rule 7 trades scans for recency: with 1.0 the mean loses 0.3 and nothing is more than 0.2
//! below LRU; with 1.5 it gains nothing and the worst is 0.4 below.
//!
//! ## Where it loses
//!
//! Keys that are each used a few times at one distance and then never again: what was measured of those before says
//! that they come back, and they do not. On made-up workloads of such keys in blocks, LRU was up to 16 points better if
//! the distance was just the capacity, at most 1 up to 80 % of it; with every tenth request a scan, up to 32 at 90 %;
//! beside a hot set, up to 10. It was much the same for a hundred entries and for a thousand. With a handful of
//! entries there is too little to measure from, and chance decides.
//!
//! ## What it is built from
//!
//! A queue in front of main, and ghosts: 2Q (T. Johnson and D. Shasha, VLDB 1994). A queue whose length adapts: ARC (N. Megiddo
//! and D. Modha, FAST 2003). The best rate over all times that an entry may be kept for: the economic value of EVA
//! (N. Beckmann and D. Sanchez, HPCA 2017).

mod rates;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasherDefault, Hasher};

use hashlink::LinkedHashMap;

use self::rates::Rates;
use super::{Policy, lists::Lists};
use crate::{store::RemovalCause, table::Place};

/// See the chapter above.
#[derive(Debug)]
pub(crate) struct Adaptive {
    entries: Lists<Note, LISTS>,
    ghosts: LinkedHashMap<u64, History, BuildHasherDefault<AsItIs>>,
    rates: Rates,
    /// C: how many entries there were when room was needed last, or as many as there ever were until then.
    capacity: u32,
    /// C / 20.
    burst: u32,
    /// H.
    queue_target: f32,
    /// Counts requests: hits and insertions. Wraps, so that ages are right up to 2^32 requests.
    now: u32,
    /// When rates were drawn last.
    learned_at: u32,
    /// Evictions until H is judged.
    until_judging: u8,
    /// Nothing had to go yet.
    filling: bool,
}

/// What is noted of an entry.
#[derive(Debug, Clone, Copy, Default)]
struct Note {
    history: History,
    /// The shard's tick at its last use that counted.
    tick: u32,
}

/// What outlives an entry.
#[derive(Debug, Clone, Copy, Default)]
struct History {
    last_use: u32,
    class: u8,
    uses: u8,
    /// Why the entry left, of a ghost.
    left: Option<RemovalCause>,
}

/// Takes a hash as it is.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, _: &[u8]) {
        unreachable!("a hash is one u64");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

const QUEUE: u8 = 0;
const MAIN: std::ops::RangeInclusive<u8> = 1..=3;
const LISTS: usize = rates::CLASSES;

/// H is judged at each so many evictions.
const JUDGED_EVERY: u8 = 4;

/// By so much.
const STEP: f32 = 0.2 * JUDGED_EVERY as f32;

/// Further ones do not change the class.
const MAX_USES: u8 = 5;

impl History {
    fn age(self, now: u32) -> u32 {
        now.wrapping_sub(self.last_use)
    }

    /// One more use, which counts for the class.
    fn count(&mut self) {
        if self.uses < MAX_USES {
            self.uses += 1;
            self.class = match self.uses {
                ..=2 => 1,
                3..=4 => 2,
                _ => 3,
            };
        }
    }
}

impl Default for Adaptive {
    fn default() -> Self {
        Self {
            entries: Lists::default(),
            ghosts: LinkedHashMap::default(),
            rates: Rates::new(1),
            capacity: 1,
            burst: 1,
            queue_target: 1.0,
            now: 0,
            learned_at: 0,
            until_judging: 0,
            filling: true,
        }
    }
}

impl Adaptive {
    fn request(&mut self) {
        self.now = self.now.wrapping_add(1);
    }

    /// Draws the rates, if it is time.
    fn learn(&mut self) {
        let every = (self.capacity / 5).max(128);
        let periods = self.now.wrapping_sub(self.learned_at) / every;
        if periods > 0 {
            self.learned_at = self.now;
            self.rates.learn(periods);
        }
    }

    fn set_capacity(&mut self, entries: usize) {
        let capacity = u32::try_from(entries).unwrap_or(u32::MAX);
        if self.capacity != capacity {
            self.capacity = capacity;
            self.burst = capacity.div_ceil(20);
            self.rates.resize(capacity);
        }
    }

    fn age(&self, place: Place) -> u32 {
        self.entries.note(place).history.age(self.now)
    }

    fn rate(&self, place: Place) -> f32 {
        let history = self.entries.note(place).history;
        self.rates.rate(history.class, history.age(self.now))
    }

    fn main_victim(&self) -> Option<Place> {
        let oldest = MAIN.filter_map(|list| self.entries.oldest(list)).map(|place| (self.rate(place), place));
        let lower = |(a, one): &(f32, Place), (b, other): &(f32, Place)| {
            a.total_cmp(b).then_with(|| self.age(*other).cmp(&self.age(*one)))
        };
        oldest.min_by(lower).map(|(_, place)| place)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to C")]
    fn queue_is_short(&self) -> bool {
        self.entries.len_of(QUEUE) < self.queue_target as usize
    }

    /// Judges H, if it is time.
    #[expect(clippy::cast_precision_loss, reason = "a fraction of C")]
    fn judge(&mut self) {
        if let Some(left) = self.until_judging.checked_sub(1) {
            self.until_judging = left;
        } else if let (Some(queued), Some(victim)) = (self.entries.oldest(QUEUE), self.main_victim()) {
            self.until_judging = JUDGED_EVERY - 1;
            let step = if self.rate(queued) > 1.2 * self.rate(victim) { STEP } else { -STEP };
            self.queue_target = (self.queue_target + step).min(0.9 * self.capacity as f32).max(1.0);
        }
    }

    /// Which entry goes next.
    fn next(&self) -> Option<Place> {
        let queued = self.entries.oldest(QUEUE);
        if self.queue_is_short() { self.main_victim().or(queued) } else { queued }
    }

    /// The oldest of all lists.
    fn oldest(&self) -> impl Iterator<Item = Place> {
        (QUEUE..=*MAIN.end()).filter_map(|list| self.entries.oldest(list))
    }

    /// Lets go of the oldest ghosts if there are too many.
    fn forget(&mut self) {
        // A group that holds little of the shard may still come back.
        let most = self.entries.len().max(self.capacity as usize / 8).max(1);
        while self.ghosts.len() > most {
            if let Some((_, forgotten)) = self.ghosts.pop_front()
                && forgotten.left != Some(RemovalCause::Expired)
            {
                self.rates.ended(forgotten.class, forgotten.age(self.now));
            }
        }
    }
}

impl Policy for Adaptive {
    fn insert(&mut self, place: Place, hash: u64, tick: u32) {
        let now = self.now;
        let (history, list) = match self.ghosts.remove(&hash) {
            Some(mut history) => {
                let age = history.age(now);
                let left = history.left.take();
                if left != Some(RemovalCause::Expired) {
                    self.rates.reused(history.class, age);
                }
                history.last_use = now;
                let was_evicted = left == Some(RemovalCause::Evicted);
                if was_evicted || age >= self.burst {
                    history.count();
                }
                let fits = !was_evicted
                    || !self.queue_is_short()
                    || self.main_victim().is_none_or(|victim| age < self.age(victim));
                (history, if fits { history.class } else { QUEUE })
            }
            None => {
                let class = u8::from(self.filling);
                (History { last_use: now, class, uses: 1, left: None }, class)
            }
        };
        self.entries.insert(place, list, Note { history, tick });
        self.set_capacity(self.entries.len().max(self.capacity as usize));
        self.request();
    }

    fn used(&mut self, place: Place, tick: u32) {
        let note = self.entries.note_mut(place);
        let age = note.history.age(self.now);
        if age >= self.burst {
            self.rates.reused(note.history.class, age);
            note.tick = tick;
            note.history.last_use = self.now;
            note.history.count();
            let class = note.history.class;
            self.entries.renew(place, class);
        }
        self.request();
    }

    fn remove(&mut self, place: Place, hash: u64, cause: RemovalCause) {
        let history = self.entries.note(place).history;
        self.entries.remove(place);
        if cause == RemovalCause::Expired {
            self.rates.ended(history.class, history.age(self.now));
        }
        self.ghosts.insert(hash, History { left: Some(cause), ..history });
        self.forget();
    }

    fn victim(&mut self, in_shard: usize, dead: impl Fn(Place) -> bool) -> Option<Place> {
        if self.entries.len() == 0 {
            return None;
        }
        self.filling = false;
        self.set_capacity(in_shard);
        if let Some(expired) = self.oldest().find(|&place| dead(place)) {
            return Some(expired);
        }
        self.learn();
        self.judge();
        self.next()
    }

    fn worth(&mut self, tick: u32) -> Option<f64> {
        self.learn();
        let next = self.next()?;
        // Rates go by the requests of this group alone; how many of the shard's there are to each shows over the longest
        // time that is known.
        let oldest = self.oldest().max_by_key(|&place| self.age(place))?;
        let own = f64::from(self.age(oldest)) + 1.0;
        let shard = f64::from(tick.wrapping_sub(self.entries.note(oldest).tick)) + 1.0;
        // Ticks may have wrapped, but no group has more requests than its shard.
        Some(f64::from(self.rate(next)) * (own / shard).min(1.0))
    }

    fn discard(&mut self, place: Place) {
        self.entries.remove(place);
        self.forget();
    }

    fn shrink(&mut self) {
        self.entries.shrink();
        self.ghosts.shrink_to_fit();
    }
}
