//! An open folder: what is done in it is done in it, whatever becomes of its name.

#[cfg(not(unix))]
mod other;
#[cfg(unix)]
mod unix;

use std::{ffi::OsString, io, time::SystemTime};

#[cfg(not(unix))]
pub(crate) use self::other::Folder;
#[cfg(unix)]
pub(crate) use self::unix::Folder;

/// What is in a folder.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: OsString,
    pub(crate) kind: Kind,
}

/// What something is. A link is a link, wherever it leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Folder,
    File,
    Other,
}

/// A file as it is found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) kind: Kind,
    pub(crate) len: u64,
    pub(crate) modified: SystemTime,
}

fn is_a_link() -> io::Error {
    io::Error::other("there is a link on the way, which is not followed")
}

fn is_no_file() -> io::Error {
    io::Error::other("it is no file")
}
