//! Three nodes.

use std::collections::BTreeSet;

use cache_core::{Category, Entry, Key, Put, Route, Tier, Unguarded};
use cache_redis::RedisTier;

use crate::{
    PATIENCE, ask,
    conformance::fresh,
    ends::ends,
    hasty, patient, raw,
    redis_server::{Cluster, Redis, has_redis},
    until,
};

fn urls(cluster: &Cluster) -> String {
    cluster.0.iter().map(Redis::url).collect::<Vec<_>>().join(",")
}

#[test]
fn tier_of_a_cluster_conforms() {
    if has_redis() {
        let cluster = Cluster::start();
        cache_core::conformance::check(fresh(|| RedisTier::options().cluster(), cluster.0[1].url()));
    }
}

#[test]
fn listing_and_clearing_reach_all_nodes() {
    if !has_redis() {
        return;
    }
    let cluster = Cluster::start();
    let nodes = &cluster.0;
    let tier = patient().cluster().open(&nodes[0].url()).unwrap();
    let category = Category::new(0, "c", Route::redis()).unwrap();
    let names: BTreeSet<_> = (0..300).map(|i| i.to_string()).collect();
    let keys: Vec<_> = names.iter().map(|name| Key::new(&category, name).unwrap()).collect();
    let puts: Vec<_> = keys
        .iter()
        .map(|&key| Put {
            key,
            entry: Entry::from_bytes(key.as_str().to_owned().into(), 0),
            guard: &Unguarded,
        })
        .collect();
    assert!(tier.put_many(&puts).iter().all(Result::is_ok));
    let sizes: Vec<usize> = nodes.iter().map(|node| ask(&mut raw(&node.url()), &["DBSIZE"])).collect();
    assert!(sizes.iter().all(|&size| size > 50) && sizes.iter().sum::<usize>() == 300, "{sizes:?}");
    for (name, found) in names.iter().zip(tier.get_many(&keys)) {
        assert_eq!(found.unwrap().unwrap().value.to_bytes().unwrap(), name.as_bytes());
    }
    let mut listed = BTreeSet::new();
    tier.scan(&category, &mut |info| assert!(listed.insert(info.key))).unwrap();
    assert_eq!(listed, names);
    tier.clear(&category).unwrap();
    for node in nodes {
        assert_eq!(ask::<usize>(&mut raw(&node.url()), &["DBSIZE"]), 0);
    }
}

#[test]
fn programs_hear_of_changes_through_any_node() {
    if !has_redis() {
        return;
    }
    let cluster = Cluster::start();
    let nodes = &cluster.0;
    let [one, other] = [&nodes[1], &nodes[2]].map(|node| patient().cluster().open(&node.url()).unwrap());
    let heard = crate::messages::Heard::by(&one);
    until("changes are heard of", || one.health().is_listening);
    let values = other.typed::<u32>("c").unwrap();
    for key in ["a", "b", "c", "d"] {
        values.insert(key, &1).unwrap();
    }
    values.clear().unwrap();
    until("all of it was heard", || heard.told().len() == 6);
    assert!(one.catch_up(PATIENCE));
}

#[test]
fn node_that_is_gone_is_no_error_of_a_read_and_comes_back() {
    if !has_redis() {
        return;
    }
    ends(|| {
        let mut cluster = Cluster::start();
        let tier = hasty().cluster().open(&urls(&cluster)).unwrap();
        let values = tier.typed::<u32>("c").unwrap();
        let keys: Vec<_> = (0..30).map(|i| i.to_string()).collect();
        let store_all = |value: u32| keys.iter().for_each(|key| values.insert(key, &value).unwrap());
        until("the first values are stored", || {
            store_all(0);
            Tier::flush(&tier).is_ok()
        });
        cluster.0[1].kill();
        store_all(1);
        for key in &keys {
            assert!(matches!(values.get(key).unwrap(), None | Some(1)), "an older value");
        }
        assert!(tier.health().outages > 0);
        cluster.0[1].restart();
        until("the server is back", || !tier.health().is_away);
        for key in &keys {
            assert!(matches!(values.get(key).unwrap(), None | Some(1)), "an older value");
        }
        until("values are stored again", || {
            store_all(2);
            Tier::flush(&tier).is_ok()
        });
        assert!(keys.iter().all(|key| values.get(key).unwrap() == Some(2)));
    });
}

#[test]
fn cluster_that_nobody_called_one_says_so() {
    if !has_redis() {
        return;
    }
    let cluster = Cluster::start();
    let nodes = &cluster.0;
    let values = patient().open(&nodes[0].url()).unwrap().typed::<u32>("c").unwrap();
    let refused = (0..30).find_map(|i| values.insert(&i.to_string(), &1).err()).unwrap();
    assert!(refused.to_string().contains("cluster"), "{refused}");
}
