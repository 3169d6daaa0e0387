//! What no policy can surpass.

use std::collections::{BTreeSet, HashMap};

/// The hits of the optimum: Belady's MIN, where a key that was missed may be left out too. L. A. Belady, "A study of
/// replacement algorithms for a virtual-storage computer", IBM Systems Journal 5(2), 1966.
pub(super) fn hits(requests: &[u64], capacity: u64) -> u64 {
    let mut resident = BTreeSet::new();
    let mut hits = 0;
    for (now, next) in next_uses(requests).into_iter().enumerate() {
        // An entry is known by when it is used next.
        hits += u64::from(resident.remove(&now));
        if next < requests.len() {
            resident.insert(next);
            if resident.len() as u64 > capacity {
                resident.pop_last();
            }
        }
    }
    hits
}

/// For each request, when its key is requested next; past the end for never.
fn next_uses(requests: &[u64]) -> Vec<usize> {
    let mut seen = HashMap::new();
    let mut next: Vec<usize> = (0..requests.len())
        .rev()
        .map(|now| seen.insert(requests[now], now).unwrap_or(requests.len()))
        .collect();
    next.reverse();
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optimum_keeps_what_comes_back_first() {
        assert_eq!(hits(&[1, 2, 3, 1, 2, 3], 1), 1);
        assert_eq!(hits(&[1, 2, 3, 1, 2, 3], 2), 2, "the third is left out");
        assert_eq!(hits(&[1, 2, 3, 1, 2, 3], 3), 3);
        assert_eq!(hits(&[1, 1, 1], 1), 2);
        assert_eq!(hits(&[], 1), 0);
    }
}
