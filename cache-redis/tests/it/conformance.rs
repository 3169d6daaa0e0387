//! The suite that every tier must pass.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use cache_core::{Clock, Tier};
use cache_redis::{RedisOptions, RedisTier};

use crate::redis_server::{Redis, has_redis};

/// Makes tiers that share nothing but their server.
pub(crate) fn fresh(
    options: impl Fn() -> RedisOptions,
    url: String,
) -> impl Fn(Arc<dyn Clock>) -> Arc<dyn Tier> {
    let number = AtomicU32::new(0);
    move |clock| {
        let prefix = format!("tier-{}", number.fetch_add(1, Relaxed));
        // A busy machine is no server that is away.
        let options = options().prefix(prefix).clock(clock).timeout(Duration::from_secs(20));
        Arc::new(options.open(&url).unwrap())
    }
}

#[test]
fn redis_tier_conforms() {
    if has_redis() {
        let redis = Redis::start();
        cache_core::conformance::check(fresh(RedisTier::options, redis.url()));
    }
}
