//! Whoever may write to a folder can put a link in the place of a folder below it between a look and a use.
//! So nothing is looked at first and then used by its path: a folder is opened, a step at a time or by the
//! kernel in one, never through a link, and what is in it is named from there.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::Path,
    time::{Duration, SystemTime},
};

use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags},
    io::Errno,
};

use super::{Found, Kind, Member, is_a_link, is_no_file};

#[derive(Debug)]
pub(crate) struct Folder(OwnedFd);

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Without waiting for whoever else has it open.
const FILE: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

impl Folder {
    /// The folder at a path that the user has chosen.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(CWD, path, FOLDER, Mode::empty())?))
    }

    /// A folder below this one.
    pub(crate) fn folder(&self, path: &Path) -> io::Result<Self> {
        self.descend(path, FOLDER).map(Self)
    }

    /// The same, made where it is missing, with those on the way to it.
    pub(crate) fn make(&self, path: &Path) -> io::Result<Self> {
        match self.folder(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            known => return known,
        }
        let mut folder = Self(self.0.try_clone()?);
        for name in path {
            match rustix::fs::mkdirat(&folder.0, name, Mode::RWXU) {
                Err(error) if error != Errno::EXIST => return Err(error.into()),
                _ => {}
            }
            folder = folder.folder(Path::new(name))?;
        }
        Ok(folder)
    }

    /// A file below this folder, for reading, and its length.
    pub(crate) fn read(&self, path: &Path) -> io::Result<(File, u64)> {
        self.descend(path, OFlags::RDONLY | FILE).and_then(file)
    }

    /// A file in this folder, for reading and writing.
    pub(crate) fn write(&self, name: impl AsRef<Path>) -> io::Result<File> {
        self.file(name.as_ref(), OFlags::RDWR)
    }

    /// The same, made where it is missing.
    pub(crate) fn write_or_make(&self, name: impl AsRef<Path>) -> io::Result<File> {
        self.file(name.as_ref(), OFlags::RDWR | OFlags::CREATE)
    }

    /// A new file in this folder, for reading and writing.
    pub(crate) fn make_file(&self, name: impl AsRef<Path>) -> io::Result<File> {
        self.file(name.as_ref(), OFlags::RDWR | OFlags::CREATE | OFlags::EXCL)
    }

    pub(crate) fn look(&self, name: impl AsRef<Path>) -> io::Result<Found> {
        let found = rustix::fs::statat(&self.0, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW)?;
        let nanos = u32::try_from(found.st_mtime_nsec).unwrap_or(0);
        let since = Duration::new(u64::try_from(found.st_mtime).unwrap_or(0), nanos);
        Ok(Found {
            kind: kind_of(FileType::from_raw_mode(found.st_mode)),
            len: u64::try_from(found.st_size).unwrap_or(0),
            modified: SystemTime::UNIX_EPOCH + since,
        })
    }

    /// What is in it. What went meanwhile is left out.
    pub(crate) fn list(&self) -> io::Result<impl Iterator<Item = Member>> {
        let entries = Dir::read_from(&self.0)?;
        Ok(entries.flatten().filter_map(|entry| {
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                return None;
            }
            // Not every file system says in its list what is what.
            let kind = match entry.file_type() {
                FileType::Unknown => self.look(name).ok()?.kind,
                kind => kind_of(kind),
            };
            Some(Member { name: name.to_owned(), kind })
        }))
    }

    /// Deletes what is no folder.
    pub(crate) fn delete(&self, name: impl AsRef<Path>) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name.as_ref(), AtFlags::empty())?)
    }

    /// Deletes a folder that is empty.
    pub(crate) fn delete_folder(&self, name: impl AsRef<Path>) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name.as_ref(), AtFlags::REMOVEDIR)?)
    }

    /// Moves something of this folder into another.
    pub(crate) fn give(&self, name: impl AsRef<Path>, to: &Self, new: impl AsRef<Path>) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, name.as_ref(), &to.0, new.as_ref())?)
    }

    /// Moves a file from a path into this folder, in the place of what is there.
    pub(crate) fn take(&self, from: &Path, name: impl AsRef<Path>) -> io::Result<()> {
        Ok(rustix::fs::renameat(CWD, from, &self.0, name.as_ref())?)
    }

    /// Whether the folder has a place in the file system; false only if it was deleted.
    pub(crate) fn is_linked(&self) -> bool {
        // Elsewhere the number of links says something else.
        !cfg!(target_os = "linux") || rustix::fs::fstat(&self.0).is_ok_and(|found| found.st_nlink > 0)
    }

    fn file(&self, name: &Path, flags: OFlags) -> io::Result<File> {
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::openat(&self.0, name, flags | FILE, mode)
            .map_err(told)
            .and_then(file)
            .map(|(file, _)| file)
    }

    #[cfg(target_os = "linux")]
    fn descend(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        use rustix::fs::ResolveFlags;
        let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::BENEATH;
        match rustix::fs::openat2(&self.0, path, flags, Mode::empty(), resolve) {
            // Kernels before 5.6 do not have it, and sandboxes that do not know it forbid it.
            Err(Errno::NOSYS | Errno::PERM) => self.descend_by_steps(path, flags),
            opened => opened.map_err(told),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn descend(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        self.descend_by_steps(path, flags)
    }

    pub(super) fn descend_by_steps(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let mut open = self.0.try_clone()?;
        let mut names = path.iter().peekable();
        while let Some(name) = names.next() {
            let flags = if names.peek().is_some() { FOLDER } else { flags };
            open = rustix::fs::openat(&open, name, flags | OFlags::NOFOLLOW, Mode::empty()).map_err(
                |error| match error {
                    // What some systems say of a link where a folder is asked for.
                    Errno::NOTDIR if is_link(&open, name) => is_a_link(),
                    error => told(error),
                },
            )?;
        }
        Ok(open)
    }
}

fn is_link(folder: &OwnedFd, name: &OsStr) -> bool {
    rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Symlink)
}

fn told(error: Errno) -> io::Error {
    if error == Errno::LOOP { is_a_link() } else { error.into() }
}

fn file(open: OwnedFd) -> io::Result<(File, u64)> {
    let file = File::from(open);
    let found = file.metadata()?;
    if found.is_file() { Ok((file, found.len())) } else { Err(is_no_file()) }
}

fn kind_of(kind: FileType) -> Kind {
    match kind {
        FileType::Directory => Kind::Folder,
        FileType::RegularFile => Kind::File,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_go_where_the_kernel_goes() {
        let dir = tempfile::tempdir().unwrap();
        let root = Folder::at(dir.path()).unwrap();
        let deep = root.make(Path::new("a/b/c")).unwrap();
        drop(deep.make_file("file").unwrap());
        std::os::unix::fs::symlink(dir.path().join("a"), dir.path().join("link")).unwrap();
        std::os::unix::fs::symlink("file", dir.path().join("a/b/c/other")).unwrap();
        for (path, said) in [
            ("a/b/c/file", None),
            ("link/b/c/file", Some("there is a link")),
            ("a/b/c/other", Some("there is a link")),
            ("a/b/c/file/x", Some("Not a directory")),
            ("a/none/file", Some("No such file")),
        ] {
            for opened in [
                root.descend(Path::new(path), OFlags::RDONLY | FILE),
                root.descend_by_steps(Path::new(path), OFlags::RDONLY | FILE),
            ] {
                match said {
                    None => drop(opened.unwrap()),
                    Some(said) => assert!(opened.unwrap_err().to_string().contains(said), "{path}"),
                }
            }
        }
        assert!(root.folder(Path::new("link")).is_err() && root.make(Path::new("link/new")).is_err());
        let names: Vec<_> = root.list().unwrap().map(|member| member.name).collect();
        assert_eq!(names.len(), 2, "{names:?}");
    }
}
