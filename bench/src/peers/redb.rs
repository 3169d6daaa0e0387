//! <https://docs.rs/redb>

use std::{path::Path, sync::Arc};

use anyhow::Result;
use redb::{Database, Durability, ReadableDatabase, TableDefinition};

const TABLE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("values");

/// A database with the default settings: a cache of up to 1 GiB in the process, and no checksum verified when a value
/// is read.
#[derive(Clone)]
pub(crate) struct Redb {
    database: Arc<Database>,
    durability: Durability,
    at_once: usize,
}

impl Redb {
    /// Every commit waits for the disk: the default.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let database = Database::create(path)?;
        let transaction = database.begin_write()?;
        drop(transaction.open_table(TABLE)?);
        transaction.commit()?;
        Ok(Self { database: Arc::new(database), durability: Durability::Immediate, at_once: usize::MAX })
    }

    /// What is there already, without a write.
    pub(crate) fn reopen(path: &Path) -> Result<Self> {
        let database = Arc::new(Database::open(path)?);
        Ok(Self { database, durability: Durability::Immediate, at_once: usize::MAX })
    }

    /// No commit waits for the disk, and none outlives the process before one that does. There is nothing between.
    pub(crate) fn not_durable(self) -> Self {
        Self { durability: Durability::None, ..self }
    }

    /// So many rows in a transaction, and not all of an insertion.
    pub(crate) fn at_once(self, at_once: usize) -> Self {
        Self { at_once, ..self }
    }

    /// One value, in a transaction of its own.
    pub(crate) fn get(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let transaction = self.database.begin_read()?;
        let table = transaction.open_table(TABLE)?;
        Ok(table.get(name)?.map(|value| value.value().to_vec()))
    }

    pub(crate) fn insert<'r>(&self, rows: impl IntoIterator<Item = (&'r str, &'r [u8])>) -> Result<()> {
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let mut transaction = self.database.begin_write()?;
            transaction.set_durability(self.durability)?;
            let mut table = transaction.open_table(TABLE)?;
            for (name, value) in rows.by_ref().take(self.at_once) {
                table.insert(name, value)?;
            }
            drop(table);
            transaction.commit()?;
        }
        Ok(())
    }
}
