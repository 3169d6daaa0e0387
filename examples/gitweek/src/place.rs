//! Where gitweek keeps what it knows of a repository.

use std::{
    fs::DirBuilder,
    io,
    path::{Path, PathBuf},
};

use directories::ProjectDirs;

use crate::{repository::Repository, terminal::note};

/// The folder of a repository's index and cache, which exists. `None` if there can be none; a note says why.
pub(crate) fn folder(cache_dir: Option<&Path>, repository: &Repository) -> Option<PathBuf> {
    let platform = || ProjectDirs::from("", "", "gitweek").map(|dirs| dirs.cache_dir().to_owned());
    let Some(parent) = cache_dir.map(Path::to_owned).or_else(platform) else {
        note("there is no home folder, so nothing is kept for the next time; see --cache-dir");
        return None;
    };
    let folder = parent.join(sub_folder(repository));
    match create(&folder) {
        Ok(()) => Some(folder),
        Err(error) => {
            note(format_args!("nothing is kept for the next time: {}: {error}", folder.display()));
            None
        }
    }
}

/// A name that people recognise, and a number that keeps repositories of one name apart.
fn sub_folder(repository: &Repository) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '_' };
    let name: String = repository.name().chars().take(40).map(plain).collect();
    format!("{name}-{:016x}", repository.place())
}

/// Makes the folder for this user alone: the repository may be nobody else's business.
fn create(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}
