//! Drives `warmstart_fuzz::memory_model`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| warmstart_fuzz::memory_model::run(data));
