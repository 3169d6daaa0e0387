//! Drives `warmstart_fuzz::changed_types`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| warmstart_fuzz::changed_types::run(data));
