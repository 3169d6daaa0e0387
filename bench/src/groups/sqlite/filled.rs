//! Stores that hold the same entries, and their readers.

use std::{
    cell::Cell,
    collections::BTreeMap,
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
};

use anyhow::Result;
use tempfile::TempDir;
use warmstart::sqlite::{SqliteCache, SqliteOptions};

#[cfg(feature = "peers")]
use super::peers;
use super::{
    Ours, Requests, Rows, reads,
    statement::{Statement, Transaction},
};
use crate::bench::Case;
#[cfg(feature = "peers")]
use crate::peers::{fjall::Fjall, redb::Redb};

/// One store of each kind. The statements read the file that the tier has made.
pub(super) struct Filled {
    rows: Rows,
    unused: Cell<u64>,
    sqlite: PathBuf,
    #[cfg(feature = "peers")]
    redb: Redb,
    #[cfg(feature = "peers")]
    fjall: Fjall,
    _folder: TempDir,
}

/// Those that were filled for an earlier case, by number and size of their entries.
#[derive(Default)]
pub(super) struct Stores(BTreeMap<(u64, usize), Rc<Filled>>);

impl Stores {
    pub(super) fn of(&mut self, count: u64, size: usize) -> Result<Rc<Filled>> {
        if let Some(filled) = self.0.get(&(count, size)) {
            return Ok(Rc::clone(filled));
        }
        let filled = Rc::new(Filled::new(count, size)?);
        self.0.insert((count, size), Rc::clone(&filled));
        Ok(filled)
    }
}

impl Filled {
    pub(super) fn new(count: u64, size: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let rows = Rows::new(count, size);
        let sqlite = folder.path().join("cache.db");
        Ours::fill(&sqlite, &rows)?;
        Ok(Self {
            #[cfg(feature = "peers")]
            redb: peers::filled_redb(&folder.path().join("redb"), &rows)?,
            #[cfg(feature = "peers")]
            fjall: peers::filled_fjall(&folder.path().join("fjall"), &rows)?,
            rows,
            unused: Cell::new(10_000_000),
            sqlite,
            _folder: folder,
        })
    }

    pub(super) fn names(&self) -> Arc<[String]> {
        self.rows.names()
    }

    pub(super) fn strangers(&self) -> Arc<[String]> {
        self.rows.strangers()
    }

    /// From this number on, names of ten million rows that nobody inserted yet.
    pub(super) fn unused(&self) -> u64 {
        self.unused.replace(self.unused.get() + 10_000_000)
    }

    /// The file of the tier.
    pub(super) fn sqlite(&self) -> &Path {
        &self.sqlite
    }

    #[cfg(feature = "peers")]
    pub(super) fn redb(&self) -> Redb {
        self.redb.clone()
    }

    #[cfg(feature = "peers")]
    pub(super) fn fjall(&self) -> Fjall {
        self.fjall.clone()
    }

    /// The tier.
    pub(super) fn ours(
        self: &Rc<Self>,
        case: &mut Case<'_>,
        options: SqliteOptions,
        threads: usize,
        requests: &Requests,
    ) -> Result<()> {
        let ours = Ours::open(&self.sqlite, options)?;
        reads(case, "SqliteCache", vec![ours; threads], requests, self);
        Ok(())
    }

    /// The tier with its defaults, and both floors.
    pub(super) fn ours_and_floors(
        self: &Rc<Self>,
        case: &mut Case<'_>,
        threads: usize,
        requests: &Requests,
    ) -> Result<()> {
        self.ours(case, SqliteCache::options(), threads, requests)?;
        self.statement(case, Transaction::Around, threads, requests)?;
        self.statement(case, Transaction::Each, threads, requests)
    }

    pub(super) fn statement(
        self: &Rc<Self>,
        case: &mut Case<'_>,
        transaction: Transaction,
        threads: usize,
        requests: &Requests,
    ) -> Result<()> {
        let statements =
            (0..threads).map(|_| Statement::open(&self.sqlite, transaction)).collect::<Result<Vec<_>>>()?;
        let name = match transaction {
            Transaction::Each => "statement, autocommit",
            Transaction::Around => "statement in an open transaction",
        };
        reads(case, name, statements, requests, self);
        Ok(())
    }

    #[cfg(feature = "peers")]
    pub(super) fn peers(self: &Rc<Self>, case: &mut Case<'_>, threads: usize, requests: &Requests) {
        reads(case, "redb", vec![self.redb.clone(); threads], requests, self);
        reads(case, "fjall", vec![self.fjall.clone(); threads], requests, self);
    }
}
