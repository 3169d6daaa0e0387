//! How a tier ends.

use std::fs;

use cache_core::{ErrorKind, Result, Tier};
use cache_redis::RedisTier;

use crate::{
    ends::ends,
    hasty,
    redis_server::{Redis, has_redis},
    run_child, until, url_of_parent,
};

/// Threads and sockets of tiers in this process.
fn left() -> (usize, usize) {
    let names = |path: &str| fs::read_dir(path).unwrap().filter_map(Result::ok).map(|entry| entry.path());
    let threads = names("/proc/self/task")
        .filter(|path| fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim() == "cache-redis"));
    let sockets = names("/proc/self/fd")
        .filter(|path| fs::read_link(path).is_ok_and(|to| to.to_string_lossy().starts_with("socket:")));
    (threads.count(), sockets.count())
}

fn used(url: &str) -> RedisTier {
    let tier = hasty().open(url).unwrap();
    let values = tier.typed::<u32>("c").unwrap();
    std::thread::scope(|scope| {
        for i in 0..4 {
            let values = &values;
            scope.spawn(move || values.insert(&i.to_string(), &i).unwrap());
        }
    });
    tier
}

fn nothing_is_left() {
    until("threads and sockets are gone", || left() == (0, 0));
}

fn is_closed<T>(outcome: Result<T>) -> bool {
    outcome.is_err_and(|error| *error.kind() == ErrorKind::Closed)
}

#[test]
fn child_leaves_nothing() {
    let Some(url) = url_of_parent() else { return };
    for round in 0..3 {
        let tier = used(&url);
        if round == 0 {
            until("changes are heard of, or the server is away", || {
                let health = tier.health();
                health.is_listening || health.is_away
            });
        }
        let values = tier.typed::<u32>("c").unwrap();
        let _ = tier.close();
        assert!(
            is_closed(values.get("k")) && is_closed(values.insert("k", &1)) && is_closed(values.remove("k"))
        );
        assert!(
            is_closed(values.clear()) && is_closed(values.entries()) && is_closed(tier.stored_categories())
        );
        assert!(!tier.catch_up(std::time::Duration::MAX));
        let _ = tier.close();
        nothing_is_left();
        drop(values);
        let tier = used(&url);
        assert_ne!(left(), (0, 0));
        drop(tier);
        nothing_is_left();
    }
}

#[test]
fn tier_leaves_no_thread_and_no_socket() {
    if !has_redis() {
        return;
    }
    ends(|| {
        let mut redis = Redis::start();
        let name = "end::child_leaves_nothing";
        run_child(name, &redis.url(), &[]);
        redis.signal("STOP");
        run_child(name, &redis.url(), &[]);
        redis.kill();
        run_child(name, &redis.url(), &[]);
    });
}

#[test]
fn tier_that_is_dropped_in_the_middle_of_an_outage_ends() {
    if !has_redis() {
        return;
    }
    ends(|| {
        let redis = Redis::start();
        let tiers: Vec<_> = (0..8).map(|_| used(&redis.url())).collect();
        redis.signal("STOP");
        std::thread::scope(|scope| {
            for tier in tiers {
                scope.spawn(move || {
                    let values = tier.typed::<u32>("c").unwrap();
                    values.insert("k", &1).unwrap();
                    assert_eq!(values.get("k").unwrap(), None);
                });
            }
        });
    });
}
