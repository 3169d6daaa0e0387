//! What Redis holds, moved into a cache.
//!
//! A [`Migration`] scans the source and stores what it finds in the categories that keys are mapped to. It
//! only reads: `SCAN`, `TYPE`, `STRLEN`, `MEMORY USAGE`, `PTTL`, `GET`, `HGETALL`, `LRANGE`, `SMEMBERS`, `ZRANGE`,
//! `INFO` and `DBSIZE`, and `CLUSTER SLOTS` in a cluster.
//!
//! ```no_run
//! use cache_redis::migrate::{Collection, Migration};
//!
//! # fn example(cache: cache_core::TieredCache) -> Result<(), Box<dyn std::error::Error>> {
//! // Both categories are at home in a tier that outlives the process.
//! let migration =
//!     Migration::new("redis://127.0.0.1:6379/0").map("week:*", "week_data").map("user:*", "users");
//! let report = migration.run(&cache)?;
//! print!("{report}");
//! assert!(migration.verify(&cache)?.is_clean());
//!
//! // A string is what it was, a collection is encoded.
//! let week = cache.bytes("week_data")?.get("week:2026-W47");
//! let user = cache.bytes("users")?.get("user:7").map(|user| Collection::from_bytes(&user)).transpose()?;
//! # Ok(())
//! # }
//! ```
//!
//! # What comes over
//!
//! - Keys, whole. What no pattern matches, is not UTF-8 or longer than 64 KiB is skipped.
//! - Strings as they are; hashes, lists, sets and sorted sets as [`Collection`]s. Streams and the types of modules are
//!   skipped.
//! - The time that is left. A key without a ttl never expires, whatever the route of its category says. Times of single
//!   fields of a hash are lost.
//! - What is skipped is counted by [`Reason`], with some of the keys.
//!
//! A key that is written at the source during the move comes over as it was before or after; one that is not there
//! all the time may or may not come over. A cluster whose slots are moved to other nodes meanwhile is not scanned as a
//! whole.
//!
//! # Interruptions
//!
//! With a [state file](Migration::state_file), a move that was interrupted, by [`on_progress`](Migration::on_progress), an
//! error or `kill -9`, goes on where it was. The file is written about once a second, after the cache was
//! flushed, and is deleted at the end. A server that was started again since is scanned from its first key, and
//! so is one that does not allow `INFO`: its cursors are good for one process only. Entries that are there already are
//! written again. After a power loss the cache may be behind the state file: delete it, and begin anew.

mod collection;
mod moving;
mod pattern;
mod report;
mod source;
mod state;
mod verification;
mod walk;

use std::{
    collections::HashMap,
    fmt,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use cache_core::{Bytes, Error, ErrorKind, Handle, Level, Result, TieredCache, stats::CategoryStats};

pub use self::{
    collection::Collection,
    report::{Kind, Moved, Progress, Reason, Report, Tally},
    verification::Verification,
};
use self::{
    moving::{Looking, Moving},
    pattern::Pattern,
    source::Source,
    state::State,
    verification::Comparing,
};
use crate::server::Server;

/// A move from Redis into the local tiers of a cache. See the [module](self).
#[derive(Clone)]
#[must_use]
pub struct Migration {
    url: String,
    is_cluster: bool,
    timeout: Duration,
    maps: Vec<(Pattern, String)>,
    batch: usize,
    max_value: u64,
    state: Option<PathBuf>,
    resumes: bool,
    on_progress: Option<OnProgress>,
}

type OnProgress = Arc<dyn Fn(&Progress) -> ControlFlow<()> + Send + Sync>;

/// The categories that are moved into, by name.
type Handles = HashMap<String, Handle<Bytes>>;

impl Migration {
    /// Where everything goes if nothing is mapped.
    pub const CATEGORY: &'static str = "redis";

    /// From the server at `url`: `redis://host:6379/0`, `rediss://user:password@host:6380` or `unix:///run/redis.sock`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            is_cluster: false,
            timeout: Duration::from_secs(30),
            maps: Vec::new(),
            batch: 1_000,
            max_value: 64 << 20,
            state: None,
            resumes: false,
            on_progress: None,
        }
    }

    /// From all nodes of the cluster that the server belongs to. The URLs of several nodes may be given, with commas
    /// between them.
    pub fn cluster(mut self) -> Self {
        self.is_cluster = true;
        self
    }

    /// Moves the keys that match `pattern` into `category`. Of several patterns, the first one that matches counts.
    ///
    /// Patterns are those of Redis: `*` is any text, `?` one byte, `[a-z]` and `[^abc]` one of some, and `\` takes the
    /// meaning of the next character away. Without any, all keys go into the category [`redis`](Self::CATEGORY).
    pub fn map(mut self, pattern: impl Into<String>, category: impl Into<String>) -> Self {
        self.maps.push((Pattern::new(pattern), category.into()));
        self
    }

    /// About how many keys are asked for at once: 1000 unless said otherwise.
    pub fn batch(mut self, keys: usize) -> Self {
        self.batch = keys.max(1);
        self
    }

    /// How long to wait for the server: 30 seconds unless said otherwise.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The largest value that is read, in bytes: 64 MiB unless said otherwise. A collection counts what it takes in the
    /// server's memory.
    ///
    /// Values are read some at a time, so that together they take no more than 16 MiB; one that is larger is read alone.
    pub fn max_value(mut self, bytes: u64) -> Self {
        self.max_value = bytes;
        self
    }

    /// Keeps in the file at `path` how far the move is. If it is there already, an earlier move was interrupted, and
    /// [`run`](Self::run) refuses to begin unless it [resumes](Self::resume) that one.
    pub fn state_file(mut self, path: impl AsRef<Path>) -> Self {
        self.state = Some(path.as_ref().to_owned());
        self
    }

    /// Goes on where an earlier move from the same source and with the same patterns was interrupted. Without a state
    /// file from one, it begins at the beginning.
    pub fn resume(mut self) -> Self {
        self.resumes = true;
        self
    }

    /// Calls `tell` after each step; what it returns says whether to go on. The last step before an end may have been told
    /// of and not count: it is done again when the move is resumed.
    pub fn on_progress(
        mut self,
        tell: impl Fn(&Progress) -> ControlFlow<()> + Send + Sync + 'static,
    ) -> Self {
        self.on_progress = Some(Arc::new(tell));
        self
    }

    /// The categories that keys are mapped to.
    pub fn categories(&self) -> impl Iterator<Item = &str> {
        let by_default = self.maps.is_empty().then_some(Self::CATEGORY);
        self.maps.iter().map(|(_, category)| &**category).chain(by_default)
    }

    /// Moves. What the cache holds under other keys stays.
    ///
    /// # Errors
    /// - [`ErrorKind::InvalidOption`]: a URL that is none, a state file that is not of this move.
    /// - [`ErrorKind::UnknownCategory`], [`ErrorKind::WrongType`], or [`ErrorKind::InvalidRoute`] for a category at home in
    ///   memory, where what is moved is gone with the process, or at a server.
    /// - The server cannot be reached, or the cache cannot be written. What was moved until then is in the cache, and the
    ///   state file says how far that is.
    pub fn run(&self, cache: &TieredCache) -> Result<Report> {
        let handles = self.handles(cache)?;
        let mut source = self.source()?;
        let mut state = State::new(&source.name, self.named_maps());
        if let Some(path) = &self.state {
            state = if self.resumes { state.resumed(path)? } else { state.begin(path)? };
        }
        let mut moving = Moving::new(cache, &handles, self.state.as_deref(), &state);
        let outcome = self.walk(&mut source, &mut state, &mut moving);
        // Also of a move that failed: it goes on from here.
        let saved = moving.save(&mut state);
        let interrupted = outcome?.is_break();
        saved?;
        if let Some(path) = self.state.as_ref().filter(|_| !interrupted) {
            state::forget(path)?;
        }
        Ok(Report { interrupted, ..state.report() })
    }

    /// What [`run`](Self::run) would do. Nothing is written anywhere, and no value is read.
    ///
    /// # Errors
    /// The server cannot be reached, or the URL is none.
    pub fn dry_run(&self) -> Result<Report> {
        let mut source = self.source()?;
        let mut state = State::new(&source.name, self.named_maps());
        let interrupted = self.walk(&mut source, &mut state, &mut Looking)?.is_break();
        Ok(Report { interrupted, ..state.report() })
    }

    /// Reads all keys at the source again and compares them with what the cache holds.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn verify(&self, cache: &TieredCache) -> Result<Verification> {
        let handles = self.handles(cache)?;
        let mut source = self.source()?;
        let mut state = State::new(&source.name, self.named_maps());
        let mut comparing = Comparing { handles: &handles, verification: Verification::default() };
        let interrupted = self.walk(&mut source, &mut state, &mut comparing)?.is_break();
        let skipped = state.report().skipped;
        Ok(Verification { skipped, interrupted, ..comparing.verification })
    }

    fn source(&self) -> Result<Source> {
        let server = Server::new(&self.url, self.is_cluster, self.timeout)?;
        Source::connect(&server, self.is_cluster, self.max_value)
    }

    fn handles(&self, cache: &TieredCache) -> Result<Handles> {
        let open = |name: &str| Ok((name.to_owned(), cache.bytes(name)?));
        let handles: Handles = self.categories().map(open).collect::<Result<_>>()?;
        let ours = |category: &CategoryStats| handles.contains_key(&category.name);
        for category in cache.stats().categories.into_iter().filter(ours) {
            let why = match (category.home, cache.degraded()) {
                (Level::L1, Some(why)) => format!("for want of its tier it is at home in memory: {why}"),
                (Level::L1, None) => {
                    "it is at home in memory, where what is moved is gone with the process".into()
                }
                (Level::L4, _) => "it is at home at a server, and a move goes into local tiers".into(),
                _ => continue,
            };
            return Err(
                Error::new(ErrorKind::InvalidRoute(why)).about(format_args!("category {:?}", category.name))
            );
        }
        Ok(handles)
    }

    fn category_of(&self, key: &[u8]) -> Option<&str> {
        if self.maps.is_empty() {
            return Some(Self::CATEGORY);
        }
        self.maps.iter().find(|(pattern, _)| pattern.matches(key)).map(|(_, category)| &**category)
    }

    /// Patterns and categories, as they are saved.
    fn named_maps(&self) -> Vec<(String, String)> {
        if self.maps.is_empty() {
            return vec![("*".into(), Self::CATEGORY.into())];
        }
        self.maps.iter().map(|(pattern, category)| (pattern.as_str().into(), category.clone())).collect()
    }
}

/// Without the URL, in which there may be a password.
impl fmt::Debug for Migration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Migration")
            .field("maps", &self.maps)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
