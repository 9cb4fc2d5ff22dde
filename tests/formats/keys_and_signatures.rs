//! Keys and signatures of the four curves, compared with the oracle's libraries, where the conformance suite has no vectors.

use azurehsm_signer::tezos::authentication::request_to_authenticate;
use azurehsm_signer::tezos::base58check::{self, Base58CheckError, Prefix};
use azurehsm_signer::tezos::{
    BlsPublicKey, BlsScheme, Curve, Digest, InvalidPublicKey, InvalidSignature, PublicKey, PublicKeyHash, SecretKey,
    SecretKeyError, Signature, SignatureText,
};
use oracle::crypto::{self, SECP256K1_ORDER, Scheme, is_low, with_other_s};

const POP: BlsScheme = BlsScheme::ProofOfPossession;
const AUG: BlsScheme = BlsScheme::Augmented;

/// A secret key of Octez's tests, with its public key and address.
pub(crate) const KEY: [&str; 3] = [
    "p2sk2g5Btw8MK7fnhQg9d7DaE8QYX8A89BLWaqWTQcHuATYY3ABjD9",
    "p2pk66Y3178eHvgWFA4CDsgGPhbkWtwrYCVUKJnsAi41eGP7MbHKv24",
    "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t",
];

pub(crate) fn generate(curve: Curve) -> SecretKey {
    SecretKey::generate(curve).unwrap()
}

fn is_signed(key: &PublicKey, payload: &[u8], signature: &Signature) -> bool {
    key.verify(payload, POP, signature).is_ok()
}

fn of_bytes(curve: Curve, bytes: &[u8]) -> Signature {
    match curve {
        Curve::Ed25519 => Signature::Ed25519(bytes.try_into().unwrap()),
        Curve::Secp256k1 => Signature::Secp256k1(bytes.try_into().unwrap()),
        Curve::P256 => Signature::P256(bytes.try_into().unwrap()),
        Curve::Bls => Signature::Bls(bytes.try_into().unwrap()),
    }
}

#[test]
fn signer_and_oracle_verify_each_others_signatures() {
    for (of, schemes) in [(POP, Scheme::ProofOfPossession), (AUG, Scheme::Augmented)] {
        for theirs in crypto::Curve::ALL {
            let curve = crate::reading::curve(theirs);
            let payloads = (0..16_u8).map(|number| vec![0x13, number]);
            for payload in payloads.chain([vec![], vec![0x11; 198], vec![0xff; 32 * 1024]]) {
                let key = generate(curve);
                let signature = key.sign(&payload, of).unwrap();
                assert_eq!(signature.curve(), curve);
                assert_eq!(key.public_key().verify(&payload, of, &signature), Ok(()));
                let public = crypto::PublicKey::from_text(&key.public_key().to_string()).unwrap();
                assert_eq!(public.verify_text(&payload, schemes, &signature.to_string()), Ok(()), "{curve}");

                let key = crypto::SecretKey::of_name(theirs, &hex::encode(&payload[..payload.len().min(9)])).unwrap();
                let public: PublicKey = key.public_key().text().parse().unwrap();
                let signature = key.sign(&payload, schemes);
                assert_eq!(public.verify(&payload, of, &of_bytes(curve, &signature)), Ok(()), "{curve}");
                // Tezos accepts both halves of s for P-256, but only the lower one for secp256k1.
                if matches!(curve, Curve::Secp256k1 | Curve::P256) {
                    let other = of_bytes(curve, &with_other_s(theirs, &signature));
                    assert_eq!(public.verify(&payload, of, &other).is_ok(), curve == Curve::P256);
                }
            }
        }
    }
    assert_eq!(BlsScheme::default(), POP);
}

/// The vectors of Octez (`tezt/lib_tezos/constant.ml`, `tz4_account`), which the suite uses for verification.
#[test]
fn a_tz4_key_signs_as_octez_does() {
    let mut signed = 0;
    for case in conformance::tables::suite().signatures.cases {
        let secret = SecretKey::from_text("BLsk1hKAHyGqY9qRbgoSVnjiSmDWpKGjFF3WNQ7BaiaMUA6RMA6Pfq").unwrap();
        if !case.valid || case.public_key != secret.public_key().to_string() {
            continue;
        }
        let signature = match case.scheme.unwrap() {
            Scheme::ProofOfPossession => secret.sign(&case.payload.0, POP),
            Scheme::Augmented => secret.sign(&case.payload.0, AUG),
            Scheme::Possession => secret.prove_possession(None),
        };
        assert_eq!(signature.unwrap().to_string(), case.signature, "{}", case.id);
        signed += 1;
    }
    assert!(signed >= 3, "{signed}");
}

#[test]
fn a_proof_of_possession_is_for_one_key_in_a_separate_domain() {
    let (key, other, third) = (generate(Curve::Bls), generate(Curve::Bls), generate(Curve::Bls));
    let about = |key: &SecretKey| BlsPublicKey::try_from(key.public_key()).unwrap();
    let verifies = |key: &SecretKey, of: Option<&SecretKey>, proof: &Signature| {
        key.public_key().verify_possession(of.map(about).as_ref(), proof).is_ok()
    };
    let (own, of_other) = (key.prove_possession(None).unwrap(), key.prove_possession(Some(&about(&other))).unwrap());
    for (verifier, of, takes_own, takes_other) in [
        (&key, None, true, false),
        (&key, Some(&key), true, false),
        (&key, Some(&other), false, true),
        (&key, Some(&third), false, false),
        (&other, None, false, false),
        (&other, Some(&key), false, false),
    ] {
        assert_eq!(verifies(verifier, of, &own), takes_own);
        assert_eq!(verifies(verifier, of, &of_other), takes_other);
    }

    let infinity = of_bytes(Curve::Bls, &[[0xc0].as_slice(), &[0; 95]].concat());
    assert!(!verifies(&key, None, &infinity));
    for scheme in [POP, AUG] {
        let bytes = key.public_key().as_bytes();
        assert!(key.public_key().verify(bytes, scheme, &own).is_err(), "a proof is not a signature");
        assert!(!verifies(&key, None, &key.sign(bytes, scheme).unwrap()), "a signature is not a proof");
        assert!(key.public_key().verify(bytes, scheme, &infinity).is_err());
    }
    for curve in [Curve::Ed25519, Curve::Secp256k1, Curve::P256] {
        let of_another_curve = generate(curve);
        assert_eq!(of_another_curve.prove_possession(None), Err(SecretKeyError::NotBls));
        assert_eq!(of_another_curve.prove_possession(Some(&about(&key))), Err(SecretKeyError::NotBls));
        assert!(BlsPublicKey::try_from(of_another_curve.public_key()).is_err(), "only tz4 keys have proofs");
        assert!(!verifies(&of_another_curve, None, &own));
    }
}

#[test]
fn no_two_generated_keys_are_equal() {
    for curve in Curve::ALL {
        let [first, second] = [generate(curve), generate(curve)];
        assert_ne!(first.public_key(), second.public_key());
        assert_eq!(first.public_key().curve(), curve);
    }
}

#[test]
fn s_of_secp256k1_is_always_low() {
    let of = crypto::Curve::Secp256k1;
    let key = generate(Curve::Secp256k1);
    for number in 0..=255 {
        let payload = [0x12, number];
        let Ok(Signature::Secp256k1(low)) = key.sign(&payload, POP) else { panic!("another curve") };
        assert!(is_low(of, &low));
        let high: [u8; 64] = with_other_s(of, &low).try_into().unwrap();
        assert!(!is_low(of, &high));
        for either in [high, low] {
            assert_eq!(Signature::secp256k1(&either), Ok(Signature::Secp256k1(low)));
        }
        assert!(!is_signed(key.public_key(), &payload, &Signature::Secp256k1(high)));
    }
}

#[test]
fn r_and_s_of_secp256k1_are_in_range() {
    let one = [[0; 31].as_slice(), &[1]].concat();
    let mut largest = SECP256K1_ORDER;
    largest[31] -= 1;
    for (r, s, is_possible) in [
        (one.as_slice(), one.as_slice(), true),
        (&largest, &largest, true),
        (&[0; 32], &one, false),
        (&one, &[0; 32], false),
        (&SECP256K1_ORDER, &one, false),
        (&one, &SECP256K1_ORDER, false),
        (&[0xff; 32], &[0xff; 32], false),
    ] {
        let result = Signature::secp256k1(&[r, s].concat().try_into().unwrap());
        assert_eq!(result.is_ok(), is_possible, "{r:02x?} {s:02x?}");
        if !is_possible {
            assert_eq!(result, Err(InvalidSignature::OutOfRange));
        }
    }
}

#[test]
fn an_altered_payload_or_signature_does_not_verify() {
    for curve in Curve::ALL {
        let key = generate(curve);
        let payload = [0x13; 80];
        let signature = key.sign(&payload, POP).unwrap();
        let (public, bytes) = (key.public_key(), signature.as_bytes());
        assert!(is_signed(public, &payload, &signature));

        let error = generate(curve).public_key().verify(&payload, POP, &signature);
        assert!(error.is_err(), "{curve}: another key");
        for other in [&payload[1..], &[0x13; 81], &[], Digest::of(&payload).as_bytes()] {
            assert!(!is_signed(public, other, &signature), "{curve}: {other:02x?}");
        }
        for bit in 0..8 * payload.len() {
            let mut altered = payload;
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_signed(public, &altered, &signature), "{curve}: bit {bit} of the payload");
        }
        for bit in 0..8 * bytes.len() {
            let mut altered = bytes.to_vec();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_signed(public, &payload, &of_bytes(curve, &altered)), "{curve}: bit {bit} of the signature");
        }
        for fill in [0x00, 0xff] {
            assert!(!is_signed(public, &payload, &of_bytes(curve, &vec![fill; bytes.len()])), "{curve}");
        }
        // With a key of another curve, and the same 64 bytes as a signature of another curve.
        for other in Curve::ALL.into_iter().filter(|other| *other != curve) {
            let verifier = generate(other);
            let error = verifier.public_key().verify(&payload, POP, &signature).unwrap_err();
            assert_eq!(error.key, verifier.public_key().hash(), "{curve} for {other}");
            if curve != Curve::Bls && other != Curve::Bls {
                assert!(!is_signed(public, &payload, &of_bytes(other, bytes)), "{curve} as {other}");
            }
        }
    }
}

/// A point in its uncompressed form, which Tezos does not use.
const P256_GENERATOR: &str = "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
    4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

#[test]
fn bytes_that_are_not_a_point_are_not_a_public_key() {
    let zeros = |length| vec![0; length];
    for (curve, bytes) in [
        (Curve::Ed25519, vec![]),
        (Curve::Ed25519, zeros(31)),
        (Curve::Ed25519, zeros(33)),
        // A point of order 4, and the identity: with these as keys, forged signatures would verify for any payload.
        (Curve::Ed25519, zeros(32)),
        (Curve::Ed25519, [vec![1], zeros(31)].concat()),
        (Curve::Ed25519, [vec![2], zeros(31)].concat()),
        (Curve::Secp256k1, zeros(33)),
        (Curve::Secp256k1, [vec![2], vec![0xff; 32]].concat()),
        (Curve::Secp256k1, [vec![2], zeros(31), vec![5]].concat()),
        (Curve::P256, zeros(33)),
        (Curve::P256, [vec![4], vec![0xff; 32]].concat()),
        (Curve::P256, hex::decode(P256_GENERATOR).unwrap()),
        (Curve::Bls, zeros(48)),
        (Curve::Bls, [vec![0xc0], zeros(47)].concat()),
        (Curve::Bls, vec![0xff; 48]),
        (Curve::Bls, zeros(96)),
    ] {
        assert_eq!(PublicKey::from_bytes(curve, &bytes), Err(InvalidPublicKey::NotAPoint { curve }), "{bytes:02x?}");
    }
}

#[test]
fn public_keys_are_parsed_from_their_texts() {
    let [secret, public, address] = KEY;
    for (text, expected) in [
        (secret, InvalidPublicKey::NotAPublicKey { found: "a P-256 secret key (p2sk)" }),
        (address, InvalidPublicKey::NotAPublicKey { found: "a P-256 public key hash (tz3)" }),
        (&public[..54], InvalidPublicKey::Text(Base58CheckError::WrongChecksum)),
        ("", InvalidPublicKey::Text(Base58CheckError::TooShort)),
    ] {
        assert_eq!(text.parse::<PublicKey>(), Err(expected), "{text}");
    }
    for text in [secret, public, "KT1DieU51jzXLerQx5AqMCiLC1SsCeM8yRat", "NetXdQprcVkpaWU"] {
        assert!(matches!(text.parse::<PublicKeyHash>(), Err(Base58CheckError::WrongPrefix { .. })), "{text}");
    }
}

#[test]
fn texts_of_signatures() {
    for curve in Curve::ALL {
        let signature = generate(curve).sign(&[0x03], POP).unwrap();
        let text = signature.to_string();
        let prefix = match curve {
            Curve::Ed25519 => "edsig",
            Curve::Secp256k1 => "spsig1",
            Curve::P256 => "p2sig",
            Curve::Bls => "BLsig",
        };
        assert!(text.starts_with(prefix), "{text}");
        assert_eq!(text.parse(), Ok(SignatureText::Known(signature)));
        for other in Curve::ALL {
            let expected = (other == curve).then_some(signature);
            assert_eq!(SignatureText::Known(signature).of_curve(other), expected);
        }

        // 64-byte signatures also have a generic form without their curve.
        let Ok(bytes) = signature.as_bytes().try_into() else { continue };
        let generic = base58check::encode(Prefix::GenericSignature, signature.as_bytes());
        assert!(generic.starts_with("sig"));
        assert_eq!(generic.parse(), Ok(SignatureText::Generic(bytes)));
        assert_eq!(SignatureText::Generic(bytes).of_curve(curve), Some(signature));
        assert_eq!(SignatureText::Generic(bytes).of_curve(Curve::Bls), None);
    }
    let [_, public, _] = KEY;
    let found = "a P-256 public key (p2pk)";
    assert_eq!(public.parse::<SignatureText>(), Err(InvalidSignature::NotASignature { found }));
}

/// The 21 bytes of an address, and the address.
const ADDRESSES: [(&str, &str); 4] = [
    ("00811d97c377168a8bb2111c1651d23d9116b92f4c", "tz1XQjK1b3P72kMcHsoPhnAg3dvX1n8Ainty"),
    ("01a8a3da850741d1cf7eb53a3514c0bf3df62b3378", "tz2PgvUJzfmDXTZUvkyKbQb8kjoWR4Wa5Rpv"),
    ("02cf75dff8831cce860fa1f5f45db64773029f5c19", "tz3fEzhTjK6UGvBDfMyDsZovKcGZfqaxfzRV"),
    ("037df6a960ae406d041e4434a64331903b1b14189d", "tz4LVHYD4P4T5NHCuwJbxQvwVURF62seE3Qa"),
];

#[test]
fn a_request_is_authenticated_with_watermark_kind_key_and_payload() {
    for (bytes, text) in ADDRESSES {
        let address: PublicKeyHash = text.parse().unwrap();
        assert_eq!(address.to_string(), text);
        assert_eq!(address.curve().address_prefix(), &text[..3]);
        for payload in ["137a06a770", ""] {
            let to_sign = request_to_authenticate(&address, &hex::decode(payload).unwrap());
            assert_eq!(hex::encode(to_sign), format!("0401{bytes}{payload}"));
        }
    }
}
