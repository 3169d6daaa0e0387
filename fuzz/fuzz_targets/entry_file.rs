//! Drives `warmstart_fuzz::entry_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| warmstart_fuzz::entry_file::run(data));
