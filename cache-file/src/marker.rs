//! The file that says that a folder is a cache of ours. Its lock is that of all processes.

use std::{
    fs::File,
    io::{self, Read, Seek, Write},
    path::Path,
};

use cache_core::{Error, ErrorKind, Result};

use crate::{
    folder::{Folder, Kind},
    lock::Lock,
    log::LogHead,
    names::category_name,
    tree::{LOG, TEMPORARY, storage},
};

/// Held by whoever changes something in the folder.
const MARKER: &str = ".warmstart";

/// What the marker begins with. Another version has another number behind it.
const OURS: &[u8] = b"warmstart cache-file, format ";

/// What it holds.
const MARK: &[u8] = b"warmstart cache-file, format 1\n";

/// Opens the marker of the folder `dir`, which is at `root`, and makes it in an empty folder, or where it was lost.
///
/// # Errors
/// [`ErrorKind::Foreign`] for a folder that holds something and is no cache; [`ErrorKind::Storage`].
pub(crate) fn open(folder: &Folder, dir: &Path, root: &Path) -> Result<Lock> {
    let foreign = |why: String| Error::new(ErrorKind::Foreign(why)).about(dir.display());
    let path = root.join(MARKER);
    let opened = match folder.write(MARKER) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let is_ours = is_empty(folder).and_then(|empty| Ok(empty || is_cache(folder)?));
            if !is_ours.map_err(|error| storage(error, dir, "listing the folder"))? {
                let why = "the folder holds something, but no cache; choose an empty or a new one";
                return Err(foreign(why.into()));
            }
            folder.write_or_make(MARKER)
        }
        opened => opened,
    };
    let mut lock = Lock::new(opened.map_err(|error| storage(error, &path, "opening the marker"))?);
    // Windows lets nobody read what another has locked. Elsewhere, who was stopped keeps nobody from opening.
    let read = if cfg!(windows) { read(lock.hold(root)?.0) } else { read(&lock.file) };
    let found = read.map_err(|error| storage(error, &path, "reading the marker"))?;
    if found == MARK {
        return Ok(lock);
    }
    let is_damaged = !found.starts_with(OURS)
        && is_cache(folder).map_err(|error| storage(error, dir, "listing the folder"))?;
    if !found.is_empty() && !is_damaged {
        return Err(foreign(format!(
            "its marker is {:?}, of another version or program; choose another folder",
            String::from_utf8_lossy(&found).trim_end()
        )));
    }
    if is_damaged {
        tracing::warn!(path = %path.display(), "the marker was damaged, and is written anew");
    }
    // Whoever does so at the same time writes the same.
    let written = if cfg!(windows) { write(lock.hold(root)?.0) } else { write(&lock.file) };
    written.map_err(|error| storage(error, &path, "writing the marker"))?;
    Ok(lock)
}

fn read(file: &File) -> io::Result<Vec<u8>> {
    let mut found = Vec::new();
    file.take(100).read_to_end(&mut found)?;
    Ok(found)
}

fn write(mut file: &File) -> io::Result<()> {
    file.rewind()?;
    file.write_all(MARK)?;
    file.set_len(MARK.len() as u64)?;
    // One that a loss of power has left as zeros would be damaged.
    file.sync_all()
}

/// Whether nothing is in the folder. Another process may be making this very cache.
fn is_empty(folder: &Folder) -> io::Result<bool> {
    Ok(folder.list()?.all(|found| found.name == MARKER || found.name == TEMPORARY))
}

/// Whether a folder is a cache, whatever its marker says: nothing but categories is in it, and one has a log of ours.
fn is_cache(folder: &Folder) -> io::Result<bool> {
    let mut has_log = false;
    for found in folder.list()? {
        if found.name == MARKER || found.name == TEMPORARY {
            continue;
        }
        if found.kind != Kind::Folder || found.name.to_str().and_then(category_name).is_none() {
            return Ok(false);
        }
        let log = folder.folder(Path::new(&found.name)).and_then(|category| category.write(LOG));
        // One that cannot be read says nothing.
        has_log |= log.and_then(|mut log| LogHead::read(&mut log)).is_ok_and(|head| head.is_some());
    }
    Ok(has_log)
}
