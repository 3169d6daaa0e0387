//! The configuration: what is written, and where it ends up.

mod errors;
mod original;

use std::{fs, path::Path, time::Duration};

use warmstart::{
    Cache, Config, Level, Route, Routes, Ttl, config::CategoryConfig, core::ManualClock, minutes, seconds,
};

/// The configuration with `text` in a folder of its own.
fn read(text: &str) -> (tempfile::TempDir, Config) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("planner.toml");
    fs::write(&path, text).unwrap();
    let config = Config::from_file(path).unwrap();
    (dir, config)
}

fn route(text: &str, name: &str) -> Route {
    let routes = Config::from_str(text).unwrap().routes().unwrap();
    routes.iter().find(|(known, _)| *known == name).unwrap().1.clone()
}

#[test]
fn empty_text_is_the_default() {
    let default = Config::default();
    assert_eq!(Config::from_str("").unwrap(), default);
    assert_eq!(default.routes().unwrap(), Routes::reference());
    assert_eq!(default.sqlite_cache.db_path, Path::new("cache/cache.db"));
    assert_eq!(default.file_cache.cache_dir, Path::new("cache/files"));
}

#[test]
fn known_category_changes_only_in_what_is_written() {
    let text = "[categories]\nchart_data.max_size = '1 GiB'\nuser_preferences.max_size = '2MB'\n\
                week_data.ttl = 'never'";
    let expected = Routes::reference();
    let expected = expected
        .with("chart_data", route("", "chart_data").budget(1 << 30))
        .with("user_preferences", route("", "user_preferences").budget("2MB"))
        .with("week_data", route("", "week_data").ttl(Ttl::Never));
    assert_eq!(Config::from_str(text).unwrap().routes().unwrap(), expected);
}

#[test]
fn new_category_lives_for_the_default_time_in_memory_and_without_end_elsewhere() {
    let text = "memory_cache.default_ttl = '10m'\n[categories]\nm.tier = 'l1'\ns.tier = 'l2'\nf.tier = 'l3'";
    assert_eq!(route(text, "m"), Route::memory().ttl(minutes(10)));
    assert_eq!(route(text, "s"), Route::sqlite());
    assert_eq!(route(text, "f"), Route::file());
    assert_eq!(route(&format!("{text}\nm.ttl = 5"), "m"), Route::memory().ttl(seconds(5)));
    assert_eq!(route(text, "ui_state"), route("", "ui_state"), "it has a ttl of its own");
}

#[test]
fn category_made_in_code_without_a_tier_is_an_error() {
    let mut config = Config::default();
    config.categories.insert("thumbs".into(), CategoryConfig::default());
    assert_eq!(
        warmstart::open(&config).unwrap_err().to_string(),
        "category \"thumbs\": not a usable route: it is none of ui_state, user_preferences, current_week, \
         week_data, task_lists, aggregated_stats, analytics_results, chart_data, export_data, so it needs a `tier`"
    );
}

#[test]
fn relative_paths_begin_at_the_folder_of_the_file() {
    let (dir, config) = read("");
    warmstart::open(&config).unwrap().close().unwrap();
    assert!(dir.path().join("cache/cache.db").is_file());
    assert_eq!(config.file_cache.cache_dir, dir.path().join("cache/files"));

    let path = Config::from_file("examples/warmstart.toml").unwrap().sqlite_cache.db_path;
    assert!(path.is_absolute(), "the process may be in another folder when it opens the cache");
    assert!(path.ends_with("examples/cache/cache.db"));

    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join("elsewhere.db");
    let (_dir, config) = read(&format!("sqlite_cache.db_path = {path:?}"));
    assert_eq!(config.sqlite_cache.db_path, path);
}

#[test]
fn application_has_its_files_in_a_folder_of_its_own_name() {
    let config = Config::for_app("planner").unwrap();
    let folder = config.sqlite_cache.db_path.parent().unwrap();
    assert!(folder.is_absolute() && folder.components().any(|part| part.as_os_str() == "planner"));
    assert_eq!(config.sqlite_cache.db_path, folder.join("cache.db"));
    assert_eq!(config.file_cache.cache_dir, folder.join("files"));
    assert_eq!(config.memory_cache, Config::default().memory_cache);
    assert!(Config::for_app("Größe 2.0_b-1").is_ok());
}

#[test]
fn unusable_database_leaves_a_cache_without_it_and_strictly_none() {
    let (dir, config) = read("sqlite_cache.db_path = 'planner.toml'");
    let cache = warmstart::open(&config).unwrap();
    assert!(cache.degraded().unwrap().contains("planner.toml"), "{:?}", cache.degraded());
    cache.category::<u32>("week_data").unwrap().insert("k", 1).unwrap();
    assert!(config.options().unwrap().open_strict().is_err());
    assert!(fs::read_to_string(dir.path().join("planner.toml")).unwrap().starts_with("sqlite_cache"));
}

#[test]
fn cache_without_several_tiers_says_so_of_each() {
    let (_dir, config) = read("sqlite_cache.db_path = 'planner.toml'\nfile_cache.cache_dir = 'planner.toml'");
    let cache = warmstart::open(&config).unwrap();
    assert_eq!(cache.degraded().unwrap().matches("planner.toml").count(), 2, "{:?}", cache.degraded());
    cache.category::<u32>("chart_data").unwrap().insert("k", 1).unwrap();
    assert_eq!(home(&cache, "chart_data"), Level::L1);
}

#[test]
fn cleanup_interval_is_that_of_the_cache() {
    let (_dir, mut config) = read("");
    config.memory_cache.cleanup_interval = Duration::ZERO;
    let error = config.options().unwrap().open_strict().unwrap_err().to_string();
    assert!(error.contains("a cleanup interval of zero"), "{error}");
}

#[test]
fn largest_numbers_are_as_good_as_no_bound() {
    let most = i64::MAX;
    let (_dir, config) = read(&format!(
        "[memory_cache]\nmax_size = {most}\ndefault_ttl = {most}\ncleanup_interval = {most}\n\
         [categories.m]\ntier = 'l1'\nmax_size = '18 EB'\n\
         [categories.s]\ntier = 'l2'\nttl = {most}\nmax_size = {most}"
    ));
    let cache = config.options().unwrap().open_strict().unwrap();
    for name in ["m", "s"] {
        let numbers = cache.category::<u32>(name).unwrap();
        numbers.insert("k", 1).unwrap();
        assert_eq!(numbers.get("k").as_deref(), Some(&1));
    }
    cache.close().unwrap();
}

fn home(cache: &Cache, name: &str) -> Level {
    cache.stats().categories.iter().find(|category| category.name == name).unwrap().home
}
