//! What a subject is to us, by its name.

/// Whose work it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Ours,
    /// What nobody is faster than, or what is not for use.
    Floor,
    Peer,
}

/// Beginnings of names: peers are called by their crate, floors by what they are.
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
const FLOORS: &[&str] = &["floor", "fifo", "Graham", "hashlink", "no scheduler", "opt", "specified"];

pub(super) fn role(subject: &str) -> Role {
    let begins = |names: &[&str]| names.iter().any(|name| subject.starts_with(name));
    match subject {
        _ if begins(PEERS) => Role::Peer,
        _ if begins(FLOORS) => Role::Floor,
        _ => Role::Ours,
    }
}
