//! Reads of entries: gathered in memory, told to the log with the next write.

use std::collections::HashMap;

use hashlink::LinkedHashMap;
use parking_lot::Mutex;

use crate::record::{Kind, Meta, Record};

/// How many entries of a category are remembered at most; further ones keep the place they have in the order
/// of use.
const MOST: usize = 1 << 16;

/// Reads that the log does not know of, by category. Of each, in the order of the last read.
#[derive(Debug, Default)]
pub(crate) struct Hits(Mutex<HashMap<Box<str>, LinkedHashMap<u64, Hit>>>);

#[derive(Debug, Clone, Copy)]
struct Hit {
    count: u32,
    last: i64,
}

impl Hits {
    pub(crate) fn add(&self, category: &str, id: u64, count: u32, last: i64) {
        let mut all = self.0.lock();
        let hits = match all.get_mut(category) {
            Some(hits) => hits,
            None => all.entry(category.into()).or_default(),
        };
        if let Some(hit) = hits.to_back(&id) {
            hit.count = hit.count.saturating_add(count);
            hit.last = hit.last.max(last);
        } else if hits.len() < MOST {
            hits.insert(id, Hit { count, last });
        }
    }

    /// The reads of a category, as lines of the log.
    pub(crate) fn take(&self, category: &str) -> Vec<Record> {
        let hits = self.0.lock().get_mut(category).map(std::mem::take).unwrap_or_default();
        let record = |(id, Hit { count, last })| Record {
            kind: Kind::Used,
            id,
            meta: Meta { size: 0, expires_at: None, last_used: last, hits: count },
        };
        hits.into_iter().map(record).collect()
    }

    /// The categories that have been read.
    pub(crate) fn categories(&self) -> Vec<Box<str>> {
        let all = self.0.lock();
        all.iter().filter(|(_, hits)| !hits.is_empty()).map(|(category, _)| category.clone()).collect()
    }
}
