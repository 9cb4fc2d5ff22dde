//! Builds the cases of `decode.json`.

use super::consequences;
use crate::base58::CHAIN;
use crate::case::{DecodeCase, Decoded, Expected, Feature, Malformed, Verdict};
use crate::crypto::{Curve, digest};
use crate::payload::MAINNET;
use crate::payload::consensus::Kind;

/// A valid payload, for a key whose policy permits it.
pub(super) fn decoded(id: &str, why: &str, payload: Vec<u8>, key: &str, decoded: Decoded) -> DecodeCase {
    case(id, why, payload, key, Expected::Decoded(decoded), (Verdict::Signed, 200))
}

/// A malformed payload, which must not be signed under any policy.
pub(super) fn malformed(id: &str, why: &str, payload: Vec<u8>, key: &str, problem: &str, at: usize) -> DecodeCase {
    let expected = Expected::Malformed(Malformed { problem: problem.to_owned(), at });
    case(id, why, payload, key, expected, (Verdict::Refused, 403))
}

fn case(
    id: &str,
    why: &str,
    payload: Vec<u8>,
    key: &str,
    expected: Expected,
    (verdict, status): (Verdict, u16),
) -> DecodeCase {
    let curve = key.split_once('-').and_then(|(_, name)| Curve::ALL.into_iter().find(|curve| curve.name() == name));
    let features = match (&expected, payload.first()) {
        (Expected::Malformed(_), Some(0x03)) => vec![Feature::OperationsRead],
        (Expected::Decoded(_), Some(0x05)) => vec![Feature::PackedData],
        _ => Vec::new(),
    };
    DecodeCase {
        id: format!("decode/{id}"),
        why: why.to_owned(),
        consequence: consequences::of_payload(&payload, &expected),
        features,
        digest: digest(&payload).to_vec().into(),
        curve: curve.expect("a curve"),
        expected,
        key: key.to_owned(),
        fresh_chain: payload.len() >= 5 && matches!(payload[0], 0x01 | 0x02 | 0x11..=0x13),
        payload: payload.into(),
        verdict,
        status,
    }
}

pub(super) fn consensus(kind: Kind, level: i32, round: i32) -> Decoded {
    let chain = CHAIN.encode(&MAINNET);
    Decoded::Consensus { kind, chain, level: level.unsigned_abs(), round: round.unsigned_abs() }
}
