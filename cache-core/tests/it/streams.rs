//! Plain bytes through a handle, piece by piece.

use std::{
    io::{self, Read, Write},
    sync::{Barrier, atomic::Ordering::SeqCst},
    thread,
};

use cache_core::{
    Bytes, Clock, EntryReader, Error, ErrorKind, Handle, Key, Result, Route, Tier, minutes, seconds,
};

use crate::support::{Bench, ForgetAll, bench};

fn blobs(bench: &Bench) -> Handle<Bytes> {
    bench.cache.bytes("db").unwrap()
}

fn write(blobs: &Handle<Bytes>, key: &str, value: &[u8]) -> Result<()> {
    let mut writer = blobs.writer(key)?;
    for chunk in value.chunks(3) {
        writer.write_all(chunk).unwrap();
    }
    writer.commit()
}

fn insert(blobs: &Handle<Bytes>, value: &'static [u8]) {
    blobs.insert("k", Bytes::from_static(value)).unwrap();
}

fn read(reader: Option<EntryReader>) -> Option<Vec<u8>> {
    let mut value = Vec::new();
    reader?.read_to_end(&mut value).unwrap();
    Some(value)
}

fn get(blobs: &Handle<Bytes>) -> Option<Vec<u8>> {
    blobs.get("k").map(|value| value.to_vec())
}

/// What the home tier itself holds.
fn at_home(bench: &Bench) -> Option<Vec<u8>> {
    let category = cache_core::Category::new(1, "db", Route::sqlite()).unwrap();
    read(bench.home.reader(&Key::new(&category, "k").unwrap()).unwrap())
}

#[test]
fn committed_value_is_got_and_read_back() {
    let bench = bench();
    for name in ["mem", "db", "plain"] {
        let blobs = bench.cache.bytes(name).unwrap();
        assert!(blobs.reader("k").is_none());
        write(&blobs, "k", b"streamed").unwrap();
        assert_eq!(read(blobs.reader("k")).as_deref(), Some(&b"streamed"[..]), "{name}");
        assert_eq!(get(&blobs).as_deref(), Some(&b"streamed"[..]), "{name}");
        assert_eq!(blobs.reader("k").unwrap().size, 8, "{name}");
    }
}

#[test]
fn bytes_are_plain_where_serde_knows_them_too() {
    let bench = bench();
    for name in ["mem", "db"] {
        let blobs = bench.cache.category::<Bytes>(name).unwrap();
        insert(&blobs, b"value");
        assert_eq!(read(blobs.reader("k")).as_deref(), Some(&b"value"[..]), "{name}");
    }
    assert_eq!(at_home(&bench).as_deref(), Some(&b"value"[..]));
}

#[test]
fn copy_in_front_is_read_but_none_is_made() {
    let bench = bench();
    let blobs = blobs(&bench);
    write(&blobs, "k", b"v").unwrap();
    for _ in 0..2 {
        read(blobs.reader("k"));
    }
    assert_eq!(bench.home.gets.load(SeqCst), 2);
    blobs.get("k");
    assert_eq!(read(blobs.reader("k")).as_deref(), Some(&b"v"[..]));
    assert_eq!(bench.home.gets.load(SeqCst), 3, "from the copy that `get` made");
}

#[test]
fn dropped_writer_changes_nothing() {
    let bench = bench();
    let blobs = blobs(&bench);
    insert(&blobs, b"old");
    blobs.writer("k").unwrap().write_all(b"new").unwrap();
    assert_eq!((get(&blobs).as_deref(), at_home(&bench).as_deref()), (Some(&b"old"[..]), Some(&b"old"[..])));
}

#[test]
fn time_of_a_streamed_value_begins_at_its_commit() {
    let bench = bench();
    let blobs = blobs(&bench);
    let [route, own] = [blobs.writer("route").unwrap(), blobs.writer_with("own", seconds(5)).unwrap()];
    bench.clock.advance(minutes(10));
    route.commit().unwrap();
    own.commit().unwrap();
    let reader = blobs.reader("own").unwrap();
    let now = bench.clock.now().wall;
    assert_eq!((reader.created_at, reader.expires_at), (now, Some(now + 5_000)));
    bench.clock.advance(seconds(5));
    assert!(blobs.reader("own").is_none());
    bench.clock.advance(seconds(54));
    assert!(blobs.reader("route").is_some());
    bench.clock.advance(seconds(1));
    assert!(blobs.reader("route").is_none());
}

#[test]
fn commit_replaces_the_copy_in_front() {
    let bench = bench();
    let blobs = blobs(&bench);
    insert(&blobs, b"old");
    write(&blobs, "k", b"new").unwrap();
    assert_eq!(get(&blobs).as_deref(), Some(&b"new"[..]));
}

#[test]
fn writer_begun_before_an_insert_and_committed_after_it_wins() {
    let bench = bench();
    let blobs = blobs(&bench);
    let mut writer = blobs.writer("k").unwrap();
    writer.write_all(b"streamed").unwrap();
    insert(&blobs, b"inserted");
    assert_eq!(get(&blobs).as_deref(), Some(&b"inserted"[..]));
    writer.commit().unwrap();
    assert_eq!(at_home(&bench).as_deref(), Some(&b"streamed"[..]));
    assert_eq!(get(&blobs).as_deref(), Some(&b"streamed"[..]));
}

#[test]
fn commit_overtaken_by_an_insert_leaves_the_insert_in_both_tiers() {
    let bench = bench();
    let blobs = blobs(&bench);
    let later = blobs.clone();
    bench.home.on_put(move || insert(&later, b"inserted"));
    write(&blobs, "k", b"streamed").unwrap();
    assert_eq!(at_home(&bench).as_deref(), Some(&b"inserted"[..]));
    bench.home.fails.store(true, SeqCst);
    assert_eq!(get(&blobs).as_deref(), Some(&b"inserted"[..]), "the copy of the later write stays");
}

#[test]
fn insert_overtaken_by_a_commit_leaves_the_commit_in_both_tiers() {
    let bench = bench();
    let blobs = blobs(&bench);
    let later = blobs.clone();
    bench.home.on_put(move || write(&later, "k", b"streamed").unwrap());
    insert(&blobs, b"inserted");
    assert_eq!(at_home(&bench).as_deref(), Some(&b"streamed"[..]));
    assert_eq!(get(&blobs).as_deref(), Some(&b"streamed"[..]));
}

#[test]
fn removal_overtaken_by_a_commit_leaves_the_commit() {
    let bench = bench();
    let blobs = blobs(&bench);
    insert(&blobs, b"old");
    let later = blobs.clone();
    bench.home.on_remove(move || write(&later, "k", b"streamed").unwrap());
    blobs.remove("k").unwrap();
    assert_eq!(get(&blobs).as_deref(), Some(&b"streamed"[..]));
}

#[test]
fn value_got_or_loaded_before_a_commit_is_not_kept() {
    let bench = bench();
    let blobs = blobs(&bench);
    insert(&blobs, b"old");
    bench.memory.forget_all();
    let later = blobs.clone();
    bench.home.on_get(move || write(&later, "k", b"streamed").unwrap());
    assert_eq!(get(&blobs).as_deref(), Some(&b"old"[..]), "read before the commit");
    assert_eq!(get(&blobs).as_deref(), Some(&b"streamed"[..]));
    blobs.remove("k").unwrap();
    let load = || {
        write(&blobs, "k", b"streamed").unwrap();
        Ok::<_, io::Error>(Bytes::from_static(b"loaded"))
    };
    assert_eq!(&**blobs.get_or_load("k", load).unwrap(), b"loaded");
    assert_eq!(get(&blobs).as_deref(), Some(&b"streamed"[..]));
}

#[test]
fn value_got_while_a_commit_is_under_way_is_not_kept() {
    let bench = bench();
    let blobs = blobs(&bench);
    insert(&blobs, b"old");
    bench.memory.forget_all();
    let reader = blobs.clone();
    bench.home.on_put(move || assert_eq!(get(&reader).as_deref(), Some(&b"old"[..])));
    write(&blobs, "k", b"streamed").unwrap();
    assert_eq!(get(&blobs).as_deref(), Some(&b"streamed"[..]));
}

#[test]
fn clear_and_commit_at_once_leave_both_tiers_alike() {
    let bench = bench();
    let blobs = blobs(&bench);
    insert(&blobs, b"old");
    let clearer = blobs.clone();
    bench.home.on_put(move || clearer.clear().unwrap());
    write(&blobs, "k", b"streamed").unwrap();
    assert_eq!(get(&blobs), at_home(&bench));
    let writer = blobs.clone();
    bench.home.on_clear(move || write(&writer, "k", b"streamed").unwrap());
    blobs.clear().unwrap();
    assert_eq!(get(&blobs), at_home(&bench));
}

/// What was streamed is gone and cannot be written again: the clear must not have kept it away.
#[test]
fn commit_overtaken_by_a_clear_that_fails_is_not_undone() {
    let bench = bench();
    let blobs = blobs(&bench);
    insert(&blobs, b"old");
    let (clearer, home) = (blobs.clone(), bench.home.clone());
    bench.home.on_put(move || {
        home.fails.store(true, SeqCst);
        clearer.clear().unwrap_err();
        home.fails.store(false, SeqCst);
    });
    write(&blobs, "k", b"streamed").unwrap();
    assert_eq!(get(&blobs).as_deref(), Some(&b"streamed"[..]));
}

#[test]
fn insert_overtaken_by_a_commit_that_fails_on_its_way_leaves_both_tiers_alike() {
    let bench = bench();
    let blobs = blobs(&bench);
    insert(&blobs, b"old");
    let (later, home) = (blobs.clone(), bench.home.clone());
    bench.home.on_put(move || {
        home.fails_late.store(true, SeqCst);
        write(&later, "k", b"streamed").unwrap_err();
    });
    insert(&blobs, b"inserted");
    assert_ne!(get(&blobs).as_deref(), Some(&b"old"[..]));
    assert_eq!(get(&blobs), at_home(&bench));
}

#[test]
fn inserts_and_commits_at_once_leave_one_winner_in_both_tiers() {
    let bench = bench();
    let blobs = blobs(&bench);
    let barrier = Barrier::new(4);
    thread::scope(|scope| {
        for thread in 0..4_u8 {
            let (blobs, barrier, bench) = (&blobs, &barrier, &bench);
            scope.spawn(move || {
                for round in 0..200 {
                    barrier.wait();
                    match (round + thread) % 5 {
                        0 => blobs.clear().unwrap(),
                        1 => drop((get(blobs), read(blobs.reader("k")))),
                        2 => blobs.insert("k", Bytes::from(vec![round, thread])).unwrap(),
                        _ => write(blobs, "k", &[round, thread]).unwrap(),
                    }
                    if barrier.wait().is_leader() {
                        assert_eq!(get(blobs), at_home(bench), "round {round}");
                    }
                    barrier.wait();
                }
            });
        }
    });
}

#[test]
fn value_over_the_budget_is_refused_and_what_was_there_stays() {
    let bench = bench();
    let blobs = bench.cache.define_bytes("bounded", Route::sqlite().budget(100)).unwrap();
    insert(&blobs, b"old");
    let error = write(&blobs, "k", &[7; 101]).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::TooLarge { size: 101, limit: 100 });
    assert_eq!(read(blobs.reader("k")).as_deref(), Some(&b"old"[..]));
    assert_eq!(bench.cache.stats().errors, 1);
}

#[test]
fn stream_counts_one_set_and_one_read() {
    let Bench { cache, .. } = bench();
    let blobs = cache.bytes("db").unwrap();
    write(&blobs, "k", b"value").unwrap();
    read(blobs.reader("k"));
    blobs.get("k");
    read(blobs.reader("k"));
    assert!(blobs.reader("none").is_none());
    let stats = cache.stats();
    let reads = |name: &str| {
        let tier = stats.tiers.iter().find(|tier| tier.name == name).unwrap();
        (tier.reads.hits, tier.reads.misses, tier.sets)
    };
    assert_eq!((stats.total.hits, stats.total.misses, stats.errors), (3, 1, 0));
    assert_eq!((reads("map"), reads("home")), ((1, 3, 0), (2, 1, 1)));
}

#[test]
fn damage_is_a_miss_or_fails_the_reader_and_is_counted() {
    let Bench { cache, home, .. } = bench();
    let blobs = cache.bytes("plain").unwrap();
    write(&blobs, "k", b"value").unwrap();
    home.tears.store(true, SeqCst);
    let mut value = Vec::new();
    let error = blobs.reader("k").unwrap().read_to_end(&mut value).unwrap_err();
    assert_eq!((error.kind(), &*value), (io::ErrorKind::InvalidData, &b"va"[..]));
    let ours = error.get_ref().unwrap().downcast_ref::<Error>().unwrap();
    assert_eq!(ours.kind(), &ErrorKind::Corrupt("torn".into()));
    assert_eq!(cache.stats().errors, 1);
    home.fails.store(true, SeqCst);
    assert!(blobs.reader("k").is_none());
    home.fails.store(false, SeqCst);
    assert_eq!((cache.stats().errors, cache.stats().total.misses), (2, 1));
}

#[test]
fn value_that_was_not_written_whole_is_not_stored() {
    let Bench { cache, home, .. } = bench();
    let blobs = cache.bytes("db").unwrap();
    home.tears.store(true, SeqCst);
    let mut writer = blobs.writer("k").unwrap();
    let mut buffered = io::BufWriter::new(&mut writer);
    buffered.write_all(b"value").unwrap();
    drop(buffered); // which tells nobody that it failed
    assert_eq!(writer.commit().unwrap_err().kind(), &ErrorKind::Storage("torn".into()));
    let stats = cache.stats();
    assert_eq!((stats.errors, stats.tiers[1].sets), (1, 0));
}

#[test]
fn entry_of_another_shape_is_not_read() {
    let bench = bench();
    let blobs = bench.cache.define_bytes("mine", Route::sqlite().version(1)).unwrap();
    write(&blobs, "k", b"value").unwrap();
    let newer = cache_core::TieredCache::builder()
        .tier(cache_core::Level::L2, bench.home.clone())
        .without_maintenance_thread()
        .build()
        .unwrap();
    let newer = newer.define_bytes("mine", Route::sqlite().version(2)).unwrap();
    assert!(newer.reader("k").is_none());
}

#[test]
fn closed_cache_reads_and_commits_nothing() {
    let bench = bench();
    let blobs = blobs(&bench);
    insert(&blobs, b"old");
    let mut writer = blobs.writer("k").unwrap();
    writer.write_all(b"streamed").unwrap();
    bench.cache.close().unwrap();
    assert_eq!(writer.commit().unwrap_err().kind(), &ErrorKind::Closed);
    assert_eq!(blobs.writer("k").unwrap_err().kind(), &ErrorKind::Closed);
    assert!(blobs.reader("k").is_none());
    assert_eq!(at_home(&bench).as_deref(), Some(&b"old"[..]));
}

#[test]
fn streams_cross_threads() {
    fn check<T: Send + std::fmt::Debug>() {}
    check::<EntryReader>();
    check::<cache_core::Writer<'_>>();
}
