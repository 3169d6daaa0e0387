//! Moves that end before their end, and go on.

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use super::{Migration, Redis, cache, connect, has_redis, moved};
use cache_core::{ErrorKind, TieredCache};

/// A server with so many keys, and a place for the state.
fn stand(keys: usize, arguments: &[&str]) -> (Redis, PathBuf) {
    let redis = Redis::start_with(arguments);
    let mut pipe = redis::pipe();
    for key in 0..keys {
        pipe.set(format!("k:{key}"), key);
    }
    pipe.exec(&mut connect(&redis)).unwrap();
    let state = redis.dir().join("move.state");
    (redis, state)
}

fn migration(redis: &Redis, state: &Path) -> Migration {
    Migration::new(redis.url()).map("k:*", "a").batch(100).timeout(Duration::from_secs(20)).state_file(state)
}

/// The same, ended once it has moved so many.
fn until(keys: u64, migration: Migration) -> Migration {
    migration.on_progress(move |progress| {
        if progress.moved >= keys { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
}

fn len(cache: &TieredCache) -> usize {
    cache.bytes("a").unwrap().entries().unwrap().len()
}

#[test]
fn interrupted_move_goes_on_where_it_was() {
    if !has_redis() {
        return;
    }
    let ((redis, state), cache) = (stand(1_000, &[]), cache());
    let mut steps = 0;
    for goal in [300, 600] {
        let report = until(goal, migration(&redis, &state).resume()).run(&cache).unwrap();
        assert!(report.interrupted && report.moved() < 1_000, "{report}");
        assert!(report.moved() <= len(&cache) as u64, "the state is ahead of the cache");
        assert!(report.moved() > steps, "it does not begin anew");
        steps = report.moved();
    }
    let report = migration(&redis, &state).resume().run(&cache).unwrap();
    assert!(!report.interrupted);
    assert_eq!((moved(&report, "a").keys, len(&cache)), (1_000, 1_000));
    assert!(!state.exists());
}

#[test]
fn state_that_was_left_behind_is_not_passed_over() {
    if !has_redis() {
        return;
    }
    let ((redis, state), cache) = (stand(500, &[]), cache());
    until(100, migration(&redis, &state)).run(&cache).unwrap();
    let saved = fs::read(&state).unwrap();

    let error = migration(&redis, &state).run(&cache).unwrap_err().to_string();
    assert!(error.contains("move.state") && error.contains("resume it, or delete the file"), "{error}");
    let error = migration(&redis, &state).map("other", "b").resume().run(&cache).unwrap_err().to_string();
    assert!(error.contains("another move") && error.contains("k:*=a"), "{error}");
    let other = Redis::start();
    let error = migration(&other, &state).resume().run(&cache).unwrap_err().to_string();
    assert!(error.contains("another move") && error.contains(&redis.url()), "{error}");
    assert_eq!(fs::read(&state).unwrap(), saved);

    for damaged in [&b"{}"[..], b"", b"\xff", &saved[..saved.len() / 2]] {
        fs::write(&state, damaged).unwrap();
        let error = migration(&redis, &state).resume().run(&cache).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidOption(_)), "{error}");
    }
}

#[test]
fn state_that_cannot_be_written_ends_the_move_before_it_begins() {
    if !has_redis() {
        return;
    }
    let ((redis, state), cache) = (stand(10, &[]), cache());
    let error = migration(&redis, &state.with_file_name("none").join("move.state")).run(&cache).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Storage(_)) && error.to_string().contains("none"), "{error}");
    assert_eq!(len(&cache), 0);
}

#[test]
fn dry_run_and_verification_leave_the_state_alone() {
    if !has_redis() {
        return;
    }
    let ((redis, state), cache) = (stand(10, &[]), cache());
    migration(&redis, &state).dry_run().unwrap();
    migration(&redis, &state).verify(&cache).unwrap();
    assert!(!state.exists());
}

#[test]
fn server_that_dies_ends_the_move_and_another_process_of_it_is_scanned_anew() {
    if !has_redis() {
        return;
    }
    let ((redis, state), cache) =
        (stand(1_000, &["--appendonly", "yes", "--appendfsync", "always"]), cache());
    let shared = Arc::new(Mutex::new(redis));
    let (moving, dying) = (migration(&shared.lock().unwrap(), &state), shared.clone());
    let moving = moving.on_progress(move |progress| {
        if progress.moved >= 500 {
            dying.lock().unwrap().kill();
        }
        ControlFlow::Continue(())
    });
    let error = moving.run(&cache).unwrap_err();
    assert!(error.to_string().contains("redis://127.0.0.1"), "{error}");
    assert!(state.exists() && len(&cache) >= 500);

    let error = migration(&shared.lock().unwrap(), &state).resume().run(&cache).unwrap_err();
    assert!(error.to_string().contains("connecting"), "{error}");

    let mut redis = shared.lock().unwrap();
    redis.restart();
    let start = Instant::now();
    while redis.cli(&["DBSIZE"]) != "1000" {
        assert!(start.elapsed() < Duration::from_secs(60), "the server does not come back");
        thread::sleep(Duration::from_millis(5));
    }
    let report = migration(&redis, &state).resume().run(&cache).unwrap();
    assert_eq!((report.scanned, moved(&report, "a").keys, len(&cache)), (1_000, 1_000, 1_000));
}

#[test]
fn server_that_hangs_ends_the_move() {
    if !has_redis() {
        return;
    }
    let ((redis, state), cache) = (stand(1_000, &[]), cache());
    let redis = Arc::new(redis);
    let stopped = redis.clone();
    let moving = migration(&redis, &state).timeout(Duration::from_millis(500)).on_progress(move |_| {
        stopped.signal("STOP");
        ControlFlow::Continue(())
    });
    let error = moving.run(&cache).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Storage(_)), "{error}");
    redis.signal("CONT");
    let report = migration(&redis, &state).resume().run(&cache).unwrap();
    assert_eq!((report.scanned, len(&cache)), (1_000, 1_000));
}
