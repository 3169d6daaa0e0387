//! Least recently used first.

use super::{Policy, lists::Lists};
use crate::{store::RemovalCause, table::Place};

/// Exact LRU: the oldest of the list is the entry whose last use is longest ago. Noted is the tick of that.
#[derive(Debug, Default)]
pub(crate) struct Lru(Lists<u32, 1>);

const LIST: u8 = 0;

impl Policy for Lru {
    fn insert(&mut self, place: Place, _: u64, tick: u32) {
        self.0.insert(place, LIST, tick);
    }

    #[inline]
    fn used(&mut self, place: Place, tick: u32) {
        *self.0.note_mut(place) = tick;
        self.0.renew(place, LIST);
    }

    fn remove(&mut self, place: Place, _: u64, _: RemovalCause) {
        self.0.remove(place);
    }

    fn victim(&mut self, _: usize, _: impl Fn(Place) -> bool) -> Option<Place> {
        self.0.oldest(LIST)
    }

    /// As if each were used again after as long as it was not.
    fn worth(&mut self, tick: u32) -> Option<f64> {
        let idle = tick.wrapping_sub(*self.0.note(self.0.oldest(LIST)?));
        Some(1.0 / (f64::from(idle) + 1.0))
    }

    fn discard(&mut self, place: Place) {
        self.0.remove(place);
    }

    fn shrink(&mut self) {
        self.0.shrink();
    }
}
