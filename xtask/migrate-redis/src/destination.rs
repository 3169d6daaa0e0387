//! The cache that is moved into.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Result, bail};
use warmstart::{
    Cache, CacheOptions, Config, Level, Route, Routes,
    sqlite::{Durability, SqliteCache},
};

/// A cache that is not open yet, so that a dry run leaves nothing behind.
pub(crate) struct Destination {
    options: CacheOptions,
    routes: Routes,
    state: PathBuf,
}

/// Beside the cache.
const STATE: &str = "migrate-redis.state";

impl Destination {
    /// The cache in the folder `to`, or where `config` says, and with the categories that it names.
    pub(crate) fn new<'a>(
        to: Option<&Path>,
        config: Option<&Path>,
        categories: impl Iterator<Item = &'a str>,
    ) -> Result<Self> {
        let (mut options, mut routes, mut state) = (CacheOptions::new(), Routes::reference(), PathBuf::new());
        let mut sqlite = SqliteCache::options();
        if let Some(path) = config {
            let mut config = Config::from_file(path)?;
            // The tiers of this machine are enough, and that one may be where the keys come from.
            config.redis_cache.url = None;
            (options, routes) = (config.options()?, config.routes()?);
            sqlite = config.sqlite_cache.options();
            state = config.sqlite_cache.db_path.with_file_name(STATE);
        }
        if let Some(dir) = to {
            (options, state) = (options.dir(dir), dir.join(STATE));
        }
        for name in categories {
            let known = routes.iter().find(|(known, _)| *known == name).map(|(_, route)| route.level());
            match known {
                Some(Level::L1) => bail!(
                    "category {name:?} is at home in memory: what is moved there is gone at the end of this program"
                ),
                Some(Level::L4) => {
                    bail!("category {name:?} is at home at a server: a move goes into local tiers")
                }
                Some(_) => {}
                None if config.is_none() => {
                    println!(
                        "category {name:?} is none of the reference ones: the application has to define it, in SQLite"
                    );
                    routes = routes.with(name.to_owned(), Route::sqlite());
                }
                None => {
                    let known: Vec<_> = routes.iter().map(|(known, _)| known).collect();
                    bail!("no category {name:?} in the configuration; there are: {}", known.join(", "));
                }
            }
        }
        // What is copied into memory here is of use to nobody.
        let routes = routes.iter().fold(Routes::empty(), |routes, (name, route)| {
            routes.with(name.to_owned(), route.clone().without_front())
        });
        // The state of the move is saved about once a second, and only then does it matter what is in the file.
        let durability = Durability::Batched { max_delay: Duration::from_secs(1), max_entries: 100_000 };
        let sqlite = sqlite.durability(durability).queue_limit(32 << 20);
        Ok(Self { options: options.sqlite(sqlite), routes, state })
    }

    /// The cache, and where the state of the move is kept.
    pub(crate) fn open(self) -> Result<(Cache, PathBuf)> {
        let cache = self.options.routes(self.routes).open_strict()?;
        Ok((cache, self.state))
    }
}
