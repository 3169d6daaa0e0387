//! Facts of values that are read and written piece by piece.

use std::{
    io::{self, Read, Write},
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use bytes::Bytes;

use super::{Bench, Fact, Switch, category, noise, text};
use crate::{
    Category, Clock, Entry, EntryMeta, EntryReader, EntryWriter, Error, ErrorKind, Fingerprint, Guard, Key,
    Result, Route, Ttl, Unguarded,
};

pub(super) const BUDGETS: &[(&str, Fact)] =
    &[("a committed value over the budget is refused and nothing is lost", streamed_budget_is_kept)];

pub(super) const FACTS: &[(&str, Fact)] = &[
    ("what a writer commits comes out", what_a_writer_commits_comes_out),
    ("a reader reads what was put", reader_reads_what_was_put),
    ("nothing is seen of a writer before its commit", nothing_is_seen_before_the_commit),
    ("a writer that is dropped stores nothing", dropped_writer_stores_nothing),
    ("a commit whose guard does not hold changes nothing", unguarded_commit_changes_nothing),
    ("the commit decides which of two writes is the later one", later_commit_stays),
    ("an expired entry is not read piece by piece", expired_entry_is_not_read),
    ("a value replaced while it is read is not mixed", replaced_value_is_not_mixed),
];

/// Larger than any buffer on the way, and no multiple of one.
const LARGE: usize = (3 << 20) + 7;

impl Bench {
    fn meta(&self) -> EntryMeta {
        let created_at = self.clock.now().wall;
        EntryMeta { created_at, expires_at: None, fingerprint: Fingerprint::BYTES }
    }

    fn writer<'a>(&'a self, category: &'a Arc<Category>, key: &'a str) -> Box<dyn EntryWriter + 'a> {
        self.tier.writer(&Key::new(category, key).unwrap()).unwrap()
    }

    pub(super) fn reader(&self, category: &Arc<Category>, key: &str) -> Option<EntryReader> {
        self.tier.reader(&Key::new(category, key).unwrap()).unwrap()
    }

    pub(super) fn commit(
        &self,
        category: &Arc<Category>,
        key: &str,
        value: &str,
        guard: &dyn Guard,
    ) -> Result<()> {
        let mut writer = self.writer(category, key);
        writer.write_all(value.as_bytes()).map_err(ours)?;
        writer.commit(&self.meta(), guard)
    }
}

/// The error of a tier, out of a stream.
fn ours(error: io::Error) -> Error {
    *error.into_inner().unwrap().downcast().expect("a cache_core::Error is inside")
}

fn read(mut reader: impl Read) -> String {
    let mut value = String::new();
    reader.read_to_string(&mut value).unwrap();
    value
}

fn what_a_writer_commits_comes_out(bench: &Bench) {
    let category = category(0, "c");
    let values = [String::new(), "v".to_owned(), noise(LARGE), "v".repeat(LARGE)];
    for (value, chunk) in values.iter().zip([1, 1, 65_537, 1_000_003]) {
        let mut writer = bench.writer(&category, "k");
        bench.clock.advance(Duration::from_secs(60));
        for chunk in value.as_bytes().chunks(chunk) {
            writer.write_all(chunk).unwrap();
        }
        writer.flush().unwrap();
        let expires_at = Some(bench.clock.now().wall + 1_000_000);
        let meta = EntryMeta { expires_at, fingerprint: Fingerprint(7), ..bench.meta() };
        writer.commit(&meta, &Unguarded).unwrap();
        for _ in 0..2 {
            let mut reader = bench.reader(&category, "k").unwrap();
            let EntryReader { created_at, expires_at, fingerprint, size, .. } = reader;
            assert_eq!(EntryMeta { created_at, expires_at, fingerprint }, meta);
            assert_eq!(size, value.len() as u64);
            let mut piece = [0; 1_021];
            reader.read_exact(&mut piece[..value.len().min(1_021)]).unwrap();
            assert!(value.as_bytes().starts_with(&piece[..value.len().min(1_021)]));
            assert!(value.ends_with(&read(reader)));
            let entry = bench.tier.get(&Key::new(&category, "k").unwrap()).unwrap().unwrap();
            let Entry { created_at, expires_at, fingerprint, size, .. } = entry;
            assert_eq!(EntryMeta { created_at, expires_at, fingerprint }, meta);
            assert!(size == value.len() as u64 && text(&entry) == *value);
            bench.tier.flush().unwrap();
        }
        assert_eq!(bench.list(&category).len(), 1);
    }
}

fn reader_reads_what_was_put(bench: &Bench) {
    let category = category(0, "c");
    assert!(bench.reader(&category, "k").is_none());
    for value in [String::new(), "v".repeat(100_000), noise(100_000)] {
        bench.put(&category, "k", &bench.entry(&value)).unwrap();
        for _ in 0..2 {
            let reader = bench.reader(&category, "k").unwrap();
            assert_eq!((reader.size, reader.fingerprint), (value.len() as u64, Fingerprint::BYTES));
            assert!(read(reader) == value);
            bench.tier.flush().unwrap();
        }
    }
    bench.tier.remove(&Key::new(&category, "k").unwrap(), &Unguarded).unwrap();
    assert!(bench.reader(&category, "k").is_none());
}

fn nothing_is_seen_before_the_commit(bench: &Bench) {
    let category = category(0, "c");
    bench.put(&category, "old", &bench.entry("v")).unwrap();
    let before = (bench.list(&category), bench.tier.usage(&category).unwrap());
    for key in ["old", "new"] {
        let mut writer = bench.writer(&category, key);
        writer.write_all(noise(100_000).as_bytes()).unwrap();
        writer.flush().unwrap();
        bench.tier.flush().unwrap();
        bench.tier.maintain().unwrap();
        assert_eq!((bench.list(&category), bench.tier.usage(&category).unwrap()), before);
        assert_eq!((bench.get(&category, "old").as_deref(), bench.get(&category, "new")), (Some("v"), None));
        writer.commit(&bench.meta(), &Unguarded).unwrap();
        assert_eq!(bench.get(&category, key).map(|value| value.len()), Some(100_000));
        bench.put(&category, "old", &bench.entry("v")).unwrap();
    }
}

fn dropped_writer_stores_nothing(bench: &Bench) {
    let category = category(0, "c");
    bench.put(&category, "old", &bench.entry("v")).unwrap();
    let before = (bench.list(&category), bench.tier.usage(&category).unwrap());
    for key in ["old", "new"] {
        drop(bench.writer(&category, key));
        let mut writer = bench.writer(&category, key);
        writer.write_all(noise(100_000).as_bytes()).unwrap();
        drop(writer);
    }
    bench.tier.flush().unwrap();
    assert_eq!((bench.list(&category), bench.tier.usage(&category).unwrap()), before);
    assert_eq!(bench.get(&category, "old").as_deref(), Some("v"));
}

fn unguarded_commit_changes_nothing(bench: &Bench) {
    let category = category(0, "c");
    let never = Switch(AtomicBool::new(false));
    bench.commit(&category, "k", "superseded", &never).unwrap();
    assert_eq!(bench.get(&category, "k"), None);
    bench.put(&category, "k", &bench.entry("v")).unwrap();
    bench.commit(&category, "k", "superseded", &never).unwrap();
    assert_eq!(bench.get(&category, "k").as_deref(), Some("v"));
}

fn later_commit_stays(bench: &Bench) {
    let category = category(0, "c");
    let [mut first, mut second] = [bench.writer(&category, "k"), bench.writer(&category, "k")];
    for _ in 0..1_000 {
        first.write_all(b"first ").unwrap();
        second.write_all(b"second ").unwrap();
    }
    bench.put(&category, "k", &bench.entry("put")).unwrap();
    bench.tier.clear(&category).unwrap();
    second.commit(&bench.meta(), &Unguarded).unwrap();
    assert_eq!(bench.get(&category, "k"), Some("second ".repeat(1_000)));
    first.commit(&bench.meta(), &Unguarded).unwrap();
    assert_eq!(bench.get(&category, "k"), Some("first ".repeat(1_000)));
    assert_eq!(bench.list(&category).len(), 1);
}

fn streamed_budget_is_kept(bench: &Bench) {
    let category = Category::new(0, "c", Route::memory().budget(2_000)).unwrap();
    bench.put(&category, "k", &bench.entry("v")).unwrap();
    bench.put(&category, "other", &bench.entry("w")).unwrap();
    let error = bench.commit(&category, "k", &noise(40_000), &Unguarded).unwrap_err();
    let &ErrorKind::TooLarge { size, limit } = error.kind() else { panic!("wrong error: {error}") };
    assert!(size > limit && limit == 2_000, "{error}");
    assert_eq!(bench.get(&category, "k").as_deref(), Some("v"));
    assert_eq!(bench.get(&category, "other").as_deref(), Some("w"));
    for i in 0..50 {
        bench.commit(&category, &format!("k{i}"), &noise(100), &Unguarded).unwrap();
        bench.tier.flush().unwrap();
        let usage = bench.tier.usage(&category).unwrap();
        assert!(usage.bytes <= 2_000, "{} bytes after {i} commits", usage.bytes);
    }
    assert!(bench.get(&category, "k49").is_some(), "the newest entry was evicted");
}

fn expired_entry_is_not_read(bench: &Bench) {
    let category = category(0, "c");
    let start = bench.clock.now().wall;
    bench.put(&category, "put", &bench.entry_for("v", Duration::from_secs(10))).unwrap();
    let expires_at = Ttl::After(Duration::from_secs(10)).expires_at(start);
    bench.writer(&category, "k").commit(&EntryMeta { expires_at, ..bench.meta() }, &Unguarded).unwrap();
    let future = EntryMeta { created_at: start + 60_000, ..bench.meta() };
    bench.writer(&category, "future").commit(&future, &Unguarded).unwrap();
    assert!(bench.reader(&category, "future").is_none());
    assert!(bench.reader(&category, "put").is_some() && bench.reader(&category, "k").is_some());
    bench.clock.set_wall(start + 10_000);
    assert!(bench.reader(&category, "put").is_none() && bench.reader(&category, "k").is_none());
    bench.clock.set_wall(start);
    assert!(bench.reader(&category, "put").is_none() && bench.reader(&category, "k").is_none());
}

fn replaced_value_is_not_mixed(bench: &Bench) {
    let category = category(0, "c");
    let [old, new] = ["o", "n"].map(|letter| letter.repeat(LARGE));
    let key = Key::new(&category, "k").unwrap();
    let replacements: [&dyn Fn(); 3] = [
        &|| bench.put(&category, "k", &bench.entry(&new)).unwrap(),
        &|| bench.commit(&category, "k", &new, &Unguarded).unwrap(),
        &|| bench.tier.remove(&key, &Unguarded).unwrap(),
    ];
    for replace in replacements {
        bench
            .tier
            .put(&key, &Entry::from_bytes(Bytes::from(old.clone()), bench.meta().created_at), &Unguarded)
            .unwrap();
        bench.tier.flush().unwrap();
        let mut reader = bench.reader(&category, "k").unwrap();
        let mut value = vec![0; 1_000];
        reader.read_exact(&mut value).unwrap();
        replace();
        bench.tier.flush().unwrap();
        if reader.read_to_end(&mut value).is_ok() {
            assert!(value == old.as_bytes(), "two values are mixed, or one is cut short");
        }
    }
}
