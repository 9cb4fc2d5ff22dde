//! The rule: see `properties::rule`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::rule::check(input));
