//! Histories of entries that left, found by hash.

use super::History;
use crate::store::spread;

/// So many fill a cache line.
const WAYS: usize = 5;

/// A table of buckets, each a cache line. A ghost has one of them that it can be in: set-associative, as the caches of
/// processors are. If that is full, the one in it whose last use is longest ago is forgotten.
///
/// So a look reads one cache line, and nothing is linked. That ghosts are forgotten only about in the order of their ages
/// costs no hits.
#[derive(Debug, Default)]
pub(super) struct Ghosts {
    buckets: Vec<Bucket>,
}

#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Bucket([Option<Ghost>; WAYS]);

#[derive(Debug, Clone, Copy)]
struct Ghost {
    /// 32 bits of the hash. Another one that has the same is taken for this: of a million ghosts, one look in 4,000 finds
    /// a history that is not its own.
    tag: u32,
    history: History,
}

const _: () = assert!(size_of::<Bucket>() == 64);

impl Ghosts {
    pub(super) fn take(&mut self, hash: u64) -> Option<History> {
        let tag = tag(hash);
        let known = |slot: &&mut Option<Ghost>| slot.is_some_and(|ghost| ghost.tag == tag);
        Some(self.bucket(tag)?.iter_mut().find(known)?.take()?.history)
    }

    /// Returns the one that is forgotten for it.
    pub(super) fn add(&mut self, hash: u64, history: History, now: u32) -> Option<History> {
        self.put(Ghost { tag: tag(hash), history }, now)
    }

    /// Sees to it that there is room for at most so many, and for two in five of them at least: what is resized gets some of
    /// both to spare, so that it seldom has to be.
    pub(super) fn bound(&mut self, most: usize, now: u32, forgotten: impl FnMut(History)) {
        let (there, most) = (self.buckets.len(), most / WAYS);
        if there > most || there < (2 * most).div_ceil(5) {
            self.resize((4 * most).div_ceil(5), now, forgotten);
        }
    }

    #[cold]
    fn resize(&mut self, buckets: usize, now: u32, mut forgotten: impl FnMut(History)) {
        let new = vec![Bucket([None; WAYS]); buckets];
        let old = std::mem::replace(&mut self.buckets, new);
        for ghost in old.into_iter().flat_map(|bucket| bucket.0).flatten() {
            self.put(ghost, now).map(&mut forgotten);
        }
    }

    fn put(&mut self, ghost: Ghost, now: u32) -> Option<History> {
        let Some(bucket) = self.bucket(ghost.tag) else { return Some(ghost.history) };
        let age = |slot: &&mut Option<Ghost>| slot.map_or(u64::MAX, |ghost| ghost.history.age(now).into());
        Some(bucket.iter_mut().max_by_key(age)?.replace(ghost)?.history)
    }

    fn bucket(&mut self, tag: u32) -> Option<&mut [Option<Ghost>; WAYS]> {
        let index = (u64::from(tag) * self.buckets.len() as u64) >> 32;
        Some(&mut self.buckets.get_mut(index as usize)?.0)
    }
}

/// Of the bits after those that chose the shard, which are the same for all here.
#[expect(clippy::cast_possible_truncation, reason = "these 32 of them")]
fn tag(hash: u64) -> u32 {
    (spread(hash) >> 20) as u32
}

#[cfg(test)]
impl Ghosts {
    pub(super) fn iter(&self) -> impl Iterator<Item = History> {
        self.buckets.iter().flat_map(|bucket| bucket.0).flatten().map(|ghost| ghost.history)
    }

    pub(super) fn room(&self) -> usize {
        self.buckets.len() * WAYS
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::store::RemovalCause;

    fn used_at(last_use: u32) -> History {
        History { last_use, class: 0, uses: 1, left: Some(RemovalCause::Evicted) }
    }

    fn nothing(_: History) {
        panic!("there was nothing to forget");
    }

    #[test]
    fn full_bucket_forgets_the_one_used_longest_ago() {
        let mut ghosts = Ghosts::default();
        ghosts.bound(5, 0, nothing);
        for (hash, last_use) in (0..).zip([4, 2, 5, 1, 3]) {
            assert!(ghosts.add(hash, used_at(last_use), 5).is_none());
        }
        let forgotten = |ghosts: &mut Ghosts, hash| ghosts.add(hash, used_at(6), 6).unwrap().last_use;
        assert_eq!([5, 6].map(|hash| forgotten(&mut ghosts, hash)), [1, 2]);
    }

    #[test]
    fn ghosts_of_one_shard_are_spread_over_all_buckets() {
        let mut ghosts = Ghosts::default();
        ghosts.bound(12_500, 0, nothing);
        let of_one_shard = (0_u64..).filter(|&hash| spread(hash) >> 58 == 7);
        let forgotten =
            of_one_shard.take(10_000).filter(|&hash| ghosts.add(hash, used_at(0), 0).is_some()).count();
        assert!(forgotten < 2_500, "{forgotten} of as many as there is room for: with chance alone 1,755");
    }

    proptest! {
        #[test]
        fn each_ghost_is_found_once_unless_it_was_told_to_be_forgotten(
            steps in proptest::collection::vec((0..4_u8, 0..60_u32), 1..400),
        ) {
            let (mut ghosts, mut model) = (Ghosts::default(), HashMap::new());
            let mut most = 0;
            for (now, (step, key)) in (0..).zip(steps) {
                let hash = u64::from(key) << 40 | u64::from(key);
                match step {
                    0 => {
                        most = key as usize;
                        ghosts.bound(most, now, |history| {
                            model.retain(|_, last_use| *last_use != history.last_use);
                        });
                    }
                    1 => {
                        let found = ghosts.take(hash).map(|history| history.last_use);
                        prop_assert_eq!(found, model.remove(&hash));
                    }
                    _ if model.contains_key(&hash) => {}
                    _ => {
                        model.insert(hash, now);
                        if let Some(forgotten) = ghosts.add(hash, used_at(now), now) {
                            model.retain(|_, last_use| *last_use != forgotten.last_use);
                        }
                    }
                }
                prop_assert_eq!(ghosts.iter().count(), model.len());
                prop_assert!(ghosts.room() <= most && (ghosts.room() > 0 || most < WAYS));
            }
        }
    }
}
