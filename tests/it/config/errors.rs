//! Errors: what is wrong, where, and what would be right.

use std::io;

use proptest::{prelude::*, sample::Index};
use warmstart::{ConfigError, ErrorKind};

use super::*;

const ORIGINAL: &str = include_str!("../../../examples/warmstart.toml");

fn error(text: &str) -> ConfigError {
    Config::from_str(text).unwrap_err()
}

/// Each text has the error beside it, in a build without the feature `redis`, which has one section more.
fn check<'a>(cases: impl IntoIterator<Item = (&'a str, &'a str)>) {
    for (text, expected) in cases {
        assert_eq!(error(text).to_string().replace(" `redis_cache`,", ""), expected, "{text}");
    }
}

#[test]
fn what_is_not_toml_is_refused() {
    check([
        ("x", "1:2: key with no value, expected `=`"),
        ("file_cache = {}\nx", "2:2: key with no value, expected `=`"),
        ("[file_cache]\nx", "2:2: file_cache: key with no value, expected `=`"),
        ("[memory_cache\nmax_size = 10", "1:14: memory_cache: unclosed table, expected `]`"),
        ("[sqlite_cache]\ndb_path = \"a", "2:13: sqlite_cache.db_path: invalid basic string, expected `\"`"),
        (
            "# ü\n[sqlite_cache]\ndb_path = \"ü\" x",
            "3:15: sqlite_cache: unexpected key or value, expected newline, `#`",
        ),
        (
            "[startup.lazy_imports]\ndefer_heavy = [\n  plotter,\n]",
            "3:3: startup.lazy_imports.defer_heavy: string values must be quoted, expected literal string",
        ),
    ]);
}

#[test]
fn second_of_two_keys_with_one_name_is_refused() {
    check([
        ("x = 1\r\nx = 2", "2:1: x: duplicate key"),
        (
            "[memory_cache]\nmax_size = 1\ndefault_ttl = 3\nmax_size = 2",
            "4:1: memory_cache.max_size: duplicate key",
        ),
        ("[memory_cache]\nmax_size = 1\n[file_cache]\n[memory_cache]", "4:2: memory_cache: duplicate key"),
        ("startup = { lazy_imports = {}, lazy_imports = {} }", "1:32: startup.lazy_imports: duplicate key"),
        (
            "memory_cache.max_size = 1\nmemory_cache.max_size = 2",
            "2:14: memory_cache.max_size: duplicate key",
        ),
        (
            "[startup]\nlazy_imports.enabled = true\nlazy_imports . 'enabled' = false",
            "3:16: startup.lazy_imports.enabled: duplicate key",
        ),
        ("[categories.x]\ntier = 'l1'\n[categories]\nx.ttl = 4", "4:1: categories.x: duplicate key"),
        (
            "[memory_cache]\nmax_size = 1\n[memory_cache.max_size]",
            "3:15: memory_cache.max_size: duplicate key",
        ),
        (
            "[startup]\nlazy_imports = {}\nlazy_imports.enabled = true",
            "3:1: startup.lazy_imports: cannot extend value of type inline table with a dotted key",
        ),
    ]);
}

#[test]
fn unknown_key_is_refused_with_the_known_ones() {
    check([
        (
            "\u{feff}[memory_cash]",
            "1:2: memory_cash: unknown field `memory_cash`, expected one of `memory_cache`, `sqlite_cache`, \
             `file_cache`, `categories`, `startup`",
        ),
        (
            "[memory_cache]\nmax_sise = 1",
            "2:1: memory_cache.max_sise: unknown field `max_sise`, expected one of `max_size`, `default_ttl`, \
             `cleanup_interval`, `eviction_policy`",
        ),
        (
            "[sqlite_cache.pragma_settings]\nwritable_schema = true",
            "2:1: sqlite_cache.pragma_settings.writable_schema: unknown field `writable_schema`, expected one of \
             `journal_mode`, `synchronous`, `temp_store`, `cache_size`, `mmap_size`",
        ),
        (
            "[categories]\nweek_data.tll = 5",
            "2:11: categories.week_data.tll: unknown field `tll`, expected one of `tier`, `ttl`, `max_size`, \
             `compression`, `description`",
        ),
        (
            "startup.lazy_imports.enable = true",
            "1:22: startup.lazy_imports.enable: unknown field `enable`, expected `enabled` or `defer_heavy`",
        ),
    ]);
}

#[test]
fn value_of_the_wrong_type_is_refused() {
    check([
        ("memory_cache = 5", "1:16: memory_cache: invalid type: integer `5`, expected a table"),
        ("[[categories]]\ntier = 'l1'", "1:1: categories: invalid type: sequence, expected a table"),
        ("memory_cache = [5, 6]", "1:16: memory_cache: invalid type: sequence, expected a table"),
        ("[[sqlite_cache]]\ndb_path = 'x'", "1:1: sqlite_cache: invalid type: sequence, expected a table"),
        ("file_cache = []", "1:14: file_cache: invalid type: sequence, expected a table"),
        (
            "[sqlite_cache]\npragma_settings = ['wal']",
            "2:19: sqlite_cache.pragma_settings: invalid type: sequence, expected a table",
        ),
        (
            "[[categories.week_data]]\nttl = 5",
            "1:1: categories.week_data: invalid type: sequence, expected a table",
        ),
        ("[[startup]]", "1:1: startup: invalid type: sequence, expected a table"),
        (
            "[startup]\nlazy_imports = [true]",
            "2:16: startup.lazy_imports: invalid type: sequence, expected a table",
        ),
        (
            "startup.async_loading = []",
            "1:25: startup.async_loading: invalid type: sequence, expected a table",
        ),
        (
            "startup.async_loading.component_delays = [1]",
            "1:42: startup.async_loading.component_delays: invalid type: sequence, expected a table",
        ),
        (
            "startup.migration_optimization = []",
            "1:34: startup.migration_optimization: invalid type: sequence, expected a table",
        ),
        (
            "categories.week_data = 'l2'",
            "1:24: categories.week_data: invalid type: string \"l2\", expected a table",
        ),
        (
            "[memory_cache]\nmax_size = 'many'",
            "2:12: memory_cache.max_size: invalid value: string \"many\", expected a whole number, 1 or more",
        ),
        (
            "[sqlite_cache]\ndb_path = 5",
            "2:11: sqlite_cache.db_path: invalid value: integer `5`, expected a path",
        ),
        (
            "[startup.lazy_imports]\ndefer_heavy = [\n  'a',\n  2,\n]",
            "4:3: startup.lazy_imports.defer_heavy: invalid type: integer `2`, expected a string",
        ),
        (
            "[startup.async_loading]\nenabled = 1",
            "2:11: startup.async_loading.enabled: invalid type: integer `1`, expected a boolean",
        ),
        (
            "[startup.async_loading]\ncomponent_delays = { a = 0, b = 'soon' }",
            "2:33: startup.async_loading.component_delays.b: invalid value: string \"soon\", expected \
             milliseconds, 0 or more",
        ),
    ]);
}

#[test]
fn value_out_of_range_is_refused() {
    check([
        (
            "[memory_cache]\ncleanup_interval = 0",
            "2:20: memory_cache.cleanup_interval: invalid value: integer `0`, expected a time over 0: seconds, \
             or text such as \"5m\" or \"2h 30m\"",
        ),
        (
            "[memory_cache]\nmax_size = 0",
            "2:12: memory_cache.max_size: invalid value: integer `0`, expected a whole number, 1 or more",
        ),
        (
            "[file_cache]\nmax_file_size = '10 parsecs'",
            "2:17: file_cache.max_file_size: invalid value: string \"10 parsecs\", expected a size over 0: \
             bytes, text such as \"10MB\" or \"1 MiB\", or \"unlimited\"",
        ),
        (
            "[categories.week_data]\nmax_size = 0",
            "2:12: categories.week_data.max_size: invalid value: integer `0`, expected a size over 0: bytes, \
             text such as \"10MB\" or \"1 MiB\", or \"unlimited\"",
        ),
        (
            "[categories.week_data]\nttl = -1",
            "2:7: categories.week_data.ttl: invalid value: integer `-1`, expected a time over 0: seconds, text \
             such as \"5m\" or \"2h 30m\", or \"never\"",
        ),
        (
            "[categories.week_data]\ntier = 'l5'",
            "2:8: categories.week_data.tier: invalid value: string \"l5\", expected \"l1\" (memory), \"l2\" \
             (SQLite), \"l3\" (files) or \"l4\" (Redis)",
        ),
        (
            "[categories.week_data]\ncompression = 'lz5'",
            "2:15: categories.week_data.compression: invalid value: string \"lz5\", expected \"none\", \"lz4\" \
             or \"zstd\"",
        ),
        (
            "[memory_cache]\neviction_policy = 'mru'",
            "2:19: memory_cache.eviction_policy: unknown variant `mru`, expected `adaptive` or `lru`",
        ),
        (
            "[sqlite_cache]\n  pragma_settings.synchronous = \"SOMETIMES\"",
            "2:33: sqlite_cache.pragma_settings.synchronous: invalid value: string \"SOMETIMES\", expected one \
             of OFF, NORMAL, FULL, EXTRA",
        ),
        (
            "[sqlite_cache.pragma_settings]\ncache_size = 3_000_000_000",
            "2:14: sqlite_cache.pragma_settings.cache_size: invalid value: integer `3000000000`, expected \
             pages, or KiB if negative, in 32 bits",
        ),
        (
            "[sqlite_cache]\ndb_path = ''",
            "2:11: sqlite_cache.db_path: invalid value: string \"\", expected a path",
        ),
        (
            "[file_cache]\ncache_dir = \"a\\u0000\"",
            "2:13: file_cache.cache_dir: invalid value: string \"a\\0\", expected a path",
        ),
        (
            "[categories.week_data]\nmax_size = '19 EB'",
            "2:12: categories.week_data.max_size: invalid value: string \"19 EB\", expected a size over 0: \
             bytes, text such as \"10MB\" or \"1 MiB\", or \"unlimited\"",
        ),
        (
            "[startup.migration_optimization]\ntimeout = '0s'",
            "2:11: startup.migration_optimization.timeout: invalid value: string \"0s\", expected a time over \
             0: seconds, or text such as \"5m\" or \"2h 30m\"",
        ),
    ]);
}

#[test]
fn category_that_cannot_be_is_refused() {
    check([
        (
            "[memory_cache]\n\n[categories.week_dta]\nttl = 5",
            "3:13: categories.week_dta: not a usable route: it is none of ui_state, user_preferences, \
             current_week, week_data, task_lists, aggregated_stats, analytics_results, chart_data, export_data, \
             so it needs a `tier`",
        ),
        (
            "[categories.\"../x\"]\ntier = 'l1'",
            "1:13: categories.\"../x\": not a usable route: a category is named by 1 to 64 of the characters \
             a-z A-Z 0-9 _ -",
        ),
        (
            "categories.''.tier = 'l1'",
            "1:12: categories.\"\": not a usable route: a category is named by 1 to 64 of the characters a-z \
             A-Z 0-9 _ -",
        ),
    ]);
}

#[test]
fn error_in_a_file_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("planner.toml");
    let error = || Config::from_file(&path).unwrap_err();
    let starts = |rest: &str| format!("{}{rest}", path.display());

    let missing = error();
    assert!(missing.to_string().starts_with(&starts(": the file cannot be read: ")), "{missing}");
    let source = std::error::Error::source(&missing).unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::NotFound);
    assert_eq!((missing.line(), missing.column(), missing.key()), (1, 1, None));

    fs::write(&path, b"[sqlite_cache]\ndb_path = '\xc3\xbc\xff'").unwrap();
    assert_eq!(error().to_string(), starts(":2:13: sqlite_cache.db_path: not UTF-8 from here on"));

    fs::write(&path, "memory_cache = 5").unwrap();
    let wrong = error();
    assert_eq!(wrong.to_string(), starts(":1:16: memory_cache: invalid type: integer `5`, expected a table"));
    assert_eq!(wrong.file(), Some(&*path));
    assert_eq!((wrong.line(), wrong.column(), wrong.key()), (1, 16, Some("memory_cache")));
    assert_eq!(wrong.message(), "invalid type: integer `5`, expected a table");

    fs::write(&path, "#".repeat(1 << 20)).unwrap();
    Config::from_file(&path).unwrap();
    fs::write(&path, "#".repeat((1 << 20) + 1)).unwrap();
    assert_eq!(error().to_string(), starts(": larger than 1 MiB, so it is no configuration"));

    let folder = Config::from_file(dir.path()).unwrap_err();
    assert!(folder.to_string().contains(": the file cannot be read: "), "{folder}");
}

#[test]
fn application_whose_folder_would_be_elsewhere_is_refused() {
    for name in ["", " ", ".", "..", ". .", "../x", "a/b", "a\\b", "/etc", "c:", "a\0b", "-x"] {
        let error = Config::for_app(name).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{name:?} is not the name of an application: write ")), "{error}");
    }
}

#[test]
fn error_becomes_one_of_the_cache_and_crosses_threads() {
    fn check<T: std::error::Error + Send + Sync + 'static>(error: T) -> T {
        error
    }
    let error = warmstart::Error::from(check(error("memory_cache = 5")));
    assert!(matches!(error.kind(), ErrorKind::InvalidOption(why) if why.contains("1:16: memory_cache: ")));
}

#[test]
fn key_without_end_is_refused() {
    for nested in
        ["a.".repeat(100_000) + "a = 1", "[".repeat(100_000), "x = ".to_owned() + &"[".repeat(100_000)]
    {
        assert_eq!(error(&nested).line(), 1);
    }
}

/// The error, if there is one, points into the text.
fn points_into(text: &str) {
    let Err(error) = Config::from_str(text) else { return };
    let line = text.split('\n').nth(error.line() - 1).unwrap();
    assert!((1..=line.chars().count() + 1).contains(&error.column()), "{error} in {text:?}");
}

/// Pieces of TOML.
const PIECES: &str = "([\\[\\]{}.='\"#,a-z0-9 \r\n-]|ü|[0-9]{19}|max_size|startup){0,40}";

#[test]
fn nobody_has_to_read_a_long_mistake() {
    let long = "k".repeat(100_000);
    for text in
        [format!("{long} = 1"), format!("[categories.x]\ntier = '{long}'"), format!("[categories.{long}]")]
    {
        let error = Config::from_str(&text).unwrap_err();
        let said = error.to_string();
        assert!(said.len() < 2_000 && said.contains("..."), "{} bytes: {said:.3000}", said.len());
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in prop_oneof!["(?s).{0,200}", PIECES]) {
        points_into(&text);
    }

    #[test]
    fn any_change_of_the_original_is_read_or_refused(
        changes in prop::collection::vec((any::<Index>(), 0_usize..30, PIECES), 1..4)
    ) {
        let mut text: Vec<char> = ORIGINAL.chars().collect();
        for (at, len, with) in changes {
            let start = at.index(text.len() + 1);
            let end = (start + len).min(text.len());
            text.splice(start..end, with.chars());
        }
        points_into(&text.into_iter().collect::<String>());
    }

    /// A line of the original in another place: what is right in itself, but not there.
    #[test]
    fn any_order_of_lines_is_read_or_refused(from: Index, to: Index) {
        let mut lines: Vec<&str> = ORIGINAL.lines().collect();
        let line = lines[from.index(lines.len())];
        lines.insert(to.index(lines.len()), line);
        points_into(&lines.join("\n"));
    }

    #[test]
    fn any_file_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("any.toml");
        fs::write(&path, bytes).unwrap();
        let _ = Config::from_file(path);
    }
}
