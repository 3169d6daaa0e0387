//! What the fuzzers do with an input, as functions: libFuzzer calls them with inputs that it makes up, and an
//! ordinary test with those that are committed.
//!
//! An input is a structure that [`arbitrary`] reads from the bytes. What should come of it, each target works out for
//! itself, from the documentation and not from the code: a target that only waits for a panic would not see a wrong
//! value.

pub mod changed_types;
pub mod configuration;
pub mod database_row;
pub mod entry_file;
mod entry_format;
pub mod entry_header;
pub mod loader_plans;
pub mod memory_model;
pub mod migration_names;
mod scratch;

/// What is done with one input. It panics if something does not hold.
pub type Run = fn(&[u8]);

/// All targets by name: a program in `fuzz_targets/`, a folder in `corpus/` and one in `crashes/`.
pub const TARGETS: [(&str, Run); 8] = [
    ("changed_types", changed_types::run),
    ("configuration", configuration::run),
    ("database_row", database_row::run),
    ("entry_file", entry_file::run),
    ("entry_header", entry_header::run),
    ("loader_plans", loader_plans::run),
    ("memory_model", memory_model::run),
    ("migration_names", migration_names::run),
];
