//! The complete configuration, each value followed to where it ends up.

use warmstart::{
    Bytes, Compression, ErrorKind,
    config::{AsyncLoading, LazyImports, MigrationOptimization, StartupConfig},
    core::Budget,
    file::FileConfig,
    memory::{EvictionPolicy, MemoryConfig},
    sqlite::{JournalMode, Pragmas, SqliteConfig, Synchronous, TempStore},
};

use super::*;

const ORIGINAL: &str = include_str!("../../../examples/warmstart.toml");

#[test]
fn every_value_of_the_sections_is_read() {
    let config = Config::from_str(ORIGINAL).unwrap();
    let default_ttl = seconds(300).into();
    let cleanup_interval = seconds(60);
    let eviction_policy = EvictionPolicy::Adaptive;
    assert_eq!(
        config.memory_cache,
        MemoryConfig { max_size: 1000, default_ttl, cleanup_interval, eviction_policy }
    );
    let pragma_settings = Pragmas::new()
        .journal_mode(JournalMode::Memory)
        .synchronous(Synchronous::Off)
        .temp_store(TempStore::Memory)
        .cache_size(50_000)
        .mmap_size(268_435_456);
    assert_eq!(config.sqlite_cache, SqliteConfig { db_path: "cache/cache.db".into(), pragma_settings });
    let max_file_size = Budget::Bytes(10_000_000);
    assert_eq!(
        config.file_cache,
        FileConfig { cache_dir: "cache/files".into(), compression: Compression::Lz4, max_file_size }
    );
    let defer_heavy = vec!["authors".into()];
    let delay = |name: &str, millis| (name.into(), Duration::from_millis(millis));
    let component_delays = [delay("analysis", 0), delay("export", 200)].into();
    let startup = StartupConfig {
        lazy_imports: LazyImports { enabled: true, defer_heavy },
        async_loading: AsyncLoading { enabled: true, component_delays },
        migration_optimization: MigrationOptimization {
            enabled: true,
            batch_size: 1000,
            timeout: seconds(30),
        },
    };
    assert_eq!(config.startup, startup);
    assert_eq!(config.categories["week_data"].description.as_deref(), Some("Weeks as they were read"));
}

#[test]
fn every_category_has_its_route() {
    let (memory, sqlite, file) = (Route::memory, Route::sqlite, Route::file);
    let expected = [
        ("ui_state", memory().ttl(seconds(300)).budget("1MB")),
        ("user_preferences", memory().ttl(seconds(3600)).budget("100KB")),
        ("current_week", memory().ttl(seconds(1800)).budget("500KB")),
        ("week_data", sqlite().ttl(seconds(7200)).compression(Compression::None)),
        ("task_lists", sqlite().ttl(seconds(3600))),
        ("aggregated_stats", sqlite().ttl(seconds(1800))),
        ("analytics_results", file().ttl(seconds(86400)).budget("100MB").compression(Compression::Lz4)),
        ("chart_data", file().ttl(seconds(3600)).budget("50MB").compression(Compression::Lz4)),
        ("export_data", file().ttl(seconds(1800)).budget("20MB").compression(Compression::Zstd)),
    ];
    let config = Config::from_str(ORIGINAL).unwrap();
    assert_eq!(config.categories.len(), 9);
    let routes = config.routes().unwrap();
    assert_eq!(routes.iter().collect::<Vec<_>>(), expected.each_ref().map(|(name, route)| (*name, route)));
}

#[test]
fn what_the_documentation_calls_default_is() {
    let mut config = Config::from_str(ORIGINAL).unwrap();
    config.sqlite_cache.pragma_settings = Pragmas::default();
    config.categories.get_mut("week_data").unwrap().compression = None;
    assert_eq!(config.routes().unwrap(), Routes::reference());
    config.categories.clear();
    config.startup.lazy_imports.defer_heavy.clear();
    config.startup.async_loading.component_delays.clear();
    assert_eq!(config, Config::default());
}

#[test]
fn readme_shows_what_can_be_read() {
    let readme = include_str!("../../../README.md");
    let (_, section) = readme.split_once("\n## Configuration\n").unwrap();
    let (_, block) = section.split_once("```toml\n").unwrap();
    let config = Config::from_str(block.split_once("```").unwrap().0).unwrap();
    assert_eq!((config.memory_cache.max_size, config.categories.len()), (5_000, 2));
}

#[test]
fn entries_live_at_home_for_their_time_and_no_longer() {
    let (_dir, config) = read(ORIGINAL);
    let clock = ManualClock::new();
    let cache = config.options().unwrap().clock(clock.clone()).open_strict().unwrap();
    let mut ttls = Vec::new();
    for (name, route) in config.routes().unwrap().iter() {
        let Ttl::After(ttl) = route.default_ttl() else { panic!("{name}") };
        cache.category::<u32>(name).unwrap().insert("k", 1).unwrap();
        assert_eq!(home(&cache, name), route.level(), "{name}");
        ttls.push((ttl, name.to_owned()));
    }
    ttls.sort();
    let mut now = Duration::ZERO;
    for (ttl, name) in ttls {
        let numbers = cache.category::<u32>(&name).unwrap();
        clock.advance((ttl - now).saturating_sub(seconds(1)));
        assert!(ttl <= now || numbers.contains("k"), "{name}");
        clock.advance((ttl - now).min(seconds(1)));
        now = ttl;
        assert!(!numbers.contains("k"), "{name}");
    }
}

#[test]
fn files_are_where_and_as_large_as_written() {
    let (dir, config) = read(&format!("{ORIGINAL}\n[categories.thumbs]\ntier = 'l3'\ncompression = 'none'"));
    let cache = warmstart::open(&config).unwrap();
    let value = Bytes::from(vec![0; 10_000_001]);
    let error = cache.bytes("thumbs").unwrap().insert("k", value.clone()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooLarge { limit: 10_000_000, .. }), "{error}");
    // Their own budgets are larger, and they are compressed.
    for name in ["analytics_results", "chart_data", "export_data"] {
        cache.bytes(name).unwrap().insert("k", value.clone()).unwrap();
        assert!(dir.path().join("cache/files").join(name).is_dir());
        let stats = cache.stats();
        let stored =
            stats.categories.iter().find(|category| category.name == name).unwrap().tiers[1].usage.unwrap();
        assert!(stored.entries == 1 && stored.bytes < 100_000, "{name}: {stored:?}");
    }
}

#[test]
fn bounds_of_memory_hold() {
    let (_dir, config) = read(ORIGINAL);
    let cache = warmstart::open(&config).unwrap();
    for (name, limit) in [("ui_state", 1_000_000), ("user_preferences", 100_000), ("current_week", 500_000)] {
        let blobs = cache.bytes(name).unwrap();
        let error = blobs.insert("k", Bytes::from(vec![0; 1_000_000])).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::TooLarge { limit: l, .. } if *l == limit), "{error}");
        blobs.insert("k", Bytes::from(vec![0; 90_000])).unwrap();
    }
}

#[test]
fn there_are_never_more_entries_in_memory_than_written() {
    for max_size in [1_000, 7] {
        let (_dir, config) = read(&ORIGINAL.replace("max_size = 1000 ", &format!("max_size = {max_size} ")));
        let cache = warmstart::open(&config).unwrap();
        let blobs = cache.bytes("ui_state").unwrap();
        for n in 0..1_500 {
            blobs.insert(&n.to_string(), Bytes::from_static(b"v")).unwrap();
            assert!(cache.stats().tiers[0].usage.unwrap().entries <= max_size);
        }
        assert_eq!(cache.stats().tiers[0].usage.unwrap().entries, max_size);
    }
}

#[test]
fn pragmas_decide_on_the_journal() {
    for (text, with_log) in [(ORIGINAL, false), ("", true)] {
        let (dir, config) = read(text);
        let cache = warmstart::open(&config).unwrap();
        cache.category::<u32>("week_data").unwrap().insert("k", 1).unwrap();
        cache.flush().unwrap();
        assert_eq!(dir.path().join("cache/cache.db-wal").exists(), with_log);
    }
}
