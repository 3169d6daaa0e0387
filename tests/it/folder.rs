use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use warmstart::{
    Bytes, Cache, CacheOptions, ErrorKind, Level, Route, Routes, core::ManualClock, sqlite::SqliteCache,
};

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Task {
    title: String,
    hours: f32,
    tags: Vec<String>,
}

fn task(title: &str) -> Task {
    Task { title: title.into(), hours: 1.5, tags: vec!["a".into(), "ü".into()] }
}

fn strict(dir: &Path) -> Cache {
    CacheOptions::new().dir(dir).open_strict().unwrap()
}

#[test]
fn all_nine_categories_work_and_those_at_home_on_disk_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let names: Vec<String> = Routes::reference().iter().map(|(name, _)| name.to_owned()).collect();
    let cache = strict(dir.path());
    for name in &names {
        let tasks = cache.category::<Vec<Task>>(name).unwrap();
        tasks.insert(name, vec![task(name)]).unwrap();
        assert_eq!(tasks.get(name), Some(vec![task(name)].into()));
    }
    cache.close().unwrap();
    drop(cache);

    let cache = strict(dir.path());
    for (name, route) in Routes::reference().iter() {
        let found = cache.category::<Vec<Task>>(name).unwrap().get(name);
        let expected = (route.level() != Level::L1).then(|| Arc::new(vec![task(name)]));
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn dropping_the_last_handle_stores_what_was_inserted() {
    let dir = tempfile::tempdir().unwrap();
    let cache = strict(dir.path());
    let tasks = cache.category::<Task>("task_lists").unwrap();
    drop(cache);
    tasks.insert("k", task("t")).unwrap();
    drop(tasks);
    assert_eq!(strict(dir.path()).category::<Task>("task_lists").unwrap().get("k"), Some(task("t").into()));
}

#[test]
fn entry_expires_on_disk_too() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let open = || CacheOptions::new().dir(dir.path()).clock(clock.clone()).open_strict().unwrap();
    open().category::<Task>("task_lists").unwrap().insert("k", task("t")).unwrap();
    clock.advance(Duration::from_secs(3_599));
    assert!(open().category::<Task>("task_lists").unwrap().contains("k"));
    clock.advance(Duration::from_secs(1));
    assert_eq!(open().category::<Task>("task_lists").unwrap().get("k"), None);
}

#[test]
fn changed_type_finds_nothing_instead_of_something_wrong() {
    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct Before {
        width: u32,
        height: u32,
    }
    mod after {
        #[derive(serde::Serialize, serde::Deserialize, Debug, PartialEq)]
        #[serde(rename = "Before")]
        pub(super) struct Swapped {
            pub(super) height: u32,
            pub(super) width: u32,
        }
    }
    let dir = tempfile::tempdir().unwrap();
    strict(dir.path())
        .category::<Before>("chart_data")
        .unwrap()
        .insert("k", Before { width: 1, height: 2 })
        .unwrap();
    let cache = strict(dir.path());
    let charts = cache.category::<after::Swapped>("chart_data").unwrap();
    assert_eq!(charts.get("k"), None);
    charts.insert("k", after::Swapped { height: 3, width: 4 }).unwrap();
    assert_eq!(charts.get("k").unwrap().height, 3);
}

#[test]
fn unusable_folder_leaves_a_cache_in_memory_that_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "in the way").unwrap();
    for unusable in [file.clone(), file.join("below")] {
        let cache = warmstart::open_dir(&unusable).unwrap();
        let why = cache.stats().degraded.unwrap();
        assert!(why.contains("file"), "{why}");
        assert!(cache.stats().to_string().contains("does without a tier"));
        let tasks = cache.category::<Task>("task_lists").unwrap();
        tasks.insert("k", task("t")).unwrap();
        assert_eq!(tasks.get("k"), Some(task("t").into()));
        assert_eq!(*tasks.get_or_load("l", || Ok::<_, std::io::Error>(task("l"))).unwrap(), task("l"));
        cache.close().unwrap();
        assert!(CacheOptions::new().dir(&unusable).open_strict().is_err());
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "in the way");
}

#[test]
fn category_that_is_to_be_shared_is_not_kept_here_without_a_word() {
    let options = || CacheOptions::new().routes(Routes::empty().with("baskets", Route::redis()));
    let cache = options().open().unwrap();
    assert!(cache.degraded().unwrap().contains("a category is at home in l4"), "{:?}", cache.degraded());
    let error = options().open_strict().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidRoute(_)), "{error}");
}

#[test]
fn option_out_of_range_is_an_error_in_any_case() {
    let dir = tempfile::tempdir().unwrap();
    let options = CacheOptions::new().dir(dir.path()).sqlite(SqliteCache::options().byte_limit(0));
    assert!(matches!(options.open().unwrap_err().kind(), ErrorKind::InvalidOption(_)));
}

#[test]
fn database_of_another_program_is_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.db");
    fs::write(&path, "letters to my grandmother").unwrap();
    let error = CacheOptions::new().dir(dir.path()).open_strict().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Foreign(_)), "{error}");
    assert!(warmstart::open_dir(dir.path()).unwrap().stats().degraded.is_some());
    assert_eq!(fs::read_to_string(&path).unwrap(), "letters to my grandmother");
}

#[test]
fn folder_of_something_else_is_not_touched_and_costs_the_file_tier_only() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("files/analytics_results")).unwrap();
    fs::write(dir.path().join("files/analytics_results/letter"), "dear grandmother").unwrap();
    let error = CacheOptions::new().dir(dir.path()).open_strict().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Foreign(_)), "{error}");
    let cache = warmstart::open_dir(dir.path()).unwrap();
    assert!(cache.degraded().unwrap().contains("files"), "{:?}", cache.degraded());
    let results = cache.category::<Task>("analytics_results").unwrap();
    results.insert("k", task("t")).unwrap();
    cache.clear_all().unwrap();
    assert_eq!(
        fs::read_to_string(dir.path().join("files/analytics_results/letter")).unwrap(),
        "dear grandmother"
    );
    let home = |name: &str| cache.stats().categories.iter().find(|found| found.name == name).unwrap().home;
    assert_eq!((home("analytics_results"), home("week_data")), (Level::L2, Level::L2));
}

#[test]
fn value_larger_than_memory_would_like_is_streamed() {
    let dir = tempfile::tempdir().unwrap();
    let exports = strict(dir.path()).bytes("export_data").unwrap();
    let mut writer = exports.writer("all.csv").unwrap();
    for line in 0..300_000 {
        writeln!(writer, "{line},2026-W47,ada").unwrap();
    }
    assert!(exports.reader("all.csv").is_none());
    writer.commit().unwrap();
    let lines = BufReader::new(exports.reader("all.csv").unwrap()).lines();
    for (number, line) in lines.enumerate() {
        assert_eq!(line.unwrap(), format!("{number},2026-W47,ada"));
    }
    let info = &exports.entries().unwrap()[0];
    assert!(info.size < 2_000_000 && info.access_count == 1, "{info:?}");
}

#[test]
fn clear_all_also_clears_categories_of_earlier_programs() {
    let dir = tempfile::tempdir().unwrap();
    for route in [Route::sqlite(), Route::file()] {
        let routes = |name: &'static str| Routes::empty().with(name, route.clone());
        let open = |name| CacheOptions::new().dir(dir.path()).routes(routes(name)).open_strict().unwrap();
        open("before").category::<Task>("before").unwrap().insert("k", task("t")).unwrap();
        let now = open("now");
        now.category::<Task>("now").unwrap().insert("k", task("t")).unwrap();
        now.clear_all().unwrap();
        assert_eq!(now.category::<Task>("now").unwrap().get("k"), None);
        now.close().unwrap();
        assert_eq!(open("before").category::<Task>("before").unwrap().get("k"), None);
    }
}

#[test]
fn statistics_after_the_end_count_no_failures() {
    let dir = tempfile::tempdir().unwrap();
    let cache = strict(dir.path());
    cache.close().unwrap();
    assert_eq!((cache.stats().errors, cache.stats().errors), (0, 0));
}

#[test]
fn refused_value_leaves_everything_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let cache = strict(dir.path());
    // Bytes of a generator by Marsaglia (xorshift32), which no compression makes smaller.
    let xorshift = |&seed: &u32| {
        let seed = seed ^ (seed << 13);
        let seed = seed ^ (seed >> 17);
        Some(seed ^ (seed << 5))
    };
    let noise: Vec<u8> =
        std::iter::successors(Some(1), xorshift).map(|word| word.to_le_bytes()[1]).take(5_000).collect();
    for route in [Route::memory(), Route::sqlite(), Route::file()] {
        let blobs = cache.define_bytes(&format!("blobs_{}", route.level()), route.budget(2_000)).unwrap();
        blobs.insert("k", Bytes::copy_from_slice(&noise[..1_000])).unwrap();
        let error = blobs.insert("k", Bytes::from(noise.clone())).unwrap_err();
        let &ErrorKind::TooLarge { size, limit } = error.kind() else { panic!("{error}") };
        assert!(size >= 5_000 && limit == 2_000, "{error}");
        assert_eq!(**blobs.get("k").unwrap(), noise[..1_000]);
    }
}
