//! Drives `warmstart_fuzz::migration_names`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| warmstart_fuzz::migration_names::run(data));
