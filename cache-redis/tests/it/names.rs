//! What things are called at the server, and whose they are.

use std::collections::BTreeSet;

use cache_core::{Category, Entry, Key, Put, Route, Tier, Unguarded};

use crate::{
    ask, patient, raw,
    redis_server::{Redis, has_redis},
};

const ODD: [&str; 16] = [
    "",
    " ",
    "a b",
    "a\nb",
    "a\r\nb",
    "\0",
    "*",
    "?",
    "[a]",
    "\\",
    ":",
    "c:k",
    "{c}",
    "$6",
    "😀",
    "../../etc/passwd",
];

#[test]
fn entry_is_called_prefix_category_key_whatever_the_key() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let mut raw = raw(&redis.url());
    let tier = patient().prefix("my shop").open(&redis.url()).unwrap();
    let values = tier.typed::<String>("c").unwrap();
    let long = "k".repeat(Key::MAX_LEN);
    let keys: BTreeSet<_> = ODD.into_iter().chain([&*long]).map(String::from).collect();
    for key in &keys {
        values.insert(key, key).unwrap();
    }
    let names: BTreeSet<String> = ask(&mut raw, &["KEYS", "*"]);
    assert_eq!(names, keys.iter().map(|key| format!("my shop:c:{key}")).collect());
    for key in &keys {
        assert_eq!(values.get(key).unwrap().as_ref(), Some(key));
    }
    let listed: BTreeSet<_> = values.entries().unwrap().into_iter().map(|entry| entry.key).collect();
    assert_eq!(listed, keys);
    for key in &keys {
        values.remove(key).unwrap();
        assert_eq!(values.get(key).unwrap(), None);
    }
    assert_eq!(ask::<usize>(&mut raw, &["DBSIZE"]), 0);
}

#[test]
fn clear_leaves_what_is_not_of_the_category() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let mut raw = raw(&redis.url());
    let others = [
        "k",
        "c",
        "c:k",
        "warmstart",
        "warmstart:c",
        "warmstart:cc:k",
        "warmstart:d:k",
        "Warmstart:c:k",
        "warmstart2:c:k",
        "xwarmstart:c:k",
        "warmstart::c:k",
        "warmstart:C:k",
    ];
    for name in others {
        ask::<()>(&mut raw, &["SET", name, "theirs"]);
    }
    let tier = patient().open(&redis.url()).unwrap();
    let values = tier.typed::<u32>("c").unwrap();
    for i in 0..3_000 {
        values.insert(&i.to_string(), &i).unwrap();
    }
    assert_eq!(values.entries().unwrap().len(), 3_000);
    let named: BTreeSet<_> = tier.stored_categories().unwrap().into_iter().collect();
    assert_eq!(named, ["c", "cc", "d", "C"].map(String::from).into());
    values.clear().unwrap();
    assert_eq!(values.entries().unwrap().len(), 0);
    assert_eq!(ask::<BTreeSet<String>>(&mut raw, &["KEYS", "*"]), others.map(String::from).into());
}

#[test]
fn server_is_never_asked_for_all_keys_at_once() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let mut raw = raw(&redis.url());
    let tier = patient().open(&redis.url()).unwrap();
    let values = tier.typed::<u32>("c").unwrap();
    values.insert("k", &1).unwrap();
    values.entries().unwrap();
    tier.stored_categories().unwrap();
    values.clear().unwrap();
    let stats: String = ask(&mut raw, &["INFO", "commandstats"]);
    assert!(stats.contains("cmdstat_scan:"));
    for command in ["keys", "flushdb", "flushall", "dbsize", "randomkey"] {
        assert!(!stats.contains(&format!("cmdstat_{command}:")), "{stats}");
    }
}

#[test]
fn many_are_asked_for_and_stored_in_few_round_trips() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let mut raw = raw(&redis.url());
    let tier = patient().open(&redis.url()).unwrap();
    let category = Category::new(0, "c", Route::redis()).unwrap();
    let names: Vec<_> = (0..2_000).map(|i| i.to_string()).collect();
    let keys: Vec<_> = names.iter().map(|name| Key::new(&category, name).unwrap()).collect();
    let puts: Vec<_> = keys
        .iter()
        .map(|&key| Put {
            key,
            entry: Entry::from_bytes(key.as_str().to_owned().into(), 0),
            guard: &Unguarded,
        })
        .collect();
    let mut reads = || -> u64 {
        let stats: String = ask(&mut raw, &["INFO", "stats"]);
        let line = stats.lines().find_map(|line| line.strip_prefix("total_reads_processed:")).unwrap();
        line.trim().parse().unwrap()
    };
    let before = reads();
    assert!(tier.put_many(&puts).iter().all(Result::is_ok));
    let found = tier.get_many(&keys);
    for (name, entry) in names.iter().zip(found) {
        assert_eq!(entry.unwrap().unwrap().value.to_bytes().unwrap(), name.as_bytes());
    }
    // The server reads 16 KiB at a time.
    assert!(reads() - before < 100, "{}", reads() - before);
}

#[test]
fn database_of_the_url_is_used() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let mut raw = raw(&redis.url());
    let tier = patient().open(&format!("{}/3", redis.url())).unwrap();
    let values = tier.typed::<u32>("c").unwrap();
    values.insert("k", &1).unwrap();
    assert_eq!(values.entries().unwrap().len(), 1);
    assert_eq!(ask::<usize>(&mut raw, &["DBSIZE"]), 0);
    ask::<()>(&mut raw, &["SELECT", "3"]);
    assert!(ask::<bool>(&mut raw, &["EXISTS", "warmstart:c:k"]));
}
