//! Keys and signatures of the four curves, against vectors of Octez and against another library.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail anywhere, its helpers too")]

use azurehsm_signer::tezos::authentication::request_to_authenticate;
use azurehsm_signer::tezos::base58check::{self, Base58CheckError, Prefix};
use azurehsm_signer::tezos::{
    BlsScheme, ChainId, Curve, Digest, InvalidPublicKey, InvalidSignature, PublicKey, PublicKeyHash, SecretKey,
    SecretKeyError, Signature, SignatureText,
};
use std::iter::successors;

const POP: BlsScheme = BlsScheme::ProofOfPossession;
const AUG: BlsScheme = BlsScheme::Augmented;

/// A mainnet attestation in the form of tz4 keys (`operation.bls_mode_unsigned` of Octez's encoding samples).
const BLS_ATTESTATION: &str = "137a06a7700e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8\
    2900000533000000000000000000000000000000000000000000000000000000000000000000000000";

/// `tz4_account` of Octez (`tezt/lib_tezos/constant.ml`).
const TZ4_SECRET: &str = "BLsk1hKAHyGqY9qRbgoSVnjiSmDWpKGjFF3WNQ7BaiaMUA6RMA6Pfq";

fn generate(curve: Curve) -> SecretKey {
    SecretKey::generate(curve).unwrap()
}

fn is_signed(key: &PublicKey, payload: &[u8], signature: &Signature) -> bool {
    key.verify(payload, POP, signature).is_ok()
}

mod vectors {
    //! From Octez: `src/lib_crypto/test/key_encoding_vectors.ml`, and `tz4_account`.

    /// Secret key, public key and address.
    pub(super) const KEYS: [[&str; 3]; 9] = [
        [
            "edsk3qAQSJaDBSYN2PCMdv7BuJoBKeRyDFq5uPAwDfFRAhQdwHxPMN",
            "edpkufnz668CdgnVC4X5KRvJoXCMgicr29Tjmr5vxGzvMdipwkTZmM",
            "tz1SodoUsWVe1Yey9eMFbqRUtNpBWfir5NRr",
        ],
        [
            "edsk4ERiv9CNq5KqVnAisihtXskKQLopY9Ux2gNuQbH61zahXx9xjR",
            "edpktkyJU8x7cyDuFPFqR7W5fAGB2jgZF38YD57K7jXxRAPUutt2q5",
            "tz1hzyx6kUgxkM8DeWDQ8Zd1jqTdkHFjMRMT",
        ],
        [
            "spsk2oCGdj7yZFmAWr1wqopU512kDtCfWfs7N4FoRH6bkHhgXk5Tu5",
            "sppk7aFpmJLm3ZxMd3F4osvGBq77R1NeSpiJVnof3Wiv4mt84EBE9aX",
            "tz2SSuN7FRcAurZPSAQS1swNWE8xxf71MTjt",
        ],
        [
            "spsk2R8x2JbQq2jPn1SuJK7NBxAajNgoctcLgat99fMPBr8nrQxPqc",
            "sppk7cNMvaoPostzGxnKFNkqx2QKUKs2YHjokroHEGq1S2hUvRJa89X",
            "tz2EoucBgYrBemSsLszAZP86cEfsz13idBaT",
        ],
        [
            "p2sk2g5Btw8MK7fnhQg9d7DaE8QYX8A89BLWaqWTQcHuATYY3ABjD9",
            "p2pk66Y3178eHvgWFA4CDsgGPhbkWtwrYCVUKJnsAi41eGP7MbHKv24",
            "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t",
        ],
        [
            "p2sk31mNkuAeEXhnTTzkwTXFgso6z7pfDsiKfepQNdTSzs9zWFDcV2",
            "p2pk64ie1DPcsWgEazYYWkFWNVwqs7jCdKeVwF8NVZRu5yr757vWaTM",
            "tz3e8QcfwZce1z5YmgZjgAdd7aNr8yBnYbv8",
        ],
        [
            super::TZ4_SECRET,
            "BLpk1yUiLJ7RezbyViD5ZvWTfQndM3TRRYmvYWkUfH2EJqsLFnzzvpJss6pbuz3U1DDMpk8v16nV",
            "tz4EECtMxAuJ9UDLaiMZH7G1GCFYUWsj8HZn",
        ],
        [
            "BLsk1eGhiPQXKtvvkBeXzmtVVJs6KPhEF45drF7MLjoCDcSnTGuyjL",
            "BLpk1ur5XXicWYMMzCVZZWyLZhybtyX8Zot2uCzDCZW8KcC5BdZiLVXRZvZzi4GuZYL9SarUvKpE",
            "tz4TFJdv9Jd44FtBMAxi3KQT7AtazhVyaPa6",
        ],
        [
            "BLsk2iUavBozFrCLSM7X5UXLzkDx39sDEHkJJUTYaEgWxbLRrtvyNf",
            "BLpk1p9AGKVCAGq5D6qoMsYwqGpefnz7vfmQMrU75rEjsNpj8L6VMyiwBs2mdUo2t7GGZpEbNwZu",
            "tz4NhiAC3w3PjbQ98CgHGJoio5rSynDHNqiP",
        ],
    ];

    /// The 21 bytes of an address, and the address.
    pub(super) const ADDRESSES: [(&str, &str); 4] = [
        ("00811d97c377168a8bb2111c1651d23d9116b92f4c", "tz1XQjK1b3P72kMcHsoPhnAg3dvX1n8Ainty"),
        ("01a8a3da850741d1cf7eb53a3514c0bf3df62b3378", "tz2PgvUJzfmDXTZUvkyKbQb8kjoWR4Wa5Rpv"),
        ("02cf75dff8831cce860fa1f5f45db64773029f5c19", "tz3fEzhTjK6UGvBDfMyDsZovKcGZfqaxfzRV"),
        ("037df6a960ae406d041e4434a64331903b1b14189d", "tz4LVHYD4P4T5NHCuwJbxQvwVURF62seE3Qa"),
    ];
}

#[test]
fn keys_and_addresses_of_octez() {
    for [secret, public, address] in vectors::KEYS {
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
    for (bytes, text) in vectors::ADDRESSES {
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
    let proof = key.prove_possession(Some(other.public_key())).unwrap();
    let verifies = |key: &SecretKey, about| key.public_key().verify_possession(about, &proof).is_ok();
    assert!(verifies(&key, Some(other.public_key())));
    assert!(!verifies(&key, None));
    assert!(!verifies(&key, Some(third.public_key())));
    assert!(!verifies(&other, None));
    assert!(!verifies(&other, Some(key.public_key())));
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
        assert_eq!(key.prove_possession(Some(bls.public_key())), Err(SecretKeyError::NotBls));
        assert_eq!(bls.prove_possession(Some(key.public_key())), Err(SecretKeyError::NotBls));
        let proof = bls.prove_possession(None).unwrap();
        assert!(key.public_key().verify_possession(None, &proof).is_err());
        assert!(bls.public_key().verify_possession(Some(key.public_key()), &proof).is_err());
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

const SECP256K1_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae, 0xdc,
    0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
];
const SECP256K1_HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x5d, 0x57, 0x6e,
    0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
];
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
const BLS_ORDER: [u8; 32] = [
    0x73, 0xed, 0xa7, 0x53, 0x29, 0x9d, 0x7d, 0x48, 0x33, 0x39, 0xd8, 0x08, 0x09, 0xa1, 0xd8, 0x05, 0x53, 0xbd, 0xa4,
    0x02, 0xff, 0xfe, 0x5b, 0xfe, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01,
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

/// `a − b` of two big-endian numbers, the larger first.
fn difference(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    let mut result = [0; 32];
    let mut borrow = false;
    for index in (0..32).rev() {
        let (digit, first) = a[index].overflowing_sub(b[index]);
        let (digit, second) = digit.overflowing_sub(borrow.into());
        result[index] = digit;
        borrow = first || second;
    }
    result
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
    let [secret, public, address] = vectors::KEYS[4];
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
    let [_, public, _] = vectors::KEYS[0];
    let found = "an Ed25519 public key (edpk)";
    assert_eq!(public.parse::<SignatureText>(), Err(InvalidSignature::NotASignature { found }));
}

#[test]
fn texts_of_secret_keys_survive_the_way_there_and_back() {
    for curve in Curve::ALL {
        let key = generate(curve);
        let text = key.to_text();
        let prefix = match curve {
            Curve::Ed25519 => "edsk",
            Curve::Secp256k1 => "spsk",
            Curve::P256 => "p2sk",
            Curve::Bls => "BLsk",
        };
        assert!(text.starts_with(prefix) && text.len() == 54);
        for text in [text.as_str(), &format!("unencrypted:{}", text.as_str())] {
            let again = SecretKey::from_text(text).unwrap();
            assert_eq!(again.public_key(), key.public_key());
            assert_eq!(again.to_text(), key.to_text());
            assert!(is_signed(key.public_key(), &[0x11], &again.sign(&[0x11], POP).unwrap()));
        }
    }
}

#[test]
fn a_full_ed25519_secret_key_must_fit_its_public_half() {
    let [seed, ..] = vectors::KEYS[0];
    let key = SecretKey::from_text(seed).unwrap();
    let seed_bytes = base58check::decode(Prefix::Ed25519Seed, seed).unwrap();
    let full = |public: &[u8]| base58check::encode(Prefix::Ed25519SecretKey, &[seed_bytes.as_slice(), public].concat());

    let text = full(key.public_key().as_bytes());
    assert!(text.starts_with("edsk") && text.len() == 98);
    assert_eq!(SecretKey::from_text(&text).unwrap().to_text().as_str(), seed);
    for public in [generate(Curve::Ed25519).public_key().as_bytes(), &[0; 32]] {
        assert_eq!(SecretKey::from_text(&full(public)).unwrap_err(), SecretKeyError::Mismatch);
    }
}

/// From the smallest scalar to the largest, and what lies beside them. BLS12-381 counts from the other end.
#[test]
fn secret_scalars_are_above_zero_and_below_the_order() {
    let one: [u8; 32] = [[0; 31].as_slice(), &[1]].concat().try_into().unwrap();
    for (curve, prefix, order) in [
        (Curve::Secp256k1, Prefix::Secp256k1SecretKey, SECP256K1_ORDER),
        (Curve::P256, Prefix::P256SecretKey, P256_ORDER),
        (Curve::Bls, Prefix::BlsSecretKey, BLS_ORDER),
    ] {
        let mut next = order;
        next[31] += 1;
        for (mut scalar, is_possible) in [
            ([0; 32], false),
            (one, true),
            (difference(&order, &one), true),
            (order, false),
            (next, false),
            ([0xff; 32], false),
        ] {
            if curve == Curve::Bls {
                scalar.reverse();
            }
            let text = base58check::encode(prefix, &scalar);
            match SecretKey::from_text(&text) {
                Ok(key) => {
                    assert!(is_possible, "{curve} {scalar:02x?}");
                    assert_eq!(key.to_text().as_str(), text);
                }
                Err(error) => {
                    assert!(!is_possible, "{curve} {scalar:02x?}");
                    assert_eq!(error, SecretKeyError::OutOfRange { curve });
                    assert_tells_nothing_of(&text, &error);
                }
            }
        }
    }
    // A seed may be anything.
    for fill in [0x00, 0xff] {
        assert!(SecretKey::from_text(&base58check::encode(Prefix::Ed25519Seed, &[fill; 32])).is_ok());
    }
}

/// Eight characters in a row of a key are no accident.
fn assert_tells_nothing_of(text: &str, error: &dyn std::error::Error) {
    for error in successors(Some(error), |error| error.source()) {
        let shown = format!("{error} {error:?}");
        for part in text.chars().collect::<Vec<_>>().windows(8) {
            let part = String::from_iter(part);
            assert!(!shown.contains(&part), "{shown} shows {part}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_secret_key_is_named_and_the_key_is_not() {
    let [good, public, address] = vectors::KEYS[4];
    let with = |index: usize, character| format!("{}{character}{}", &good[..index], &good[index + 1..]);
    let with_prefix = |prefix, length| base58check::encode(prefix, &vec![0x42; length]);
    let encrypted = |prefix: Prefix| (with_prefix(prefix, 56), SecretKeyError::Encrypted { found: prefix.name() });
    let wrong_length = |prefix: Prefix, found| {
        let error = Base58CheckError::WrongLength { prefix: prefix.name(), expected: 32, found };
        (with_prefix(prefix, found), SecretKeyError::Text(error))
    };
    let not_secret = |text: &str, found| (text.to_owned(), SecretKeyError::NotASecretKey { found });
    let no_text = |text: String, error| (text, SecretKeyError::Text(error));

    for (text, expected) in [
        encrypted(Prefix::Ed25519EncryptedSecretKey),
        encrypted(Prefix::Secp256k1EncryptedSecretKey),
        encrypted(Prefix::P256EncryptedSecretKey),
        encrypted(Prefix::BlsEncryptedSecretKey),
        wrong_length(Prefix::Secp256k1SecretKey, 31),
        wrong_length(Prefix::Secp256k1SecretKey, 33),
        wrong_length(Prefix::P256SecretKey, 31),
        wrong_length(Prefix::P256SecretKey, 33),
        wrong_length(Prefix::BlsSecretKey, 31),
        wrong_length(Prefix::BlsSecretKey, 64),
        wrong_length(Prefix::Ed25519Seed, 31),
        wrong_length(Prefix::Ed25519Seed, 64),
        not_secret(public, "a P-256 public key (p2pk)"),
        not_secret(address, "a P-256 public key hash (tz3)"),
        not_secret("NetXdQprcVkpaWU", "a chain id (Net)"),
        no_text(good[..53].to_owned(), Base58CheckError::WrongChecksum),
        no_text(format!("{good}1"), Base58CheckError::WrongChecksum),
        no_text(with(9, 'W'), Base58CheckError::WrongChecksum),
        no_text(with(24, 'l'), Base58CheckError::NotBase58 { character: 'l', index: 24 }),
        no_text(with(28, 'é'), Base58CheckError::NotAscii { index: 28 }),
        no_text(format!("{good} "), Base58CheckError::NotBase58 { character: ' ', index: 54 }),
        no_text(good.repeat(3), Base58CheckError::TooLong { length: 162 }),
        no_text(bs58::encode([0x42; 36]).with_check().into_string(), Base58CheckError::UnknownPrefix),
        no_text(String::new(), Base58CheckError::TooShort),
        no_text("encrypted:".to_owned() + good, Base58CheckError::NotBase58 { character: ':', index: 9 }),
    ] {
        let error = SecretKey::from_text(&text).unwrap_err();
        assert_eq!(error, expected, "{text}");
        assert_tells_nothing_of(&text, &error);
    }
}

/// A character that was mistyped may be one of the key, so the message, which is logged, leaves it out.
#[test]
fn the_message_about_a_mistyped_secret_key_names_the_place_only() {
    let [good, ..] = vectors::KEYS[4];
    let error = SecretKey::from_text(&format!("{}0{}", &good[..9], &good[10..])).unwrap_err();
    assert_eq!(error.to_string(), "the character at position 9 is not base 58");
}

#[test]
fn a_secret_key_does_not_show_itself() {
    for curve in Curve::ALL {
        let key = generate(curve);
        let text = key.to_text();
        let bytes = base58check::decode_any(&text).unwrap().1;
        let shown = format!("{key:?} {key:#?}");
        assert!(shown.contains(&key.public_key().hash().to_string()));
        for part in text.as_bytes().windows(8) {
            assert!(!shown.contains(std::str::from_utf8(part).unwrap()));
        }
        let (hex, reversed) = (hex::encode(&*bytes), hex::encode(bytes.iter().rev().copied().collect::<Vec<_>>()));
        for digits in hex.as_bytes().windows(8).chain(reversed.as_bytes().windows(8)) {
            assert!(!shown.to_lowercase().contains(std::str::from_utf8(digits).unwrap()));
        }
        assert!(!shown.contains(&format!("{:?}", &bytes[..4])[1..]));
    }
}

#[test]
fn a_request_is_authenticated_with_watermark_kind_key_and_payload() {
    let payload = [0x13, 0x7a, 0x06, 0xa7, 0x70];
    for (bytes, text) in vectors::ADDRESSES {
        let to_sign = request_to_authenticate(&text.parse().unwrap(), &payload);
        assert_eq!(hex::encode(to_sign), format!("0401{bytes}137a06a770"));
    }
    let empty = request_to_authenticate(&vectors::ADDRESSES[0].1.parse().unwrap(), &[]);
    assert_eq!(hex::encode(empty), format!("0401{}", vectors::ADDRESSES[0].0));
}
