//! The database file and what stands beside it.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use cache_core::{Error, ErrorKind, Result};
use parking_lot::Mutex;

use crate::{error::of_io, schema::APPLICATION_ID};

/// How long to wait until all other users of a damaged file have let go of it.
const PATIENCE: Duration = Duration::from_millis(500);

/// What the lock file begins with while the database is damaged.
const MARK: &[u8; 8] = b"damaged\n";

/// A database file, and the lock file through which processes agree on its name.
///
/// Every open cache holds the lock file shared. Whoever renames the database holds it exclusively:
/// SQLite finds its -wal by name, so a database must never be renamed while anybody has it open. The
/// lock file also remembers damage: it begins with [`MARK`] if the database was found to be damaged.
///
/// The database itself is touched with `std::fs` only where nobody in this process can have it open:
/// closing any handle drops all POSIX locks of the process on that file.
#[derive(Debug)]
pub(crate) struct StoreFile {
    path: PathBuf,
    lock: Mutex<File>,
    /// The file that the connection which writes has open.
    opened: Mutex<Option<FileId>>,
}

/// What tells a file from another one of its name: device and inode. Unknown outside of Unix, where the name of a file that
/// is open stays its own.
type FileId = (u64, u64);

impl StoreFile {
    /// Resolves the path, makes the folder and the file if they are missing, and takes a share.
    pub(crate) fn prepare(path: &Path) -> Result<Self> {
        let path = resolve(path).map_err(|error| of_io(error, path, "opening the folder"))?;
        // SQLite would refuse them too, without a word of what is wrong.
        for end in ["", "-wal", "-shm", "-journal", ".lock"] {
            let place = beside(&path, end);
            refuse_strange(&place).map_err(|error| of_io(error, &place, "opening the database"))?;
        }
        let lock = open_lock(&path)?;
        let file = Self { path, lock: Mutex::new(lock), opened: Mutex::new(None) };
        file.refuse_anothers()?;
        file.lock_shared()?;
        file.create()?;
        Ok(file)
    }

    /// Refuses a database of another program before SQLite sees it. SQLite would roll back its journal,
    /// or take it for ours because of a log that a cache left here before the file was replaced.
    ///
    /// Left to SQLite if somebody has the cache open: then the raw file must not be touched.
    fn refuse_anothers(&self) -> Result<()> {
        let lock = self.lock.lock();
        if lock.try_lock().is_err() {
            return Ok(());
        }
        let mut start = [0; 105];
        let read = self.read_start().and_then(|mut file| file.read_exact(&mut start));
        if read.is_ok() && is_of_another(&start) {
            let what =
                ErrorKind::Foreign("the database belongs to another program; choose another path".into());
            return Err(Error::new(what).about(self.path.display()));
        }
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Remembers which file is there, now that it is open.
    pub(crate) fn opened(&self) {
        *self.opened.lock() = id_at(&self.path);
    }

    /// Whether the path still leads to the file that is open. Who empties the folder of a running program, and perhaps
    /// starts another one, leaves it with files that have no name any more.
    pub(crate) fn is_in_place(&self) -> bool {
        self.opened.lock().is_none_or(|opened| id_at(&self.path) == Some(opened))
    }

    /// Joins those who use the files that are there now, and makes what is missing of them.
    ///
    /// # Errors
    /// The folder is gone: who deletes it does not want it back.
    pub(crate) fn rejoin(&self) -> Result<()> {
        if !self.path.parent().is_none_or(Path::exists) {
            let what = ErrorKind::Storage("the folder of the cache was deleted".into());
            return Err(Error::new(what).about(self.path.display()));
        }
        let mut lock = self.lock.lock();
        if lock.metadata().ok().as_ref().and_then(id_of) != id_at(&beside(&self.path, ".lock")) {
            *lock = open_lock(&self.path)?;
            drop(lock);
            self.lock_shared()?;
        }
        self.create()
    }

    /// The size of the write-ahead log in bytes.
    pub(crate) fn wal_len(&self) -> u64 {
        fs::metadata(beside(&self.path, "-wal")).map_or(0, |found| found.len())
    }

    /// Whether the raw file carries our mark, whatever else is wrong with it.
    ///
    /// Only for a file that SQLite has refused.
    pub(crate) fn has_our_mark(&self) -> Result<bool> {
        let mut header = [0; 72];
        let read = self.read_start().and_then(|mut file| file.read_exact(&mut header));
        match read {
            Ok(()) => Ok(header[68..] == APPLICATION_ID.to_be_bytes()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(of_io(error, &self.path, "reading the header")),
        }
    }

    fn read_start(&self) -> io::Result<File> {
        open(&self.path, OpenOptions::new().read(true))
    }

    /// Whether SQLite does not write the raw file because of the version of its format that it names.
    ///
    /// Only for a file that SQLite has refused to write.
    pub(crate) fn has_other_version(&self) -> Result<bool> {
        let mut header = [0; 19];
        let read = self.read_start().and_then(|mut file| file.read_exact(&mut header));
        // Rollback journal or WAL: there is no third.
        read.map(|()| header[18] > 2).map_err(|error| of_io(error, &self.path, "reading the header"))
    }

    /// Remembers, beyond this process, that the database is damaged.
    pub(crate) fn mark_damaged(&self) {
        let mut lock = self.lock.lock();
        let marked = lock.rewind().and_then(|()| lock.write_all(MARK));
        if let Err(error) = marked {
            tracing::warn!(path = %self.path.display(), %error, "cannot remember that the database is damaged");
        }
    }

    pub(crate) fn is_marked_damaged(&self) -> bool {
        let mut lock = self.lock.lock();
        let mut start = [0; MARK.len()];
        lock.rewind().and_then(|()| lock.read_exact(&mut start)).is_ok() && start == *MARK
    }

    pub(crate) fn clear_mark(&self) {
        if self.is_marked_damaged() {
            let _ = self.lock.lock().set_len(0);
        }
    }

    /// Runs `work` while nobody else has the database open; `None` if somebody keeps it open.
    ///
    /// The caller has closed its own connections.
    pub(crate) fn exclusively<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<Option<T>> {
        if !self.lock_exclusively()? {
            return Ok(None);
        }
        let outcome = work();
        self.lock_shared()?;
        outcome.map(Some)
    }

    /// Renames the database and its journals out of the way, in place of any earlier ones, and makes
    /// an empty file. Only inside [`exclusively`](Self::exclusively).
    pub(crate) fn set_aside(&self) -> Result<()> {
        let aside = beside(&self.path, ".corrupt");
        for end in ["", "-wal", "-shm", "-journal"] {
            let (from, to) = (beside(&self.path, end), beside(&aside, end));
            let _ = fs::remove_file(&to);
            match fs::rename(&from, &to) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(of_io(error, &from, "setting a damaged database aside"));
                }
                _ => {}
            }
        }
        tracing::warn!(path = %self.path.display(), aside = %aside.display(), "set a damaged database aside");
        self.create()
    }

    /// SQLite would make the file readable for everybody, so it is made before SQLite sees it. The
    /// journals take their mode from it.
    fn create(&self) -> Result<()> {
        match open(&self.path, OpenOptions::new().write(true).create_new(true)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(of_io(error, &self.path, "making the file"))
            }
            _ => Ok(()),
        }
    }

    fn lock_exclusively(&self) -> Result<bool> {
        let lock = self.lock.lock();
        let _ = lock.unlock();
        let start = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(true),
                Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(TryLockError::WouldBlock) => break,
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => break,
                Err(TryLockError::Error(error)) => return Err(of_io(error, &self.path, "locking")),
            }
        }
        drop(lock);
        self.lock_shared()?;
        Ok(false)
    }

    fn lock_shared(&self) -> Result<()> {
        let lock = self.lock.lock();
        // Converting a held lock is not possible everywhere; letting go first is.
        let _ = lock.unlock();
        tolerate(lock.lock_shared()).map_err(|error| of_io(error, &self.path, "locking"))
    }
}

fn open_lock(path: &Path) -> Result<File> {
    let path = beside(path, ".lock");
    open(&path, OpenOptions::new().read(true).write(true).create(true))
        .map_err(|error| of_io(error, &path, "opening the lock file"))
}

fn id_at(path: &Path) -> Option<FileId> {
    id_of(&fs::symlink_metadata(path).ok()?)
}

#[cfg(unix)]
fn id_of(found: &fs::Metadata) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    Some((found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn id_of(_: &fs::Metadata) -> Option<FileId> {
    None
}

/// Whether a file that starts like this is a database with another mark than ours, or without a mark but
/// with something in it. See <https://sqlite.org/fileformat2.html>.
fn is_of_another(start: &[u8; 105]) -> bool {
    let (mark, version) = (&start[68..72], &start[60..64]);
    // The root page of the schema comes after the header of 100 bytes: its kind, 13 for a leaf, and in
    // bytes 3 and 4 how many tables and the like it holds.
    let is_empty = start[100] == 13 && start[103..105] == [0, 0];
    start.starts_with(b"SQLite format 3\0")
        && *mark != APPLICATION_ID.to_be_bytes()
        && !(*mark == [0; 4] && *version == [0; 4] && is_empty)
}

/// A file system without locks is used without them, as by one process alone.
fn tolerate(locked: io::Result<()>) -> io::Result<()> {
    locked.or_else(|error| if error.kind() == io::ErrorKind::Unsupported { Ok(()) } else { Err(error) })
}

/// The path with its folder made and free of links: a link at the last component is then a link that
/// somebody put in the place of the database, and SQLite refuses it.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path does not name a file"))?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    private_folders().create(folder)?;
    // What Windows calls canonical is a form of path that few programs can read.
    let folder = if cfg!(windows) { std::path::absolute(folder)? } else { fs::canonicalize(folder)? };
    Ok(folder.join(name))
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

fn private_folders() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// Opens a file for its owner alone; not a link, and without waiting for whoever else has it open.
fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.mode(0o600).custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(is_no_file()) }
}

/// Refuses what is there and is neither a file nor missing.
fn refuse_strange(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => {
            Err(io::Error::other("it is a link, which is not followed; delete it"))
        }
        Ok(found) if !found.is_file() => Err(is_no_file()),
        _ => Ok(()),
    }
}

fn is_no_file() -> io::Error {
    io::Error::other("it is no file; delete it")
}
