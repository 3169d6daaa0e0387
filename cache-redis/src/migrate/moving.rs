//! What was read, stored.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use cache_core::{ErrorKind, Result, TieredCache, Ttl};

use super::{
    Handles,
    report::{Reason, Report},
    source::{Found, Node},
    state::State,
    walk::Work,
};

/// How often the state is saved.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// Stores.
pub(super) struct Moving<'a> {
    cache: &'a TieredCache,
    handles: &'a Handles,
    path: Option<&'a Path>,
    saved: Option<Instant>,
    /// What had to make room in this process before, and in earlier ones that moved.
    evicted_before: Vec<(String, u64)>,
    evicted_earlier: Vec<(String, u64)>,
}

/// Only looks.
pub(super) struct Looking;

impl<'a> Moving<'a> {
    pub(super) fn new(
        cache: &'a TieredCache,
        handles: &'a Handles,
        path: Option<&'a Path>,
        state: &State,
    ) -> Self {
        let mut moving = Self {
            cache,
            handles,
            path,
            saved: None,
            evicted_before: Vec::new(),
            evicted_earlier: state.evicted.clone(),
        };
        moving.evicted_before = moving.evictions();
        moving
    }

    /// Makes what was moved durable, and then says how far it is.
    pub(super) fn save(&mut self, state: &mut State) -> Result<()> {
        self.cache.flush()?;
        let of = |list: &[(String, u64)], name: &str| {
            list.iter().find(|(known, _)| known == name).map_or(0, |(_, evicted)| *evicted)
        };
        let evicted = self.evictions().into_iter().map(|(name, now)| {
            let evicted =
                of(&self.evicted_earlier, &name) + now.saturating_sub(of(&self.evicted_before, &name));
            (name, evicted)
        });
        state.evicted = evicted.collect();
        if let Some(path) = self.path {
            state.save(path)?;
        }
        self.saved = Some(Instant::now());
        Ok(())
    }

    /// Per category, how many entries its home tier has evicted since the cache was opened.
    fn evictions(&self) -> Vec<(String, u64)> {
        let categories = self.cache.stats().categories.into_iter();
        let ours = categories.filter(|category| self.handles.contains_key(&category.name));
        ours.map(|category| {
            let evictions = category.tiers.last().map_or(0, |home| home.evictions);
            (category.name, evictions)
        })
        .collect()
    }
}

impl Work for Moving<'_> {
    fn begin(&mut self, state: &mut State) -> Result<()> {
        self.save(state)
    }

    fn take(&mut self, node: &mut Node, found: &[Found<'_>], report: &mut Report) -> Result<()> {
        let contents = node.read(found)?;
        for (found, content) in found.iter().zip(contents) {
            let (key, handle) = (&found.key, &self.handles[found.category]);
            let content = match content {
                Ok(content) => content,
                Err(reason) => {
                    report.skip(reason, key.as_bytes());
                    continue;
                }
            };
            let now = Instant::now();
            let ttl = content
                .deadline
                .map_or(Ttl::Never, |deadline| Ttl::After(deadline.saturating_duration_since(now)));
            if ttl == Ttl::After(Duration::ZERO) {
                report.skip(Reason::Gone, key.as_bytes());
                continue;
            }
            let bytes = content.value.len() as u64;
            match handle.insert_with(key, content.value, ttl) {
                Ok(()) => report.count(found, bytes, ttl != Ttl::Never),
                Err(error) if matches!(error.kind(), ErrorKind::TooLarge { .. }) => {
                    report.skip(Reason::NoRoom, key.as_bytes());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn rest(&mut self, state: &mut State) -> Result<()> {
        if self.saved.is_none_or(|saved| saved.elapsed() >= SAVE_EVERY) { self.save(state) } else { Ok(()) }
    }
}

impl Work for Looking {
    fn take(&mut self, node: &mut Node, found: &[Found<'_>], report: &mut Report) -> Result<()> {
        let expiring = node.expiring(found)?;
        for (found, expires) in found.iter().zip(expiring) {
            report.count(found, found.size.unwrap_or_default(), expires);
        }
        Ok(())
    }
}
