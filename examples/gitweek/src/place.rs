//! Where gitweek keeps what it knows.

use std::{
    fs::DirBuilder,
    io,
    path::{Path, PathBuf},
};

use directories::ProjectDirs;
use warmstart::{Cache, Config};

use crate::{args::Args, data_service::Answers, error::Result, repository::Repository, terminal::note};

/// What is kept for the next time: one cache, and the index of each repository.
pub(crate) struct Store {
    pub(crate) cache: Cache,
    pub(crate) answers: Answers,
    /// `None` if indexes can only be in memory.
    folder: Option<PathBuf>,
}

impl Store {
    /// Opens the cache that was asked for.
    ///
    /// It is one for all repositories, so that it can open while git looks for this one. Where that finds none, the cache
    /// is there all the same.
    pub(crate) fn open(args: &Args, config: Option<&Config>) -> Result<Self> {
        let folder = folder(args.cache_dir.as_deref());
        let cache = match (config, &folder) {
            // An empty cache that stays so for other processes: the same path, and nothing out of it.
            _ if args.no_cache => warmstart::in_memory()?,
            (Some(config), _) => warmstart::open(config)?,
            (None, Some(folder)) => warmstart::open_dir(folder.join("cache"))?,
            (None, None) => warmstart::in_memory()?,
        };
        if let Some(why) = cache.degraded() {
            note(format_args!("the cache does without its files: {why}"));
        }
        Ok(Self { answers: Answers::of(&cache)?, cache, folder })
    }

    /// The file of a repository's index, in a folder that exists. `None` if there can be none.
    pub(crate) fn index(&self, repository: &Repository) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?.join(sub_folder(repository));
        Some(existing(folder, "the index is not kept for the next time")?.join("index.db"))
    }

    /// Keeps what was learned for the next time.
    pub(crate) fn close(&self, has_learned: bool) {
        // The cache looks after itself every minute, which is never in the life of a short process.
        let maintained = if has_learned { self.cache.maintain() } else { Ok(()) };
        if let Err(error) = maintained.and(self.cache.close()) {
            note(format_args!("the next report will take longer: {error}"));
        }
    }
}

/// The folder of all that is kept, which exists. `None` if there can be none; a note says why.
fn folder(cache_dir: Option<&Path>) -> Option<PathBuf> {
    let platform = || ProjectDirs::from("", "", "gitweek").map(|dirs| dirs.cache_dir().to_owned());
    let Some(folder) = cache_dir.map(Path::to_owned).or_else(platform) else {
        note("there is no home folder, so nothing is kept for the next time; see --cache-dir");
        return None;
    };
    existing(folder, "nothing is kept for the next time")
}

/// The folder, once it is there. `None` if it cannot be; a note says what comes of it, and why.
fn existing(folder: PathBuf, otherwise: &str) -> Option<PathBuf> {
    match create(&folder) {
        Ok(()) => Some(folder),
        Err(error) => {
            note(format_args!("{otherwise}: {}: {error}", folder.display()));
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

/// Makes the folder for this user alone: the repositories may be nobody else's business.
fn create(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}
