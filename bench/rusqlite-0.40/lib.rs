//! rusqlite 0.41, under the version before.
pub use next::*;
