//! <https://docs.rs/fjall>

use std::path::Path;

use anyhow::Result;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Slice};

/// A keyspace with the default settings: a cache of 32 MiB in the process, blocks compressed with lz4, and verified
/// when they come from the disk. An insertion outlives the process, but not a loss of power.
#[derive(Clone)]
pub(crate) struct Fjall {
    values: Keyspace,
    database: Database,
}

impl Fjall {
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let database = Database::builder(folder).open()?;
        Ok(Self { values: database.keyspace("values", KeyspaceCreateOptions::default)?, database })
    }

    /// One value, shared with the cache.
    pub(crate) fn get(&self, name: &str) -> Result<Option<Slice>> {
        Ok(self.values.get(name)?)
    }

    pub(crate) fn insert<'r>(&self, rows: impl IntoIterator<Item = (&'r str, &'r [u8])>) -> Result<()> {
        for (name, value) in rows {
            self.values.insert(name, value)?;
        }
        Ok(self.database.persist(PersistMode::Buffer)?)
    }

    /// Moves everything to tables on the disk. Reads would else be answered from the buffer of writes.
    pub(crate) fn settle(&self) -> Result<()> {
        self.values.rotate_memtable_and_wait()?;
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }
}
