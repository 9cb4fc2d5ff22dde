//! The server: see `properties::http`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::http::check(input));
