//! A network that keeps what is sent for later, or is slow.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::redis_server::Redis;

/// Forwards connections to a server.
pub(crate) struct Proxy {
    port: u16,
    ways: Arc<Mutex<Vec<Way>>>,
    /// Milliseconds that the second half of what a server says is behind.
    delay: Arc<AtomicU64>,
}

/// One connection.
struct Way {
    gate: Arc<Gate>,
    forward: JoinHandle<()>,
}

#[derive(Default)]
struct Gate {
    is_shut: Mutex<bool>,
    opened: Condvar,
}

impl Proxy {
    pub(crate) fn start(redis: &Redis) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let ways = Arc::<Mutex<Vec<Way>>>::default();
        let delay = Arc::<AtomicU64>::default();
        let (all, late, to) = (ways.clone(), delay.clone(), redis.url().replace("redis://", ""));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(&to) else { continue };
                all.lock().unwrap().push(Way::new(client, server, late.clone()));
            }
        });
        Self { port, ways, delay }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn delay(&self, milliseconds: u64) {
        self.delay.store(milliseconds, Relaxed);
    }

    /// Keeps what clients send from now on, on the connections that there are.
    pub(crate) fn hold(&self) {
        for way in &*self.ways.lock().unwrap() {
            *way.gate.is_shut.lock().unwrap() = true;
        }
    }

    /// Sends what was kept, and waits until the server has done it and closed the connections.
    pub(crate) fn release(&self) {
        let held: Vec<_> = {
            let mut ways = self.ways.lock().unwrap();
            ways.extract_if(.., |way| *way.gate.is_shut.lock().unwrap()).collect()
        };
        for way in held {
            *way.gate.is_shut.lock().unwrap() = false;
            way.gate.opened.notify_all();
            way.forward.join().unwrap();
        }
    }
}

impl Way {
    fn new(client: TcpStream, server: TcpStream, delay: Arc<AtomicU64>) -> Self {
        let gate = Arc::new(Gate::default());
        let (at, mut from, mut to) = (gate.clone(), client.try_clone().unwrap(), server.try_clone().unwrap());
        let back = thread::spawn(move || {
            copy(server, |bytes| {
                let (first, second) = bytes.split_at(bytes.len() / 2);
                let is_taken = (&client).write_all(first).is_ok();
                thread::sleep(Duration::from_millis(delay.load(Relaxed)));
                is_taken && (&client).write_all(second).is_ok()
            });
            let _ = client.shutdown(Shutdown::Both);
        });
        let forward = thread::spawn(move || {
            copy(&mut from, |bytes| {
                let shut = at.is_shut.lock().unwrap();
                drop(at.opened.wait_while(shut, |shut| *shut).unwrap());
                to.write_all(bytes).is_ok()
            });
            let _ = to.shutdown(Shutdown::Write);
            back.join().unwrap();
        });
        Self { gate, forward }
    }
}

/// Also when nobody takes the bytes: what comes after them shows that they were handled.
fn copy(mut from: impl Read, mut to: impl FnMut(&[u8]) -> bool) {
    let mut bytes = [0; 16 << 10];
    while let Ok(len @ 1..) = from.read(&mut bytes) {
        to(&bytes[..len]);
    }
}
