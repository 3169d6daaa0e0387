//! What is in a folder.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;

/// What the files of a folder hold, by their paths in it.
pub(crate) type Files = BTreeMap<PathBuf, Vec<u8>>;

/// All files below a folder.
pub(crate) fn read_all(root: &Path) -> Result<Files> {
    let mut files = Files::new();
    read(root, Path::new(""), &mut files)?;
    Ok(files)
}

/// Writes the files to an empty folder.
pub(crate) fn lay_out(files: &Files, dir: &Path) -> Result<()> {
    for (path, bytes) in files {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap_or(dir))?;
        fs::write(path, bytes)?;
    }
    Ok(())
}

fn read(root: &Path, at: &Path, files: &mut Files) -> Result<()> {
    for entry in fs::read_dir(root.join(at))? {
        let entry = entry?;
        let path = at.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            read(root, &path, files)?;
        } else {
            files.insert(path, fs::read(entry.path())?);
        }
    }
    Ok(())
}
