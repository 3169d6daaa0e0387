//! Reads that memory serves count as use of the entry at home.

use std::time::Duration;

use warmstart::{Bytes, Cache, CacheOptions, Compression, Handle, Route, core::ManualClock};

struct Bench {
    cache: Cache,
    clock: std::sync::Arc<ManualClock>,
    _dir: tempfile::TempDir,
}

fn bench() -> Bench {
    let (dir, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let options = CacheOptions::new().dir(dir.path()).clock(clock.clone()).without_maintenance_thread();
    Bench { cache: options.open_strict().unwrap(), clock, _dir: dir }
}

impl Bench {
    /// Categories with room for ten entries of 100 bytes; the file of an entry has 103 bytes more.
    fn small(&self) -> [Handle<Bytes>; 2] {
        let files = Route::file().budget(2_100).compression(Compression::None);
        [("small", Route::sqlite().budget(1_050)), ("small_files", files)]
            .map(|(name, route)| self.cache.define_bytes(name, route).unwrap())
    }
}

fn insert(handle: &Handle<Bytes>, key: &str) {
    handle.insert(key, Bytes::from(vec![b'x'; 100 - key.len()])).unwrap();
}

#[test]
fn entries_tell_how_often_memory_served_them() {
    let bench = bench();
    for small in bench.small() {
        insert(&small, "often");
        insert(&small, "never");
        for _ in 0..5 {
            small.get("often").unwrap();
        }
        let counts = |handle: &Handle<Bytes>| -> Vec<_> {
            handle.entries().unwrap().into_iter().map(|entry| (entry.key, entry.access_count)).collect()
        };
        assert_eq!(counts(&small), [("never".to_owned(), 0), ("often".to_owned(), 5)]);
        small.get("often").unwrap();
        assert_eq!(counts(&small)[1].1, 6);
    }
    let hits: Vec<_> = bench.cache.stats().tiers.iter().map(|tier| tier.reads.hits).collect();
    assert_eq!(hits, [12, 0, 0], "memory served them all");
}

#[test]
fn entry_that_memory_serves_is_not_the_first_to_go_at_home() {
    let bench = bench();
    for small in bench.small() {
        for i in 0..10 {
            insert(&small, &format!("k{i}"));
            bench.clock.advance(Duration::from_secs(1));
        }
        small.get("k0").unwrap();
        bench.clock.advance(Duration::from_secs(1));
        bench.cache.maintain().unwrap();
        insert(&small, "new");
        bench.cache.flush().unwrap();
        let keys: Vec<_> = small.entries().unwrap().into_iter().map(|entry| entry.key).collect();
        assert!(keys.contains(&"k0".to_owned()) && !keys.contains(&"k1".to_owned()), "{keys:?}");
        assert_eq!(small.get("k1"), None, "its copy left memory with it");
    }
}

#[test]
fn reads_of_a_copy_that_left_memory_still_count() {
    let dir = tempfile::tempdir().unwrap();
    let cache = CacheOptions::new()
        .dir(dir.path())
        .memory_entries(4)
        .without_maintenance_thread()
        .open_strict()
        .unwrap();
    let blobs = cache.define_bytes("blobs", Route::sqlite()).unwrap();
    insert(&blobs, "read");
    for _ in 0..3 {
        blobs.get("read").unwrap();
    }
    for i in 0..20 {
        insert(&blobs, &format!("k{i}"));
    }
    assert!(cache.stats().tiers[0].evictions >= 16);
    let read = blobs.entries().unwrap().into_iter().find(|entry| entry.key == "read").unwrap();
    assert_eq!(read.access_count, 3);
}
