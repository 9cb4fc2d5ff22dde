//! Keys and signatures of the four curves, against vectors of Octez and against another library.

use crate::samples::keys::{KEYS, P256_ORDER, SECP256K1_ORDER, TZ4_SECRET, difference, generate};
use azurehsm_signer::tezos::authentication::request_to_authenticate;
use azurehsm_signer::tezos::base58check::{self, Base58CheckError, Prefix};
use azurehsm_signer::tezos::{
    BlsPublicKey, BlsScheme, ChainId, Curve, Digest, InvalidPublicKey, InvalidSignature, PublicKey, PublicKeyHash,
    SecretKey, SecretKeyError, Signature, SignatureText,
};

const POP: BlsScheme = BlsScheme::ProofOfPossession;
const AUG: BlsScheme = BlsScheme::Augmented;

/// A mainnet attestation in the form of tz4 keys (`operation.bls_mode_unsigned` of Octez's encoding samples).
const BLS_ATTESTATION: &str = "137a06a7700e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8\
    2900000533000000000000000000000000000000000000000000000000000000000000000000000000";

fn is_signed(key: &PublicKey, payload: &[u8], signature: &Signature) -> bool {
    key.verify(payload, POP, signature).is_ok()
}

/// The 21 bytes of an address, and the address.
const ADDRESSES: [(&str, &str); 4] = [
    ("00811d97c377168a8bb2111c1651d23d9116b92f4c", "tz1XQjK1b3P72kMcHsoPhnAg3dvX1n8Ainty"),
    ("01a8a3da850741d1cf7eb53a3514c0bf3df62b3378", "tz2PgvUJzfmDXTZUvkyKbQb8kjoWR4Wa5Rpv"),
    ("02cf75dff8831cce860fa1f5f45db64773029f5c19", "tz3fEzhTjK6UGvBDfMyDsZovKcGZfqaxfzRV"),
    ("037df6a960ae406d041e4434a64331903b1b14189d", "tz4LVHYD4P4T5NHCuwJbxQvwVURF62seE3Qa"),
];

#[test]
fn keys_and_addresses_of_octez() {
    for [secret, public, address] in KEYS {
        let key = SecretKey::from_text(secret).unwrap();
        assert_eq!(key.to_text().as_str(), secret);
        assert_eq!(key.public_key().to_string(), public);
        assert_eq!(key.public_key().hash().to_string(), address);

        let public: PublicKey = public.parse().unwrap();
        assert_eq!(&public, key.public_key());
        let address: PublicKeyHash = address.parse().unwrap();
        assert_eq!(address, public.hash());
        assert_eq!(address.curve(), public.curve());
        assert_eq!(PublicKey::from_bytes(public.curve(), public.as_bytes()), Ok(public));
    }
}

#[test]
fn addresses_are_a_tag_and_a_hash() {
    for (bytes, text) in ADDRESSES {
        let address: PublicKeyHash = text.parse().unwrap();
        assert_eq!(hex::encode(address.to_bytes()), bytes);
        assert_eq!(address.to_string(), text);
        assert_eq!(address.curve().address_prefix(), &text[..3]);
        assert_eq!(address.curve().tag(), hex::decode(bytes).unwrap()[0]);
    }
}

#[test]
fn chain_ids_of_known_networks() {
    for (text, bytes) in
        [("NetXdQprcVkpaWU", "7a06a770"), ("NetXnHfVqm9iesp", "af1864d9"), ("NetXsqzbfFenSTS", "d052218e")]
    {
        let chain: ChainId = text.parse().unwrap();
        assert_eq!(hex::encode(chain.as_bytes()), bytes);
        assert_eq!(ChainId::from_bytes(*chain.as_bytes()).to_string(), text);
    }
}

/// Computed with another implementation of BLAKE2b.
#[test]
fn digests_of_whole_payloads() {
    for (payload, digest) in [
        (
            "137a06a7700e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8\
             15000000000533000000000000000000000000000000000000000000000000000000000000000000000000",
            "22a4661cd4823a14313384e510544af380ce40c3c44d3026319b191718356f4a",
        ),
        (SIGNED_BATCH, "e6753903f4b286f3d990ef24fb9a14b00f52215801c7e40ccf69e472935796d9"),
    ] {
        let computed = Digest::of(&hex::decode(payload).unwrap());
        assert_eq!(computed.to_string(), digest);
        assert_eq!(digest.parse(), Ok(computed));
        assert_eq!(Digest::from_bytes(*computed.as_bytes()), computed);
    }
}

/// A reveal and a transaction that somebody signed (`operation-batch-reveal-transaction` of Octez's encoding samples).
const SIGNED_BATCH: &str = "038fcf233671b6a04fcf679d2a381c2544ea6c1ea29ba6157776ed842426e5cab8\
    6b00ba3bed311a5d7b06dc4daf3c94c5c406927e4bcf940202ab0100\
    009d05b06ea36a6ad464d94dc07a38b77b80b577c1ae51bbd8d20105cd5aed496c00\
    6c00ba3bed311a5d7b06dc4daf3c94c5c406927e4bcfed0203b51000c0843d000002298c03ed7d454a101eb7022bc95f7e5f41ac7800";

#[test]
fn a_signature_that_octez_accepts_is_accepted() {
    let key = hex::decode("9d05b06ea36a6ad464d94dc07a38b77b80b577c1ae51bbd8d20105cd5aed496c").unwrap();
    let key = PublicKey::from_bytes(Curve::Ed25519, &key).unwrap();
    // The address that the reveal names as its source.
    assert_eq!(hex::encode(key.hash().to_bytes()), "00ba3bed311a5d7b06dc4daf3c94c5c406927e4bcf");

    let signature = hex::decode(
        "6c7157e12e95a182e2d6caa7c7d275faf1dbaf97ec974b89c1ca1e27b43d063b\
         975a4425b0c88d4cc00d88df6c6ca0328bfbd329a53eef6b59506e5cbc7dc90b",
    );
    let signature = Signature::Ed25519(signature.unwrap().try_into().unwrap());
    let payload = hex::decode(SIGNED_BATCH).unwrap();
    assert!(is_signed(&key, &payload, &signature));
    // The watermark byte is part of what is signed.
    assert!(!is_signed(&key, &payload[1..], &signature));
}

#[test]
fn bls_signatures_of_octez_in_both_schemes() {
    let key = SecretKey::from_text(TZ4_SECRET).unwrap();
    let payload = hex::decode(BLS_ATTESTATION).unwrap();
    for (scheme, other, signature) in [
        (
            POP,
            AUG,
            "BLsigAJedzg2UyEeTYDMiezqfXmzXKJ72diqU7EEdVd73wc5JTN75R8PQA9okoBTxXvE8Mva23yK5hChaUQZwCVdbWGG6Eux586FSr\
             VovHw5E1BniBKqVEtAjqh4XLzttJcdwCmGSYi5oF",
        ),
        (
            AUG,
            POP,
            "BLsigBQ6dAjQNwsSWeuaYfpYjPxvDf4m5fUXVQJd2219KyRqoxmZ5uqVSJAiQDBo8n6sqhv5fopUHRWSWJoFtqcdyYAvV2myCtNtoDh\
             MHoUtuH7J7WfreUJ27UXMTruUbzvUc3itWUuUsT",
        ),
    ] {
        assert_eq!(key.sign(&payload, scheme).unwrap().to_string(), signature);
        let Ok(SignatureText::Known(signature)) = signature.parse() else { panic!("{signature}") };
        assert_eq!(key.public_key().verify(&payload, scheme, &signature), Ok(()));
        assert!(key.public_key().verify(&payload, other, &signature).is_err());
    }
    assert_eq!(BlsScheme::default(), POP);
}

#[test]
fn proofs_of_possession_of_octez() {
    let key = SecretKey::from_text(TZ4_SECRET).unwrap();
    let proof = key.prove_possession(None).unwrap();
    assert_eq!(
        proof.to_string(),
        "BLsig9a5nLiDGB7zGFTWJGdsZT3WPMCTAh5qVUmJekTzPbiQttFVD6jDg4Mf1gEV8Y3fq7sv9Vs6U7Tpx9ZST7GZdw9NGz9JLkdfeXmGz5yh1\
         BnVSr5aYcLfPEpwteCGRx4Bk1q2SuaAnh"
    );
    assert_eq!(key.public_key().verify_possession(None, &proof), Ok(()));

    // Of `operation-reveal-with-proof` of Octez's encoding samples.
    let revealed =
        hex::decode("8b51bf866c75b94acd428773fcddb1e9f008547590471a547cd5e30411a34040138350f32088eefcd34d136a6983e29d");
    let revealed = PublicKey::from_bytes(Curve::Bls, &revealed.unwrap()).unwrap();
    let its_proof = hex::decode(
        "a6ac135bd4c0d9bfa24a3c94f2a77d0fd7188988ea207d89f6f3bf6959dadbeb28622a2fe2377635e9c7f84f116e5245\
         08d3c37720cbf3230abd0c7db9e7559bd250b062e65d6b854967176b4ebc715e8b506dc262a8aa554eb407b3ae9a6fc7",
    );
    let its_proof = Signature::Bls(its_proof.unwrap().try_into().unwrap());
    assert_eq!(revealed.verify_possession(None, &its_proof), Ok(()));

    assert!(revealed.verify_possession(None, &proof).is_err(), "a proof is about one key");
    assert!(key.public_key().verify_possession(None, &its_proof).is_err(), "a proof is about one key");
}

#[test]
fn possession_is_proven_for_another_key_too() {
    let (key, other, third) = (generate(Curve::Bls), generate(Curve::Bls), generate(Curve::Bls));
    let about = |key: &SecretKey| BlsPublicKey::try_from(key.public_key()).unwrap();
    let proof = key.prove_possession(Some(&about(&other))).unwrap();
    let verifies = |key: &SecretKey, about: Option<BlsPublicKey>| {
        key.public_key().verify_possession(about.as_ref(), &proof).is_ok()
    };
    assert!(verifies(&key, Some(about(&other))));
    assert!(!verifies(&key, None));
    assert!(!verifies(&key, Some(about(&third))));
    assert!(!verifies(&other, None));
    assert!(!verifies(&other, Some(about(&key))));
}

#[test]
fn a_proof_of_possession_is_no_signature_and_a_signature_no_proof() {
    let key = generate(Curve::Bls);
    let about = key.public_key().as_bytes();
    let proof = key.prove_possession(None).unwrap();
    for scheme in [POP, AUG] {
        assert!(key.public_key().verify(about, scheme, &proof).is_err());
        let signature = key.sign(about, scheme).unwrap();
        assert!(key.public_key().verify_possession(None, &signature).is_err());
    }
}

#[test]
fn only_tz4_keys_prove_possession() {
    let bls = generate(Curve::Bls);
    for curve in [Curve::Ed25519, Curve::Secp256k1, Curve::P256] {
        let key = generate(curve);
        assert_eq!(key.prove_possession(None), Err(SecretKeyError::NotBls));
        let about = BlsPublicKey::try_from(bls.public_key()).unwrap();
        assert_eq!(key.prove_possession(Some(&about)), Err(SecretKeyError::NotBls));
        assert!(BlsPublicKey::try_from(key.public_key()).is_err(), "no proof is about such a key");
        let proof = bls.prove_possession(None).unwrap();
        assert!(key.public_key().verify_possession(None, &proof).is_err());
    }
}

#[test]
fn what_a_key_signs_verifies() {
    for curve in Curve::ALL {
        let key = generate(curve);
        for payload in [vec![], vec![0x03], vec![0x11; 198], vec![0xff; 32 * 1024]] {
            for scheme in [POP, AUG] {
                let signature = key.sign(&payload, scheme).unwrap();
                assert_eq!(signature.curve(), curve);
                assert_eq!(key.public_key().verify(&payload, scheme, &signature), Ok(()));
            }
        }
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

/// crrl knows nothing of Tezos: it gets the 32 bytes of the digest.
#[test]
fn another_library_verifies_what_is_signed_here() {
    for number in 0..64_u8 {
        let payload = [0x13, number];
        let digest = Digest::of(&payload);
        for curve in [Curve::Ed25519, Curve::Secp256k1, Curve::P256] {
            let key = generate(curve);
            let public = key.public_key().as_bytes();
            let signature = key.sign(&payload, POP).unwrap();
            let (signature, digest) = (signature.as_bytes(), digest.as_bytes());
            let verifies = match curve {
                Curve::Ed25519 => crrl::ed25519::PublicKey::decode(public).unwrap().verify_raw(signature, digest),
                Curve::Secp256k1 => crrl::secp256k1::PublicKey::decode(public).unwrap().verify_hash(signature, digest),
                _ => crrl::p256::PublicKey::decode(public).unwrap().verify_hash(signature, digest),
            };
            assert!(verifies, "{curve}");
        }
    }
}

#[test]
fn what_another_library_signs_is_verified_here() {
    let (mut low, mut high) = (0, 0);
    for number in 0..64_u8 {
        let payload = [0x11, number];
        let digest = Digest::of(&payload);
        let digest = digest.as_bytes();
        let seed = [number + 1; 32];

        let key = crrl::ed25519::PrivateKey::from_seed(&seed);
        let public = PublicKey::from_bytes(Curve::Ed25519, &key.public_key.encode()).unwrap();
        assert!(is_signed(&public, &payload, &Signature::Ed25519(key.sign_raw(digest))));

        let key = crrl::p256::PrivateKey::from_seed(&seed);
        let public = PublicKey::from_bytes(Curve::P256, &key.to_public_key().encode_compressed()).unwrap();
        // Tezos takes both halves of s for P-256.
        let signature = key.sign_hash(digest, &[]);
        assert!(is_signed(&public, &payload, &Signature::P256(signature)));
        assert!(is_signed(&public, &payload, &Signature::P256(with_other_s(signature, &P256_ORDER))));

        let key = crrl::secp256k1::PrivateKey::from_seed(&seed);
        let public = PublicKey::from_bytes(Curve::Secp256k1, &key.to_public_key().encode_compressed()).unwrap();
        let signature = key.sign_hash(digest, &[]);
        assert!(is_signed(&public, &payload, &Signature::secp256k1(&signature).unwrap()));
        // As it came it is taken only with s in the lower half.
        let is_low = is_low(&signature);
        assert_eq!(is_signed(&public, &payload, &Signature::Secp256k1(signature)), is_low);
        *if is_low { &mut low } else { &mut high } += 1;
    }
    assert!(low > 0 && high > 0, "{low} low, {high} high");
}

const SECP256K1_HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x5d, 0x57, 0x6e,
    0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
];
/// Whether s of `r || s` is in the lower half of secp256k1's order.
fn is_low(signature: &[u8; 64]) -> bool {
    signature[32..] <= SECP256K1_HALF_ORDER[..]
}

/// The same signature with the order minus s in place of s: as valid to plain ECDSA.
fn with_other_s(mut signature: [u8; 64], order: &[u8; 32]) -> [u8; 64] {
    let s: [u8; 32] = signature[32..].try_into().unwrap();
    signature[32..].copy_from_slice(&difference(order, &s));
    signature
}

#[test]
fn s_of_secp256k1_is_always_low() {
    let key = generate(Curve::Secp256k1);
    for number in 0..=255 {
        let payload = [0x12, number];
        let Ok(Signature::Secp256k1(low)) = key.sign(&payload, POP) else { panic!("another curve") };
        assert!(is_low(&low));

        let high = with_other_s(low, &SECP256K1_ORDER);
        assert!(!is_low(&high));
        assert_eq!(Signature::secp256k1(&high), Ok(Signature::Secp256k1(low)));
        assert_eq!(Signature::secp256k1(&low), Ok(Signature::Secp256k1(low)));
        assert!(!is_signed(key.public_key(), &payload, &Signature::Secp256k1(high)));
        // It is refused for its half alone.
        let elsewhere = crrl::secp256k1::PublicKey::decode(key.public_key().as_bytes()).unwrap();
        assert!(elsewhere.verify_hash(&high, Digest::of(&payload).as_bytes()));
    }
}

#[test]
fn r_and_s_of_secp256k1_are_in_range() {
    let one = [[0; 31].as_slice(), &[1]].concat();
    let largest = difference(&SECP256K1_ORDER, one.as_slice().try_into().unwrap());
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
fn a_signature_of_something_else_does_not_verify() {
    for curve in Curve::ALL {
        let key = generate(curve);
        let payload = [0x13; 80];
        let signature = key.sign(&payload, POP).unwrap();
        let public = key.public_key();
        assert!(is_signed(public, &payload, &signature));

        assert!(!is_signed(generate(curve).public_key(), &payload, &signature), "{curve}: another key");
        assert!(!is_signed(public, &payload[1..], &signature), "{curve}: without the watermark byte");
        assert!(!is_signed(public, &[0x13; 81], &signature), "{curve}: a byte more");
        assert!(!is_signed(public, &[], &signature), "{curve}: nothing");
        assert!(!is_signed(public, Digest::of(&payload).as_bytes(), &signature), "{curve}: the digest");
        for bit in 0..8 * payload.len() {
            let mut altered = payload;
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_signed(public, &altered, &signature), "{curve}: bit {bit} of the payload altered");
        }
    }
}

#[test]
fn an_altered_signature_does_not_verify() {
    for curve in Curve::ALL {
        let key = generate(curve);
        let payload = [0x12; 80];
        let bytes = key.sign(&payload, POP).unwrap().as_bytes().to_vec();
        assert!(is_signed(key.public_key(), &payload, &of_bytes(curve, &bytes)));
        for bit in 0..8 * bytes.len() {
            let mut altered = bytes.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_signed(key.public_key(), &payload, &of_bytes(curve, &altered)), "{curve}: bit {bit}");
        }
        for fill in [0x00, 0xff] {
            assert!(!is_signed(key.public_key(), &payload, &of_bytes(curve, &vec![fill; bytes.len()])), "{curve}");
        }
    }
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
fn a_signature_of_another_curve_does_not_verify() {
    let payload = [0x11; 198];
    for signer in Curve::ALL {
        let signature = generate(signer).sign(&payload, POP).unwrap();
        for verifier in Curve::ALL {
            let key = generate(verifier);
            let error = key.public_key().verify(&payload, POP, &signature).unwrap_err();
            assert_eq!(error.key, key.public_key().hash(), "{signer} for {verifier}");
        }
    }
    // The same 64 bytes under another curve's name.
    for signer in [Curve::Ed25519, Curve::Secp256k1, Curve::P256] {
        let key = generate(signer);
        let signature = key.sign(&payload, POP).unwrap();
        for name in [Curve::Ed25519, Curve::Secp256k1, Curve::P256] {
            let renamed = of_bytes(name, signature.as_bytes());
            assert_eq!(is_signed(key.public_key(), &payload, &renamed), name == signer, "{signer} as {name}");
        }
    }
}

/// The point at infinity is a valid signature by the key at infinity, for any payload.
#[test]
fn a_bls_signature_at_infinity_does_not_verify() {
    let infinity = of_bytes(Curve::Bls, &[[0xc0].as_slice(), &[0; 95]].concat());
    let key = generate(Curve::Bls);
    for scheme in [POP, AUG] {
        assert!(key.public_key().verify(&[0x13], scheme, &infinity).is_err());
    }
    assert!(key.public_key().verify_possession(None, &infinity).is_err());
}

#[test]
fn bytes_that_are_no_point_are_no_public_key() {
    let zeros = |length| vec![0; length];
    let uncompressed = crrl::p256::PrivateKey::from_seed(&[1; 32]).to_public_key().encode_uncompressed();
    for (curve, bytes) in [
        (Curve::Ed25519, vec![]),
        (Curve::Ed25519, zeros(31)),
        (Curve::Ed25519, zeros(33)),
        // A point of order 4, and the neutral one: every signature of theirs would do for every payload.
        (Curve::Ed25519, zeros(32)),
        (Curve::Ed25519, [vec![1], zeros(31)].concat()),
        (Curve::Ed25519, [vec![2], zeros(31)].concat()),
        (Curve::Secp256k1, zeros(33)),
        (Curve::Secp256k1, [vec![2], vec![0xff; 32]].concat()),
        (Curve::Secp256k1, [vec![2], zeros(31), vec![5]].concat()),
        (Curve::P256, zeros(33)),
        (Curve::P256, [vec![4], vec![0xff; 32]].concat()),
        (Curve::P256, uncompressed.to_vec()),
        (Curve::Bls, zeros(48)),
        (Curve::Bls, [vec![0xc0], zeros(47)].concat()),
        (Curve::Bls, vec![0xff; 48]),
        (Curve::Bls, zeros(96)),
    ] {
        assert_eq!(PublicKey::from_bytes(curve, &bytes), Err(InvalidPublicKey::NotAPoint { curve }), "{bytes:02x?}");
    }
}

#[test]
fn texts_of_public_keys_are_of_public_keys() {
    let [secret, public, address] = KEYS[4];
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

        // 64 bytes may also come without the name of their curve.
        let Ok(bytes) = signature.as_bytes().try_into() else { continue };
        let generic = base58check::encode(Prefix::GenericSignature, signature.as_bytes());
        assert!(generic.starts_with("sig"));
        assert_eq!(generic.parse(), Ok(SignatureText::Generic(bytes)));
        assert_eq!(SignatureText::Generic(bytes).of_curve(curve), Some(signature));
        assert_eq!(SignatureText::Generic(bytes).of_curve(Curve::Bls), None);
    }
    let [_, public, _] = KEYS[0];
    let found = "an Ed25519 public key (edpk)";
    assert_eq!(public.parse::<SignatureText>(), Err(InvalidSignature::NotASignature { found }));
}

#[test]
fn a_request_is_authenticated_with_watermark_kind_key_and_payload() {
    let payload = [0x13, 0x7a, 0x06, 0xa7, 0x70];
    for (bytes, text) in ADDRESSES {
        let to_sign = request_to_authenticate(&text.parse().unwrap(), &payload);
        assert_eq!(hex::encode(to_sign), format!("0401{bytes}137a06a770"));
    }
    let empty = request_to_authenticate(&ADDRESSES[0].1.parse().unwrap(), &[]);
    assert_eq!(hex::encode(empty), format!("0401{}", ADDRESSES[0].0));
}
