//! Where the server is, and connections to it.

use std::{
    fmt, io,
    sync::Arc,
    time::{Duration, Instant},
};

use cache_core::{Error, ErrorKind, Result};
use redis::{
    Client, Cmd, Connection, ConnectionAddr, ConnectionInfo, ConnectionLike, IntoConnectionInfo,
    ProtocolVersion, RedisError, RedisResult, Value,
    cluster::{ClusterClient, ClusterConnection, cluster_pipe},
    io::tcp::TcpSettings,
};

/// How often a cluster is asked again when a slot has moved, and how long to wait in between: milliseconds.
const CLUSTER_RETRIES: u32 = 2;
const CLUSTER_WAIT: (u64, u64) = (5, 50);

/// A server, or a cluster of them.
#[derive(Clone)]
pub(crate) struct Server {
    nodes: Vec<ConnectionInfo>,
    cluster: Option<ClusterClient>,
    timeout: Duration,
}

/// A connection to the server, with the command that ends it there; or to all nodes of a cluster.
pub(crate) enum Link {
    Single(Box<Connection>, Option<Cmd>),
    Cluster(Box<ClusterConnection>),
}

/// A node that holds keys. It is only told what may be told twice.
pub(crate) struct Master {
    info: ConnectionInfo,
    /// `None` after an interruption.
    connection: Option<Connection>,
    server: Server,
}

impl Server {
    /// The server at `urls`: one, or some nodes of a cluster with commas between them.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`], without the password that may be in a URL.
    pub(crate) fn new(urls: &str, is_cluster: bool, timeout: Duration) -> Result<Self> {
        let wrong = |why: String| Error::from(ErrorKind::InvalidOption(why));
        if timeout.is_zero() {
            return Err(wrong("timeout: no server answers in no time".into()));
        }
        let node = |url: &str| {
            // The host is no secret. Anything else may be part of a password.
            let host = url.rsplit_once('@').and_then(|(_, end)| end.split(['/', '?', '#']).next());
            let host = host.map(|host| format!(", of the host {host:?}")).unwrap_or_default();
            node(url.trim()).map_err(|error| {
                wrong(format!(
                    "url: {}{host}: write \"redis://host:6379\", \"rediss://user:password@host:6380/0\" or \
                     \"unix:///run/redis.sock\"",
                    plain(&error)
                ))
            })
        };
        let nodes: Vec<_> = urls.split(',').map(node).collect::<Result<_>>()?;
        if !is_cluster && nodes.len() > 1 {
            return Err(wrong("url: several servers make a cluster; say that it is one".into()));
        }
        let cluster = is_cluster.then(|| {
            ClusterClient::builder(nodes.clone())
                .connection_timeout(timeout)
                .response_timeout(timeout)
                .retries(CLUSTER_RETRIES)
                .min_retry_wait(CLUSTER_WAIT.0)
                .max_retry_wait(CLUSTER_WAIT.1)
                .build()
        });
        let cluster = cluster.transpose().map_err(|error| wrong(format!("url: {}", plain(&error))))?;
        Ok(Self { nodes, cluster, timeout })
    }

    pub(crate) fn connect(&self) -> RedisResult<Link> {
        if let Some(cluster) = &self.cluster {
            let connection = cluster.get_connection()?;
            connection.set_write_timeout(Some(self.timeout))?;
            return Ok(Link::Cluster(Box::new(connection)));
        }
        let mut connection = self.any_node()?;
        let end = end_of(&mut connection)?;
        Ok(Link::Single(Box::new(connection), end))
    }

    /// A connection to the server, or to some node of the cluster.
    pub(crate) fn any_node(&self) -> RedisResult<Connection> {
        self.first_that_answers().map(|(_, connection)| connection)
    }

    fn first_that_answers(&self) -> RedisResult<(&ConnectionInfo, Connection)> {
        let mut failure = None;
        for node in &self.nodes {
            match self.connect_to(node) {
                Ok(connection) => return Ok((node, connection)),
                Err(error) if is_interrupted(&error) => return Err(error),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| (redis::ErrorKind::InvalidClientConfig, "no server is named").into()))
    }

    /// Each node that holds keys.
    ///
    /// # Errors
    /// One of them cannot be reached.
    pub(crate) fn masters(&self) -> RedisResult<Vec<Master>> {
        self.again(|| {
            let (seed, mut connection) = self.first_that_answers()?;
            if self.cluster.is_none() {
                return Ok(vec![Master::new(seed.clone(), connection, self.clone())]);
            }
            let slots: Value = redis::cmd("CLUSTER").arg("SLOTS").query(&mut connection)?;
            let mut masters: Vec<_> = masters_of(&slots);
            masters.sort();
            masters.dedup();
            masters
                .into_iter()
                .map(|(host, port)| {
                    // A node that does not know how it is called is the one that was asked.
                    let info = if host.is_empty() { seed.clone() } else { moved(seed, host, port) };
                    self.connect_to(&info).map(|connection| Master::new(info, connection, self.clone()))
                })
                .collect()
        })
    }

    /// Makes a call, and as long as there is time again when a signal has ended it: a read that has a timeout is not taken
    /// up again by itself (signal(7)), and the connection cannot be used any more.
    pub(crate) fn again<T>(&self, mut call: impl FnMut() -> RedisResult<T>) -> RedisResult<T> {
        let begun = Instant::now();
        loop {
            match call() {
                Err(error) if is_interrupted(&error) && begun.elapsed() < self.timeout => {}
                outcome => return outcome,
            }
        }
    }

    fn connect_to(&self, node: &ConnectionInfo) -> RedisResult<Connection> {
        let connection = Client::open(node.clone())?.get_connection_with_timeout(self.timeout)?;
        connection.set_read_timeout(Some(self.timeout))?;
        connection.set_write_timeout(Some(self.timeout))?;
        Ok(connection)
    }
}

impl Master {
    fn new(info: ConnectionInfo, connection: Connection, server: Server) -> Self {
        Self { info, connection: Some(connection), server }
    }

    /// What the node is called.
    #[cfg(feature = "migrate")]
    pub(crate) fn name(&self) -> String {
        place(self.info.addr())
    }

    /// What the node says to several commands, in their order and each for itself.
    ///
    /// # Errors
    /// The connection failed.
    pub(crate) fn ask(&mut self, commands: &[Cmd]) -> RedisResult<Vec<RedisResult<Value>>> {
        self.call(|connection| ask(connection, commands))
    }

    /// One step of a scan: the next cursor, which is 0 at the end, and keys, of which some may come twice.
    ///
    /// # Errors
    /// The connection failed, or the node refuses it.
    pub(crate) fn scan(
        &mut self,
        cursor: u64,
        pattern: &str,
        count: usize,
    ) -> RedisResult<(u64, Vec<Vec<u8>>)> {
        let scan = scan(cursor, pattern, count);
        self.call(|connection| scan.query(connection))
    }

    fn call<T>(&mut self, mut call: impl FnMut(&mut Connection) -> RedisResult<T>) -> RedisResult<T> {
        let Self { info, connection, server } = self;
        server.again(|| {
            let open = match connection {
                Some(open) => open,
                None => connection.insert(server.connect_to(info)?),
            };
            let outcome = call(open);
            if outcome.as_ref().is_err_and(is_interrupted) {
                *connection = None;
            }
            outcome
        })
    }
}

impl Link {
    /// What the server says to several commands, in their order and each for itself, and then to what publishes.
    ///
    /// # Errors
    /// The connection failed, and is not to be used again: what was sent may have been done.
    pub(crate) fn ask(&mut self, commands: &[Cmd], publish: &[Cmd]) -> RedisResult<Vec<RedisResult<Value>>> {
        match self {
            Self::Single(connection, _) => ask(connection, commands.iter().chain(publish)),
            Self::Cluster(connection) => {
                let mut answers = ask_cluster(connection, commands)?;
                for command in publish {
                    answers.push(each(connection.req_command(command))?);
                }
                Ok(answers)
            }
        }
    }

    /// What ends the connection if another one asks for it: then nothing arrives through it any more, however late. `None` in
    /// a cluster, and where the server does not say or the user may not ask.
    pub(crate) fn end(&self) -> Option<Cmd> {
        match self {
            Self::Single(_, end) => end.clone(),
            Self::Cluster(_) => None,
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Single(..) => "Single",
            Self::Cluster(_) => "Cluster",
        })
    }
}

fn end_of(connection: &mut Connection) -> RedisResult<Option<Cmd>> {
    let Ok(info) = each(redis::cmd("CLIENT").arg("INFO").query(connection))? else { return Ok(None) };
    let info: String = redis::from_redis_value(info)?;
    let part = |name: &str| info.split(' ').find_map(|part| part.strip_prefix(name)).map(str::to_owned);
    // A server that starts anew begins to count anew, so the number alone may be somebody else's.
    Ok(part("id=").zip(part("addr=")).map(|(id, addr)| {
        redis::cmd("CLIENT").arg("KILL").arg("ID").arg(id).arg("ADDR").arg(addr).to_owned()
    }))
}

/// As [`Link::ask`], of one node.
fn ask<'a>(
    connection: &mut Connection,
    commands: impl IntoIterator<Item = &'a Cmd>,
) -> RedisResult<Vec<RedisResult<Value>>> {
    let mut bytes = Vec::new();
    let mut count = 0;
    for command in commands {
        command.write_packed_command(&mut bytes);
        count += 1;
    }
    if count == 0 {
        return Ok(Vec::new());
    }
    let values = connection.req_packed_commands(&bytes, 0, count)?;
    Ok(values.into_iter().map(Value::extract_error).collect())
}

fn ask_cluster(connection: &mut ClusterConnection, commands: &[Cmd]) -> RedisResult<Vec<RedisResult<Value>>> {
    let one_by_one = |connection: &mut ClusterConnection| {
        commands.iter().map(|command| each(connection.req_command(command))).collect()
    };
    if commands.len() < 2 {
        return one_by_one(connection);
    }
    let mut pipe = cluster_pipe();
    for command in commands {
        pipe.add_command(command.clone());
    }
    match pipe.query::<Vec<Value>>(connection) {
        Ok(values) => Ok(values.into_iter().map(Ok).collect()),
        // It keeps what the others were told to itself. All that is asked may be asked twice.
        Err(error) if is_answer(&error) => one_by_one(connection),
        Err(error) => Err(error),
    }
}

/// Whether the server refused something, as opposed to not being there.
pub(crate) fn is_answer(error: &RedisError) -> bool {
    matches!(error.kind(), redis::ErrorKind::Server(_) | redis::ErrorKind::Extension)
}

/// An answer for itself, be it a refusal.
fn each(outcome: RedisResult<Value>) -> RedisResult<RedisResult<Value>> {
    match outcome.and_then(Value::extract_error) {
        Err(error) if !is_answer(&error) => Err(error),
        answer => Ok(answer),
    }
}

/// The command for one step of a scan.
pub(crate) fn scan(cursor: u64, pattern: &str, count: usize) -> Cmd {
    redis::cmd("SCAN").arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(count).to_owned()
}

/// Whether a signal ended a call.
pub(crate) fn is_interrupted(error: &RedisError) -> bool {
    type Shared = Arc<dyn std::error::Error + Send + Sync>;
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<Shared>());
    let cause = cause.and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::Interrupted)
}

/// What went wrong while `doing` something at a server.
pub(crate) fn of_redis(error: RedisError, server: &Server, doing: &str) -> Error {
    let hint = match error.kind() {
        redis::ErrorKind::Server(redis::ServerErrorKind::Moved) => "; it is a node of a cluster: say so",
        _ => "",
    };
    let why = format!("{doing}: {}{hint}", plain(&error));
    Error::new(ErrorKind::Storage(why)).about(server).caused_by(error)
}

/// An error as a sentence.
fn plain(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}

fn node(url: &str) -> RedisResult<ConnectionInfo> {
    let node = url.into_connection_info()?;
    if matches!(node.addr(), ConnectionAddr::TcpTls { insecure: true, .. }) {
        let why =
            "certificates are always verified; one of your own goes into the file that SSL_CERT_FILE names";
        return Err((redis::ErrorKind::InvalidClientConfig, why).into());
    }
    let settings = node.redis_settings().clone();
    // Answers have one shape then, whatever the URL asks for; and a user may not be allowed to say what program it is.
    let settings = settings.set_protocol(ProtocolVersion::RESP2).set_skip_set_lib_name();
    // The end of a pipeline must not wait until its beginning is acknowledged.
    let tcp = TcpSettings::default().set_nodelay(true);
    Ok(node.set_redis_settings(settings).set_tcp_settings(tcp))
}

fn moved(seed: &ConnectionInfo, host: String, port: u16) -> ConnectionInfo {
    let mut addr = seed.addr().clone();
    match &mut addr {
        ConnectionAddr::Tcp(old, old_port) => (*old, *old_port) = (host, port),
        ConnectionAddr::TcpTls { host: old, port: old_port, .. } => (*old, *old_port) = (host, port),
        _ => {}
    }
    seed.clone().set_addr(addr)
}

/// The first node of each range of slots, which is the one that may be written.
fn masters_of(slots: &Value) -> Vec<(String, u16)> {
    let Value::Array(ranges) = slots else { return Vec::new() };
    let master = |range: &Value| {
        let Value::Array(range) = range else { return None };
        let Value::Array(node) = range.get(2)? else { return None };
        let host: Option<String> = redis::from_redis_value_ref(node.first()?).ok()?;
        Some((host.unwrap_or_default(), redis::from_redis_value_ref(node.get(1)?).ok()?))
    };
    ranges.iter().filter_map(master).collect()
}

/// Where a node is, without user and password.
fn place(addr: &ConnectionAddr) -> String {
    match addr {
        ConnectionAddr::Tcp(host, port) => format!("redis://{host}:{port}"),
        ConnectionAddr::TcpTls { host, port, .. } => format!("rediss://{host}:{port}"),
        other => format!("unix://{other}"),
    }
}

/// Where it is, without user and password.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, node) in self.nodes.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            write!(f, "{comma}{}", place(node.addr()))?;
            if node.redis_settings().db() != 0 {
                write!(f, "/{}", node.redis_settings().db())?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
