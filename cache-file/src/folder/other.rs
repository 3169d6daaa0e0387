//! Where nothing can be named from an open folder, paths are looked at before they are used.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use super::{Found, Kind, Member, is_a_link, is_no_file};

#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self(path.to_owned()))
    }

    pub(crate) fn folder(&self, path: &Path) -> io::Result<Self> {
        let mut below = self.0.clone();
        for name in path {
            below.push(name);
            let found = fs::symlink_metadata(&below)?;
            if found.is_symlink() {
                return Err(is_a_link());
            }
            if !found.is_dir() {
                return Err(io::Error::from(io::ErrorKind::NotADirectory));
            }
        }
        Ok(Self(below))
    }

    pub(crate) fn make(&self, path: &Path) -> io::Result<Self> {
        match self.folder(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            known => return known,
        }
        let mut below = self.0.clone();
        for name in path {
            below.push(name);
            match fs::create_dir(&below) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        self.folder(path)
    }

    pub(crate) fn read(&self, path: &Path) -> io::Result<(File, u64)> {
        let folder = self.folder(path.parent().unwrap_or(Path::new("")))?;
        let name = Path::new(path.file_name().unwrap_or_default());
        let file = folder.file(name, OpenOptions::new().read(true))?;
        let len = file.metadata()?.len();
        Ok((file, len))
    }

    pub(crate) fn write(&self, name: impl AsRef<Path>) -> io::Result<File> {
        self.file(name.as_ref(), OpenOptions::new().read(true).write(true))
    }

    pub(crate) fn write_or_make(&self, name: impl AsRef<Path>) -> io::Result<File> {
        self.file(name.as_ref(), OpenOptions::new().read(true).write(true).create(true))
    }

    pub(crate) fn make_file(&self, name: impl AsRef<Path>) -> io::Result<File> {
        self.file(name.as_ref(), OpenOptions::new().read(true).write(true).create_new(true))
    }

    pub(crate) fn look(&self, name: impl AsRef<Path>) -> io::Result<Found> {
        let found = fs::symlink_metadata(self.0.join(name))?;
        Ok(Found { kind: kind_of(found.file_type()), len: found.len(), modified: found.modified()? })
    }

    pub(crate) fn list(&self) -> io::Result<impl Iterator<Item = Member>> {
        Ok(fs::read_dir(&self.0)?.flatten().map(|entry| Member {
            name: entry.file_name(),
            kind: entry.file_type().map_or(Kind::Other, kind_of),
        }))
    }

    pub(crate) fn delete(&self, name: impl AsRef<Path>) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    pub(crate) fn delete_folder(&self, name: impl AsRef<Path>) -> io::Result<()> {
        fs::remove_dir(self.0.join(name))
    }

    pub(crate) fn give(&self, name: impl AsRef<Path>, to: &Self, new: impl AsRef<Path>) -> io::Result<()> {
        fs::rename(self.0.join(name), to.0.join(new))
    }

    pub(crate) fn take(&self, from: &Path, name: impl AsRef<Path>) -> io::Result<()> {
        fs::rename(from, self.0.join(name))
    }

    pub(crate) fn is_linked(&self) -> bool {
        true
    }

    fn file(&self, name: &Path, options: &OpenOptions) -> io::Result<File> {
        let path = self.0.join(name);
        if fs::symlink_metadata(&path).is_ok_and(|found| found.is_symlink()) {
            return Err(is_a_link());
        }
        let file = options.open(path)?;
        if file.metadata()?.is_file() { Ok(file) } else { Err(is_no_file()) }
    }
}

fn kind_of(kind: fs::FileType) -> Kind {
    match kind {
        kind if kind.is_dir() => Kind::Folder,
        kind if kind.is_file() => Kind::File,
        _ => Kind::Other,
    }
}
