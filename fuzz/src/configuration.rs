//! Texts that may be a configuration.

use std::fs;

use arbitrary::{Arbitrary, Unstructured};
use warmstart::{Budget, Config, ConfigError, Level, Ttl, loader::Loader, migrate::Migrator};

use crate::scratch;

/// What configurations are made of, and what looks like it.
const PIECES: [&str; 96] = [
    "[memory_cache]\n",
    "[sqlite_cache]\n",
    "[sqlite_cache.pragma_settings]\n",
    "[file_cache]\n",
    "[categories.week_data]\n",
    "[categories.ui_state]\n",
    "[categories.mine]\n",
    "[categories.'a b']\n",
    "[categories]\n",
    "[startup]\n",
    "[startup.lazy_imports]\n",
    "[startup.async_loading]\n",
    "[startup.async_loading.component_delays]\n",
    "[startup.migration_optimization]\n",
    "[[file_cache]]\n",
    "max_size = ",
    "default_ttl = ",
    "cleanup_interval = ",
    "eviction_policy = ",
    "db_path = ",
    "journal_mode = ",
    "synchronous = ",
    "temp_store = ",
    "cache_size = ",
    "mmap_size = ",
    "cache_dir = ",
    "compression = ",
    "max_file_size = ",
    "tier = ",
    "ttl = ",
    "description = ",
    "enabled = ",
    "defer_heavy = ",
    "batch_size = ",
    "timeout = ",
    "analysis = ",
    "memory_cache = ",
    "startup = ",
    "categories = ",
    "memory_cache.max_size = ",
    "lazy_imports.enabled = ",
    "'max_size' = ",
    "\"ttl\" = ",
    "1000\n",
    "0\n",
    "-1\n",
    "300\n",
    "50000\n",
    "268435456\n",
    "9223372036854775807\n",
    "1e3\n",
    "nan\n",
    "0x10\n",
    "1_000\n",
    "true\n",
    "false\n",
    "\"5m\"\n",
    "\"2h 30m\"\n",
    "\"1ns\"\n",
    "\"never\"\n",
    "\"10MB\"\n",
    "\"1 MiB\"\n",
    "\"18446744073709551615\"\n",
    "\"16 EiB\"\n",
    "\"unlimited\"\n",
    "\"l1\"\n",
    "\"l2\"\n",
    "\"l3\"\n",
    "\"L4\"\n",
    "\"lz4\"\n",
    "\"zstd\"\n",
    "\"none\"\n",
    "\"lru\"\n",
    "\"adaptive\"\n",
    "\"WAL\"\n",
    "\"MEMORY\"\n",
    "\"OFF\"\n",
    "\"FULL\"\n",
    "\"cache/cache.db\"\n",
    "\"\"\n",
    "\"\\u0000\"\n",
    "'''\nlong\n'''\n",
    "[\"a\", \"b\"]\n",
    "[]\n",
    "{}\n",
    "{ enabled = true }\n",
    "1979-05-27\n",
    "\n",
    "\r\n",
    "# note\n",
    " = ",
    ".",
    "\"",
    "\u{feff}",
    "ü",
    "\t",
];

#[derive(Debug, Arbitrary)]
enum Part<'a> {
    Piece(u8),
    Text(&'a str),
}

fn text(data: &[u8]) -> Option<String> {
    // What begins as text is text: corpora are read by people.
    let Some((0, data)) = data.split_first().map(|(first, rest)| (*first, rest)) else {
        return std::str::from_utf8(data).ok().map(str::to_owned);
    };
    let parts = Vec::<Part<'_>>::arbitrary_take_rest(Unstructured::new(data)).ok()?;
    let piece = |part: &Part<'_>| match part {
        Part::Piece(place) => PIECES[usize::from(*place) % PIECES.len()].to_owned(),
        Part::Text(text) => (*text).to_owned(),
    };
    Some(parts.iter().map(piece).collect())
}

/// A text is a configuration with values in range, or an error with its place. A file is what its text is.
pub fn run(data: &[u8]) {
    let Some(text) = text(data) else {
        let dir = scratch::folder();
        let path = dir.path().join("warmstart.toml");
        fs::write(&path, data).expect("a file can be written");
        let error = Config::from_file(&path).expect_err("the file is not UTF-8");
        assert!(error.to_string().contains("warmstart.toml") && error.message().contains("UTF-8"), "{error}");
        return;
    };
    let outcome = Config::from_str(&text);
    match &outcome {
        Ok(config) => check(config),
        Err(error) => check_error(error, &text),
    }
    if !text.starts_with('\u{feff}') {
        let marked = Config::from_str(&format!("\u{feff}{text}"));
        assert_eq!(marked.map_err(|error| error.to_string()), outcome.map_err(|error| error.to_string()));
    }
}

fn check(config: &Config) {
    let routes = config.routes().expect("routes of a configuration that was read");
    for (name, route) in routes.iter() {
        assert!(route.byte_limit() > 0 && route.default_ttl() != Ttl::After(std::time::Duration::ZERO));
        assert!(Level::ALL.contains(&route.level()) && name.len() <= 64);
    }
    let _ = config.options().expect("options of a configuration that was read");
    config.memory_cache.tier_builder().build().expect("bounds over zero");
    assert!(!config.memory_cache.cleanup_interval.is_zero());
    assert!(!config.sqlite_cache.db_path.as_os_str().is_empty());
    assert!(!config.file_cache.cache_dir.as_os_str().is_empty());
    assert_ne!(config.file_cache.max_file_size, Budget::Bytes(0));
    let startup = &config.startup;
    assert!(startup.migration_optimization.batch_size > 0);
    let _ = startup.migration_optimization.apply(Migrator::new(warmstart::migrate::Migrations::new()));
    let mut loader = Loader::new();
    for name in startup.async_loading.component_delays.keys() {
        loader.add(name, (), |_, ()| Ok(()));
    }
    let _ = startup.async_loading.apply(loader).build().expect("every delay has its component");
}

fn check_error(error: &ConfigError, text: &str) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (line, column, shown) = (error.line(), error.column(), error.to_string());
    assert!(line >= 1 && column >= 1 && !error.message().is_empty(), "{shown}");
    assert!(shown.starts_with(&format!("{line}:{column}: ")) && shown.ends_with(error.message()), "{shown}");
    if let Some(key) = error.key() {
        // The middle of what is too long to read is left out.
        let begin = &key[..key.floor_char_boundary(300)];
        assert!(!key.is_empty() && shown.contains(begin) && shown.len() < 1_500, "{shown}");
    }
    let held = text.split('\n').nth(line - 1);
    let held = held.unwrap_or_else(|| panic!("{shown}: there is no such line"));
    assert!(column <= held.chars().count() + 1, "{shown}: the line is {held:?}");
}
