//! What the cache over the tiers promises, on tiers made for the purpose.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../../examples/map_tier.rs"]
#[expect(dead_code, unreachable_pub, reason = "an example of its own")]
mod map_tier;

mod failures;
mod handles;
mod races;
mod single_flight;
mod streams;
mod support;
mod typed;

use std::sync::Arc;

#[test]
fn tier_of_the_documentation_conforms() {
    cache_core::conformance::check(|clock| Arc::new(map_tier::MapTier::new(clock)));
}
