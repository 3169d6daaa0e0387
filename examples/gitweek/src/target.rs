//! Where a file that was asked for goes.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Write, stdout},
    path::{Path, PathBuf, absolute},
    process,
    time::{SystemTime, UNIX_EPOCH},
};

use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use crate::error::{Error, Result};

/// A file, or standard output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// `-`
    Stdout,
    File(PathBuf),
}

impl Target {
    /// Whether both are one place.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let place = |path: &Path| path.canonicalize().or_else(|_| absolute(path)).ok();
        match (self, other) {
            (Self::File(one), Self::File(other)) => place(one) == place(other),
            _ => self == other,
        }
    }

    /// The [`digest`] of the file that is there already.
    pub(crate) fn digest(&self) -> Option<u128> {
        let Self::File(path) = self else { return None };
        // Nobody may be at the other end of a pipe.
        fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        let mut hash = Xxh3::new();
        io::copy(&mut File::open(path).ok()?, &mut hash).ok()?;
        Some(hash.digest128())
    }

    /// Writes the whole, or leaves a file as it was.
    pub(crate) fn write(&self, content: &[u8]) -> Result<()> {
        match self {
            Self::Stdout => stdout().lock().write_all(content).map_err(Error::Output),
            Self::File(path) => {
                replace(path, content).map_err(|error| Error::File { path: path.clone(), error })
            }
        }
    }
}

/// A number that tells one content from another.
pub(crate) fn digest(content: &[u8]) -> u128 {
    xxh3_128(content)
}

impl From<OsString> for Target {
    fn from(text: OsString) -> Self {
        if text == "-" { Self::Stdout } else { Self::File(text.into()) }
    }
}

/// Puts a new file in the place of the one at `path`, if there is one.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let old = fs::metadata(path).ok().filter(fs::Metadata::is_file);
    if old.is_none() && fs::symlink_metadata(path).is_ok() {
        // A pipe, a device or a link to nothing yet stays what it is, and a folder says what is wrong.
        return fs::write(path, content);
    }
    // A link stays one: the file that it leads to is replaced.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    // Another process, or one that was killed here, has another name.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    let beside = path.with_file_name(format!(".gitweek-{}-{now}.tmp", process::id()));
    let mut file = File::create_new(&beside)?;
    let replaced = file
        .write_all(content)
        .and_then(|()| old.map_or(Ok(()), |old| file.set_permissions(old.permissions())))
        .and_then(|()| fs::rename(&beside, &path));
    if replaced.is_err() {
        // What matters is why it is there.
        let _ = fs::remove_file(&beside);
    }
    replaced
}
