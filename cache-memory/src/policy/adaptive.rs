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
//! - *ghosts*: the history of entries that left, by hash: in each category of at most as many as it holds and an equal
//!   share of all entries together, so that there are two for each entry. What comes back is recognised. Which ones are
//!   forgotten is told in [`ghosts`].
//!
//! ## Rules
//!
//! With C for the number of entries that fit: as many as there are when room is needed, of all categories together. A
//! use less than C / 10 requests after the last one that counted belongs to one *burst* with it: one action of the
//! program, which says nothing about the next.
//!
//! 1. **Class.** 0 for a new entry; 1, 2, 3 for one that was used again and had up to 2, up to 4, or more uses.
//! 2. **A hit** makes the entry the newest of the list of its class. In a burst it changes nothing at all, neither class
//!    nor age, so that what is used all the time costs least.
//! 3. **A new entry** becomes the newest of the queue. While nothing had to be evicted yet, it is taken for one of
//!    class 1: an empty cache has no reason to doubt.
//! 4. **What comes back** from the ghosts has one use more. It goes to main if the queue is not short, or if its last use
//!    is less long ago than that of main's victim; else to the queue. An entry that was removed or replaced leaves a
//!    ghost too, and so does one that was found to be out of time; if such a one comes back, it goes to the list of its
//!    class. Of one that was out of time, that says nothing about rates, since keeping it would have been of no use.
//!    Those that are cleared all at once leave none.
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
//! whose next victim has the lowest rate, converted from requests for this category to requests for all: by its share in at
//! least the last C of these, or 128 if that is more.
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
//! | half as many ghosts; twice as many | -0.2; -0.1 |
//! | one class in main; two | -0.8; -0.3 |
//! | the oldest of main as its victim (rule 5) | -0.7 |
//! | no bursts (rule 2) | -0.4 |
//! | rates that jump from bucket to bucket | -0.2 |
//! | what leaves main has a last chance in the queue | 0.0, and recency alone up to 7.5 below LRU |
//!
//! The constants matter little, and none was fitted: bursts under C / 20 or C / 5, H judged at each eviction by 0.1 or
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

mod ghosts;
mod rates;
#[cfg(test)]
mod tests;

use std::ops::Range;

use equivalent::Equivalent;

use self::{
    ghosts::Ghosts,
    rates::{CLASSES, Rates},
};
use super::{
    Entry, Policy,
    list::{Found, List},
};
use crate::store::RemovalCause;

/// See the chapter above.
// What each request changes comes first, as in the shard: in one cache line with its lock, if the group is alone. What a
// hit needs of the last list, where most of them are, lies together too.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Adaptive<K, V> {
    /// Counts requests: hits and insertions. Wraps, so that ages are right up to 2^32 requests.
    now: u32,
    /// C / 10.
    burst: u32,
    /// C: how many entries there were when room was needed last, or as many as there ever were until then.
    capacity: u32,
    /// Evictions until H is judged.
    until_judging: u8,
    /// Nothing had to go yet.
    filling: bool,
    /// H, in tenths of an entry.
    queue_target: u32,
    /// When rates were drawn last.
    learned_at: u32,
    /// The last two looks at how many requests there were, C or more of the shard's apart, or 128 if that is more.
    looks: [Look; 2],
    /// The queue, and main's lists after it: one for each class.
    lists: [List<K, V, History>; CLASSES],
    rates: Rates,
    ghosts: Ghosts,
}

/// How many requests there were, of a group and of its shard. Both wrap.
#[derive(Debug, Clone, Copy)]
struct Look {
    own: u32,
    shard: u32,
}

/// What is noted of an entry, and outlives it.
#[derive(Debug, Clone, Copy)]
struct History {
    last_use: u32,
    class: u8,
    uses: u8,
    /// Why the entry left, of a ghost.
    left: Option<RemovalCause>,
}

/// An entry that may have to go, the oldest of its list.
struct Candidate {
    list: usize,
    age: u32,
    rate: f32,
}

const QUEUE: usize = 0;
const MAIN: Range<usize> = 1..CLASSES;

/// H is judged at each so many evictions.
const JUDGED_EVERY: u8 = 4;

/// By so much, in tenths of an entry.
const STEP: u32 = 2 * JUDGED_EVERY as u32;

/// Further ones do not change the class.
const MAX_USES: u8 = 5;

impl History {
    fn age(self, now: u32) -> u32 {
        now.wrapping_sub(self.last_use)
    }

    /// It is forgotten: an end, unless it was out of time before.
    fn end(self, rates: &mut Rates, now: u32) {
        if self.left != Some(RemovalCause::Expired) {
            rates.ended(self.class, self.age(now));
        }
    }

    /// After one more use, which counts for the class.
    #[inline]
    fn after_use(self, now: u32) -> Self {
        let uses = (self.uses + 1).min(MAX_USES);
        Self { last_use: now, uses, class: uses.div_ceil(2), ..self }
    }
}

/// A use that leaves the entry in its list, written down when it is dropped.
struct Use<'a, 'found, K, V> {
    found: &'a mut Found<'found, K, V, History>,
    /// What is noted then; nothing in a burst.
    after: Option<History>,
    /// What was noted until now.
    last: History,
    rates: &'a mut Rates,
    now: &'a mut u32,
}

impl<K, V> Drop for Use<'_, '_, K, V> {
    #[inline]
    fn drop(&mut self) {
        if let Some(after) = self.after {
            *self.found.get_mut() = after;
            self.found.to_back();
            self.rates.reused(self.last.class, self.last.age(*self.now));
        }
        *self.now = self.now.wrapping_add(1);
    }
}

impl<K, V> Adaptive<K, V> {
    /// For a group that begins at this tick of its shard.
    pub(super) fn new(tick: u32) -> Self {
        Self {
            now: 0,
            burst: 1,
            capacity: 1,
            until_judging: 0,
            filling: true,
            lists: Default::default(),
            rates: Rates::new(1),
            ghosts: Ghosts::default(),
            queue_target: 10,
            learned_at: 0,
            looks: [Look { own: 0, shard: tick }; 2],
        }
    }

    fn len(&self) -> usize {
        self.lists.iter().map(List::len).sum()
    }

    #[cfg(test)]
    pub(super) fn ghosts(&self) -> usize {
        self.ghosts.iter().count()
    }

    fn request(&mut self) {
        self.now = self.now.wrapping_add(1);
    }

    /// Draws the rates, if it is time.
    fn learn(&mut self) {
        let (every, since) = ((self.capacity / 5).max(128), self.now.wrapping_sub(self.learned_at));
        if since >= every {
            self.learned_at = self.now;
            self.rates.learn(since / every);
        }
    }

    fn set_capacity(&mut self, entries: usize) {
        let capacity = u32::try_from(entries).unwrap_or(u32::MAX);
        if self.capacity != capacity {
            self.capacity = capacity;
            self.burst = capacity.div_ceil(10);
            self.rates.resize(capacity);
        }
    }

    /// The oldest entry of a list.
    fn oldest(&self, list: usize) -> Option<Candidate> {
        let (_, history) = self.lists[list].oldest()?;
        let age = history.age(self.now);
        Some(Candidate { list, age, rate: self.rates.rate(history.class, age) })
    }

    fn main_victim(&self) -> Option<Candidate> {
        let lowest = |one: &Candidate, other: &Candidate| {
            one.rate.total_cmp(&other.rate).then_with(|| other.age.cmp(&one.age))
        };
        MAIN.filter_map(|list| self.oldest(list)).min_by(lowest)
    }

    fn queue_is_short(&self) -> bool {
        10 * (self.lists[QUEUE].len() as u64) < self.queue_target.into()
    }

    /// Judges H, if it is time.
    fn judge(&mut self) {
        if let Some(left) = self.until_judging.checked_sub(1) {
            self.until_judging = left;
        } else if let (Some(queued), Some(victim)) = (self.oldest(QUEUE), self.main_victim()) {
            self.until_judging = JUDGED_EVERY - 1;
            self.queue_target = match queued.rate > 1.2 * victim.rate {
                true => self.queue_target.saturating_add(STEP).min(self.capacity.saturating_mul(9)),
                false => self.queue_target.saturating_sub(STEP),
            }
            .max(10);
        }
    }

    /// Who goes next.
    fn next(&self) -> Option<Candidate> {
        let queued = || self.oldest(QUEUE);
        if self.queue_is_short() { self.main_victim().or_else(queued) } else { queued() }
    }

    /// An entry was taken out of a list: its history becomes a ghost.
    fn depart(&mut self, hash: u64, history: History, cause: RemovalCause) {
        if cause == RemovalCause::Expired {
            self.rates.ended(history.class, history.age(self.now));
        }
        if let Some(forgotten) = self.ghosts.add(hash, History { left: Some(cause), ..history }, self.now) {
            forgotten.end(&mut self.rates, self.now);
        }
    }
}

impl<K, V> Policy<K, V> for Adaptive<K, V> {
    #[inline]
    fn get<Q, R>(
        &mut self,
        hash: u64,
        key: &Q,
        _: u32,
        stays: impl FnOnce(&V) -> Result<(), RemovalCause>,
        hit: impl FnOnce(&mut V) -> R,
        miss: impl FnOnce(Option<(Entry<K, V>, RemovalCause)>) -> R,
    ) -> R
    where
        Q: Equivalent<K> + ?Sized,
    {
        // What is asked for most is in the last lists.
        for (list, entries) in self.lists.iter_mut().enumerate().rev() {
            let Some(mut found) = entries.find(hash, key) else { continue };
            let history = *found.get();
            if let Err(cause) = stays(&found.key().value) {
                let (entry, _) = found.remove_entry();
                entries.trim();
                self.depart(entry.hash, history, cause);
                return miss(Some((entry, cause)));
            }
            let age = history.age(self.now);
            let after = (age >= self.burst).then(|| history.after_use(self.now));
            if let Some(after) = after
                && usize::from(after.class) != list
            {
                let (entry, _) = found.remove_entry();
                entries.trim();
                self.rates.reused(history.class, age);
                self.request();
                return hit(self.lists[usize::from(after.class)].push(entry, after));
            }
            let used =
                Use { found: &mut found, after, last: history, rates: &mut self.rates, now: &mut self.now };
            return hit(&mut used.found.key_mut().value);
        }
        miss(None)
    }

    fn peek<Q>(&self, hash: u64, key: &Q) -> Option<&V>
    where
        Q: Equivalent<K> + ?Sized,
    {
        self.lists.iter().rev().find_map(|list| list.get(hash, key)).map(|(entry, _)| &entry.value)
    }

    fn insert(&mut self, entry: Entry<K, V>, _: u32) {
        let now = self.now;
        let (history, list) = match self.ghosts.take(entry.hash) {
            Some(mut history) => {
                let age = history.age(now);
                let left = history.left.take();
                if left != Some(RemovalCause::Expired) {
                    self.rates.reused(history.class, age);
                }
                let was_evicted = left == Some(RemovalCause::Evicted);
                history = match was_evicted || age >= self.burst {
                    true => history.after_use(now),
                    false => History { last_use: now, ..history },
                };
                let fits = !was_evicted
                    || !self.queue_is_short()
                    || self.main_victim().is_none_or(|victim| age < victim.age);
                (history, if fits { history.class.into() } else { QUEUE })
            }
            None => {
                let class = u8::from(self.filling);
                (History { last_use: now, class, uses: 1, left: None }, class.into())
            }
        };
        self.lists[list].push(entry, history);
        self.set_capacity(self.len().max(self.capacity as usize));
        self.request();
    }

    fn evict(&mut self, in_shard: usize, dead: impl Fn(&V) -> bool) -> Option<Entry<K, V>> {
        if self.len() == 0 {
            return None;
        }
        self.filling = false;
        self.set_capacity(in_shard);
        let dead = |&list: &usize| self.lists[list].oldest().is_some_and(|(oldest, _)| dead(&oldest.value));
        let (list, cause) = match (0..CLASSES).find(dead) {
            Some(list) => (list, RemovalCause::Expired),
            None => {
                self.learn();
                self.judge();
                (self.next()?.list, RemovalCause::Evicted)
            }
        };
        let (entry, history) = self.lists[list].find_oldest()?.remove_entry();
        self.lists[list].trim();
        self.depart(entry.hash, history, cause);
        Some(entry)
    }

    fn worth(&mut self, tick: u32) -> Option<f64> {
        self.learn();
        let look = Look { own: self.now, shard: tick };
        let [_, last] = self.looks;
        if look.shard.wrapping_sub(last.shard) >= self.capacity.max(128) {
            self.looks = [last, look];
        }
        let [since, _] = self.looks;
        let next = self.next()?;
        // Rates go by the requests of this group alone; so many of the shard's there are to each.
        let own = f64::from(look.own.wrapping_sub(since.own)) + 1.0;
        let shard = f64::from(look.shard.wrapping_sub(since.shard)) + 1.0;
        // Ticks may have wrapped, but no group has more requests than its shard.
        Some(f64::from(next.rate) * (own / shard).min(1.0))
    }

    fn bound_ghosts(&mut self, most: usize) {
        let Self { ghosts, rates, now, .. } = self;
        ghosts.bound(most, *now, |forgotten| forgotten.end(rates, *now));
    }

    fn expire(&mut self, mut dead: impl FnMut(&V) -> bool) -> Vec<Entry<K, V>> {
        let mut expired = vec![];
        for list in 0..CLASSES {
            for (entry, history) in self.lists[list].extract(&mut dead) {
                self.depart(entry.hash, history, RemovalCause::Expired);
                expired.push(entry);
            }
            self.lists[list].trim();
        }
        expired
    }

    fn clear(&mut self) -> Vec<Entry<K, V>> {
        self.lists.iter_mut().flat_map(List::clear).collect()
    }

    fn for_each(&self, visit: impl FnMut(&Entry<K, V>)) {
        self.lists.iter().flat_map(List::iter).for_each(visit);
    }
}
