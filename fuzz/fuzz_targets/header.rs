//! Block headers of a node: see `properties::header`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::header::check(input));
