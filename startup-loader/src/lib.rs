//! Components of a program that load in the order of their dependencies.

#[cfg(feature = "monitor")]
pub mod monitor;
