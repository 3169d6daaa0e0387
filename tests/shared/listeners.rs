//! For tests that listen to `tracing`.

use std::sync::LazyLock;

/// Sees to it that a subscriber hears of all spans of its thread.
///
/// While there is one alone, `tracing` asks the subscriber of whatever thread comes to a span first whether anybody wants to
/// hear of it, and keeps the answer: a test without one may come first. So there is a second one, for good.
pub(crate) fn hear_all() {
    static SECOND: LazyLock<tracing::Dispatch> =
        LazyLock::new(|| tracing::Dispatch::new(tracing_subscriber::registry()));
    LazyLock::force(&SECOND);
}
