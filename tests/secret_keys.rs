//! Secret keys as text: what is read, what is refused and why, and that none ever shows in a message.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail anywhere, its helpers too")]

#[path = "samples/keys.rs"]
mod keys;

use azurehsm_signer::tezos::base58check::{self, Base58CheckError, Prefix};
use azurehsm_signer::tezos::{BlsScheme, Curve, SecretKey, SecretKeyError};
use keys::{KEYS, P256_ORDER, SECP256K1_ORDER, difference, generate};
use std::iter::successors;

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
            let signature = again.sign(&[0x11], BlsScheme::default()).unwrap();
            assert_eq!(key.public_key().verify(&[0x11], BlsScheme::default(), &signature), Ok(()));
        }
    }
}

#[test]
fn a_full_ed25519_secret_key_must_fit_its_public_half() {
    let [seed, ..] = KEYS[0];
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

const BLS_ORDER: [u8; 32] = [
    0x73, 0xed, 0xa7, 0x53, 0x29, 0x9d, 0x7d, 0x48, 0x33, 0x39, 0xd8, 0x08, 0x09, 0xa1, 0xd8, 0x05, 0x53, 0xbd, 0xa4,
    0x02, 0xff, 0xfe, 0x5b, 0xfe, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01,
];

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
    let [good, public, address] = KEYS[4];
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
    ] {
        let error = SecretKey::from_text(&text).unwrap_err();
        assert_eq!(error, expected, "{text}");
        assert_tells_nothing_of(&text, &error);
    }
}

#[test]
fn keys_in_other_forms_are_named_with_the_way_to_this_one() {
    let hex = "0123456789abcdef".repeat(4);
    let pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIABCDEFGHIJKLMNOPQRSTUVWXYZ\n-----END EC PRIVATE KEY-----";
    let encrypted = format!("encrypted:{}", base58check::encode(Prefix::P256EncryptedSecretKey, &[0x42; 56]));
    for (text, expected, way_out) in [
        (encrypted.as_str(), "this is an encrypted P-256 secret key (p2esk)", "Key.from_encoded_key(getpass("),
        (
            &hex,
            "this is hexadecimal, expected a secret key as Tezos writes them",
            "from_secret_exponent(bytes.fromhex(",
        ),
        (&format!("0x{}", hex.to_uppercase()), "this is hexadecimal", "curve=b'p2'"),
        (pem, "this is PEM", "az keyvault key import"),
        (
            r#"{"kty":"EC","d":"ABCDEFGHIJ"}"#,
            "this is JSON, expected a secret key as Tezos writes them",
            "nothing else",
        ),
        ("http://127.0.0.1:6732/tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t", "this says where a key is (http:…)", "not here"),
        ("ledger://some-words/bip25519/0h/0h", "this says where a key is (ledger:…)", "not here"),
    ] {
        let error = SecretKey::from_text(text).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(expected) && message.contains(way_out), "{message}");
        assert_tells_nothing_of(
            text.trim_start_matches("encrypted:").trim_start_matches("-----BEGIN EC PRIVATE KEY-----"),
            &error,
        );
    }
}

/// As they stand in the files of octez-client.
#[test]
fn an_encrypted_secret_key_is_named_with_its_scheme_too() {
    let prefix = Prefix::P256EncryptedSecretKey;
    let text = format!("encrypted:{}", base58check::encode(prefix, &[0x42; 56]));
    let error = SecretKey::from_text(&text).unwrap_err();
    assert_eq!(error, SecretKeyError::Encrypted { found: "an encrypted P-256 secret key (p2esk)" });
    assert_tells_nothing_of(&text["encrypted:".len()..], &error);
}

/// A character that was mistyped may be one of the key, so the message, which is logged, leaves it out.
#[test]
fn the_message_about_a_mistyped_secret_key_names_the_place_only() {
    let [good, ..] = KEYS[4];
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
