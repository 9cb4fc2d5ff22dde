//! Files of marks: see `properties::marks_import`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::marks_import::check(input));
