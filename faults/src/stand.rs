//! The cache that faults happen to: categories in SQLite and in files, some of them short of room.

use std::path::Path;

use warmstart::{Bytes, Cache, CacheOptions, Compression, Handle, Route, Routes, Ttl, sqlite};

/// A category of the stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shelf {
    pub(crate) name: &'static str,
    /// Entries leave by themselves.
    pub(crate) tight: bool,
    pub(crate) files: bool,
}

/// What the tight categories may hold: bytes. Less than the largest value.
pub(crate) const TIGHT: u64 = 150_000;

pub(crate) const SHELVES: [Shelf; 4] = [
    Shelf { name: "rows", tight: false, files: false },
    Shelf { name: "rows_tight", tight: true, files: false },
    Shelf { name: "files", tight: false, files: true },
    Shelf { name: "files_tight", tight: true, files: true },
];

impl Shelf {
    fn route(self) -> Route {
        let route = if self.files { Route::file().compression(Compression::Lz4) } else { Route::sqlite() };
        let route = route.ttl(Ttl::Never);
        if self.tight { route.budget(TIGHT) } else { route }
    }
}

/// The routes of all categories.
pub(crate) fn routes() -> Routes {
    SHELVES.iter().fold(Routes::empty(), |routes, shelf| routes.with(shelf.name, shelf.route()))
}

/// The options of the stand in a folder.
pub(crate) fn options(dir: &Path) -> CacheOptions {
    CacheOptions::new().dir(dir).routes(routes())
}

/// Options of the database, for writes that are stored once they return.
pub(crate) fn immediate() -> sqlite::SqliteOptions {
    sqlite::SqliteCache::options().durability(sqlite::Durability::Immediate)
}

/// The categories, in the order of [`SHELVES`].
pub(crate) fn handles(cache: &Cache) -> warmstart::Result<Vec<Handle<Bytes>>> {
    SHELVES.iter().map(|shelf| cache.bytes(shelf.name)).collect()
}
