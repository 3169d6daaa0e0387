//! For the tests of all crates.

use std::{
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

/// Runs what must not hang; a minute is for ever.
pub(crate) fn ends(body: impl FnOnce() + Send + 'static) {
    let (done, is_done) = channel();
    let body = thread::spawn(move || {
        body();
        // Whoever waited has given up.
        let _ = done.send(());
    });
    let waited = is_done.recv_timeout(Duration::from_secs(60));
    assert_ne!(waited, Err(RecvTimeoutError::Timeout), "hangs");
    if let Err(panic) = body.join() {
        std::panic::resume_unwind(panic);
    }
}
