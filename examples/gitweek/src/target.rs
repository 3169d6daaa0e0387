//! Where a file that was asked for goes.

use std::{
    ffi::OsString,
    fs,
    io::{self, Write, stdout},
    path::{Path, PathBuf},
};

use tempfile::Builder;
use xxhash_rust::xxh3::xxh3_128;

use crate::error::{Error, Result};

/// A file, or standard output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// `-`
    Stdout,
    File(PathBuf),
}

impl Target {
    /// The [`digest`] of the file that is there already.
    pub(crate) fn digest(&self) -> Option<u128> {
        let Self::File(path) = self else { return None };
        // Nobody may be at the other end of a pipe.
        let is_file = fs::metadata(path).is_ok_and(|it| it.is_file());
        is_file.then(|| fs::read(path).ok()).flatten().map(|content| digest(&content))
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
    let old = fs::metadata(path).ok();
    if old.as_ref().is_some_and(|old| !old.is_file()) {
        // A pipe or a device stays what it is, and a folder says what is wrong.
        return fs::write(path, content);
    }
    // A link stays one: the file that it leads to is replaced.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = Builder::new();
    #[cfg(unix)]
    // As for any new file, less what the umask takes away.
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(content)?;
    if let Some(old) = old {
        file.as_file().set_permissions(old.permissions())?;
    }
    file.persist(&path)?;
    Ok(())
}
