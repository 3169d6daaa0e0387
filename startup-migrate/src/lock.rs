//! One process at a time migrates a file, from its first version to its last.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// A file beside the database, locked: SQLite's own lock is free between two versions.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    /// Waits up to `timeout`. `Ok(None)` if there can be no such file; SQLite's locks remain.
    pub(crate) fn acquire(database: &Path, timeout: Duration) -> Result<Option<Self>, TimedOut> {
        let path = beside(database, ".migrate-lock");
        let start = Instant::now();
        loop {
            let mut options = File::options();
            let Ok(file) = open_beside(options.create(true).truncate(false).write(true), &path, database)
            else {
                return Ok(None);
            };
            match file.try_lock() {
                Ok(()) if is_at(&file, &path) => return Ok(Some(Self { path, file })),
                // Its last holder has removed it in between.
                Ok(()) => continue,
                Err(TryLockError::WouldBlock) if start.elapsed() >= timeout => return Err(TimedOut),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
                Err(TryLockError::Error(_)) => return Ok(None),
            }
        }
    }
}

/// Another process was still at it.
pub(crate) struct TimedOut;

impl Drop for Lock {
    fn drop(&mut self) {
        // Only where a waiter can see that the file it has locked is no longer there.
        if cfg!(unix) {
            let _ = fs::remove_file(&self.path);
        }
        let _ = self.file.unlock();
    }
}

/// `path` with something behind its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// Opens a file for those alone who may read the database `of`, as SQLite does with its journals; not through a
/// link, and without waiting for whoever else has it open.
pub(crate) fn open_beside(options: &mut OpenOptions, path: &Path, of: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let mode = fs::metadata(of).map_or(0o600, |of| of.mode() & 0o666);
        options.mode(mode).custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no file")) }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let same = |a: &fs::Metadata, b: &fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    matches!((file.metadata(), fs::metadata(path)), (Ok(a), Ok(b)) if same(&a, &b))
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}
