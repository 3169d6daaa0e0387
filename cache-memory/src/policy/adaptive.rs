//! # Recency-frequency classes, ordered by measured rates of reuse
//!
//! An eviction policy for workloads that nobody knows beforehand: hot sets that shift, scans, loops larger than
//! the cache, a few hundred entries or a hundred thousand.
//!
//! ## Idea
//!
//! LRU bets that what was used last is used next. A scan or a loop makes it lose every time. Policies that
//! resist scans let new entries prove themselves in a small queue, and lose on workloads that live of recency alone.
//! Each bet is right somewhere, so this policy makes none: it measures. Of each entry it knows two things, how often
//! it was used (its *class*) and how long ago (its *age*, in requests). It counts at which ages entries of each class
//! are used again, or forgotten without, and from that follows how many uses an entry earns for the room it takes
//! if it is kept on: its *rate of reuse*. Whenever two entries compete for room, the higher rate stays.
//!
//! Looking through all entries for the lowest rate would cost too much. It is enough to look at the oldest ones of a
//! few lists, since within one list rates differ by age alone.
//!
//! ## What is kept
//!
//! With C for the number of entries that fit:
//!
//! - a *queue*, where new entries wait for a second use, of H entries at least;
//! - three *main* lists, one for each class of entries that were used again, for all the others;
//! - *ghosts*: the history of up to C entries that were evicted, by hash. What comes back is recognised.
//!
//! ## Rules
//!
//! An entry's age is the number of requests since its last use. A *burst* is a use at an age under C/20: the parts
//! of one action, which say nothing about the next.
//!
//! - **Class.** 0 for an entry that is new; 1, 2 and 3 once it was used again and has had up to 2, up to 4, or more uses.
//! - **A hit in a main list** makes the entry the newest of its class, which is found anew unless the hit is in a burst.
//! - **A hit in the queue** within a burst makes the entry the newest of the queue. Any other one promotes it to main, if
//!   it fits: if there is room, or if main's victim is older than the entry was.
//! - **Main's victim** is the oldest of one of its lists: the one with the lowest rate of reuse. It is not evicted but
//!   *demoted* to the queue, where it has a last chance: there it is not in a burst, whatever its age.
//! - **Eviction** takes the oldest of the queue, which becomes a ghost. Before, it shows whether H is right: if that
//!   entry's rate of reuse is over 1.2 times that of main's victim, the queue grows by 0.2, else it shrinks by
//!   0.2; then main is demoted to C - H.
//! - **A new entry** goes to the queue; while the cache fills, to main. One that has a ghost takes up its history
//!   and goes where a hit in the queue would bring it.
//!
//! Rates are drawn anew every C/10 requests, and the counts behind them fade; see [`rates`].
//!
//! ## Constants
//!
//! None was tuned to a workload; the traces of the benchmark `hit-ratio` were looked at to see what matters at all. In
//! points of the mean hit ratio over them: without an H that adapts 0.7 to 1.3 are lost, with the oldest entry as the
//! victim 0.9, with one main list 1.0, without bursts 0.4, with half as many ghosts 0.9. The figures themselves may be
//! doubled or halved for less than 0.2.
//!
//! | constant | why |
//! |---|---|
//! | ages in powers of two from C/32 | where rates change, they change with the logarithm |
//! | classes up to 2, 4 and more uses | the second use says most, the tenth little |
//! | burst under C/20 | well under the age at which the smallest queue loses an entry |
//! | H by 0.2, if 1.2 times better | slow enough to average over hundreds of evictions, and not drawn by noise |
//! | rates every C/10, at least 64 requests | often enough to follow, rare enough to cost nothing |
//!
//! ## What it is built from
//!
//! A queue in front of main and ghosts: 2Q (T. Johnson, D. Shasha, VLDB 1994). A queue whose size adapts, by what
//! ghosts show: ARC (N. Megiddo, D. Modha, FAST 2003). A second chance on the way out: DLIRS (C. Li, SYSTOR 2018). The best
//! rate over all times an entry may be kept for: the economic value of EVA (N. Beckmann, D. Sanchez, HPCA 2017).

mod rates;
#[cfg(test)]
mod tests;

use equivalent::Equivalent;
use hashlink::LinkedHashMap;

use self::rates::Rates;
use super::{
    Lookup, Policy,
    chains::{Chains, Place},
    hashed::AsItIs,
};

/// See the chapter above.
#[derive(Debug)]
pub(crate) struct Adaptive<K, V> {
    entries: Chains<Entry<K, V>, LISTS>,
    ghosts: LinkedHashMap<u64, History, AsItIs>,
    rates: Rates,
    /// C: how many entries there were when room was needed last, or as many as there ever were until then.
    capacity: u32,
    /// H, at least 1.
    queue_target: f32,
    /// Counts requests: hits and insertions. Wraps, so that ages are right up to 2^32 requests.
    now: u32,
    until_learning: u32,
    /// Nothing had to go yet.
    filling: bool,
}

#[derive(Debug)]
struct Entry<K, V> {
    key: K,
    value: V,
    history: History,
    /// Came to the queue from main.
    demoted: bool,
}

/// What outlives an entry.
#[derive(Debug, Clone, Copy)]
struct History {
    last_use: u32,
    class: u8,
    uses: u8,
}

const QUEUE: u8 = 0;
const MAIN: std::ops::RangeInclusive<u8> = 1..=3;
const LISTS: usize = rates::CLASSES;

/// As many uses are told apart.
const MAX_USES: u8 = 15;

impl History {
    fn age(self, now: u32) -> u32 {
        now.wrapping_sub(self.last_use)
    }

    /// One more use, which counts for the class.
    fn count(&mut self) {
        self.uses = (self.uses + 1).min(MAX_USES);
        self.class = match self.uses {
            ..=2 => 1,
            3..=4 => 2,
            _ => 3,
        };
    }
}

impl<K, V> Default for Adaptive<K, V> {
    fn default() -> Self {
        Self {
            entries: Chains::default(),
            ghosts: LinkedHashMap::with_hasher(AsItIs),
            rates: Rates::new(1),
            capacity: 1,
            queue_target: 1.0,
            now: 0,
            until_learning: 0,
            filling: true,
        }
    }
}

impl<K, V> Adaptive<K, V> {
    fn request(&mut self) {
        self.now = self.now.wrapping_add(1);
        match self.until_learning.checked_sub(1) {
            Some(left) => self.until_learning = left,
            None => {
                self.until_learning = (self.capacity / 10).max(64) - 1;
                self.rates.learn();
            }
        }
    }

    /// A use of the entry at `place`.
    #[inline]
    fn used(&mut self, place: Place) {
        let list = self.entries.list_of(place);
        let burst = self.burst();
        let entry = &mut self.entries[place];
        let age = entry.history.age(self.now);
        self.rates.reused(entry.history.class, age);
        entry.history.last_use = self.now;
        let in_burst = age < burst && !entry.demoted;
        if !in_burst {
            entry.history.count();
            entry.demoted = false;
        }
        let class = entry.history.class;
        match list {
            QUEUE if in_burst || !self.fits(age) => self.entries.renew(place, QUEUE),
            QUEUE => self.promote(place, class),
            _ => self.entries.renew(place, class),
        }
        self.request();
    }

    fn set_capacity(&mut self, entries: usize) {
        let capacity = u32::try_from(entries).unwrap_or(u32::MAX);
        if self.capacity != capacity {
            self.capacity = capacity;
            self.rates.resize(capacity);
        }
    }

    fn burst(&self) -> u32 {
        self.capacity.div_ceil(20)
    }

    /// How many entries main may have.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to the capacity")]
    fn main_limit(&self) -> usize {
        if self.filling {
            return usize::MAX;
        }
        let queue = (self.queue_target as u32).min(self.capacity.saturating_sub(1)).max(1);
        self.capacity.saturating_sub(queue) as usize
    }

    fn main_len(&self) -> usize {
        self.entries.len() - self.entries.len_of(QUEUE)
    }

    /// Whether main is better off with an entry that was used at this age.
    fn fits(&self, age: u32) -> bool {
        self.main_len() < self.main_limit() || self.main_victim().is_some_and(|victim| self.age(victim) > age)
    }

    fn age(&self, place: Place) -> u32 {
        self.entries[place].history.age(self.now)
    }

    fn rate(&self, place: Place) -> f32 {
        self.rates.rate(self.entries[place].history.class, self.age(place))
    }

    /// The oldest entry of the main list where it has the lowest rate of reuse, the oldest of all on a tie.
    fn main_victim(&self) -> Option<Place> {
        let worth = |place: &Place| (self.rate(*place), std::cmp::Reverse(self.age(*place)));
        MAIN.filter_map(|list| self.entries.oldest(list)).min_by(|a, b| {
            let ((a, younger), (b, other)) = (worth(a), worth(b));
            a.total_cmp(&b).then(younger.cmp(&other))
        })
    }

    fn promote(&mut self, place: Place, class: u8) {
        self.entries.renew(place, class);
        while self.main_len() > self.main_limit() && self.demote() {}
    }

    /// Brings main's victim back to the queue, if main has any.
    fn demote(&mut self) -> bool {
        let Some(victim) = self.main_victim() else { return false };
        self.entries[victim].demoted = true;
        self.entries.renew(victim, QUEUE);
        true
    }

    /// Lets the queue grow if what leaves it next is worth more than what would leave main.
    #[expect(clippy::cast_precision_loss, reason = "a fraction of the capacity")]
    fn adapt_queue(&mut self) {
        if let (Some(queued), Some(victim)) = (self.entries.oldest(QUEUE), self.main_victim()) {
            self.queue_target = if self.rate(queued) > 1.2 * self.rate(victim) {
                (self.queue_target + 0.2).min(0.9 * self.capacity as f32)
            } else {
                self.queue_target - 0.2
            }
            .max(1.0);
        }
    }

    /// Takes an entry out and keeps its history.
    fn take_out(&mut self, place: Place) -> (K, V) {
        let hash = self.entries.hash_of(place);
        let Entry { key, value, history, .. } = self.entries.remove(place);
        self.ghosts.insert(hash, history);
        while self.ghosts.len() > self.capacity as usize {
            if let Some((_, forgotten)) = self.ghosts.pop_front() {
                self.rates.ended(forgotten.class, forgotten.age(self.now));
            }
        }
        (key, value)
    }
}

impl<K: Eq, V> Policy<K, V> for Adaptive<K, V> {
    #[inline]
    fn lookup<Q>(&mut self, hash: u64, key: &Q, live: impl FnOnce(&V) -> bool) -> Lookup<'_, K, V>
    where
        Q: Equivalent<K> + ?Sized,
    {
        match self.entries.find(hash, |entry| key.equivalent(&entry.key)) {
            Some(place) if live(&self.entries[place].value) => {
                self.used(place);
                Lookup::Hit(&mut self.entries[place].value)
            }
            Some(place) => {
                let (key, value) = self.take_out(place);
                Lookup::Gone(key, value)
            }
            None => Lookup::Miss,
        }
    }

    fn peek<Q>(&self, hash: u64, key: &Q) -> Option<&V>
    where
        Q: Equivalent<K> + ?Sized,
    {
        let place = self.entries.find(hash, |entry| key.equivalent(&entry.key))?;
        Some(&self.entries[place].value)
    }

    fn insert(&mut self, hash: u64, key: K, value: V) {
        let now = self.now;
        let mut entry =
            Entry { key, value, history: History { last_use: now, class: 0, uses: 1 }, demoted: false };
        let mut list = QUEUE;
        if let Some(history) = self.ghosts.remove(&hash) {
            let age = history.age(now);
            self.rates.reused(history.class, age);
            entry.history.uses = history.uses;
            entry.history.count();
            if self.fits(age) {
                list = entry.history.class;
            }
        } else if self.filling {
            entry.history.class = 1;
            list = 1;
        }
        let place = self.entries.push(QUEUE, hash, entry);
        if list != QUEUE {
            self.promote(place, list);
        }
        self.set_capacity(self.entries.len().max(self.capacity as usize));
        self.request();
    }

    /// A history is kept: an entry that is replaced, or that comes back after its time was over, is not new.
    fn remove<Q>(&mut self, hash: u64, key: &Q) -> Option<(K, V)>
    where
        Q: Equivalent<K> + ?Sized,
    {
        let place = self.entries.find(hash, |entry| key.equivalent(&entry.key))?;
        Some(self.take_out(place))
    }

    fn oldest(&self) -> Option<&V> {
        let ends = (QUEUE..=*MAIN.end()).filter_map(|list| self.entries.oldest(list));
        ends.max_by_key(|&place| self.age(place)).map(|place| &self.entries[place].value)
    }

    fn evict(&mut self) -> Option<(K, V)> {
        self.filling = false;
        self.set_capacity(self.entries.len());
        self.adapt_queue();
        while (self.main_len() > self.main_limit() || self.entries.len_of(QUEUE) == 0) && self.demote() {}
        self.entries.oldest(QUEUE).map(|place| self.take_out(place))
    }

    fn extract(&mut self, mut gone: impl FnMut(&V) -> bool) -> Vec<(K, V)> {
        let mut extracted = vec![];
        let mut place = 0;
        while (place as usize) < self.entries.len() {
            if gone(&self.entries[place].value) {
                let Entry { key, value, .. } = self.entries.remove(place);
                extracted.push((key, value));
            } else {
                place += 1;
            }
        }
        extracted
    }

    fn for_each(&mut self, mut visit: impl FnMut(&K, &mut V)) {
        for Entry { key, value, .. } in self.entries.iter_mut() {
            visit(key, value);
        }
    }
}
