//! The decoder of payloads. An input is a payload.

mod consensus;
mod operations;

pub use consensus::{Reading, reading};

use azurehsm_signer::tezos::Curve;
use azurehsm_signer::tezos::payload::{DecodeError, Payload};

/// Decodes the input for keys of every curve, and compares what is accepted with readings of fixed offsets.
pub fn check(input: &[u8]) {
    let [ed25519, secp256k1, p256, bls] = Curve::ALL.map(|curve| Payload::decode(input, curve));
    assert_eq!(ed25519.as_ref().ok(), p256.as_ref().ok(), "tz1 and tz3 sign the same");
    assert_eq!(secp256k1.as_ref().ok(), p256.as_ref().ok(), "tz2 and tz3 sign the same");
    assert_eq!(p256, Payload::decode(input, Curve::P256), "the same bytes are decoded the same");
    for (curve, decoded) in [(Curve::P256, &p256), (Curve::Bls, &bls)] {
        consensus::check(input, curve, decoded);
        if let Err(error) = decoded {
            check_error(input, error);
        }
    }
    let is_vote = matches!(input.first(), Some(0x12 | 0x13));
    assert!(is_vote || bls.as_ref().ok() == p256.as_ref().ok(), "the curve makes a difference for votes alone");
    match (input.first(), &p256) {
        (Some(0x03), Ok(Payload::Operations(decoded))) => operations::check(input, decoded),
        (Some(0x05), decoded) => assert_eq!(decoded.is_ok(), input.len() > 1, "packed data is taken as it is"),
        (Some(0x03 | 0x11..=0x13), _) => {}
        (_, decoded) => assert!(decoded.is_err(), "another watermark byte is never signed"),
    }
}

fn check_error(input: &[u8], error: &DecodeError) {
    assert!(error.offset <= input.len(), "an error lies within the payload: {error}");
    let text = error.to_string();
    assert!(text.len() < 400 && text.starts_with("byte "), "{text}");
}
