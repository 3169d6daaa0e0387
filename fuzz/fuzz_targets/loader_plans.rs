//! Drives `warmstart_fuzz::loader_plans`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| warmstart_fuzz::loader_plans::run(data));
