//! What is read at the server, and in passing removed there.

use std::{collections::HashSet, sync::Arc};

use cache_core::{Bytes, Category, Entry, EntryInfo, Error, ErrorKind, Key, Result, Touch};
use redis::{Cmd, RedisError, RedisResult, Value, cmd};

use crate::{
    record::{self, HEAD, corrupt},
    server::{Master, Server, of_redis},
    store::Store,
};

/// How many keys a server looks at in one step of a scan.
const SCAN: usize = 1_000;

/// Removes a value that begins as it did when it was read.
const REMOVE_UNCHANGED: &str =
    "if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) == ARGV[1] then redis.call('DEL', KEYS[1]) end";

impl Store {
    pub(crate) fn get(&self, key: &Key<'_>) -> Result<Option<Entry>> {
        self.ready()?;
        if self.reach.breaker.is_open() {
            return Ok(None);
        }
        let asked = cmd("GET").arg(self.names.of(key)).to_owned();
        let answer = self.reach.read(&[asked]).and_then(|mut answers| answers.pop());
        answer.map_or(Ok(None), |answer| self.found(key, answer))
    }

    pub(crate) fn get_many(&self, keys: &[Key<'_>]) -> Vec<Result<Option<Entry>>> {
        if let Err(error) = self.ready() {
            return keys.iter().map(|_| Err(Error::new(error.kind().clone()))).collect();
        }
        let asked: Vec<_> = keys.iter().map(|key| cmd("GET").arg(self.names.of(key)).to_owned()).collect();
        match self.reach.read(&asked) {
            Some(answers) => keys.iter().zip(answers).map(|(key, answer)| self.found(key, answer)).collect(),
            None => keys.iter().map(|_| Ok(None)).collect(),
        }
    }

    pub(crate) fn scan(&self, category: &Arc<Category>, visit: &mut dyn FnMut(EntryInfo)) -> Result<()> {
        self.ready()?;
        let now = self.options.clock.now();
        // A server shows a key twice when its table grows or shrinks meanwhile.
        let mut shown = HashSet::new();
        self.each_batch(&self.names.pattern(category.name()), |master, names| {
            let asked: Vec<_> = names
                .iter()
                .flat_map(|name| {
                    [
                        cmd("GETRANGE").arg(name).arg(0).arg(HEAD - 1).to_owned(),
                        cmd("STRLEN").arg(name).to_owned(),
                    ]
                })
                .collect();
            let answers = master.ask(&asked)?;
            for (name, answers) in names.iter().zip(answers.chunks(2)) {
                let [Ok(Value::BulkString(head)), Ok(Value::Int(len))] = answers else { continue };
                let Some(stored) = record::from_bytes(Bytes::copy_from_slice(head)) else { continue };
                let Some((_, key)) = self.names.parts(name) else { continue };
                if record::is_fresh(&stored, now) && shown.insert(key.to_owned()) {
                    let size =
                        key.len() as u64 + u64::try_from(*len).unwrap_or(0).saturating_sub(HEAD as u64);
                    visit(EntryInfo::new(key.to_owned(), size, stored.created_at, stored.expires_at, 0));
                }
            }
            Ok(())
        })
    }

    pub(crate) fn stored_categories(&self) -> Result<Vec<String>> {
        self.ready()?;
        let mut categories = HashSet::new();
        self.each_batch(&self.names.pattern_of_all(), |_, names| {
            let parts = names.iter().filter_map(|name| self.names.parts(name));
            categories.extend(parts.map(|(category, _)| category.to_owned()));
            Ok(())
        })?;
        Ok(categories.into_iter().collect())
    }

    pub(crate) fn touch(&self, category: &Arc<Category>, touches: &[Touch]) -> Result<()> {
        self.ready()?;
        let name = |touch: &Touch| self.names.entry(category.name(), &touch.key);
        let asked: Vec<_> = touches.iter().map(|touch| cmd("TOUCH").arg(name(touch)).to_owned()).collect();
        // If the server is away, its order of use is a little off.
        let _ = self.reach.read(&asked);
        Ok(())
    }

    /// Shows `work` the names of all entries that a pattern takes, node by node.
    fn each_batch(
        &self,
        pattern: &str,
        work: impl FnMut(&mut Master, &[Vec<u8>]) -> RedisResult<()>,
    ) -> Result<()> {
        if self.reach.breaker.is_open() {
            return Err(self.reach.away());
        }
        let outcome = for_each_batch(&self.reach.server, pattern, work);
        self.reach.note(&outcome);
        outcome.map_err(|error| of_redis(error, &self.reach.server, "listing"))
    }

    /// What the server found under a key.
    fn found(&self, key: &Key<'_>, answer: RedisResult<Value>) -> Result<Option<Entry>> {
        let bytes = match answer {
            Ok(Value::Nil) => return Ok(None),
            Ok(Value::BulkString(bytes)) => Bytes::from(bytes),
            Ok(_) => return Err(Error::new(corrupt("it is no string")).about(key)),
            Err(error) => return Err(of_redis(error, &self.reach.server, "reading").about(key)),
        };
        let head = bytes.slice(..HEAD.min(bytes.len()));
        let now = self.options.clock.now();
        let Some(stored) = record::from_bytes(bytes) else {
            self.remove_unchanged(key, &head);
            return Err(Error::new(corrupt("no entry of ours")).about(key));
        };
        let is_expired = stored.is_expired(now);
        let found = record::open(stored, key, now);
        if is_expired || found.as_ref().is_err_and(|error| matches!(error.kind(), ErrorKind::Corrupt(_))) {
            self.remove_unchanged(key, &head);
        }
        found
    }

    fn remove_unchanged(&self, key: &Key<'_>, head: &[u8]) {
        // Otherwise it is found again the next time.
        let _ = self.reach.read(&[remove_unchanged(&self.names.of(key), head)]);
    }
}

/// The command that removes a value if it begins with `head`.
pub(crate) fn remove_unchanged(name: &str, head: &[u8]) -> Cmd {
    cmd("EVAL").arg(REMOVE_UNCHANGED).arg(1).arg(name).arg(head).to_owned()
}

/// Shows `work` the names of all keys that a pattern takes, node by node.
pub(crate) fn for_each_batch(
    server: &Server,
    pattern: &str,
    mut work: impl FnMut(&mut Master, &[Vec<u8>]) -> RedisResult<()>,
) -> Result<(), RedisError> {
    for mut master in server.masters()? {
        let mut cursor = 0;
        loop {
            let (next, names) = master.scan(cursor, pattern, SCAN)?;
            work(&mut master, &names)?;
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
    }
    Ok(())
}
