use std::sync::Arc;

use cache_core::{Time, Ttl, Unguarded};

use crate::{
    policy::{Entry, EvictionPolicy, Policy},
    quota::Quota,
    shard::Scope,
    slot::Slot,
    store::{Address, AllGone, Group, Store},
};

#[test]
fn there_are_at_most_two_ghosts_for_each_entry_however_many_categories() {
    const ENTRIES: u64 = 240;
    const GROUPS: usize = 24;
    let unbounded = || Quota::new(u64::MAX, u64::MAX);
    let total = Quota::new(ENTRIES, u64::MAX);
    let store = Store::<u64, u64>::new(1, total, unbounded(), EvictionPolicy::Adaptive);
    let now = Time { monotonic: 0, wall: 0 };
    let hash = |key: u64| key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let checked = || {
        let shard = store.shards[0].0.lock();
        let ghosts: usize = shard.groups.iter().map(|portion| portion.order.ghosts()).sum();
        let entries = shard.held(Scope::All).entries;
        assert!(ghosts as u64 <= 2 * entries, "{ghosts} ghosts of {entries} entries");
        ghosts as u64
    };
    for index in 0..GROUPS {
        let group = Arc::new(Group { index, name: "".into(), quota: None, front: false });
        for key in 0..ENTRIES {
            let entry = Entry { hash: hash(key), key, value: Slot::new(key, 0, Ttl::Never, now) };
            store.insert(&group, entry, now, &Unguarded, &mut AllGone::new()).unwrap();
            checked();
        }
    }
    assert!(checked() > ENTRIES);
    for (group, key) in (0..GROUPS).flat_map(|group| (0..ENTRIES).map(move |key| (group, key))) {
        store.remove(Address { group, hash: hash(key), key: &key }, now, &Unguarded);
        checked();
    }
    assert_eq!(checked(), 0);
}

#[test]
fn hashes_that_differ_in_some_bits_alone_are_spread_over_all_shards() {
    let unbounded = || Quota::new(u64::MAX, u64::MAX);
    let store = Store::<u64, u64>::new(8, unbounded(), unbounded(), EvictionPolicy::Lru);
    for shift in [0, 8, 16, 24, 32, 40, 48, 51] {
        let mut hashes = [0; 8];
        (0..8_000).for_each(|number| hashes[store.index(number << shift)] += 1);
        assert!(hashes.iter().all(|many| (900..=1_100).contains(many)), "from bit {shift} on: {hashes:?}");
    }
}
