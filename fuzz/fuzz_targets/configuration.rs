//! Drives `warmstart_fuzz::configuration`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| warmstart_fuzz::configuration::run(data));
