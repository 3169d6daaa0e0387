//! The section of a configuration.

use std::fs;

use tempfile::TempDir;
use warmstart::{Cache, Config, Level, Result, redis::RedisConfig};

use crate::redis_server::{Redis, has_redis};

/// The cache that a file with `text` describes, with its other files beside that one.
fn open(text: &str, dir: &TempDir) -> Result<Cache> {
    let path = dir.path().join("planner.toml");
    fs::write(&path, text).unwrap();
    warmstart::open(&Config::from_file(path).unwrap())
}

#[test]
fn category_at_home_at_a_server_is_found_by_another_program() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let text = format!(
        "redis_cache.url = '{}'\nredis_cache.prefix = 'planner'\n[categories.week_data]\ntier = 'l4'\nttl = 60",
        redis.url()
    );
    let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let cache = open(&text, &dirs[0]).unwrap();
    cache.category::<String>("week_data").unwrap().insert("2026-W47", "forty hours".to_owned()).unwrap();
    let stats = cache.stats();
    let week_data = stats.categories.iter().find(|category| category.name == "week_data").unwrap();
    assert_eq!((week_data.home, week_data.tiers[1].usage), (Level::L4, None));
    assert!(redis.cli(&["PTTL", "planner:week_data:2026-W47"]).parse::<u64>().unwrap() > 50_000);

    let other = open(&text, &dirs[1]).unwrap();
    assert_eq!(*other.category::<String>("week_data").unwrap().get("2026-W47").unwrap(), "forty hours");
}

#[test]
fn without_a_url_there_is_no_such_tier() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open("[categories.week_data]\ntier = 'l4'", &dir).unwrap();
    assert!(cache.stats().categories.iter().all(|category| category.home < Level::L4));
}

#[test]
fn keys_begin_with_the_name_of_the_application() {
    assert_eq!(Config::default().redis_cache, RedisConfig::default());
    assert_eq!(Config::for_app("My planner").unwrap().redis_cache.prefix, "My planner");
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_without_the_password() {
    let error = |text: &str| Config::from_str(text).unwrap_err().to_string();
    let told = error("[redis_cache]\nurl = 'http://user:secret@host'");
    assert!(told.starts_with("2:7: redis_cache.url: ") && told.contains("redis://host:6379"), "{told}");
    assert!(!told.contains("secret"), "{told}");
    assert!(!error("[redis_cache]\nurl = 'redis://:p@ss:word@host:port'").contains("ss:word"));
    assert!(!error("[redis_cache]\nurl = 'redis://:hush,zz@host'").contains("hush"));
    assert_eq!(
        error("[redis_cache]\nprefix = 'a*'"),
        "2:10: redis_cache.prefix: invalid value: string \"a*\", expected 1 to 128 bytes without * ? [ ] \\ ^ and control \
         characters"
    );
    assert!(error("[redis_cache]\ntimeout = 0").starts_with("2:11: redis_cache.timeout: "));
}

#[test]
fn budget_that_nobody_would_keep_is_refused() {
    let text = "redis_cache.url = 'redis://localhost'\n[categories.chart_data]\ntier = 'l4'";
    let dir = tempfile::tempdir().unwrap();
    let error = open(text, &dir).unwrap_err().to_string();
    assert!(error.contains("chart_data") && error.contains("write \"unlimited\""), "{error}");
    open(&format!("{text}\nmax_size = 'unlimited'"), &dir).unwrap();
}
