//! Copies in memory, and what other programs change.

use std::{sync::mpsc::channel, thread};

use warmstart::{
    Bytes, Cache, Route,
    core::{Category, Entry, Key, Tier, Unguarded, codec::Codec},
};

use crate::{
    PATIENCE, cache,
    redis_server::{Redis, has_redis},
    tier, until,
};

/// The copy in memory, if there is one.
fn copies(cache: &Cache) -> u64 {
    cache.stats().tiers[0].usage.unwrap().entries
}

#[test]
fn what_another_program_stores_removes_or_clears_leaves_memory() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let tier = tier(&redis);
    let (one, other) = (cache(&tier), cache(&crate::tier(&redis)));
    let [mine, theirs] = [&one, &other].map(|cache| cache.category::<u32>("shared").unwrap());
    until("changes are heard of", || tier.health().is_listening);
    let changes: [(&dyn Fn(), Option<u32>); 3] = [
        (&|| theirs.insert("k", 2).unwrap(), Some(2)),
        (&|| theirs.remove("k").unwrap(), None),
        (&|| theirs.clear().unwrap(), None),
    ];
    for (change, after) in changes {
        mine.insert("k", 1).unwrap();
        assert_eq!(copies(&one), 1);
        change();
        assert!(tier.catch_up(PATIENCE));
        assert_eq!(copies(&one), 0);
        assert_eq!(mine.get("k").as_deref().copied(), after);
    }
    assert_eq!(one.stats().errors + other.stats().errors, 0);
}

#[test]
fn load_that_began_before_another_programs_insert_does_not_undo_it() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let tier = tier(&redis);
    let (one, other) = (cache(&tier), cache(&crate::tier(&redis)));
    until("changes are heard of", || tier.health().is_listening);
    for category in ["shared", "bare"] {
        let [mine, theirs] = [&one, &other].map(|cache| cache.category::<u32>(category).unwrap());
        let (went, goes) = channel();
        let (is_stored, stored) = channel::<()>();
        let loader = mine.clone();
        let loading = thread::spawn(move || {
            let load = || {
                went.send(()).unwrap();
                stored.recv().unwrap();
                Ok::<_, std::io::Error>(1)
            };
            *loader.get_or_load("k", load).unwrap()
        });
        goes.recv().unwrap();
        theirs.insert("k", 2).unwrap();
        assert!(tier.catch_up(PATIENCE));
        is_stored.send(()).unwrap();
        assert_eq!(loading.join().unwrap(), 1, "who loads gets what was loaded");
        assert_eq!(mine.get("k").as_deref(), Some(&2));
    }
}

/// What another program does while this one loads, and cannot be heard.
fn unheard(change: impl Fn(&warmstart::Handle<u32>), after: Option<u32>) {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let tier = tier(&redis);
    let (one, other) = (cache(&tier), cache(&crate::tier(&redis)));
    for category in ["shared", "bare"] {
        let [mine, theirs] = [&one, &other].map(|cache| cache.category::<u32>(category).unwrap());
        until("changes are heard of", || tier.health().is_listening);
        let resyncs = tier.health().resyncs;
        let load = || {
            redis.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]);
            change(&theirs);
            Ok::<_, std::io::Error>(1)
        };
        assert_eq!(*mine.get_or_load("k", load).unwrap(), 1);
        until("the connection is back", || tier.health().resyncs > resyncs && tier.health().is_listening);
        assert_eq!(mine.get("k").as_deref().copied(), after, "{category}");
        assert_eq!(theirs.get("k").as_deref().copied(), after, "{category}");
    }
}

#[test]
fn load_does_not_replace_what_another_program_has_stored_unheard() {
    unheard(|theirs| theirs.insert("k", 2).unwrap(), Some(2));
}

#[test]
fn load_that_was_stored_after_an_unheard_removal_goes_again() {
    unheard(|theirs| theirs.remove("k").unwrap(), None);
    unheard(|theirs| theirs.clear().unwrap(), None);
}

#[test]
fn load_replaces_what_nobody_can_decode() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let tier = tier(&redis);
    let (one, other) = (cache(&tier), cache(&crate::tier(&redis)));
    let [mine, theirs] = [&one, &other].map(|cache| cache.category::<u32>("shared").unwrap());
    let category = Category::new(0, "shared", Route::redis()).unwrap();
    let entry = Entry {
        fingerprint: Codec::<u32>::postcard(None).unwrap().fingerprint(),
        ..Entry::from_bytes(Bytes::from_static(&[0xff; 9]), 0)
    };
    tier.put(&Key::new(&category, "k").unwrap(), &entry, &Unguarded).unwrap();
    assert_eq!(mine.get("k"), None);
    assert_eq!(*mine.get_or_load("k", || Ok::<_, std::io::Error>(1)).unwrap(), 1);
    assert_eq!(theirs.get("k").as_deref(), Some(&1));
}
