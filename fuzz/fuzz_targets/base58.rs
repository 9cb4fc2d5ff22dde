//! Base58Check: see `properties::base58`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::base58::check(input));
