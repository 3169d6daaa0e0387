//! How the server has been.

/// How the server has been since the tier was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Whether the server is left alone, since it did not answer: reads find nothing, writes are dropped.
    pub is_away: bool,
    /// Whether this program hears of what others change. While it does not, copies in memory may be older than what is at
    /// the server; they go once it does again.
    pub is_listening: bool,
    /// How often the server was left alone.
    pub outages: u64,
    /// Calls that it did not answer, and changes that it did not let this program tell others of.
    pub failures: u64,
    /// Writes that it was not told of, or that nobody knows whether it has done.
    pub dropped_writes: u64,
    /// How often this program may have missed what others changed, and dropped its copies: once for the beginning.
    pub resyncs: u64,
}
