//! A node of the source. What is sent to it are commands that read.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use cache_core::{Bytes, Error, ErrorKind, Result};
use redis::{Cmd, RedisError, RedisResult, Value, cmd};

use super::{
    collection::Collection,
    report::{Kind, Reason, Report},
};
use crate::server::{self, Master, Server, of_redis};

/// The most that is read at once, unless a single value is larger: bytes, as the server counts them.
const SHARE: u64 = 16 << 20;

/// What a server answers while it cannot answer anything, and whoever asks had better come back later.
const NOT_NOW: [&str; 5] = ["BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "NOAUTH"];

/// The source: all nodes that hold keys.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) nodes: Vec<Node>,
}

/// One of them.
pub(super) struct Node {
    /// Which process it is: a cursor is good for this one. Unknown where `INFO` is not allowed.
    pub(super) run_id: Option<String>,
    /// How many keys it holds, where it says so.
    pub(super) keys: Option<u64>,
    max_value: u64,
    server: Server,
    master: Master,
}

/// A key, what it holds and how much of it.
#[derive(Debug, Clone)]
pub(super) struct Found<'a> {
    pub(super) key: String,
    pub(super) category: &'a str,
    pub(super) kind: Kind,
    /// Bytes: the length of a string, what a collection takes in the server's memory. `None` if it does not say.
    pub(super) size: Option<u64>,
}

/// What a key holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) value: Bytes,
    /// When it expires: never after it does so in the source.
    pub(super) deadline: Option<Instant>,
}

impl Source {
    pub(super) fn connect(server: &Server, is_cluster: bool, max_value: u64) -> Result<Self> {
        let masters = server.masters().map_err(|error| of_redis(error, server, "connecting"))?;
        let node = |master| {
            let server = server.clone();
            Node { run_id: None, keys: None, max_value, server, master }.known(is_cluster)
        };
        let nodes = masters.into_iter().map(node).collect::<Result<_>>()?;
        Ok(Self { name: server.to_string(), nodes })
    }

    /// How many keys all nodes hold.
    pub(super) fn keys(&self) -> Option<u64> {
        self.nodes.iter().map(|node| node.keys).sum()
    }
}

impl Node {
    /// The node, asked what it is.
    fn known(mut self, is_cluster: bool) -> Result<Self> {
        let answers = self.ask(&[info(), cmd("DBSIZE")])?;
        let info: String = answers.first().and_then(answer).unwrap_or_default();
        if !is_cluster && info.lines().any(|line| line == "redis_mode:cluster") {
            let why =
                "url: it is a node of a cluster and holds only a part of the keys; say that it is a cluster";
            return Err(Error::new(ErrorKind::InvalidOption(why.into())).about(&self.server));
        }
        self.run_id = run_id(&info);
        self.keys = answers.get(1).and_then(answer);
        Ok(self)
    }

    pub(super) fn name(&self) -> String {
        self.master.name()
    }

    /// A step of a scan: the next cursor, which is 0 at the end, and keys, each once.
    pub(super) fn scan(&mut self, cursor: u64, count: usize) -> Result<(u64, Vec<Vec<u8>>)> {
        let fail = |error| of_redis(error, &self.server, "scanning");
        let mut answers =
            self.master.ask(&[server::scan(cursor, "*", count), info()]).map_err(fail)?.into_iter();
        let step = answers.next().unwrap_or(Ok(Value::Nil)).map_err(fail)?;
        let (next, mut keys): (_, Vec<_>) =
            redis::from_redis_value(step).map_err(|error| fail(error.into()))?;
        // After an interruption it may be another one that answered, which knows nothing of this cursor.
        let now = answers.next().and_then(|info| run_id(&answer::<String>(&info)?));
        if self.run_id.is_some() && now.is_some() && now != self.run_id {
            let why =
                "scanning: the server was replaced meanwhile, and is to be looked at from the beginning";
            return Err(Error::new(ErrorKind::Storage(why.into())).about(&self.server));
        }
        keys.sort_unstable();
        keys.dedup();
        Ok((next, keys))
    }

    /// What the keys hold and how much of it; those that cannot be moved are skipped.
    pub(super) fn measure<'a>(
        &mut self,
        keys: Vec<(String, &'a str)>,
        report: &mut Report,
    ) -> Result<Vec<Found<'a>>> {
        let types: Vec<_> = keys.iter().map(|(key, _)| of_key("TYPE", key)).collect();
        let mut found = Vec::with_capacity(keys.len());
        for ((key, category), outcome) in keys.into_iter().zip(self.ask(&types)?) {
            match kind(outcome) {
                Ok(kind) => found.push(Found { key, category, kind, size: None }),
                Err(reason) => report.skip(reason, key.as_bytes()),
            }
        }
        let sizes: Vec<_> = found.iter().map(Found::size_command).collect();
        let sizes = self.ask(&sizes)?;
        found.iter_mut().zip(&sizes).for_each(|(found, size)| found.size = answer(size));
        found.retain(|found| {
            let fits = found.size.is_none_or(|size| size <= self.max_value);
            if !fits {
                report.skip(Reason::TooLarge, found.key.as_bytes());
            }
            fits
        });
        Ok(found)
    }

    /// Which of the keys expire.
    pub(super) fn expiring(&mut self, found: &[Found<'_>]) -> Result<Vec<bool>> {
        let commands: Vec<_> = found.iter().map(|found| of_key("PTTL", &found.key)).collect();
        let expires = |ttl| answer::<i64>(ttl).is_some_and(|ttl| ttl >= 0);
        Ok(self.ask(&commands)?.iter().map(expires).collect())
    }

    /// What the keys hold, in their order.
    pub(super) fn read(&mut self, found: &[Found<'_>]) -> Result<Vec<Result<Content, Reason>>> {
        let commands: Vec<_> =
            found.iter().flat_map(|found| [of_key("PTTL", &found.key), found.read_command()]).collect();
        let asked = Instant::now();
        let mut answers = self.ask(&commands)?.into_iter();
        let mut contents = Vec::with_capacity(found.len());
        while let (Some(ttl), Some(value)) = (answers.next(), answers.next()) {
            let content = content(found[contents.len()].kind, asked, ttl, value);
            contents.push(match content {
                // It has grown, or the server does not say how large it is.
                Ok(content) if content.value.len() as u64 > self.max_value => Err(Reason::TooLarge),
                content => content,
            });
        }
        Ok(contents)
    }

    fn ask(&mut self, commands: &[Cmd]) -> Result<Vec<RedisResult<Value>>> {
        let fail = |error| of_redis(error, &self.server, "reading");
        let answers = self.master.ask(commands).map_err(fail)?;
        let is_not_now = |error: &&RedisError| error.code().is_some_and(|code| NOT_NOW.contains(&code));
        match answers.iter().filter_map(|answer| answer.as_ref().err()).find(is_not_now) {
            Some(error) => Err(fail(error.clone())),
            None => Ok(answers),
        }
    }
}

impl Found<'_> {
    fn size_command(&self) -> Cmd {
        match self.kind {
            Kind::String => of_key("STRLEN", &self.key),
            _ => {
                let mut command = cmd("MEMORY");
                command.arg("USAGE").arg(&self.key);
                command
            }
        }
    }

    fn read_command(&self) -> Cmd {
        let mut command = of_key(
            match self.kind {
                Kind::String => "GET",
                Kind::Hash => "HGETALL",
                Kind::List => "LRANGE",
                Kind::Set => "SMEMBERS",
                Kind::SortedSet => "ZRANGE",
            },
            &self.key,
        );
        if matches!(self.kind, Kind::List | Kind::SortedSet) {
            command.arg(0).arg(-1);
        }
        if self.kind == Kind::SortedSet {
            command.arg("WITHSCORES");
        }
        command
    }
}

fn info() -> Cmd {
    cmd("INFO").arg("server").to_owned()
}

/// Which process it is.
fn run_id(info: &str) -> Option<String> {
    info.lines().find_map(|line| line.strip_prefix("run_id:")).map(str::to_owned)
}

/// The keys in groups that may be in memory at the same time.
pub(super) fn shares<'a, 'b>(mut found: &'a [Found<'b>]) -> impl Iterator<Item = &'a [Found<'b>]> {
    std::iter::from_fn(move || {
        let mut sum = 0_u64;
        let fits = |found: &Found<'_>| {
            sum = sum.saturating_add(found.size.unwrap_or(SHARE));
            sum <= SHARE
        };
        let len = found.iter().map(fits).take_while(|fits| *fits).count().max(1);
        let (share, rest) = found.split_at_checked(len)?;
        found = rest;
        Some(share)
    })
}

fn of_key(name: &str, key: &str) -> Cmd {
    let mut command = Cmd::with_capacity(2, name.len() + key.len());
    command.arg(name).arg(key);
    command
}

fn kind(outcome: RedisResult<Value>) -> Result<Kind, Reason> {
    let name: String = redis::from_redis_value(outcome.map_err(refused)?).unwrap_or_default();
    match Kind::ALL.into_iter().find(|kind| kind.name() == name) {
        Some(kind) => Ok(kind),
        None if name == "none" => Err(Reason::Gone),
        None => Err(Reason::Type(name)),
    }
}

fn content(
    kind: Kind,
    asked: Instant,
    ttl: RedisResult<Value>,
    value: RedisResult<Value>,
) -> Result<Content, Reason> {
    let ttl: i64 = redis::from_redis_value(ttl.map_err(refused)?).unwrap_or(GONE);
    let deadline = match u64::try_from(ttl) {
        // Longer than any clock goes.
        Ok(left) => asked.checked_add(Duration::from_millis(left)),
        Err(_) if ttl == GONE => return Err(Reason::Gone),
        Err(_) => None,
    };
    let value = bytes(kind, value.map_err(refused)?).ok_or(Reason::Gone)?;
    Ok(Content { value, deadline })
}

/// What `PTTL` says of a key that is not there.
const GONE: i64 = -2;

/// A value as it is stored. What is not there is nil, or without any part.
fn bytes(kind: Kind, value: Value) -> Option<Bytes> {
    if kind == Kind::String {
        return match value {
            Value::BulkString(bytes) => Some(bytes.into()),
            _ => None,
        };
    }
    let mut parts = Vec::new();
    take_apart(value, &mut parts);
    if parts.is_empty() {
        return None;
    }
    let mut parts = parts.into_iter();
    let collection = match kind {
        Kind::Hash => {
            let mut fields = BTreeMap::new();
            while let (Some(field), Some(value)) = (parts.next(), parts.next()) {
                fields.insert(field, value);
            }
            Collection::Hash(fields)
        }
        Kind::Set => Collection::Set(parts.collect::<BTreeSet<_>>()),
        Kind::SortedSet => {
            let mut members = Vec::new();
            while let (Some(member), Some(score)) = (parts.next(), parts.next()) {
                members.push((member, str::from_utf8(&score).ok()?.parse().ok()?));
            }
            Collection::SortedSet(members)
        }
        _ => Collection::List(parts.collect()),
    };
    Some(collection.to_bytes().into())
}

/// The strings of an answer, in their order. The older protocol gives fields and values in one row, the newer one in
/// pairs.
fn take_apart(value: Value, parts: &mut Vec<Vec<u8>>) {
    match value {
        Value::BulkString(bytes) => parts.push(bytes),
        Value::Double(score) => parts.push(score.to_string().into_bytes()),
        Value::Array(values) | Value::Set(values) => {
            parts.reserve(values.len());
            values.into_iter().for_each(|value| take_apart(value, parts));
        }
        Value::Map(pairs) => pairs.into_iter().for_each(|(field, value)| {
            take_apart(field, parts);
            take_apart(value, parts);
        }),
        _ => {}
    }
}

/// What was said, if it is what was asked for.
fn answer<T: redis::FromRedisValue>(outcome: &RedisResult<Value>) -> Option<T> {
    outcome.as_ref().ok().and_then(|value| redis::from_redis_value_ref(value).ok())
}

fn refused(error: RedisError) -> Reason {
    match error.code() {
        // It has another type by now.
        Some("WRONGTYPE") => Reason::Gone,
        code => Reason::Refused(code.unwrap_or("an error").to_owned()),
    }
}
