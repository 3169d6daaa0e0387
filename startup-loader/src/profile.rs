//! How long components took at an earlier start.

use std::{collections::BTreeMap, time::Duration};

/// How long components took, by name, so that the longest path goes first at the next start.
///
/// With the feature `serde` it can be stored; it is a map from names to microseconds.
///
/// ```
/// # use startup_loader::{Loader, Profile};
/// # let mut profile = Profile::default();
/// let mut loader = Loader::new();
/// loader.add("db", (), |_, ()| Ok(7));
/// let report = loader.profile(&profile).build()?.run();
/// profile = report.profile();
/// # assert!(profile.time("db").is_some());
/// # Ok::<(), startup_loader::PlanError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Profile(BTreeMap<String, u64>);

impl Profile {
    /// How long the component of that name ran, if it is known.
    pub fn time(&self, name: &str) -> Option<Duration> {
        self.0.get(name).map(|&micros| Duration::from_micros(micros))
    }

    /// Says how long a component ran.
    pub fn set(&mut self, name: impl Into<String>, time: Duration) {
        self.0.insert(name.into(), u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }
}
