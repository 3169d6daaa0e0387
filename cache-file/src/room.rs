//! Making room: who has to go when something comes.

use cache_core::{Cause, Result};

use crate::{
    format::Opening,
    index::Index,
    record::{Meta, Record},
    shelf::{Reading, Shelf},
    store::{Left, Shelves, Store},
};

impl Store {
    /// Evicts the least recently used entries of a category until it holds at most `limit` bytes, together
    /// with an entry that is to come.
    pub(crate) fn make_room(
        &self,
        shelves: &mut Shelves,
        coming: Option<(&str, u64, u64)>,
        category: &str,
        limit: u64,
        left: &mut Vec<Left>,
    ) -> Result<()> {
        let coming = coming.map(|(_, id, size)| (id, size));
        let Some(shelf) = shelves.get_mut(category) else { return Ok(()) };
        while let Some(index) = shelf.complete()
            && count(index, coming) > limit
            && let Some(oldest) = index.oldest(coming.map(|(id, _)| id))
        {
            self.dismiss(shelf, category, oldest, Cause::Evicted, left)?;
        }
        Ok(())
    }

    /// Evicts the least recently used entries of all categories until they hold at most what the options say.
    pub(crate) fn keep_total(
        &self,
        shelves: &mut Shelves,
        coming: Option<(&str, u64, u64)>,
        reading: Reading,
        left: &mut Vec<Left>,
    ) -> Result<()> {
        let limit = self.options.byte_limit.limit();
        if limit == u64::MAX {
            return Ok(());
        }
        let mut names = self.tree.categories()?;
        for name in &names {
            if coming.is_none_or(|(category, ..)| name != category) {
                self.sync(shelves, name, reading)?;
                shelves.get_mut(&**name).map_or(Ok(()), |shelf| shelf.save(&self.tree, name))?;
            }
        }
        // It has no folder before its first entry.
        names.extend(coming.map(|(category, ..)| category.to_owned()));
        names.sort_unstable();
        names.dedup();
        let of =
            |name: &str| coming.filter(|&(category, ..)| name == category).map(|(_, id, size)| (id, size));
        loop {
            let complete = names.iter().filter_map(|name| Some((name, shelves.get(&**name)?.complete()?)));
            let bytes = complete.clone().map(|(name, index)| count(index, of(name)));
            let sum = bytes.fold(0, u64::saturating_add);
            let oldest = complete
                .filter_map(|(name, index)| Some((name, index.oldest(of(name).map(|(id, _)| id))?)))
                .min_by_key(|(_, (_, meta))| meta.last_used);
            match oldest {
                Some((name, oldest)) if sum > limit => {
                    if let Some(shelf) = shelves.get_mut(&**name) {
                        self.dismiss(shelf, name, oldest, Cause::Evicted, left)?;
                    }
                }
                _ => break,
            }
        }
        Ok(())
    }

    /// Lets an entry go.
    pub(crate) fn dismiss(
        &self,
        shelf: &mut Shelf,
        category: &str,
        (id, meta): (u64, Meta),
        cause: Cause,
        left: &mut Vec<Left>,
    ) -> Result<()> {
        let key = self.key_of(category, id);
        self.tree.delete(category, id)?;
        shelf.record(Record::removed(id));
        left.extend(key.map(|key| Left::new(category, cause, &key, Some(meta))));
        Ok(())
    }

    /// The key of an entry, if somebody wants to know.
    fn key_of(&self, category: &str, id: u64) -> Option<String> {
        self.observer.read().as_ref()?;
        let (mut file, len) = self.tree.open_entry(category, id).ok()??;
        let buffer = &mut self.pool.take().buffer;
        let opening = Opening::read(&mut file, len, buffer).ok()?;
        String::from_utf8(opening.names(buffer).1.to_vec()).ok()
    }
}

/// What a category counts once an entry has come that takes the place of one with its id.
fn count(index: &Index, coming: Option<(u64, u64)>) -> u64 {
    let Some((id, size)) = coming else { return index.bytes() };
    let before = index.get(id).map_or(0, |before| before.size);
    index.bytes().saturating_sub(before).saturating_add(size)
}
