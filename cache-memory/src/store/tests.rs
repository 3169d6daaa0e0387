use std::{sync::Arc, time::Duration};

use cache_core::{Time, Unguarded};

use crate::{
    policy::{Entry, EvictionPolicy},
    quota::Quota,
    shard::Scope,
    slot::Slot,
    store::{Address, AllGone, Group, Store},
};

const START: Time = Time { monotonic: 0, wall: 0 };

fn unbounded() -> Quota {
    Quota::new(u64::MAX, u64::MAX)
}

fn hash(key: u64) -> u64 {
    key.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[test]
fn there_are_at_most_two_ghosts_for_each_entry_however_many_categories() {
    const ENTRIES: u64 = 240;
    const GROUPS: usize = 24;
    type Take = fn(&Store<u64, u64>, Address<'_, u64>, Time);
    let takes: [Take; 3] = [
        |store, address, _| _ = store.remove(address, START, &Unguarded),
        |store, address, late| _ = store.peek(address, late),
        |store, address, late| store.get(address, late, |_| (), || (), |_| ()),
    ];
    for take in takes {
        let store = Store::new(1, Quota::new(ENTRIES, u64::MAX), unbounded(), EvictionPolicy::Adaptive);
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
                let value = Slot::new(key, 0, Duration::from_secs(1).into(), START);
                let entry = Entry { hash: hash(key), key, value };
                store.insert(&group, entry, START, &Unguarded, &mut AllGone::new()).unwrap();
                checked();
            }
        }
        assert!(checked() > ENTRIES / 2);
        let late = Time { monotonic: 1_000_000_000, wall: 1_000 };
        for (group, key) in (0..GROUPS).flat_map(|group| (0..ENTRIES).map(move |key| (group, key))) {
            take(&store, Address { group, hash: hash(key), key: &key }, late);
            checked();
        }
        assert_eq!(checked(), 0);
    }
}

#[test]
fn hashes_that_differ_in_some_bits_alone_are_spread_over_all_shards() {
    let store = Store::<u64, u64>::new(8, unbounded(), unbounded(), EvictionPolicy::Lru);
    for shift in [0, 8, 16, 24, 32, 40, 48, 51] {
        let mut hashes = [0; 8];
        (0..8_000).for_each(|number| hashes[store.index(number << shift)] += 1);
        assert!(hashes.iter().all(|many| (900..=1_100).contains(many)), "from bit {shift} on: {hashes:?}");
    }
}
