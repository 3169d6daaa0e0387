//! What a subject is to us, by its name and place.

/// Whose work it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Ours,
    Peer,
    /// A floor, a bound, or the same by hand.
    Reference,
}

/// How names begin. Peers are called by their crate.
const PEERS: &[&str] = &[
    "cacache",
    "cached",
    "fjall",
    "foyer",
    "mini-moka",
    "moka",
    "once_cell",
    "quick_cache",
    "redb",
    "refinery",
    "rusqlite_migration",
    "std LazyLock",
];
const OURS: &[&str] = &[
    "Cache",
    "FileCache",
    "MemoryCache",
    "Migration",
    "RedisTier",
    "SqliteCache",
    "adaptive",
    "declared",
    "gitweek",
    "lru",
    "open",
    "run",
    "typed handle",
];

/// The role of the subject at this place of a case, the first of which is ours.
pub(super) fn role(subject: &str, place: usize) -> Role {
    let begins = |names: &[&str]| names.iter().any(|name| subject.starts_with(name));
    match place {
        0 => Role::Ours,
        _ if begins(PEERS) => Role::Peer,
        _ if begins(OURS) => Role::Ours,
        _ => Role::Reference,
    }
}
