//! The thread of a tier: hears what others change, and asks a server that was away whether it is back.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

use cache_core::{Changed, Error, ErrorKind, Result};
use redis::{Connection, RedisResult, cmd};

use crate::{message::Message, store::Store};

/// How long the server may have nothing to tell before it is asked whether it is still there.
const BEAT: Duration = Duration::from_millis(500);

/// Starts the thread, which ends soon after the tier is closed.
pub(crate) fn start(store: Arc<Store>) -> Result<()> {
    let thread = thread::Builder::new().name("cache-redis".into()).spawn(move || run(&store));
    thread.map(drop).map_err(|error| {
        Error::new(ErrorKind::Storage(format!("starting a thread: {error}"))).caused_by(error)
    })
}

fn run(store: &Store) {
    let mut next_try = Instant::now();
    let mut told = false;
    while !store.is_closed() {
        let outcome =
            store.reach.server.any_node().and_then(|mut node| listen(store, &mut node, &mut next_try));
        let was_listening = store.listens(false);
        if let Err(error) = outcome {
            if was_listening || !told {
                tracing::warn!(server = %store.reach.server, %error, "changes from elsewhere are not heard of");
            }
            told = true;
            // What is kept in memory may be out of date from now on. Where the server answers and lets nobody listen, it may be
            // so each time.
            if was_listening || !error.is_io_error() {
                store.changed(Changed::Anything);
            }
        }
        recover(store, &mut next_try);
        let mut heard = store.heard.lock();
        if !store.is_closed() {
            store.news.wait_for(&mut heard, store.options.pause);
        }
    }
}

/// Hears messages until the connection is lost or the tier is closed.
fn listen(store: &Store, connection: &mut Connection, next_try: &mut Instant) -> RedisResult<()> {
    let timeout = store.options.timeout;
    let mut channel = connection.as_pubsub();
    channel.subscribe(store.names.channel())?;
    store.changed(Changed::Anything);
    store.resyncs.fetch_add(1, SeqCst);
    store.listens(true);
    while !store.is_closed() {
        recover(store, next_try);
        channel.set_read_timeout(Some(BEAT))?;
        match channel.get_message() {
            Ok(message) => hear(store, message.get_payload_bytes()),
            Err(error) if error.is_timeout() => {
                channel.set_read_timeout(Some(timeout))?;
                channel.ping::<()>()?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn hear(store: &Store, text: &[u8]) {
    match Message::parse(text) {
        Some((origin, Message::Fence(number))) if origin == store.origin => {
            let mut heard = store.heard.lock();
            heard.fence = heard.fence.max(number);
            store.news.notify_all();
        }
        Some((origin, _)) if origin == store.origin => {}
        Some((_, Message::Fence(_))) => {}
        Some((_, Message::Entry { category, key })) => store.changed(Changed::Entry { category, key }),
        Some((_, Message::Cleared(category))) => store.changed(Changed::Category(category)),
        // A later version says something that this one does not know.
        None => store.changed(Changed::Anything),
    }
}

/// Asks a server that was away whether it is back, now and then.
fn recover(store: &Store, next_try: &mut Instant) {
    if !store.reach.breaker.is_open() || Instant::now() < *next_try {
        return;
    }
    // An entry that nobody has, under a name that this program may ask for.
    let probe = cmd("EXISTS").arg(store.names.entry("", "")).to_owned();
    if !store.reach.try_close(probe, |link, debt| store.settle(link, debt)) {
        *next_try = Instant::now() + store.options.pause;
    }
}
