//! Loaded values that were stored a moment ago, or are being stored.
//!
//! A load may have read its source before another program changed it. Heard of in time, the change keeps the value from
//! being stored; but word of it may come when the value is on its way to the server, or there. So for a while, what a load
//! has stored is remembered, and when a change of it is heard of, it is removed again, unless something else has come in its
//! place. Facebook's memcache gives out leases for this ("Scaling Memcache at Facebook", NSDI 2013, section 3.2.1); here the
//! server needs to know nothing.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use cache_core::Changed;
use parking_lot::Mutex;

use crate::record::HEAD;

/// How long word of a change may be on its way.
const WHILE: Duration = Duration::from_secs(10);

/// How many values are remembered, and how many bytes of keys: of more, none.
const MOST: usize = 10_000;
const MOST_BYTES: usize = 4 << 20;

#[derive(Debug, Default)]
pub(crate) struct Fills(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    fills: HashMap<Place, Fill>,
    bytes: usize,
}

/// Category and key.
pub(crate) type Place = (Box<str>, Box<str>);

/// How a value begins at the server.
pub(crate) type Head = [u8; HEAD];

#[derive(Debug)]
enum Fill {
    /// It is being stored, and perhaps a change was heard of meanwhile.
    UnderWay {
        changed: bool,
    },
    Stored {
        head: Head,
        at: Instant,
    },
}

impl Fills {
    /// A loaded value is about to be stored.
    pub(crate) fn begin(&self, place: Place) {
        let mut known = self.0.lock();
        known.make_room(|fill| !matches!(fill, Fill::Stored { at, .. } if at.elapsed() > WHILE));
        known.make_room(|fill| matches!(fill, Fill::UnderWay { .. }));
        known.insert(place, Fill::UnderWay { changed: false });
    }

    /// It was stored, or with no head it was not. True if it has to go again.
    pub(crate) fn end(&self, place: &Place, head: Option<Head>) -> bool {
        let mut known = self.0.lock();
        let changed = matches!(known.remove(place), Some(Fill::UnderWay { changed: true }));
        if let Some(head) = head.filter(|_| !changed) {
            known.insert(place.clone(), Fill::Stored { head, at: Instant::now() });
        }
        changed && head.is_some()
    }

    /// A change was heard of: what has to go again.
    pub(crate) fn changed(&self, what: Changed<'_>) -> Vec<(Place, Head)> {
        let mut known = self.0.lock();
        let places: Vec<Place> = match what {
            Changed::Entry { category, key } => vec![(category.into(), key.into())],
            Changed::Category(changed) => {
                known.fills.keys().filter(|(category, _)| **category == *changed).cloned().collect()
            }
            Changed::Anything => known.fills.keys().cloned().collect(),
        };
        places.into_iter().filter_map(|place| known.change(place)).collect()
    }
}

impl Known {
    fn insert(&mut self, place: Place, fill: Fill) {
        self.bytes += place.1.len();
        if let Some((before, _)) = self.fills.remove_entry(&place) {
            self.bytes -= before.1.len();
        }
        self.fills.insert(place, fill);
    }

    fn remove(&mut self, place: &Place) -> Option<Fill> {
        let fill = self.fills.remove(place)?;
        self.bytes -= place.1.len();
        Some(fill)
    }

    fn change(&mut self, place: Place) -> Option<(Place, Head)> {
        match self.fills.get_mut(&place)? {
            Fill::UnderWay { changed } => {
                *changed = true;
                None
            }
            &mut Fill::Stored { head, at } => {
                self.remove(&place);
                (at.elapsed() <= WHILE).then_some((place, head))
            }
        }
    }

    /// Forgets some, if they are too many.
    fn make_room(&mut self, stays: impl Fn(&Fill) -> bool) {
        let Self { fills, bytes } = self;
        if fills.len() >= MOST || *bytes >= MOST_BYTES {
            fills.retain(|_, fill| stays(fill));
            *bytes = fills.keys().map(|(_, key)| key.len()).sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(key: &str) -> Place {
        ("c".into(), key.into())
    }

    const CHANGED: Changed<'_> = Changed::Entry { category: "c", key: "k" };

    #[test]
    fn change_heard_of_while_or_after_a_value_is_stored_concerns_it_once() {
        let fills = Fills::default();
        let head = [7; HEAD];
        for what in [CHANGED, Changed::Category("c"), Changed::Anything] {
            fills.begin(place("k"));
            assert_eq!(fills.changed(what), []);
            assert!(fills.end(&place("k"), Some(head)));
            assert_eq!(fills.changed(what), []);

            fills.begin(place("k"));
            assert!(!fills.end(&place("k"), Some(head)));
            assert_eq!(fills.changed(what), [(place("k"), head)]);
            assert_eq!(fills.changed(what), []);
        }
    }

    #[test]
    fn change_of_something_else_or_of_what_was_not_stored_concerns_nothing() {
        let fills = Fills::default();
        fills.begin(place("k"));
        fills.changed(Changed::Entry { category: "c", key: "other" });
        fills.changed(Changed::Category("d"));
        assert!(!fills.end(&place("k"), None));
        fills.begin(place("k"));
        fills.changed(CHANGED);
        assert!(!fills.end(&place("k"), None));
        assert_eq!(fills.changed(Changed::Anything), []);
    }

    #[test]
    fn no_more_are_remembered_than_some() {
        let fills = Fills::default();
        for i in 0..2 * MOST {
            fills.begin(place(&i.to_string()));
            fills.end(&place(&i.to_string()), Some([0; HEAD]));
        }
        assert!(fills.0.lock().fills.len() <= MOST);
        for i in 0..2 * MOST_BYTES / 10_000 {
            let long = i.to_string().repeat(10_000 / i.to_string().len());
            fills.begin(place(&long));
            fills.end(&place(&long), Some([0; HEAD]));
        }
        let known = fills.0.lock();
        assert!(known.bytes <= MOST_BYTES + 10_000);
        assert_eq!(known.bytes, known.fills.keys().map(|(_, key)| key.len()).sum::<usize>());
    }
}
