//! A private Redis server for a test, on a free port of the loopback.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// A server that ends with the test. It keeps nothing: started again, it is empty.
pub(crate) struct Redis {
    dir: TempDir,
    port: u16,
    process: Option<Child>,
    arguments: Vec<String>,
}

/// Whether there is the program, told loudly where there is not: a test that needs it then does nothing.
pub(crate) fn has_redis() -> bool {
    let found = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !found {
        let test = thread::current().name().unwrap_or("a test").to_owned();
        // To the terminal itself: what a test that passes prints is not shown.
        let _ = fs::write("/dev/stderr", format!("\n*** IGNORED {test}: there is no redis-server ***\n"));
    }
    found
}

impl Redis {
    /// A server with further arguments, in which `{port}` and `{dir}` are its own, ready to be asked.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        // Between the look and the start somebody else may take the port.
        for _ in 0..10 {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = free.local_addr().unwrap().port();
            // The bus of a cluster is 10,000 ports further.
            if port > 55_000 {
                continue;
            }
            drop(free);
            let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
            let mut redis = Self { dir: tempfile::tempdir().unwrap(), port, process: None, arguments };
            if redis.try_start() {
                return redis;
            }
        }
        panic!("no server starts");
    }

    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts it again, on the same port and empty.
    pub(crate) fn restart(&mut self) {
        self.kill();
        assert!(self.try_start(), "the server does not start again");
    }

    /// As [`restart`](Self::restart), with arguments more.
    pub(crate) fn restart_with(&mut self, arguments: &[&str]) {
        self.arguments.extend(arguments.iter().map(|&argument| argument.to_owned()));
        self.restart();
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Stops it where it is (`STOP`), or lets it go on (`CONT`).
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What `redis-cli` prints.
    pub(crate) fn cli(&self, arguments: &[&str]) -> String {
        let port = self.port.to_string();
        let output = Command::new("redis-cli").args(["-p", &port]).args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    fn try_start(&mut self) -> bool {
        let (port, dir) = (self.port.to_string(), self.dir.path().to_str().unwrap());
        let process = Command::new("redis-server")
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--dir", dir])
            .args(
                self.arguments.iter().map(|argument| argument.replace("{port}", &port).replace("{dir}", dir)),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // A server that a test leaves behind must not hold up who reads the test's.
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let process = self.process.insert(process);
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(20) && process.try_wait().unwrap().is_none() {
            if std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return true;
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.kill();
        false
    }
}

/// A cluster of three servers without replicas.
pub(crate) struct Cluster(pub(crate) Vec<Redis>);

impl Cluster {
    /// Three servers that know each other and share all slots.
    pub(crate) fn start() -> Self {
        // What comes between is told if it comes each time.
        let mut failure = String::new();
        let nodes = (0..5).find_map(|_| {
            let nodes: Vec<_> = (0..3).map(|_| Redis::start_with(&["--cluster-enabled", "yes"])).collect();
            let join = Command::new("redis-cli")
                .args(["--cluster", "create"])
                .args(nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())))
                .args(["--cluster-replicas", "0", "--cluster-yes"])
                .output()
                .unwrap();
            failure = format!("{join:?}");
            join.status.success().then_some(nodes)
        });
        let nodes = nodes.expect(&failure);
        let start = Instant::now();
        let is_ready = |node: &Redis| node.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok");
        while !nodes.iter().all(is_ready) {
            assert!(start.elapsed() < Duration::from_secs(60), "the cluster does not come together");
            thread::sleep(Duration::from_millis(20));
        }
        Self(nodes)
    }

    /// One of its servers.
    pub(crate) fn url(&self) -> String {
        self.0[0].url()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
