//! The cases for libraries: payloads, keys and signatures.

use crate::reading::{curve, decode};
use azurehsm_signer::tezos::{
    BlsPublicKey, BlsScheme, Curve, Digest, PublicKey, PublicKeyHash, SecretKey, Signature, SignatureText,
};
use conformance::case::{self, Expected, KeyCase, KeyText};
use conformance::crypto;
use conformance::tables::suite;

#[test]
fn every_payload_is_decoded_as_expected() {
    let mut count = 0;
    for case in suite().decode.cases {
        let came = decode(&case.payload.0, case.curve).map_or_else(Expected::Malformed, Expected::Decoded);
        assert_eq!(came, case.expected, "{}", case.id);
        assert_eq!(Digest::of(&case.payload.0).as_bytes().as_slice(), case.digest.0, "{}", case.id);
        count += 1;
    }
    assert!(count > 300);
}

#[test]
fn every_key_is_derived_as_expected_and_other_texts_are_rejected() {
    for case in suite().keys.cases {
        match case {
            KeyCase::Derivation { id, curve: of, secret_key, public_key, hash, proof_of_possession, .. } => {
                let secret = SecretKey::from_text(&secret_key).unwrap();
                assert_eq!(secret.to_text().as_str(), secret_key, "{id}");
                assert_eq!(secret.public_key().curve(), curve(of), "{id}");
                assert_eq!(secret.public_key().to_string(), public_key, "{id}");
                assert_eq!(secret.public_key().hash().to_string(), hash, "{id}");
                assert_eq!(public_key.parse::<PublicKey>().unwrap(), *secret.public_key(), "{id}");
                let bytes = secret.public_key().as_bytes();
                assert_eq!(PublicKey::from_bytes(curve(of), bytes).unwrap(), *secret.public_key(), "{id}");
                let address: PublicKeyHash = hash.parse().unwrap();
                assert_eq!((address, address.curve()), (secret.public_key().hash(), curve(of)), "{id}");
                let proof = secret.prove_possession(None).ok().map(|proof| proof.to_string());
                // Not every vector has a proof.
                if proof_of_possession.is_some() || of != crypto::Curve::Bls {
                    assert_eq!(proof, proof_of_possession, "{id}");
                }
            }
            KeyCase::Malformed { id, malformed, text, .. } => {
                let is_taken = match malformed {
                    KeyText::SecretKey => SecretKey::from_text(&text).is_ok(),
                    KeyText::PublicKey => text.parse::<PublicKey>().is_ok(),
                    KeyText::Hash => text.parse::<PublicKeyHash>().is_ok(),
                };
                assert!(!is_taken, "{id}");
            }
        }
    }
}

#[test]
fn every_signature_is_accepted_or_rejected_as_expected() {
    let (mut valid, mut invalid) = (0, 0);
    for case in suite().signatures.cases {
        let key: PublicKey = case.public_key.parse().unwrap();
        let signature = case.signature.parse::<SignatureText>().ok().and_then(|text| text.of_curve(key.curve()));
        let is_taken = signature.is_some_and(|signature| is_signed(&key, &case, &signature));
        assert_eq!(is_taken, case.valid, "{}", case.id);
        *if case.valid { &mut valid } else { &mut invalid } += 1;
    }
    assert!(valid > 20 && invalid > 20, "{valid} valid, {invalid} invalid");
}

fn is_signed(key: &PublicKey, case: &case::SignatureCase, signature: &Signature) -> bool {
    let verify = |scheme| key.verify(&case.payload.0, scheme, signature).is_ok();
    match case.scheme.unwrap_or_default() {
        crypto::Scheme::ProofOfPossession => verify(BlsScheme::ProofOfPossession),
        crypto::Scheme::Augmented => verify(BlsScheme::Augmented),
        crypto::Scheme::Possession => {
            let about = PublicKey::from_bytes(Curve::Bls, &case.payload.0);
            about
                .ok()
                .and_then(|about| BlsPublicKey::try_from(&about).ok())
                .is_some_and(|about| key.verify_possession(Some(&about), signature).is_ok())
        }
    }
}
