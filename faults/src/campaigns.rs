//! The campaigns, one kind of fault a file.

pub(crate) mod clock;
pub(crate) mod flip;
pub(crate) mod full;
pub(crate) mod hostile;
pub(crate) mod kill;
pub(crate) mod many;
mod power;
mod race;
pub(crate) mod rights;
mod soak;

use clap::ValueEnum;

use crate::campaign::Campaign;

/// The campaigns, in the order they run.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    /// Processes that write are killed at any moment.
    Kill,
    /// Files are damaged in every way.
    Flip,
    /// The power fails while a process writes.
    Power,
    /// The disk fills up, or what a process may have of it.
    Full,
    /// Folders and files may not be used, vanish, or are replaced.
    Rights,
    /// Many processes with many threads use one folder, and some are killed.
    Many,
    /// Threads race for a few keys.
    Race,
    /// Clocks jump.
    Clock,
    /// Somebody means harm.
    Hostile,
    /// A mixed load for a long time.
    Soak,
}

impl Name {
    pub(crate) fn campaign(self) -> Campaign {
        match self {
            Self::Kill => kill::CAMPAIGN,
            Self::Flip => flip::CAMPAIGN,
            Self::Power => power::CAMPAIGN,
            Self::Full => full::CAMPAIGN,
            Self::Rights => rights::CAMPAIGN,
            Self::Many => many::CAMPAIGN,
            Self::Race => race::CAMPAIGN,
            Self::Clock => clock::CAMPAIGN,
            Self::Hostile => hostile::CAMPAIGN,
            Self::Soak => soak::CAMPAIGN,
        }
    }
}
