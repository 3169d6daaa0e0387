//! The folder of a cache, of which a part is taken away, forbidden, or replaced.

use std::{
    collections::BTreeMap,
    fs::{self, Metadata, Permissions},
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, lchown, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use rustix::fs::{CWD, FileType, Mode, mknodat};

/// What can be done to a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nobody may write it.
    ReadOnly,
    /// Nobody may read it.
    Unreadable,
    /// It is root's, and private.
    Anothers,
    Gone,
    /// A link to the same thing outside.
    Link,
    /// A link to something outside that is not there.
    Dangling,
    /// A link to itself.
    Loop,
    Folder,
    Pipe,
    Socket,
    /// A file with something else in it.
    File,
}

/// The parts, from the folder of the cache. Of an entry, and of the folders that it is in, any will do.
pub(super) const PARTS: [&str; 12] = [
    ".",
    "cache.db",
    "cache.db-wal",
    "cache.db-shm",
    "cache.db.lock",
    "files",
    MARKER,
    "files/.tmp",
    CATEGORY,
    "files/files/usage.log",
    LEAF,
    ENTRY,
];

const MARKER: &str = "files/.warmstart";
const CATEGORY: &str = "files/files";
const LEAF: &str = "leaf";
const ENTRY: &str = "entry";

/// A folder for a cache, and one beside it which no cache has anything to do with.
pub(super) struct Stage {
    pub(super) cache: PathBuf,
    outside: PathBuf,
    before: BTreeMap<PathBuf, String>,
}

/// A fault that was made to happen.
pub(super) struct Made {
    path: PathBuf,
    fault: Fault,
    found: Metadata,
}

impl Made {
    pub(super) fn is_dir(&self) -> bool {
        self.found.is_dir()
    }
}

impl Stage {
    /// Both folders belong to `owner`.
    pub(super) fn new(dir: &Path, owner: Option<u32>) -> Result<Self> {
        let (home, outside) = (dir.join("home"), dir.join("outside"));
        for folder in [&home, &outside] {
            fs::create_dir(folder)?;
            chown(folder, owner, owner)?;
        }
        Ok(Self { cache: home.join("cache"), outside, before: BTreeMap::new() })
    }

    fn part(&self, part: &str) -> Result<PathBuf> {
        let category = self.cache.join(CATEGORY);
        Ok(match part {
            LEAF => entry(&category)?.parent().context("an entry without a folder")?.to_owned(),
            ENTRY => entry(&category)?,
            "." => self.cache.clone(),
            part => self.cache.join(part),
        })
    }

    /// Makes the fault happen to a part. `None` if the part is not there.
    pub(super) fn make(&mut self, part: &str, fault: Fault) -> Result<Option<Made>> {
        let path = self.part(part)?;
        let Ok(found) = fs::symlink_metadata(&path) else { return Ok(None) };
        let made = Made { path: path.clone(), fault, found };
        let (path, is_dir) = (&path, made.found.is_dir());
        match fault {
            Fault::ReadOnly => allow(path, if is_dir { 0o500 } else { 0o400 })?,
            Fault::Unreadable => allow(path, 0o000)?,
            Fault::Anothers => {
                chown(path, Some(0), Some(0))?;
                allow(path, if is_dir { 0o700 } else { 0o600 })?;
            }
            _ => {
                let copy = self.outside.join("copy");
                let copied = Command::new("cp").arg("-a").args([path, &copy]).status()?;
                ensure!(copied.success(), "{} was not copied", path.display());
                delete(path)?;
                match fault {
                    Fault::Link => symlink(&copy, path)?,
                    Fault::Dangling => symlink(self.outside.join("nothing"), path)?,
                    Fault::Loop => symlink(path.file_name().context("a part without a name")?, path)?,
                    Fault::Folder => fs::create_dir(path)?,
                    Fault::Pipe => mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0)?,
                    Fault::Socket => drop(UnixListener::bind(path)?),
                    Fault::File => fs::write(path, "something else")?,
                    _ => {}
                }
                if fault != Fault::Gone {
                    lchown(path, Some(made.found.uid()), Some(made.found.gid()))?;
                }
            }
        }
        self.before = listing(&self.outside)?;
        Ok(Some(made))
    }

    /// Undoes what was done to a part. What was there before does not come back.
    pub(super) fn mend(&self, made: &Made) -> Result<()> {
        match made.fault {
            Fault::ReadOnly | Fault::Unreadable | Fault::Anothers => {
                if fs::symlink_metadata(&made.path).is_ok_and(|now| now.ino() == made.found.ino()) {
                    chown(&made.path, Some(made.found.uid()), Some(made.found.gid()))?;
                    allow(&made.path, made.found.mode())?;
                }
                Ok(())
            }
            Fault::Gone => Ok(()),
            _ => {
                delete(&made.path)?;
                Ok(())
            }
        }
    }

    /// Nothing outside may have changed.
    pub(super) fn check_outside(&self) -> Result<()> {
        let now = listing(&self.outside)?;
        let changed: Vec<_> = self.before.iter().filter(|(path, was)| now.get(*path) != Some(was)).collect();
        let new: Vec<_> = now.keys().filter(|path| !self.before.contains_key(*path)).collect();
        ensure!(changed.is_empty() && new.is_empty(), "outside, {changed:?} was changed, {new:?} is new");
        Ok(())
    }
}

fn allow(path: &Path, mode: u32) -> Result<()> {
    Ok(fs::set_permissions(path, Permissions::from_mode(mode))?)
}

fn delete(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => Ok(fs::remove_dir_all(path)?),
        Ok(_) => Ok(fs::remove_file(path)?),
        Err(_) => Ok(()),
    }
}

/// Any entry of a category.
fn entry(category: &Path) -> Result<PathBuf> {
    let mut folders = vec![category.to_owned()];
    while let Some(folder) = folders.pop() {
        for found in fs::read_dir(&folder).with_context(|| format!("{}", folder.display()))? {
            let path = found?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name.len() == 16) {
                return Ok(path);
            }
        }
    }
    anyhow::bail!("there is no entry in {}", category.display())
}

/// All that is below a folder, and what it is.
fn listing(folder: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let (mut list, mut left) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(path) = left.pop() {
        let found = fs::symlink_metadata(&path)?;
        let mut content = 0;
        if found.is_dir() {
            for inside in fs::read_dir(&path)? {
                left.push(inside?.path());
            }
        } else if found.is_file() {
            content = xxhash_rust::xxh3::xxh3_64(&fs::read(&path)?);
        }
        let special = found.file_type().is_fifo() || found.file_type().is_socket();
        let (mode, len) = (found.mode(), if found.is_dir() { 0 } else { found.len() });
        list.insert(path, format!("mode {mode:o}, {len} bytes, hash {content:x}, special {special}"));
    }
    Ok(list)
}
