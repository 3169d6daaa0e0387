//! Where a file that was asked for goes.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read, Write, stdout},
    path::{Path, PathBuf},
};

use tempfile::Builder;

use crate::error::{Error, Result};

/// A file, or standard output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// `-`
    Stdout,
    File(PathBuf),
}

impl Target {
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

impl From<OsString> for Target {
    fn from(text: OsString) -> Self {
        if text == "-" { Self::Stdout } else { Self::File(text.into()) }
    }
}

/// Puts a new file in the place of the one at `path`, unless that says the same.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let old = fs::metadata(path).ok();
    match &old {
        // A pipe or a device stays what it is, and a folder says what is wrong.
        Some(old) if !old.is_file() => return fs::write(path, content),
        Some(old) if old.len() == content.len() as u64 && holds(path, content) => return Ok(()),
        _ => {}
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

/// Whether a file holds exactly this. One that cannot be read does not.
fn holds(path: &Path, content: &[u8]) -> bool {
    let Ok(mut file) = File::open(path) else { return false };
    let mut part = [0; 1 << 16];
    content.chunks(part.len()).all(|expected| {
        let part = &mut part[..expected.len()];
        file.read_exact(part).is_ok() && part == expected
    })
}
