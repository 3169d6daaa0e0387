//! Servers of several kinds, and what they allow.

use std::collections::BTreeSet;

use cache_core::ErrorKind;

use super::{Migration, Reason, Redis, cache, has_redis, moved, send, skips, value};
use crate::redis_server::Cluster;

/// All that a move may ask for. `HELLO`, `AUTH`, `SELECT` and `CLIENT` belong to the connection.
const READS: [&str; 16] = [
    "auth",
    "client",
    "dbsize",
    "get",
    "hello",
    "hgetall",
    "info",
    "lrange",
    "memory|usage",
    "pttl",
    "scan",
    "select",
    "smembers",
    "strlen",
    "type",
    "zrange",
];

fn fill(redis: &Redis) {
    send(
        redis,
        &[
            &[b"SET", b"a:string", b"v", b"EX", b"1000"],
            &[b"HSET", b"a:hash", b"f", b"v"],
            &[b"RPUSH", b"a:list", b"v"],
            &[b"SADD", b"a:set", b"v"],
            &[b"ZADD", b"a:zset", b"1", b"v"],
            &[b"XADD", b"a:stream", b"*", b"f", b"v"],
            &[b"SET", b"b", b"v"],
        ],
    );
}

#[test]
fn nothing_but_reads_is_sent() {
    if !has_redis() {
        return;
    }
    let (redis, cache) = (Redis::start(), cache());
    fill(&redis);
    let user = [
        "ACL",
        "SETUSER",
        "reader",
        "on",
        ">secret",
        "~*",
        "-@all",
        "+@read",
        "+@connection",
        "+info",
        "+dbsize",
    ];
    assert_eq!(redis.cli(&user), "OK");
    redis.cli(&["CONFIG", "RESETSTAT"]);
    let url = redis.url().replace("redis://", "redis://reader:secret@") + "/0";
    let migration = Migration::new(url);
    let report = migration.run(&cache).unwrap();
    assert_eq!(report.moved(), 6);
    migration.dry_run().unwrap();
    assert!(migration.verify(&cache).unwrap().is_clean());

    let stats = redis.cli(&["INFO", "commandstats"]);
    let mut asked = BTreeSet::new();
    for line in stats.lines().filter_map(|line| line.trim().strip_prefix("cmdstat_")) {
        let (name, counts) = line.split_once(':').unwrap();
        if !matches!(name, "config|resetstat") {
            assert!(counts.contains("rejected_calls=0,failed_calls=0"), "{line}");
            asked.insert(name.to_owned());
        }
    }
    let is_read =
        |name: &String| READS.iter().any(|read| name == read || name.starts_with(&format!("{read}|")));
    assert!(asked.iter().all(is_read), "{asked:?}");
    assert!(asked.contains("scan") && asked.contains("zrange"), "{asked:?}");
}

#[test]
fn keys_that_the_server_does_not_give_are_skipped() {
    if !has_redis() {
        return;
    }
    let (redis, cache) = (Redis::start(), cache());
    fill(&redis);
    // Neither which process it is, nor how much it holds.
    let user =
        ["ACL", "SETUSER", "reader", "on", "nopass", "~a:*", "+@read", "-@dangerous", "-memory", "-dbsize"];
    assert_eq!(redis.cli(&user), "OK");
    let migration = Migration::new(redis.url().replace("//", "//reader:any@"));
    let report = migration.run(&cache).unwrap();
    assert_eq!(skips(&report), [(Reason::Type("stream".into()), 1), (Reason::Refused("NOPERM".into()), 1)]);
    assert_eq!(report.moved(), 5);

    // A set that is too large shows only when it is there.
    send(&redis, &[&[b"SADD", b"a:set", &[b'x'; 5_000]]]);
    let report = migration.max_value(4_000).run(&cache).unwrap();
    assert_eq!(report.skipped[1].0, Reason::TooLarge);
    assert_eq!(report.moved(), 4);
}

#[test]
fn one_database_is_moved() {
    if !has_redis() {
        return;
    }
    let (redis, cache) = (Redis::start(), cache());
    redis.cli(&["-n", "0", "SET", "zero", "v"]);
    redis.cli(&["-n", "3", "SET", "three", "v"]);
    let report = Migration::new(redis.url() + "/3").run(&cache).unwrap();
    assert_eq!(report.scanned, 1);
    assert_eq!(value(&cache, "redis", "three").unwrap(), "v");
}

#[test]
fn password_is_never_told() {
    let migration = Migration::new("redis://user:secret@127.0.0.1:1/0");
    let error = migration.dry_run().unwrap_err();
    let wrong = Migration::new("http://user:secret@host").dry_run().unwrap_err();
    assert!(matches!(wrong.kind(), ErrorKind::InvalidOption(_)));
    for told in [format!("{error:?}"), format!("{wrong:?}"), format!("{migration:?}")] {
        assert!(!told.contains("secret"), "{told}");
    }
}

#[test]
fn cluster_is_moved_as_a_whole() {
    if !has_redis() {
        return;
    }
    let (cluster, cache) = (Cluster::start(), cache());
    let client = redis::cluster::ClusterClient::new(vec![cluster.url()]).unwrap();
    let mut connection = client.get_connection().unwrap();
    for key in 0..600 {
        redis::cmd("SET").arg(format!("k:{key}")).arg(key).exec(&mut connection).unwrap();
    }
    let migration = Migration::new(cluster.url()).cluster().map("k:*", "a");
    let report = migration.run(&cache).unwrap();
    assert_eq!((report.scanned, moved(&report, "a").keys), (600, 600));
    assert_eq!(value(&cache, "a", "k:599").unwrap(), "599");
    assert!(migration.verify(&cache).unwrap().is_clean());
}

#[test]
fn node_of_a_cluster_is_not_taken_for_the_whole() {
    if !has_redis() {
        return;
    }
    let (cluster, single) = (Redis::start_with(&["--cluster-enabled", "yes"]), Redis::start());
    let error = Migration::new(cluster.url()).dry_run().unwrap_err().to_string();
    assert!(error.contains("say that it is a cluster"), "{error}");
    let error = Migration::new(single.url()).cluster().dry_run().unwrap_err().to_string();
    assert!(error.contains("cluster support disabled"), "{error}");
}
