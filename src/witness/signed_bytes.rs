//! Rebuilds the bytes that were signed for a vote, from its receipt. Pure.
//!
//! Layouts: `operation_repr.ml` of protocol 025, `consensus_content_encoding` and `Bls_mode`; see
//! [`Vote`](crate::tezos::payload::Vote).

use crate::chain::blocks::{Form, Receipt};
use crate::tezos::payload::{Kind, watermark};
use crate::tezos::{BlsScheme, ChainId, PublicKey, SignatureText};

/// The payload of a vote on `chain`, as the signer saw it. A companion key signs the same bytes as the consensus key.
pub fn signed_bytes(chain: ChainId, receipt: &Receipt) -> Vec<u8> {
    let Receipt { kind, position, branch, payload_hash, slot, form, .. } = receipt;
    let is_preattestation = *kind == Kind::Preattestation;
    let watermark = if is_preattestation { watermark::PREATTESTATION } else { watermark::ATTESTATION };
    let mut bytes = vec![watermark];
    bytes.extend(chain.as_bytes());
    bytes.extend(branch.as_bytes());
    match form {
        Form::Single { dal, .. } => {
            bytes.push(match (is_preattestation, dal) {
                (true, _) => 20,
                (false, None) => 21,
                (false, Some(_)) => 23,
            });
            bytes.extend(slot.to_be_bytes());
        }
        Form::Aggregated { .. } => bytes.push(if is_preattestation { 40 } else { 41 }),
    }
    bytes.extend(position.level.get().to_be_bytes());
    bytes.extend(position.round.get().to_be_bytes());
    bytes.extend(payload_hash.as_bytes());
    if let (false, Form::Single { dal: Some(dal), .. }) = (is_preattestation, form) {
        bytes.extend(dal.as_bytes());
    }
    bytes
}

/// Whether `key` has signed `payload`. A signature may be written without its curve.
pub fn is_signed_by(key: &PublicKey, payload: &[u8], signature: &SignatureText) -> bool {
    let signature = signature.of_curve(key.curve());
    signature.is_some_and(|signature| key.verify(payload, BlsScheme::default(), &signature).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tezos::payload::Position;
    use crate::tezos::{BlockPayloadHash, Curve, OperationHash, SecretKey};

    fn receipt(kind: Kind, form: Form) -> Receipt {
        let key = SecretKey::generate(Curve::P256).unwrap().public_key().hash();
        Receipt {
            operation: OperationHash::from_bytes([1; 32]),
            kind,
            position: Position { level: 1331.try_into().unwrap(), round: 0.try_into().unwrap() },
            branch: "BKpbfCvh777DQHnXjU2sqHvVUNZ7dBAdqEfKkdw8EGSkD9LSYXb".parse().unwrap(),
            payload_hash: BlockPayloadHash::from_bytes([0; 32]),
            delegate: key,
            consensus_key: key,
            slot: 0,
            form,
        }
    }

    const BRANCH: &str = "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8";

    /// The expected bytes are from the encoding tests of Octez, behind watermark and chain.
    #[test]
    fn the_bytes_of_a_vote_are_those_that_octez_signs() {
        let single = |dal: Option<&str>| Form::Single { dal: dal.map(|dal| dal.parse().unwrap()), signature: None };
        let aggregated = |with_dal| Form::Aggregated { with_dal };
        let (slot, level_and_round, payload_hash) = ("0000", "0000053300000000", "00".repeat(32));
        for (kind, form, watermark, tag, slot, dal) in [
            (Kind::Preattestation, single(None), "12", "14", slot, ""),
            (Kind::Attestation, single(None), "13", "15", slot, ""),
            (Kind::Attestation, single(Some("2048")), "13", "17", slot, "8020"),
            (Kind::Preattestation, aggregated(false), "12", "28", "", ""),
            (Kind::Attestation, aggregated(false), "13", "29", "", ""),
            (Kind::Attestation, aggregated(true), "13", "29", "", ""),
        ] {
            let bytes = signed_bytes(ChainId::MAINNET, &receipt(kind, form));
            let expected = format!("{watermark}7a06a770{BRANCH}{tag}{slot}{level_and_round}{payload_hash}{dal}");
            assert_eq!(hex::encode(bytes), expected);
        }
        assert_eq!(BRANCH, hex::encode(receipt(Kind::Attestation, single(None)).branch.as_bytes()));
    }

    #[test]
    fn a_signature_counts_only_if_it_is_by_the_key_and_over_all_bytes() {
        let form = Form::Single { dal: None, signature: None };
        let payload = signed_bytes(ChainId::MAINNET, &receipt(Kind::Attestation, form));
        for curve in Curve::ALL {
            let (ours, other) = (SecretKey::generate(curve).unwrap(), SecretKey::generate(curve).unwrap());
            let signature = ours.sign(&payload, BlsScheme::default()).unwrap();
            let mut generic = vec![SignatureText::Known(signature)];
            generic.extend(signature.as_bytes().try_into().ok().map(SignatureText::Generic));
            for text in generic {
                assert!(is_signed_by(ours.public_key(), &payload, &text), "{curve}: {text:?}");
                assert!(!is_signed_by(other.public_key(), &payload, &text), "{curve}");
                for byte in 0..payload.len() {
                    let mut changed = payload.clone();
                    changed[byte] ^= 1;
                    assert!(!is_signed_by(ours.public_key(), &changed, &text), "{curve}: byte {byte}");
                }
            }
        }
    }
}
