//! The decoder of payloads. An input is a payload.

use azurehsm_signer::tezos::payload::{NotUnderstood, Payload};
use oracle::crypto::Curve;
use oracle::reading::read;
use reading::{curve, decode};

#[path = "../../tests/support/reading.rs"]
mod reading;

/// Decodes the input for keys of every curve, and compares result or error with the oracle's.
pub fn check(input: &[u8]) {
    for of in Curve::ALL {
        let answer = decode(input, of);
        assert_eq!(answer, read(input, of).map(|reading| reading.decoded), "{of:?}");
        assert_eq!(answer, decode(input, of), "decoding is deterministic");
        if let Err(error) = Payload::decode(input, curve(of)) {
            assert!(error.offset <= input.len(), "an error lies within the payload: {error}");
            let refusal = NotUnderstood::new(error, input);
            assert!(refusal.outdated.is_none() || input.first() == Some(&0x03), "{refusal}");
            let text = refusal.to_string();
            assert!(text.len() < 400 && text.starts_with("byte "), "{text}");
        }
    }
}
