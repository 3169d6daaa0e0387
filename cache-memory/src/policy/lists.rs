//! Several lists of places.

use crate::table::{Place, grow};

/// Places of a table, each in one of `L` lists, with a note `N` of each. `hashlink` keeps one order for each map; here a
/// place goes from one list to another without being found, hashed or moved again.
///
/// Links lie side by side, apart from the entries: a use changes those of the place and of its neighbours, which are
/// anywhere. In nodes of their own that would be three places in memory, and rarely in a processor's cache.
#[derive(Debug)]
pub(super) struct Lists<N, const L: usize> {
    /// The first `L` are the ends: each list is a ring that starts and ends there.
    links: Vec<Link<N>>,
    lens: [usize; L],
}

#[derive(Debug, Clone, Copy)]
struct Link<N> {
    newer: u32,
    older: u32,
    note: N,
    list: u8,
}

impl<N: Default, const L: usize> Default for Lists<N, L> {
    fn default() -> Self {
        let end = |list: u8| Link { newer: list.into(), older: list.into(), note: N::default(), list };
        Self { links: (0..=u8::MAX).take(L).map(end).collect(), lens: [0; L] }
    }
}

impl<N: Default, const L: usize> Lists<N, L> {
    pub(super) fn len(&self) -> usize {
        self.lens.iter().sum()
    }

    /// How many places are in a list.
    pub(super) fn len_of(&self, list: u8) -> usize {
        self.lens[usize::from(list)]
    }

    /// The place that came to a list first.
    #[inline]
    pub(super) fn oldest(&self, list: u8) -> Option<Place> {
        self.links[usize::from(list)].newer.checked_sub(Self::ENDS)
    }

    #[inline]
    pub(super) fn note(&self, place: Place) -> &N {
        &self.links[Self::at(place) as usize].note
    }

    #[inline]
    pub(super) fn note_mut(&mut self, place: Place) -> &mut N {
        &mut self.links[Self::at(place) as usize].note
    }

    /// Adds a place as the newest of a list. It is one that was removed, or the next after all that there ever were.
    #[inline]
    pub(super) fn insert(&mut self, place: Place, list: u8, note: N) {
        let at = Self::at(place);
        let link = Link { newer: at, older: at, note, list };
        match self.links.get_mut(at as usize) {
            Some(free) => *free = link,
            None => {
                grow(&mut self.links);
                self.links.push(link);
            }
        }
        self.join(at, list);
        self.lens[usize::from(list)] += 1;
    }

    /// Makes a place the newest of a list, be it this one or another.
    #[inline]
    pub(super) fn renew(&mut self, place: Place, list: u8) {
        let at = Self::at(place);
        if self.links[usize::from(list)].older != at {
            let left = self.leave(at);
            self.join(at, list);
            if left != list {
                self.lens[usize::from(left)] -= 1;
                self.lens[usize::from(list)] += 1;
            }
        }
    }

    pub(super) fn remove(&mut self, place: Place) {
        let left = self.leave(Self::at(place));
        self.lens[usize::from(left)] -= 1;
    }

    /// Gives back all room, if no place is left.
    pub(super) fn shrink(&mut self) {
        if self.len() == 0 {
            *self = Self::default();
        }
    }

    #[inline]
    fn leave(&mut self, at: u32) -> u8 {
        let Link { newer, older, list, .. } = self.links[at as usize];
        self.links[newer as usize].older = older;
        self.links[older as usize].newer = newer;
        list
    }

    #[inline]
    fn join(&mut self, at: u32, list: u8) {
        let older = std::mem::replace(&mut self.links[usize::from(list)].older, at);
        self.links[older as usize].newer = at;
        let link = &mut self.links[at as usize];
        (link.list, link.newer, link.older) = (list, list.into(), older);
    }

    #[expect(clippy::cast_possible_truncation, reason = "a handful of lists")]
    const ENDS: u32 = L as u32;

    /// Where the link of a place is.
    #[inline]
    fn at(place: Place) -> u32 {
        place + Self::ENDS
    }
}

#[cfg(test)]
impl<N: Default, const L: usize> Lists<N, L> {
    /// For how many places there is room.
    pub(super) fn room(&self) -> usize {
        self.links.capacity() - L
    }

    /// Each list from the newest to the oldest, after a check that all of it is in step.
    pub(super) fn validated(&self) -> [Vec<(Place, &N)>; L] {
        std::array::from_fn(|list| {
            let end = u32::try_from(list).unwrap();
            let (mut items, mut newer, mut at) = (vec![], end, self.links[list].older);
            while at != end {
                let link = &self.links[at as usize];
                assert_eq!((usize::from(link.list), link.newer), (list, newer), "link {at}");
                items.push((at - Self::ENDS, &link.note));
                (newer, at) = (at, link.older);
            }
            assert_eq!((newer, items.len()), (self.links[list].newer, self.lens[list]), "list {list}");
            items
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lists_are_as_many_vectors(steps in proptest::collection::vec((0..4_u8, 0..20_u32, 0..3_u8), 1..200)) {
            let mut lists = Lists::<(), 3>::default();
            let mut model: [Vec<Place>; 3] = Default::default();
            let mut ever = 0;
            for (step, place, list) in steps {
                let place = place.min(ever);
                ever = ever.max(place + 1);
                let was_there = model.iter().flatten().any(|&other| other == place);
                model.iter_mut().for_each(|places| places.retain(|&other| other != place));
                match (was_there, step) {
                    (true, 0) => lists.remove(place),
                    (true, _) => lists.renew(place, list),
                    (false, _) => lists.insert(place, list, ()),
                }
                if !(was_there && step == 0) {
                    model[usize::from(list)].insert(0, place);
                }
                let walked = lists.validated().map(|places| places.into_iter().map(|(place, ())| place).collect::<Vec<_>>());
                prop_assert_eq!(&walked, &model);
                for list in 0..3 {
                    prop_assert_eq!(lists.oldest(list), model[usize::from(list)].last().copied());
                }
            }
        }
    }
}
