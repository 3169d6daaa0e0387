//! The folders and files of a cache, and how they are touched: never through a link.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use cache_core::{Error, ErrorKind, Result};
use tempfile::NamedTempFile;

use crate::{
    lock::Lock,
    names::{Leaf, category_name, entry_name, folder_name, leaf_name},
};

/// Says that a folder is a cache of ours; held by whoever changes something in it.
const MARKER: &str = ".warmstart";

/// What the marker holds. Another version gets another number.
const MARK: &[u8] = b"warmstart cache-file, format 1\n";

/// The folder for what is being written, and for what is being deleted.
const TEMPORARY: &str = ".tmp";

/// The usage log of a category.
const LOG: &str = "usage.log";

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
    #[cfg(target_os = "linux")]
    handle: File,
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
        let marker = root.join(MARKER);
        let file = match open_file(&marker, OpenOptions::new().read(true).write(true)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut inside = fs::read_dir(&root).map_err(|error| refused(error, "listing the folder"))?;
                // Another process may be making this very cache.
                let ours = |name: &std::ffi::OsStr| name == MARKER || name == TEMPORARY;
                if inside.any(|entry| entry.is_ok_and(|entry| !ours(&entry.file_name()))) {
                    let why = "the folder holds something, but no cache; choose an empty or a new one";
                    return Err(Error::new(ErrorKind::Foreign(why.into())).about(dir.display()));
                }
                open_file(&marker, OpenOptions::new().read(true).write(true).create(true))
            }
            opened => opened,
        }
        .map_err(|error| storage(error, &marker, "opening the marker"))?;
        let mut lock = Lock::new(file);
        // Windows lets nobody read what another has locked. Elsewhere, who was stopped keeps nobody from opening.
        let marked = if cfg!(windows) { mark(lock.hold(&root)?.0) } else { mark(&lock.file) };
        let found = marked.map_err(|error| storage(error, &marker, "reading or writing the marker"))?;
        if found != MARK {
            let why = format!("its marker is {:?}", String::from_utf8_lossy(&found).trim_end());
            return Err(Error::new(ErrorKind::Foreign(why)).about(dir.display()));
        }
        let tree = Self {
            #[cfg(target_os = "linux")]
            handle: File::open(&root).map_err(|error| refused(error, "opening the folder"))?,
            root,
        };
        Ok((tree, lock))
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
        self.open_file(Path::new(&entry_name(category, id)))
    }

    /// A file of the tree for reading and its length, if it is there.
    fn open_file(&self, path: &Path) -> Result<Option<(File, u64)>> {
        let opened = self.open_beneath(path).and_then(|file| {
            let found = file.metadata()?;
            if found.is_file() { Ok((file, found.len())) } else { Err(io::Error::other("it is no file")) }
        });
        match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some).map_err(|error| storage(error, &self.root.join(path), "opening")),
        }
    }

    /// Opens a file for reading, refusing links anywhere below the root.
    #[cfg(target_os = "linux")]
    fn open_beneath(&self, path: &Path) -> io::Result<File> {
        use rustix::{
            fs::{Mode, OFlags, ResolveFlags, openat2},
            io::Errno,
        };
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::BENEATH;
        match openat2(&self.handle, path, flags, Mode::empty(), resolve) {
            Ok(file) => Ok(file.into()),
            // Kernels before 5.6 do not have it, and sandboxes that do not know it forbid it.
            Err(Errno::NOSYS | Errno::PERM) => self.open_step_by_step(path),
            Err(Errno::LOOP) => Err(is_a_link()),
            Err(error) => Err(error.into()),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn open_beneath(&self, path: &Path) -> io::Result<File> {
        self.open_step_by_step(path)
    }

    fn open_step_by_step(&self, path: &Path) -> io::Result<File> {
        self.refuse_links(path.parent().unwrap_or(path))?;
        open_file(&self.root.join(path), OpenOptions::new().read(true))
    }

    /// Refuses a path below the root whose folders are none, or links.
    fn refuse_links(&self, folders: &Path) -> io::Result<()> {
        let mut path = self.root.clone();
        for folder in folders {
            path.push(folder);
            let found = fs::symlink_metadata(&path)?;
            if found.is_symlink() {
                return Err(is_a_link());
            }
            if !found.is_dir() {
                return Err(io::Error::from(io::ErrorKind::NotADirectory));
            }
        }
        Ok(())
    }

    /// Makes a folder below the root and those on the way to it.
    fn make(&self, folders: &Path) -> io::Result<()> {
        match self.refuse_links(folders) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            known => return known,
        }
        let mut path = self.root.clone();
        for folder in folders {
            path.push(folder);
            match private_folder().create(&path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        self.refuse_links(folders)
    }

    /// Refuses to write into a folder that another has made in the place of ours: reads would not find it.
    fn refuse_deleted(&self) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        if !is_linked(&self.handle) {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the folder of the cache was deleted"));
        }
        Ok(())
    }

    /// A new file under a temporary name, locked: whoever can lock it knows that its process is gone.
    pub(crate) fn temporary(&self) -> Result<NamedTempFile> {
        let dir = self.root.join(TEMPORARY);
        loop {
            let made = self
                .refuse_deleted()
                .and_then(|()| self.make(Path::new(TEMPORARY)))
                .and_then(|()| NamedTempFile::new_in(&dir))
                .map_err(|error| storage(error, &dir, "making a file"))?;
            // A cleaner may have come between, and have the file or have deleted it.
            if !is_locked_by_another(made.as_file()) && is_linked(made.as_file()) {
                return Ok(made);
            }
        }
    }

    /// Gives a file its place as the entry `id`, instead of the one that is there.
    pub(crate) fn publish(&self, draft: NamedTempFile, category: &str, id: u64) -> Result<()> {
        let path = self.entry(category, id);
        let leaf = leaf_name(category, Leaf::of(id));
        let published = self.make(Path::new(&leaf)).and_then(|()| give_place(draft, &path));
        published.map_err(|error| storage(error, &path, "storing an entry"))
    }

    /// Deletes the entry `id`. It is no error if there is none.
    pub(crate) fn delete(&self, category: &str, id: u64) -> Result<()> {
        let path = self.entry(category, id);
        let leaf = leaf_name(category, Leaf::of(id));
        match self.refuse_links(Path::new(&leaf)).and_then(|()| fs::remove_file(&path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(storage(error, &path, "deleting an entry"))
            }
            _ => Ok(()),
        }
    }

    /// The ids of the entries in one folder of a category, each with its length and the time when it was
    /// written, in milliseconds since the Unix epoch.
    pub(crate) fn list(&self, category: &str, leaf: Leaf) -> Result<Vec<(u64, u64, i64)>> {
        let folders = leaf_name(category, leaf);
        let path = self.root.join(&folders);
        let listed = self.refuse_links(Path::new(&folders)).and_then(|()| fs::read_dir(&path));
        let entries = match listed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed.map_err(|error| storage(error, &path, "listing"))?,
        };
        let entry = |entry: io::Result<fs::DirEntry>| {
            let entry = entry.ok()?;
            let name = entry.file_name();
            let name = name.to_str().filter(|name| name.len() == 16)?;
            let id = u64::from_str_radix(name, 16).ok().filter(|&id| Leaf::of(id) == leaf)?;
            // Of the link itself, where it is one.
            let found = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            let since = found.modified().ok()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            Some((id, found.len(), i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
        };
        Ok(entries.filter_map(entry).collect())
    }

    /// The names of the categories that have a folder.
    pub(crate) fn categories(&self) -> Result<Vec<String>> {
        let entries = fs::read_dir(&self.root).map_err(|error| storage(error, &self.root, "listing"))?;
        let folders = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        Ok(folders.filter_map(|folder| category_name(folder.file_name().to_str()?)).collect())
    }

    pub(crate) fn has_category(&self, category: &str) -> bool {
        self.refuse_links(Path::new(&folder_name(category))).is_ok()
    }

    /// Takes a category's folder away at once; what was in it is deleted by [`sweep`](Self::sweep).
    pub(crate) fn clear(&self, category: &str) -> Result<()> {
        let folder = self.root.join(folder_name(category));
        let cleared =
            self.refuse_links(Path::new(&folder_name(category))).and_then(|()| self.take_away(&folder));
        match cleared {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(storage(error, &folder, "clearing a category"))
            }
            _ => Ok(()),
        }
    }

    /// Moves something to where it is deleted some time.
    fn take_away(&self, what: &Path) -> io::Result<()> {
        self.make(Path::new(TEMPORARY))?;
        fs::rename(what, self.root.join(TEMPORARY).join(format!("{:016x}", fastrand::u64(..))))
    }

    /// Deletes what was cleared, and the temporary files of processes that are gone, while `go_on` says so.
    pub(crate) fn sweep(&self, go_on: &dyn Fn() -> bool) -> Result<()> {
        let dir = self.root.join(TEMPORARY);
        let listed = self.refuse_links(Path::new(TEMPORARY)).and_then(|()| fs::read_dir(&dir));
        let entries = match listed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            listed => listed.map_err(|error| storage(error, &dir, "listing"))?,
        };
        for entry in entries.flatten() {
            if !go_on() {
                return Ok(());
            }
            let path = entry.path();
            let deleted = match entry.file_type() {
                Ok(kind) if kind.is_dir() => delete_folder(&path, go_on),
                Ok(kind) if kind.is_file() => delete_unused(&path),
                _ => fs::remove_file(&path),
            };
            if let Err(error) = deleted
                && error.kind() != io::ErrorKind::NotFound
            {
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
        let path = self.log(category);
        let opened = self
            .refuse_links(Path::new(&folder_name(category)))
            .and_then(|()| open_file(&path, OpenOptions::new().read(true).write(true)));
        match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound || is_no_file(&path) => Ok(None),
            opened => opened.map(Some).map_err(|error| storage(error, &path, "opening the usage log")),
        }
    }

    /// Puts a usage log in the place of the one that is there.
    pub(crate) fn publish_log(&self, draft: NamedTempFile, category: &str) -> Result<()> {
        let path = self.log(category);
        let published = self
            .make(Path::new(&folder_name(category)))
            .and_then(|()| if is_no_file(&path) { self.take_away(&path) } else { Ok(()) })
            .and_then(|()| give_place(draft, &path));
        published.map_err(|error| storage(error, &path, "writing the usage log"))
    }
}

/// What the marker holds; an empty one is new.
fn mark(mut file: &File) -> io::Result<Vec<u8>> {
    let mut found = Vec::new();
    file.take(100).read_to_end(&mut found)?;
    if found.is_empty() {
        file.write_all(MARK)?;
        // One that a loss of power has left as zeros would be somebody else's for ever.
        file.sync_all()?;
        found.extend(MARK);
    }
    Ok(found)
}

/// Moves a file to its place.
fn give_place(draft: NamedTempFile, path: &Path) -> io::Result<()> {
    // On Windows, `persist` does not replace what somebody reads.
    if cfg!(windows) {
        fs::rename(draft.path(), path)
    } else {
        draft.persist(path)?;
        Ok(())
    }
}

/// What the system refused.
pub(crate) fn storage(error: io::Error, path: &Path, doing: &str) -> Error {
    Error::new(ErrorKind::Storage(format!("{doing}: {error}"))).about(path.display()).caused_by(error)
}

fn is_no_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| !found.is_file())
}

fn is_a_link() -> io::Error {
    io::Error::other("there is a link on the way, which is not followed")
}

fn private_folder() -> DirBuilder {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has something to set"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// Opens a file for its owner alone; not a link, and without waiting for whoever else has it open.
fn open_file(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.mode(0o600).custom_flags(flags.bits().cast_signed());
    }
    #[cfg(not(unix))]
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) {
        return Err(is_a_link());
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no file")) }
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
fn delete_unused(path: &Path) -> io::Result<()> {
    let file = open_file(path, OpenOptions::new().read(true))?;
    let unused = match file.try_lock() {
        Ok(()) => true,
        Err(fs::TryLockError::WouldBlock) => false,
        Err(fs::TryLockError::Error(_)) => file.metadata()?.modified()?.elapsed().is_ok_and(|age| age > DAY),
    };
    if unused { fs::remove_file(path) } else { Ok(()) }
}

/// Deletes a folder with all that is in it, links as such, until `go_on` says no.
fn delete_folder(path: &Path, go_on: &dyn Fn() -> bool) -> io::Result<()> {
    for entry in fs::read_dir(path)?.flatten() {
        if !go_on() {
            return Ok(());
        }
        match entry.file_type()?.is_dir() {
            true => delete_folder(&entry.path(), go_on)?,
            false => fs::remove_file(entry.path())?,
        }
    }
    fs::remove_dir(path)
}
