//! Rows of a database, with anything in their columns.

use std::{fs, io::Read, path::Path, sync::OnceLock};

use arbitrary::{Arbitrary, Unstructured};
use rusqlite::{Connection, ToSql, params_from_iter, types::Value};
use warmstart::core::{
    Bytes, Category, Compression, Entry, ErrorKind, Key, ManualClock, Packer, Route, Tier, Touch, Unguarded,
};
use warmstart::sqlite::SqliteCache;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::scratch;

/// Of the keys that are asked for; the rows of all are in category `c`, which is number 1.
const KEYS: [&str; 3] = ["k", "", "../ü\0"];

const NOW: i64 = 1_767_225_600_000;

/// The most bytes that a value may have.
const MAX_VALUE: u64 = 512 << 20;

#[derive(Debug, Arbitrary)]
struct Input {
    categories: Vec<CategoryRow>,
    rows: Vec<EntryRow>,
    usage: Vec<UsageRow>,
    budget: Option<u8>,
    steps: Vec<Step>,
}

/// What is in a column: what belongs there, or something else.
#[derive(Debug, Clone, PartialEq, Arbitrary)]
enum Cell {
    Right,
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

#[derive(Debug, Arbitrary)]
struct CategoryRow {
    id: Option<i64>,
    name: Cell,
    entries: Cell,
    bytes: Cell,
}

#[derive(Debug, Arbitrary)]
struct EntryRow {
    of: u8,
    id: Option<i64>,
    category: Cell,
    key: Cell,
    created_at: Cell,
    expires_at: Cell,
    fingerprint: Cell,
    codec: Codec,
    raw_size: Cell,
    size: Cell,
    checksum: Cell,
    raw: Vec<u8>,
    value: Cell,
}

#[derive(Debug, Arbitrary)]
enum Codec {
    None,
    Lz4,
    Zstd,
    Other(Cell),
}

#[derive(Debug, Arbitrary)]
struct UsageRow {
    of: u8,
    id: Option<i64>,
    category: Cell,
    last_access: Cell,
    access_count: Cell,
}

#[derive(Debug, Arbitrary)]
enum Step {
    Get(u8),
    GetMany,
    Read(u8),
    Put { of: u8, value: Vec<u8> },
    Remove(u8),
    Touch { of: u8, hits: u32, last: i64 },
    Scan,
    Clear,
    Flush,
    Maintain,
    Reopen,
}

impl Cell {
    fn or(&self, right: impl Into<Value>) -> Value {
        match self {
            Self::Right => right.into(),
            Self::Null => Value::Null,
            Self::Integer(value) => Value::Integer(*value),
            Self::Real(value) => Value::Real(*value),
            Self::Text(value) => Value::Text(value.clone()),
            Self::Blob(value) => Value::Blob(value.clone()),
        }
    }
}

fn key_of(place: u8) -> &'static str {
    KEYS[usize::from(place) % KEYS.len()]
}

impl EntryRow {
    /// The columns in the order of the table, `id` first.
    fn columns(&self) -> Vec<Value> {
        let key = key_of(self.of);
        let (codec, packed) = match &self.codec {
            Codec::None => (Value::Integer(0), self.raw.clone()),
            Codec::Lz4 => (Value::Integer(1), pack(Compression::Lz4, &self.raw)),
            Codec::Zstd => (Value::Integer(2), pack(Compression::Zstd, &self.raw)),
            Codec::Other(cell) => (cell.or(0), self.raw.clone()),
        };
        let counted = i64::try_from(key.len() + packed.len()).expect("inputs are small");
        let raw_size = i64::try_from(self.raw.len()).expect("inputs are small");
        let mut columns = vec![
            Value::Integer(self.id.unwrap_or(id_of(key))),
            self.category.or(1),
            self.key.or(key.to_owned()),
            self.created_at.or(NOW),
            match &self.expires_at {
                Cell::Right => Value::Null,
                other => other.or(0),
            },
            self.fingerprint.or(0),
            codec,
            self.raw_size.or(raw_size),
            self.size.or(counted),
            Value::Null,
            self.value.or(packed),
        ];
        let sum = Row::of(key, &columns).map_or(0, |row| row.sum(key));
        columns[9] = self.checksum.or(sum);
        columns
    }
}

fn pack(codec: Compression, raw: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    // As it is where that saves nothing: then the row says what is not so.
    match Packer::default().compress(codec, raw, &mut packed).expect("this build can do it") {
        Some(len) => packed[..len].to_vec(),
        None => raw.to_vec(),
    }
}

fn id_of(key: &str) -> i64 {
    const SEED: u64 = 0x7761_726d_7374_6172;
    xxh3_64_with_seed(key.as_bytes(), xxh3_64_with_seed(b"c", SEED)).cast_signed()
}

/// A row that could be an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    created_at: i64,
    expires_at: Option<i64>,
    fingerprint: i64,
    codec: u8,
    raw_size: i64,
    stored: Vec<u8>,
}

impl Row {
    /// The columns of the entry of `key`, if they are of the right types.
    fn of(key: &str, columns: &[Value]) -> Option<Self> {
        let integer = |at: usize| match columns[at] {
            Value::Integer(value) => Some(value),
            _ => None,
        };
        let bytes = |at: usize| match &columns[at] {
            Value::Text(text) => Some(text.as_bytes()),
            Value::Blob(bytes) => Some(&bytes[..]),
            _ => None,
        };
        (bytes(2)? == key.as_bytes()).then_some(())?;
        Some(Self {
            created_at: integer(3)?,
            expires_at: if columns[4] == Value::Null { None } else { Some(integer(4)?) },
            fingerprint: integer(5)?,
            codec: integer(6)?.try_into().ok()?,
            raw_size: integer(7)?,
            stored: bytes(10)?.to_vec(),
        })
    }

    fn sum(&self, key: &str) -> i64 {
        let mut fixed = Vec::new();
        for word in [self.created_at, self.expires_at.unwrap_or(0), self.fingerprint, self.raw_size] {
            fixed.extend(word.to_le_bytes());
        }
        fixed.extend([u8::from(self.expires_at.is_some()), 0, 0, 0, 0, 0, 0, 0, self.codec]);
        let parts = [b"c", key.as_bytes(), &fixed, &self.stored];
        parts.iter().fold(0, |sum, part| xxh3_64_with_seed(part, sum)).cast_signed()
    }

    /// The value of a row with this checksum, if it is to be served.
    fn value(&self, key: &str, checksum: &Value) -> Option<Vec<u8>> {
        let is_fresh = self.created_at <= NOW && self.expires_at.is_none_or(|at| NOW < at);
        if *checksum != Value::Integer(self.sum(key)) || !is_fresh {
            return None;
        }
        let (codec, len) = (Compression::from_tag(self.codec)?, u64::try_from(self.raw_size).ok()?);
        if codec == Compression::None {
            return (len == self.stored.len() as u64).then(|| self.stored.clone());
        }
        // Longer ones are promises that no short input keeps.
        let len = usize::try_from(len).ok().filter(|_| len <= MAX_VALUE.min(1 << 20))?;
        codec.decompress(Bytes::from(self.stored.clone()), len).ok().map(Vec::from)
    }
}

/// What should come under each key: a value, or what has made its way through a cache, which may be gone.
#[derive(Debug, Clone, Default)]
struct Expected {
    value: Option<Vec<u8>>,
    may_be_gone: bool,
}

/// Rows that another program has written are served if they are whole entries, and otherwise not; nothing that is in
/// them makes a cache fail where a damaged file would not, and it can be used again after its next maintenance.
pub fn run(data: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let dir = scratch::folder();
    let path = dir.path().join("cache.db");
    fs::write(&path, &empty().file).expect("a file can be written");
    let Some(mut expected) = fill(&path, &input) else { return };
    let mut bench = Bench::open(&path, input.budget);
    bench.lies = !input.categories.is_empty() || input.rows.iter().any(|row| row.category != Cell::Right);
    for (place, expected) in (0..).zip(&expected) {
        bench.get(place, expected, |tier, key| tier.get(key));
    }
    for step in &input.steps {
        bench.step(step, &mut expected);
    }
    // Afterwards all is well: what was found damaged was deleted, or the whole file replaced.
    let _ = (bench.cache.flush(), bench.cache.maintain());
    let expected = &mut expected[0];
    bench.cache.maintain().expect("what was damaged is no longer there");
    bench.put(0, b"new", expected).expect("a cache can be written");
    if let Err(error) = bench.cache.flush() {
        // Nobody came upon this damage before. What was to be committed is not lost.
        assert!(matches!(error.kind(), ErrorKind::Corrupt(_)), "{error}");
        bench.cache.flush().expect("a file that was replaced can be written");
    }
    bench.get(0, expected, |tier, key| tier.get(key));
}

struct Bench {
    cache: SqliteCache,
    category: std::sync::Arc<Category>,
    path: std::path::PathBuf,
    budget: Option<u8>,
    /// Which entries the category has is not what the file says: then a clear may leave some.
    lies: bool,
}

impl Bench {
    fn open(path: &Path, budget: Option<u8>) -> Self {
        let route = budget.map_or(Route::sqlite(), |bytes| Route::sqlite().budget(u64::from(bytes) + 8));
        let options = SqliteCache::options().clock(ManualClock::at(NOW)).without_thread();
        Self {
            cache: options.open(path).expect("what is ours is opened"),
            category: Category::new(0, "c", route).expect("a good name"),
            path: path.to_owned(),
            budget,
            lies: false,
        }
    }

    fn key(&self, place: u8) -> Key<'_> {
        Key::new(&self.category, key_of(place)).expect("a short key")
    }

    fn get(
        &self,
        place: u8,
        expected: &Expected,
        read: impl Fn(&SqliteCache, &Key<'_>) -> warmstart::Result<Option<Entry>>,
    ) {
        let key = self.key(place);
        match (read(&self.cache, &key), &expected.value) {
            (Ok(Some(found)), Some(value)) => assert_eq!(found.value.to_bytes().expect("bytes"), value),
            (Ok(Some(found)), None) => panic!("{key} is {found:?}, which no row holds"),
            (Ok(None), value) => assert!(value.is_none() || expected.may_be_gone, "{key} is missing"),
            (Err(error), value) => {
                assert!(value.is_none() || expected.may_be_gone, "{error}");
                assert!(matches!(error.kind(), ErrorKind::Corrupt(_) | ErrorKind::Storage(_)), "{error}");
            }
        }
    }

    fn put(&self, of: u8, value: &[u8], expected: &mut Expected) -> warmstart::Result<()> {
        let entry = Entry::from_bytes(Bytes::copy_from_slice(value), NOW);
        self.cache.put(&self.key(of), &entry, &Unguarded)?;
        *expected = Expected { value: Some(value.to_vec()), may_be_gone: false };
        self.get(of, expected, |tier, key| tier.peek(key));
        expected.may_be_gone = self.budget.is_some();
        Ok(())
    }

    fn step(&mut self, step: &Step, expected: &mut [Expected; KEYS.len()]) {
        let at = |of: &u8| usize::from(*of) % KEYS.len();
        match step {
            Step::Get(of) => self.get(*of, &expected[at(of)], |tier, key| tier.get(key)),
            Step::GetMany => {
                let keys: Vec<_> = (0..3).map(|of| self.key(of)).collect();
                let found = self.cache.get_many(&keys);
                for ((place, found), expected) in (0..).zip(found).zip(&*expected) {
                    let found = std::cell::RefCell::new(Some(found));
                    self.get(place, expected, |_, _| found.take().expect("asked once"));
                }
            }
            Step::Read(of) => {
                let key = self.key(*of);
                self.get(*of, &expected[at(of)], |tier, _| {
                    let Some(mut reader) = tier.reader(&key)? else { return Ok(None) };
                    let mut value = Vec::new();
                    reader.stream.read_to_end(&mut value).expect("a value in memory is read");
                    Ok(Some(Entry::from_bytes(Bytes::from(value), reader.created_at)))
                });
            }
            Step::Put { of, value } => {
                let _ = self.put(*of, value, &mut expected[at(of)]);
            }
            Step::Remove(of) => {
                if self.cache.remove(&self.key(*of), &Unguarded).is_ok() {
                    expected[at(of)].value = None;
                    self.get(*of, &expected[at(of)], |tier, key| tier.get(key));
                }
            }
            Step::Touch { of, hits, last } => {
                let touch = Touch { key: key_of(*of).into(), hits: *hits, last: *last };
                let _ = self.cache.touch(&self.category, &[touch]);
            }
            Step::Scan => {
                let mut keys = 0_u64;
                let _ = self.cache.scan(&self.category, &mut |_| keys += 1);
                let _ = (self.cache.usage(&self.category), self.cache.stored_categories());
            }
            Step::Clear => {
                if self.cache.clear(&self.category).is_ok() {
                    for expected in expected {
                        expected.may_be_gone = true;
                        expected.value = expected.value.take().filter(|_| self.lies);
                    }
                }
            }
            // A file that is found damaged is replaced, and a budget is kept, by one of these.
            Step::Flush | Step::Maintain | Step::Reopen => {
                match step {
                    Step::Flush => drop(self.cache.flush()),
                    Step::Maintain => drop(self.cache.maintain()),
                    _ => {
                        let _ = self.cache.close();
                        *self = Self { lies: self.lies, ..Self::open(&self.path, self.budget) };
                    }
                }
                expected.iter_mut().for_each(|expected| expected.may_be_gone = true);
            }
        }
    }
}

/// Writes the rows, and says what should be served of them. `None` if SQLite does not take them.
fn fill(path: &Path, input: &Input) -> Option<[Expected; KEYS.len()]> {
    let db = Connection::open(path).expect("the file is a database");
    let insert = |table: &str, columns: Vec<Value>| {
        let marks = vec!["?"; columns.len()].join(",");
        let sql = format!("INSERT OR REPLACE INTO {table} VALUES({marks})");
        db.execute(&sql, params_from_iter(columns.iter().map(|value| value as &dyn ToSql))).ok()
    };
    db.execute_batch("BEGIN").ok()?;
    insert("categories", vec![1.into(), "c".to_owned().into(), 0.into(), 0.into()])?;
    for row in &input.rows {
        let columns = row.columns();
        let last = Value::Integer(NOW * 1_000);
        insert("usage", vec![columns[0].clone(), 1.into(), last, 0.into()])?;
    }
    let totals = "UPDATE categories SET entries = (SELECT count(*) FROM usage)";
    db.execute(totals, []).ok()?;
    for row in &input.categories {
        let id = row.id.unwrap_or(1);
        let (name, entries) = (row.name.or("c".to_owned()), row.entries.or(0));
        insert("categories", vec![id.into(), name, entries, row.bytes.or(0)])?;
    }
    let mut expected = <[Expected; KEYS.len()]>::default();
    for row in &input.rows {
        let columns = row.columns();
        for (key, expected) in KEYS.iter().zip(&mut expected) {
            if columns[0] == Value::Integer(id_of(key)) {
                expected.value = Row::of(key, &columns).and_then(|row| row.value(key, &columns[9]));
            }
        }
        insert("entries", columns)?;
    }
    for row in &input.usage {
        let id = row.id.unwrap_or(id_of(key_of(row.of)));
        let (category, last) = (row.category.or(1), row.last_access.or(0));
        insert("usage", vec![id.into(), category, last, row.access_count.or(0)])?;
    }
    db.execute_batch("COMMIT").ok()?;
    // The tables say that they are ours, whatever is in them.
    db.execute_batch("PRAGMA writable_schema = ON").ok()?;
    for (name, sql) in &empty().schema {
        db.execute("UPDATE sqlite_schema SET sql = ?2 WHERE name = ?1", [name, sql]).ok()?;
    }
    Some(expected)
}

struct Empty {
    /// A database of ours without rows, whose tables take anything.
    file: Vec<u8>,
    /// By name, the tables as ours should be.
    schema: Vec<(String, String)>,
}

fn empty() -> &'static Empty {
    static EMPTY: OnceLock<Empty> = OnceLock::new();
    EMPTY.get_or_init(|| {
        let dir = scratch::folder();
        let path = dir.path().join("cache.db");
        drop(SqliteCache::options().without_thread().open(&path).expect("an empty folder takes a cache"));
        let db = Connection::open(&path).expect("the file is a database");
        let mut tables = db
            .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table'")
            .expect("every database has a schema");
        let schema = tables.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("a schema can be read");
        let schema = schema.collect::<Result<_, _>>().expect("a schema is text");
        drop(tables);
        db.execute_batch(
            "DROP TABLE categories;
             DROP TABLE entries;
             DROP TABLE usage;
             CREATE TABLE categories(id INTEGER PRIMARY KEY, name UNIQUE, entries, bytes);
             CREATE TABLE entries(id INTEGER PRIMARY KEY, category, key, created_at, expires_at, fingerprint, codec,
                 raw_size, size, checksum, value);
             CREATE INDEX entries_by_expiry ON entries(expires_at) WHERE expires_at IS NOT NULL;
             CREATE TABLE usage(id INTEGER PRIMARY KEY, category, last_access, access_count);
             CREATE INDEX usage_by_category ON usage(category, last_access);
             PRAGMA wal_checkpoint(TRUNCATE);",
        )
        .expect("tables can be made anew");
        drop(db);
        Empty { file: fs::read(&path).expect("the file can be read"), schema }
    })
}
