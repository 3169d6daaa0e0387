//! Panics on threads that nobody joins: those of the cache itself.

use std::{
    panic,
    sync::{
        Once,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

static PANICS: AtomicU64 = AtomicU64::new(0);

/// How many panics there were, on any thread, since this was first asked.
pub(crate) fn count() -> u64 {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            PANICS.fetch_add(1, SeqCst);
            tell(panic);
        }));
    });
    PANICS.load(SeqCst)
}
