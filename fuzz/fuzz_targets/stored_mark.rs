//! Stored marks: see `properties::stored_mark`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::stored_mark::check(input));
