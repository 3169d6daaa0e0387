//! Drives `warmstart_fuzz::entry_header`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| warmstart_fuzz::entry_header::run(data));
