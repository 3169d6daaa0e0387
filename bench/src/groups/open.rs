//! Opening what is there already. Closing it again is not measured.

use std::{
    collections::{BTreeMap, btree_map},
    fs,
    hint::black_box,
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use rusqlite::Connection;
use tempfile::TempDir;
use warmstart::{
    Bytes, Route,
    core::{Category, Entry, Key, Tier, Unguarded},
    file::FileCache,
    sqlite::SqliteCache,
};

use super::sqlite::{Ours, Rows, set_up};
#[cfg(feature = "peers")]
use super::sqlite::{filled_fjall, filled_redb};
use crate::bench::{Bench, Case};
#[cfg(feature = "peers")]
use crate::peers::{fjall::Fjall, redb::Redb};

pub(super) fn run(bench: &mut Bench<'_>) -> Result<()> {
    let mut places = Places::default();
    let counts = [(0, "0"), (10_000, "10 k"), (1_000_000, "1 M")];
    let counts = if bench.options().quick { &counts[..2] } else { &counts };
    for &(count, name) in counts {
        bench.case(&format!("open SQLite, {name} entries"), |case| {
            let [place, empty] = places.of([count, 0])?;
            open(case, "SqliteCache", &place, |place| Ok(SqliteCache::open(place.database())?));
            if count > 0 {
                open(case, "SqliteCache, 0 entries", &empty, |place| {
                    Ok(SqliteCache::open(place.database())?)
                });
            }
            open(case, "SqliteCache and a get", &place, |place| {
                let cache = SqliteCache::open(place.database())?;
                cache.get(&Key::new(&category()?, "no entry")?)?;
                Ok(cache)
            });
            #[cfg(feature = "peers")]
            {
                let rows = Rows::new(count, VALUE);
                drop(filled_redb(&place.path("redb"), &rows)?);
                open(case, "redb", &place, |place| Redb::reopen(&place.path("redb")));
                drop(filled_fjall(&place.path("fjall"), &rows)?);
                open(case, "fjall", &place, |place| Fjall::open(&place.path("fjall")));
            }
            // Last, so that ours does not come after what leaves work behind.
            open(case, "Connection and a query", &place, |place| by_hand(&place.database()));
            Ok(())
        })?;
    }
    for &(count, name) in counts {
        bench.case(&format!("open files, {name} entries"), |case| {
            let [place, empty] = places.of([count, 0])?;
            open(case, "FileCache", &place, |place| Ok(FileCache::open(place.path("files"))?));
            if count > 0 {
                open(case, "FileCache, 0 entries", &empty, |place| Ok(FileCache::open(place.path("files"))?));
            }
            open(case, "its marker is read", &place, |place| {
                Ok(fs::read(fs::canonicalize(place.path("files"))?.join(".warmstart"))?)
            });
            Ok(())
        })?;
    }
    for &(count, name) in counts {
        bench.case(&format!("open all tiers, {name} entries"), |case| {
            let [place, empty] = places.of([count, 0])?;
            open(case, "open_dir", &place, |place| Ok(warmstart::open_dir(place.folder.path())?));
            if count > 0 {
                open(case, "open_dir, 0 entries", &empty, |place| {
                    Ok(warmstart::open_dir(place.folder.path())?)
                });
            }
            open(case, "Connection and a query", &place, |place| by_hand(&place.database()));
            Ok(())
        })?;
    }
    Ok(())
}

/// A subject that opens what is in a place. What it opens is closed before it is opened again.
fn open<T>(case: &mut Case<'_>, name: &str, place: &Rc<Place>, open: impl Fn(&Place) -> Result<T> + 'static) {
    let place = Rc::clone(place);
    case.subject(name, move |times| {
        let mut took = Duration::ZERO;
        for _ in 0..times {
            let start = Instant::now();
            let opened = black_box(open(&place)?);
            took += start.elapsed();
            drop(opened);
        }
        Ok(took)
    });
}

/// The floor: a connection to the same file with the settings of the tier, and one statement that reads an entry.
fn by_hand(path: &Path) -> Result<Connection> {
    let conn = Connection::open(path)?;
    set_up(&conn)?;
    let mut statement = conn.prepare("SELECT key, value FROM entries WHERE id = ?1")?;
    black_box(statement.exists([1])?);
    drop(statement);
    Ok(conn)
}

/// Bytes of a value. They are small to be made soon: what is opened has as many entries and as deep trees.
const VALUE: usize = 64;

/// The folder of a cache, filled.
struct Place {
    folder: TempDir,
}

/// Those that were filled for an earlier case, by their number of entries.
#[derive(Default)]
struct Places(BTreeMap<u64, Rc<Place>>);

impl Places {
    fn of<const N: usize>(&mut self, counts: [u64; N]) -> Result<[Rc<Place>; N]> {
        for count in counts {
            if let btree_map::Entry::Vacant(place) = self.0.entry(count) {
                place.insert(Rc::new(Place::filled(count)?));
            }
        }
        Ok(counts.map(|count| Rc::clone(&self.0[&count])))
    }
}

impl Place {
    fn filled(count: u64) -> Result<Self> {
        let place = Self { folder: tempfile::tempdir()? };
        Ours::fill(&place.database(), &Rows::new(count, VALUE))?;
        let (files, category) = (FileCache::open(place.path("files"))?, category()?);
        for number in 0..count {
            let value = Bytes::from_static(&[7; VALUE]);
            let name = format!("entry number {number}");
            files.put(&Key::new(&category, &name)?, &Entry::from_bytes(value, 0), &Unguarded)?;
        }
        Ok(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn database(&self) -> PathBuf {
        self.path("cache.db")
    }
}

fn category() -> Result<Arc<Category>> {
    Ok(Category::new(0, "values", Route::file())?)
}
