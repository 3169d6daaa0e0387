//! The folders and files of a cache, and how they are touched: never through a link.

use std::{
    ffi::OsStr,
    fs::{self, DirBuilder, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use cache_core::{Error, ErrorKind, Result};
use tempfile::NamedTempFile;

use crate::{
    folder::{Folder, Kind, Member},
    lock::Lock,
    marker,
    names::{Leaf, category_name, entry_name, file_name, folder_name, leaf_name},
};

/// The folder for what is being written, and for what is being deleted.
pub(crate) const TEMPORARY: &str = ".tmp";

/// The usage log of a category.
pub(crate) const LOG: &str = "usage.log";

/// How deep the folders are that are deleted: a cache has three, and each is held open.
const MOST_FOLDERS: usize = 16;

/// After how long a temporary file that cannot be locked is taken for one that nobody writes.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The folder of a cache.
///
/// ```text
/// .warmstart                      marker and lock
/// .tmp/                           files that are being written, cleared categories that are being deleted
/// week_data/usage.log             sizes, expiry and use of the entries of a category
/// week_data/0/f/0f3c5d0be21a9d77  an entry, by the stable hash of its key
/// ```
#[derive(Debug)]
pub(crate) struct Tree {
    root: PathBuf,
    folder: Folder,
}

impl Tree {
    /// Opens the folder, makes it where it is missing, and returns its lock too.
    ///
    /// # Errors
    /// [`ErrorKind::Foreign`] for a folder that holds something and is no cache; [`ErrorKind::Storage`].
    pub(crate) fn open(dir: &Path) -> Result<(Self, Lock)> {
        let refused = |error, doing| storage(error, dir, doing);
        private_folder().recursive(true).create(dir).map_err(|error| refused(error, "making the folder"))?;
        let root = if cfg!(windows) { std::path::absolute(dir) } else { fs::canonicalize(dir) };
        let root = root.map_err(|error| refused(error, "opening the folder"))?;
        let folder = Folder::at(&root).map_err(|error| refused(error, "opening the folder"))?;
        let lock = marker::open(&folder, dir, &root)?;
        Ok((Self { root, folder }, lock))
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where an entry is.
    pub(crate) fn entry(&self, category: &str, id: u64) -> PathBuf {
        self.root.join(entry_name(category, id))
    }

    /// The entry's file, if there is one.
    pub(crate) fn open_entry(&self, category: &str, id: u64) -> Result<Option<(File, u64)>> {
        let path = entry_name(category, id);
        found(self.folder.read(Path::new(&path)))
            .map_err(|error| storage(error, &self.root.join(path), "opening"))
    }

    /// A new file under a temporary name, locked: whoever can lock it knows that its process is gone.
    pub(crate) fn temporary(&self) -> Result<NamedTempFile> {
        let dir = self.root.join(TEMPORARY);
        loop {
            let made = self.make_temporary(&dir).map_err(|error| storage(error, &dir, "making a file"))?;
            // A cleaner may have come between, and have the file or have deleted it.
            if !is_locked_by_another(made.as_file()) && is_linked(made.as_file()) {
                return Ok(made);
            }
        }
    }

    fn make_temporary(&self, dir: &Path) -> io::Result<NamedTempFile> {
        // Reads would not find what another has made in the place of ours.
        if !self.folder.is_linked() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the folder of the cache was deleted"));
        }
        let folder = self.folder.make(Path::new(TEMPORARY))?;
        tempfile::Builder::new().make_in(dir, |path| folder.make_file(path.file_name().unwrap_or_default()))
    }

    /// Gives a file its place as the entry `id`, instead of the one that is there.
    pub(crate) fn publish(&self, draft: NamedTempFile, category: &str, id: u64) -> Result<()> {
        let leaf = leaf_name(category, Leaf::of(id));
        let published =
            self.folder.make(Path::new(&leaf)).and_then(|leaf| give_place(draft, &leaf, &file_name(id)));
        published.map_err(|error| storage(error, &self.entry(category, id), "storing an entry"))
    }

    /// Deletes the entry `id`. It is no error if there is none.
    pub(crate) fn delete(&self, category: &str, id: u64) -> Result<()> {
        let leaf = leaf_name(category, Leaf::of(id));
        let deleted = self.folder.folder(Path::new(&leaf)).and_then(|leaf| leaf.delete(file_name(id)));
        match found(deleted) {
            Err(error) => Err(storage(error, &self.entry(category, id), "deleting an entry")),
            Ok(_) => Ok(()),
        }
    }

    /// The ids of the entries in one folder of a category, each with its length and the time when it was
    /// written, in milliseconds since the Unix epoch.
    pub(crate) fn list(&self, category: &str, leaf: Leaf) -> Result<Vec<(u64, u64, i64)>> {
        let path = leaf_name(category, leaf);
        let failed = |error| storage(error, &self.root.join(&path), "listing");
        let opened = found(self.folder.folder(Path::new(&path))).map_err(failed)?;
        let Some(folder) = opened else { return Ok(Vec::new()) };
        let entry = |member: Member| {
            let name = member.name.to_str().filter(|name| name.len() == 16)?;
            let id = u64::from_str_radix(name, 16).ok().filter(|&id| Leaf::of(id) == leaf)?;
            let found = folder.look(name).ok().filter(|found| found.kind == Kind::File)?;
            let since = found.modified.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            Some((id, found.len, i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
        };
        Ok(folder.list().map_err(failed)?.filter_map(entry).collect())
    }

    /// The names of the categories that have a folder.
    pub(crate) fn categories(&self) -> Result<Vec<String>> {
        let members = self.folder.list().map_err(|error| storage(error, &self.root, "listing"))?;
        let folders = members.filter(|member| member.kind == Kind::Folder);
        Ok(folders.filter_map(|folder| category_name(folder.name.to_str()?)).collect())
    }

    pub(crate) fn has_category(&self, category: &str) -> bool {
        self.folder.folder(Path::new(&folder_name(category))).is_ok()
    }

    /// Takes a category's folder away at once; what was in it is deleted by [`sweep`](Self::sweep).
    pub(crate) fn clear(&self, category: &str) -> Result<()> {
        let name = folder_name(category);
        let cleared = self
            .folder
            .folder(Path::new(&name))
            // One that is a link stays, and is told.
            .and_then(|_| self.take_away(&self.folder, &name));
        match found(cleared) {
            Err(error) => Err(storage(error, &self.root.join(name), "clearing a category")),
            Ok(_) => Ok(()),
        }
    }

    /// Moves something to where it is deleted some time.
    fn take_away(&self, from: &Folder, name: &str) -> io::Result<()> {
        let to = self.folder.make(Path::new(TEMPORARY))?;
        from.give(name, &to, format!("{:016x}", fastrand::u64(..)))
    }

    /// Deletes what was cleared, and the temporary files of processes that are gone, while `go_on` says so.
    pub(crate) fn sweep(&self, go_on: &dyn Fn() -> bool) -> Result<()> {
        let dir = self.root.join(TEMPORARY);
        let failed = |error| storage(error, &dir, "listing");
        let opened = found(self.folder.folder(Path::new(TEMPORARY))).map_err(failed)?;
        let Some(folder) = opened else { return Ok(()) };
        for Member { name, kind } in folder.list().map_err(failed)? {
            if !go_on() {
                return Ok(());
            }
            let deleted = match kind {
                Kind::Folder => delete_folder(&folder, &name, MOST_FOLDERS, go_on),
                Kind::File => delete_unused(&folder, &name),
                Kind::Other => folder.delete(&name),
            };
            if let Err(error) = found(deleted) {
                let path = dir.join(name);
                tracing::warn!(path = %path.display(), %error, "a temporary file cannot be deleted");
            }
        }
        Ok(())
    }

    pub(crate) fn log(&self, category: &str) -> PathBuf {
        self.root.join(folder_name(category)).join(LOG)
    }

    /// The usage log of a category, to read and to write, if there is one. What is no file is none.
    pub(crate) fn open_log(&self, category: &str) -> Result<Option<File>> {
        let opened = self.folder.folder(Path::new(&folder_name(category))).and_then(|folder| {
            match folder.write(LOG) {
                Err(_) if is_no_file(&folder) => Ok(None),
                opened => opened.map(Some),
            }
        });
        let opened =
            found(opened).map_err(|error| storage(error, &self.log(category), "opening the usage log"));
        opened.map(Option::flatten)
    }

    /// Puts a usage log in the place of the one that is there.
    pub(crate) fn publish_log(&self, draft: NamedTempFile, category: &str) -> Result<()> {
        let published = self.folder.make(Path::new(&folder_name(category))).and_then(|folder| {
            if is_no_file(&folder) {
                self.take_away(&folder, LOG)?;
            }
            give_place(draft, &folder, LOG)
        });
        published.map_err(|error| storage(error, &self.log(category), "writing the usage log"))
    }
}

/// `None` where there is nothing of that name.
fn found<T>(opened: io::Result<T>) -> io::Result<Option<T>> {
    match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

/// Moves a file to its place.
fn give_place(draft: NamedTempFile, folder: &Folder, name: &str) -> io::Result<()> {
    // `persist` takes a path, and on Windows does not replace what somebody reads.
    folder.take(draft.path(), name)?;
    // There is nothing left to delete under the old name.
    let _ = draft.into_temp_path().keep();
    Ok(())
}

/// What the system refused.
pub(crate) fn storage(error: io::Error, path: &Path, doing: &str) -> Error {
    Error::new(ErrorKind::Storage(format!("{doing}: {error}"))).about(path.display()).caused_by(error)
}

/// Whether something that is no file is in the place of the usage log.
fn is_no_file(folder: &Folder) -> bool {
    folder.look(LOG).is_ok_and(|found| found.kind != Kind::File)
}

fn private_folder() -> DirBuilder {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has something to set"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

#[cfg(unix)]
fn is_linked(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.metadata().is_ok_and(|found| found.nlink() > 0)
}

#[cfg(not(unix))]
fn is_linked(_: &File) -> bool {
    true
}

/// Locks a file, until it is closed, unless another has. Where there are no locks, there are no others.
fn is_locked_by_another(file: &File) -> bool {
    matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock))
}

/// Deletes a temporary file that nobody is writing: under its lock or, where there are no locks, after a day.
fn delete_unused(folder: &Folder, name: &OsStr) -> io::Result<()> {
    let (file, _) = folder.read(Path::new(name))?;
    let unused = match file.try_lock() {
        Ok(()) => true,
        Err(fs::TryLockError::WouldBlock) => false,
        Err(fs::TryLockError::Error(_)) => file.metadata()?.modified()?.elapsed().is_ok_and(|age| age > DAY),
    };
    if unused { folder.delete(name) } else { Ok(()) }
}

/// Deletes a folder with all that is in it, links as such, until `go_on` says no.
fn delete_folder(parent: &Folder, name: &OsStr, depth: usize, go_on: &dyn Fn() -> bool) -> io::Result<()> {
    let folder = parent.folder(Path::new(name))?;
    let Some(depth) = depth.checked_sub(1) else {
        return Err(io::Error::other("folders in folders, more than a cache has; delete them"));
    };
    for Member { name, kind } in folder.list()? {
        if !go_on() {
            return Ok(());
        }
        match kind {
            Kind::Folder => delete_folder(&folder, &name, depth, go_on)?,
            Kind::File | Kind::Other => folder.delete(&name)?,
        }
    }
    parent.delete_folder(name)
}
