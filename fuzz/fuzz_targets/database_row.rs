//! Drives `warmstart_fuzz::database_row`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| warmstart_fuzz::database_row::run(data));
