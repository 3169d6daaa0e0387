//! A tier that is there for the next start of the program: a map that is kept.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use warmstart::{
    EntryInfo, Result,
    core::{Category, Entry, Guard, Key, Tier, Value},
};

/// Bytes by category and key.
#[derive(Debug, Default)]
pub(super) struct KeptTier(Mutex<HashMap<(String, String), Entry>>);

impl KeptTier {
    fn entries(&self) -> MutexGuard<'_, HashMap<(String, String), Entry>> {
        self.0.lock().expect("nothing panics under this lock")
    }
}

fn owned(key: &Key<'_>) -> (String, String) {
    (key.category().name().into(), key.as_str().into())
}

impl Tier for KeptTier {
    fn name(&self) -> &'static str {
        "kept"
    }

    fn get(&self, key: &Key<'_>) -> Result<Option<Entry>> {
        Ok(self.entries().get(&owned(key)).cloned())
    }

    fn put(&self, key: &Key<'_>, entry: &Entry, guard: &dyn Guard) -> Result<()> {
        let entry = Entry { value: Value::Bytes(entry.value.to_bytes()?), ..entry.clone() };
        if guard.holds() {
            self.entries().insert(owned(key), entry);
        }
        Ok(())
    }

    fn remove(&self, key: &Key<'_>, guard: &dyn Guard) -> Result<()> {
        if guard.holds() {
            self.entries().remove(&owned(key));
        }
        Ok(())
    }

    fn scan(&self, category: &Arc<Category>, visit: &mut dyn FnMut(EntryInfo)) -> Result<()> {
        let entries = self.entries().clone();
        for ((name, key), entry) in entries {
            if name == category.name() {
                visit(EntryInfo::new(key, entry.size, entry.created_at, entry.expires_at, 0));
            }
        }
        Ok(())
    }
}
