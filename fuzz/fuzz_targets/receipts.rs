//! Votes in a node's answer: see `properties::receipts`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::receipts::check(input));
