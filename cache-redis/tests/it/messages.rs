//! What programs tell each other, and what anybody else may say.

use std::sync::{Arc, Mutex};

use cache_core::{Changed, Departure, Observer, Tier};
use cache_redis::RedisTier;

use crate::{
    PATIENCE, ask, patient,
    proxy::Proxy,
    raw,
    redis_server::{Redis, has_redis},
    until,
};

const CHANNEL: &str = "warmstart:changes";

/// Remembers what a tier was told since it began to listen.
#[derive(Debug, Default)]
pub(crate) struct Heard(Mutex<Vec<String>>);

impl Heard {
    pub(crate) fn by(tier: &RedisTier) -> Arc<Self> {
        until("changes are heard of", || tier.health().is_listening);
        Self::at_once_by(tier)
    }

    pub(crate) fn at_once_by(tier: &RedisTier) -> Arc<Self> {
        let heard = Arc::new(Self::default());
        tier.observe(heard.clone());
        heard
    }

    pub(crate) fn told(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Heard {
    fn departed(&self, _: Departure<'_>) {}

    fn changed(&self, tier: &'static str, what: Changed<'_>) {
        assert_eq!(tier, "redis");
        self.0.lock().unwrap().push(match what {
            Changed::Entry { category, key } => format!("{category}/{key}"),
            Changed::Category(category) => format!("{category}/*"),
            Changed::Anything => "*".into(),
        });
    }
}

#[test]
fn changes_of_others_are_told_in_order_and_own_ones_are_not() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let [one, other, stranger] =
        ["p", "p", "q"].map(|prefix| patient().prefix(prefix).open(&redis.url()).unwrap());
    let heard = Heard::by(&one);
    let keys = ["k", "", " ", "a b", "a\nb\r\n", "\0", "😀", &"k".repeat(60_000)];
    let values = other.typed::<u32>("c").unwrap();
    keys.iter().for_each(|key| values.insert(key, &1).unwrap());
    values.remove("k").unwrap();
    values.clear().unwrap();
    one.typed::<u32>("c").unwrap().insert("mine", &1).unwrap();
    stranger.typed::<u32>("c").unwrap().insert("theirs", &1).unwrap();
    assert!(one.catch_up(PATIENCE));
    let told: Vec<_> = keys.iter().chain(&["k", "*", "*"]).map(|key| format!("c/{key}")).collect();
    assert_eq!(heard.told(), told);
}

#[test]
fn message_that_says_nothing_known_may_mean_anything() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let mut raw = raw(&redis.url());
    let tier = patient().open(&redis.url()).unwrap();
    let heard = Heard::by(&tier);
    for text in ["", "nonsense", "0123456789abcdef ! c", "0123456789abcdef = c", "\0\0\0"] {
        ask::<usize>(&mut raw, &["PUBLISH", CHANNEL, text]);
    }
    let () = redis::cmd("PUBLISH").arg(CHANNEL).arg(b"\xff\xfe").query(&mut raw).unwrap();
    ask::<usize>(&mut raw, &["PUBLISH", CHANNEL, &"x".repeat(1 << 20)]);
    ask::<usize>(&mut raw, &["PUBLISH", CHANNEL, "0123456789abcdef ? 18446744073709551615"]);
    ask::<usize>(&mut raw, &["PUBLISH", CHANNEL, "0123456789abcdef = c k"]);
    assert!(tier.catch_up(PATIENCE));
    assert_eq!(heard.told(), ["*", "*", "*", "*", "*", "*", "*", "c/k"]);
    assert_eq!(tier.health().resyncs, 1);
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a destructor of what the user's destructor panicked with");
    }
}

/// Panics when it hears of `bad` or `worse`.
#[derive(Debug)]
struct Panics(Arc<Heard>);

impl Observer for Panics {
    fn departed(&self, _: Departure<'_>) {}

    fn changed(&self, tier: &'static str, what: Changed<'_>) {
        assert_ne!(what, Changed::Entry { category: "c", key: "bad" }, "a destructor of the user's");
        if what == (Changed::Entry { category: "c", key: "worse" }) {
            std::panic::panic_any(Bomb);
        }
        self.0.changed(tier, what);
    }
}

#[test]
fn observer_that_panics_hears_of_what_comes_after() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let tier = patient().open(&redis.url()).unwrap();
    let heard = Heard::by(&tier);
    tier.observe(Arc::new(Panics(heard.clone())));
    let values = patient().open(&redis.url()).unwrap().typed::<u32>("c").unwrap();
    for key in ["good", "bad", "better", "worse", "best"] {
        values.insert(key, &1).unwrap();
    }
    assert!(tier.catch_up(PATIENCE));
    assert_eq!(heard.told(), ["c/good", "c/better", "c/best"]);
    assert_eq!(tier.health().resyncs, 1);
}

#[test]
fn flood_is_heard_or_its_loss_is() {
    if !has_redis() {
        return;
    }
    // So little room that the server gives up on who is slow.
    let redis = Redis::start_with(&["--client-output-buffer-limit", "pubsub 64kb 0 0"]);
    let tier = patient().open(&redis.url()).unwrap();
    let heard = Heard::by(&tier);
    let values = patient().open(&redis.url()).unwrap().typed::<u32>("c").unwrap();
    let mut raw = raw(&redis.url());
    let mut flood = redis::pipe();
    for i in 0..20_000 {
        flood
            .cmd("PUBLISH")
            .arg(CHANNEL)
            .arg(format!("0123456789abcdef = c {}", "k".repeat(i % 1_000)))
            .ignore();
    }
    let () = flood.query(&mut raw).unwrap();
    values.insert("last", &1).unwrap();
    until("the last one is heard of", || {
        let told = heard.told();
        told.iter().any(|told| told == "c/last") || told.last().is_some_and(|told| told == "*")
    });
    until("changes are heard of", || tier.catch_up(PATIENCE));
}

#[test]
fn copies_are_untrue_when_the_channel_is_lost_and_when_it_is_back() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let mut raw = raw(&redis.url());
    let tier = patient().open(&redis.url()).unwrap();
    let heard = Heard::by(&tier);
    ask::<usize>(&mut raw, &["CLIENT", "KILL", "TYPE", "pubsub"]);
    until("changes are heard of again", || tier.health().resyncs == 2 && tier.health().is_listening);
    assert_eq!(heard.told(), ["*", "*"]);
    let health = tier.health();
    assert_eq!((health.outages, health.failures, health.is_away), (0, 0, false), "the server answers");
}

#[test]
fn message_that_comes_in_pieces_is_heard() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let proxy = Proxy::start(&redis);
    let tier = patient().open(&proxy.url()).unwrap();
    let heard = Heard::by(&tier);
    // Longer than the listener waits before it asks whether the server is there.
    proxy.delay(700);
    let values = patient().open(&redis.url()).unwrap().typed::<u32>("c").unwrap();
    for i in 0..2_000 {
        values.insert(&i.to_string(), &i).unwrap();
    }
    let told: Vec<_> = (0..2_000).map(|i| format!("c/{i}")).collect();
    until("all of it is heard", || heard.told().len() >= told.len());
    assert_eq!(heard.told(), told);
    assert_eq!(tier.health().resyncs, 1);
}
