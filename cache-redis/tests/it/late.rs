//! Writes that nobody answered, and what comes of them later.

use cache_redis::RedisTier;

use crate::{
    ends::ends,
    hasty, patient,
    proxy::Proxy,
    redis_server::{Redis, has_redis},
    until,
};

fn is_back(tier: &RedisTier) {
    until("the server is back", || !tier.health().is_away);
}

#[test]
fn write_that_arrives_after_a_later_one_is_not_done() {
    if !has_redis() {
        return;
    }
    ends(|| {
        let redis = Redis::start();
        let proxy = Proxy::start(&redis);
        let tier = hasty().open(&proxy.url()).unwrap();
        let values = tier.typed::<u32>("c").unwrap();
        values.insert("k", &0).unwrap();
        proxy.hold();
        values.insert("k", &1).unwrap();
        assert_eq!(tier.health().dropped_writes, 1);
        is_back(&tier);
        until("a value is stored", || {
            values.insert("k", &2).unwrap();
            tier.flush_is_ok()
        });
        until("all is through new connections", || tier.health().resyncs > 1);
        proxy.release();
        let elsewhere = patient().open(&redis.url()).unwrap().typed::<u32>("c").unwrap();
        assert_eq!(elsewhere.get("k").unwrap(), Some(2));
    });
}

#[test]
fn dropped_write_leaves_nothing_older() {
    if !has_redis() {
        return;
    }
    ends(|| {
        let redis = Redis::start();
        let tier = hasty().open(&redis.url()).unwrap();
        let values = tier.typed::<u32>("c").unwrap();
        let keys = ["inserted", "removed", "many", "untouched"];
        keys.iter().for_each(|key| values.insert(key, &0).unwrap());
        let cleared = tier.typed::<u32>("d").unwrap();
        cleared.insert("k", &0).unwrap();
        redis.signal("STOP");
        values.insert("inserted", &1).unwrap();
        values.remove("removed").unwrap();
        values.insert("many", &1).unwrap();
        cleared.clear().unwrap();
        assert!(tier.health().is_away);
        assert_eq!(values.get("untouched").unwrap(), None);
        redis.signal("CONT");
        is_back(&tier);
        assert_eq!(keys.map(|key| values.get(key).unwrap()), [None, None, None, Some(0)]);
        assert_eq!(cleared.get("k").unwrap(), None);
        assert_eq!(tier.health().dropped_writes, 4);
    });
}

trait Flushes {
    fn flush_is_ok(&self) -> bool;
}

impl Flushes for RedisTier {
    /// Whether everything since the last time was stored.
    fn flush_is_ok(&self) -> bool {
        cache_core::Tier::flush(self).is_ok()
    }
}
