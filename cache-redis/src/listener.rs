//! The threads of a tier: one hears what others change, one asks a server that was away whether it is back.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

use cache_core::{Changed, Error, ErrorKind, Result};
use redis::{Connection, RedisResult, Value, cmd};

use crate::{message::Message, server::is_interrupted, store::Store};

/// How long the server may have nothing to tell before it is asked whether it is still there.
const BEAT: Duration = Duration::from_millis(500);

/// Starts the threads, which end soon after the tier is closed.
pub(crate) fn start(store: &Arc<Store>) -> Result<()> {
    start_one(store, "cache-redis", listen)?;
    start_one(store, "cache-redis-mend", mend)
}

fn start_one(store: &Arc<Store>, name: &str, work: fn(&Store)) -> Result<()> {
    let store = store.clone();
    let thread = thread::Builder::new().name(name.into()).spawn(move || work(&store));
    thread.map(drop).map_err(|error| {
        Error::new(ErrorKind::Storage(format!("starting a thread: {error}"))).caused_by(error)
    })
}

fn listen(store: &Store) {
    let mut told = false;
    while !store.is_closed() {
        let outcome = store.reach.server.any_node().and_then(|mut node| listen_at(store, &mut node));
        let was_listening = store.listens(false);
        let was_interrupted = outcome.as_ref().is_err_and(is_interrupted);
        if let Err(error) = outcome {
            if was_listening || !told {
                tracing::warn!(server = %store.reach.server, %error, "changes from elsewhere are not heard of");
            }
            told = true;
            if was_listening {
                // What is kept in memory may be out of date from now on.
                store.changed(Changed::Anything);
            } else if !error.is_io_error() {
                // The server answers and lets this program not listen: copies live until the next time.
                store.tell(Changed::Anything);
            }
        }
        if !was_interrupted {
            rest(store);
        }
    }
}

/// Hears messages until the connection is lost or the tier is closed.
fn listen_at(store: &Store, node: &mut Connection) -> RedisResult<()> {
    let timeout = store.options.timeout;
    let mut channel = node.as_pubsub();
    channel.subscribe(store.names.channel())?;
    // That it was refused is not told as an error; but a connection that listens answers in another shape.
    if !matches!(channel.ping::<Value>()?, Value::Array(_)) {
        return Err((redis::ErrorKind::Client, "the server does not let this program listen").into());
    }
    store.changed(Changed::Anything);
    store.resyncs.fetch_add(1, SeqCst);
    store.listens(true);
    channel.set_read_timeout(Some(BEAT))?;
    while !store.is_closed() {
        match channel.get_message() {
            Ok(message) => hear(store, message.get_payload_bytes()),
            Err(error) if error.is_timeout() => {
                channel.set_read_timeout(Some(timeout))?;
                channel.ping::<()>()?;
                channel.set_read_timeout(Some(BEAT))?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Asks a server that was away whether it is back, now and then.
fn mend(store: &Store) {
    while !store.is_closed() {
        if store.reach.breaker.is_open() {
            // An entry that nobody has, under a name that this program may ask for.
            let probe = cmd("EXISTS").arg(store.names.entry("", "")).to_owned();
            store.reach.try_close(probe, |link, debt| store.settle(link, debt));
        }
        rest(store);
    }
}

/// Waits a moment, or until the tier is closed.
fn rest(store: &Store) {
    let end = Instant::now() + store.options.pause;
    let mut heard = store.heard.lock();
    while !store.is_closed() && !store.news.wait_until(&mut heard, end).timed_out() {}
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
