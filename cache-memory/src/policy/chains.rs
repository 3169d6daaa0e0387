//! A hash table whose entries also stand in one of several lists.

use std::ops::{Index, IndexMut};

use hashbrown::HashTable;

/// Entries found by hash, each in one of `L` lists. `hashlink` keeps one order for each map; here an entry
/// goes from one list to another without being found, hashed or moved again.
///
/// The entries lie side by side in one block, linked by their places in it. The hole that one leaves is filled by the next
/// that comes.
#[derive(Debug)]
pub(super) struct Chains<T, const L: usize> {
    places: HashTable<Place>,
    links: Vec<Link<T>>,
    lists: [List; L],
    /// The first of the holes, each of which names the next as its older one.
    hole: Place,
}

/// Where an entry is.
pub(super) type Place = u32;

const NOWHERE: Place = Place::MAX;

/// Of a place that a list or the table names.
const OCCUPIED: &str = "there is an entry at its place";

#[derive(Debug)]
struct Link<T> {
    hash: u64,
    newer: Place,
    older: Place,
    list: u8,
    /// `None` in a hole.
    item: Option<T>,
}

#[derive(Debug, Clone, Copy)]
struct List {
    newest: Place,
    oldest: Place,
    len: usize,
}

impl<T, const L: usize> Default for Chains<T, L> {
    fn default() -> Self {
        let list = List { newest: NOWHERE, oldest: NOWHERE, len: 0 };
        Self { places: HashTable::new(), links: Vec::new(), lists: [list; L], hole: NOWHERE }
    }
}

impl<T, const L: usize> Chains<T, L> {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// How many entries are in a list.
    pub(super) fn len_of(&self, list: u8) -> usize {
        self.lists[usize::from(list)].len
    }

    /// The entry that came to a list first.
    pub(super) fn oldest(&self, list: u8) -> Option<Place> {
        Some(self.lists[usize::from(list)].oldest).filter(|&place| place != NOWHERE)
    }

    /// The list that an entry is in.
    #[inline]
    pub(super) fn list_of(&self, place: Place) -> u8 {
        self.links[place as usize].list
    }

    pub(super) fn hash_of(&self, place: Place) -> u64 {
        self.links[place as usize].hash
    }

    #[inline]
    pub(super) fn find(&self, hash: u64, mut is: impl FnMut(&T) -> bool) -> Option<Place> {
        self.places.find(hash, |&place| is(&self[place])).copied()
    }

    /// Where there may be entries.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> + use<T, L> {
        0..Place::try_from(self.links.len()).unwrap_or(NOWHERE)
    }

    pub(super) fn get(&self, place: Place) -> Option<&T> {
        self.links[place as usize].item.as_ref()
    }

    /// All entries, side by side as they lie.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.links.iter_mut().filter_map(|link| link.item.as_mut())
    }

    /// Adds an entry as the newest of a list.
    pub(super) fn push(&mut self, list: u8, hash: u64, item: T) -> Place {
        let link = Link { hash, newer: NOWHERE, older: NOWHERE, list, item: Some(item) };
        let place = self.hole;
        let place = if place == NOWHERE {
            self.append(link)
        } else {
            let hole = std::mem::replace(&mut self.links[place as usize], link);
            self.hole = hole.older;
            place
        };
        self.places.insert_unique(hash, place, |&place| self.links[place as usize].hash);
        self.link(place, list);
        place
    }

    fn append(&mut self, link: Link<T>) -> Place {
        // By a quarter: a block that doubles is half empty on average after the last time.
        if self.links.len() == self.links.capacity() {
            self.links.reserve_exact(self.links.len() / 4 + 8);
        }
        let place = Place::try_from(self.links.len()).ok().filter(|&place| place != NOWHERE);
        self.links.push(link);
        place.expect("a shard of 2^32 entries does not fit into memory")
    }

    /// Makes an entry the newest of a list, be it this one or another.
    #[inline]
    pub(super) fn renew(&mut self, place: Place, list: u8) {
        if self.lists[usize::from(list)].newest == place {
            return;
        }
        self.unlink(place);
        self.link(place, list);
    }

    /// Takes out the entry that is at `place`.
    pub(super) fn remove(&mut self, place: Place) -> T {
        self.unlink(place);
        let Link { hash, older, item, .. } = &mut self.links[place as usize];
        let (hash, item) = (*hash, item.take());
        *older = std::mem::replace(&mut self.hole, place);
        if let Ok(found) = self.places.find_entry(hash, |&other| other == place) {
            found.remove();
        }
        item.expect(OCCUPIED)
    }

    fn unlink(&mut self, place: Place) {
        let Link { newer, older, list, .. } = self.links[place as usize];
        let list = usize::from(list);
        match newer {
            NOWHERE => self.lists[list].newest = older,
            newer => self.links[newer as usize].older = older,
        }
        match older {
            NOWHERE => self.lists[list].oldest = newer,
            older => self.links[older as usize].newer = newer,
        }
        self.lists[list].len -= 1;
    }

    fn link(&mut self, place: Place, list: u8) {
        let ends = &mut self.lists[usize::from(list)];
        let older = std::mem::replace(&mut ends.newest, place);
        ends.len += 1;
        match older {
            NOWHERE => ends.oldest = place,
            older => self.links[older as usize].newer = place,
        }
        let link = &mut self.links[place as usize];
        (link.list, link.newer, link.older) = (list, NOWHERE, older);
    }
}

impl<T, const L: usize> Index<Place> for Chains<T, L> {
    type Output = T;

    #[inline]
    fn index(&self, place: Place) -> &T {
        self.links[place as usize].item.as_ref().expect(OCCUPIED)
    }
}

impl<T, const L: usize> IndexMut<Place> for Chains<T, L> {
    #[inline]
    fn index_mut(&mut self, place: Place) -> &mut T {
        self.links[place as usize].item.as_mut().expect(OCCUPIED)
    }
}

#[cfg(test)]
impl<T: std::fmt::Debug, const L: usize> Chains<T, L> {
    /// Each list from the newest to the oldest, after a check that all of it is in step.
    pub(super) fn validated(&self) -> [Vec<&T>; L] {
        for (place, link) in self.links.iter().enumerate().filter(|(_, link)| link.item.is_some()) {
            let found = self.places.find(link.hash, |&other| other as usize == place);
            assert!(found.is_some(), "entry {place} is not found by its hash");
        }
        let holes =
            std::iter::successors(Some(self.hole), |&hole| Some(self.links.get(hole as usize)?.older));
        let holes = holes.take_while(|&hole| hole != NOWHERE);
        assert_eq!(holes.count(), self.links.len() - self.places.len(), "all holes are known");
        let walked = std::array::from_fn(|list| {
            let (mut items, mut newer, mut place) = (vec![], NOWHERE, self.lists[list].newest);
            while place != NOWHERE {
                let link = &self.links[place as usize];
                assert_eq!((usize::from(link.list), link.newer), (list, newer), "entry {place}");
                items.push(link.item.as_ref().expect(OCCUPIED));
                (newer, place) = (place, link.older);
            }
            assert_eq!((newer, items.len()), (self.lists[list].oldest, self.lists[list].len), "list {list}");
            items
        });
        assert_eq!(walked.iter().map(Vec::len).sum::<usize>(), self.places.len(), "all are in a list");
        walked
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn chains_are_as_many_vectors(steps in proptest::collection::vec((0..4_u8, 0..20_u8, 0..3_u8), 1..200)) {
            let mut chains = Chains::<u8, 3>::default();
            let mut model: [Vec<u8>; 3] = Default::default();
            for (step, key, list) in steps {
                // A bad hash, so that entries collide.
                let hash = u64::from(key % 7);
                let found = chains.find(hash, |&other| other == key);
                prop_assert_eq!(found.is_some(), model.iter().flatten().any(|&other| other == key));
                model.iter_mut().for_each(|items| items.retain(|&other| other != key));
                match (found, step) {
                    (Some(place), 0) => prop_assert_eq!(chains.remove(place), key),
                    (Some(place), _) => {
                        chains.renew(place, list);
                        model[usize::from(list)].insert(0, key);
                    }
                    (None, _) => {
                        chains.push(list, hash, key);
                        model[usize::from(list)].insert(0, key);
                    }
                }
                let walked = chains.validated().map(|items| items.into_iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(&walked, &model);
                for list in 0..3 {
                    let oldest = chains.oldest(list).map(|place| chains[place]);
                    prop_assert_eq!(oldest, model[usize::from(list)].last().copied());
                }
            }
        }
    }
}
