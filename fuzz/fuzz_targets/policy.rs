//! Policies: see `properties::policy`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::policy::check(input));
