//! Secret keys as text: accepted and refused forms, and that no message contains a key.

use crate::keys_and_signatures::{KEY, generate};
use azurehsm_signer::tezos::base58check::{self, Base58CheckError, Prefix};
use azurehsm_signer::tezos::{BlsScheme, Curve, EncryptedKeyError, EncryptedSecretKey, SecretKey, SecretKeyError};
use oracle::crypto::{P256_ORDER, SECP256K1_ORDER};
use secrecy::SecretString;
use std::iter::successors;

#[test]
fn secret_keys_survive_a_text_round_trip() {
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
fn a_full_ed25519_secret_key_must_match_its_public_half() {
    let seed = "edsk3qAQSJaDBSYN2PCMdv7BuJoBKeRyDFq5uPAwDfFRAhQdwHxPMN";
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

/// The smallest and the largest scalar, and their invalid neighbours. BLS12-381 scalars are little-endian.
#[test]
fn secret_scalars_are_above_zero_and_below_the_order() {
    let one: [u8; 32] = [[0; 31].as_slice(), &[1]].concat().try_into().unwrap();
    for (curve, prefix, order) in [
        (Curve::Secp256k1, Prefix::Secp256k1SecretKey, SECP256K1_ORDER),
        (Curve::P256, Prefix::P256SecretKey, P256_ORDER),
        (Curve::Bls, Prefix::BlsSecretKey, BLS_ORDER),
    ] {
        let (mut below, mut next) = (order, order);
        below[31] -= 1;
        next[31] += 1;
        for (mut scalar, is_possible) in
            [([0; 32], false), (one, true), (below, true), (order, false), (next, false), ([0xff; 32], false)]
        {
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
    // Any bytes are a valid seed.
    for fill in [0x00, 0xff] {
        assert!(SecretKey::from_text(&base58check::encode(Prefix::Ed25519Seed, &[fill; 32])).is_ok());
    }
}

/// Eight consecutive characters of a key are no coincidence.
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
fn errors_about_a_secret_key_do_not_contain_the_key() {
    let [good, public, address] = KEY;
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
        no_text(oracle::base58::encode(&[0x42; 36]), Base58CheckError::UnknownPrefix),
        no_text(String::new(), Base58CheckError::TooShort),
    ] {
        let error = SecretKey::from_text(&text).unwrap_err();
        assert_eq!(error, expected, "{text}");
        assert_tells_nothing_of(&text, &error);
    }
}

#[test]
fn keys_in_other_formats_are_recognized_with_advice_on_converting_them() {
    let hex = "0123456789abcdef".repeat(4);
    let pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIABCDEFGHIJKLMNOPQRSTUVWXYZ\n-----END EC PRIVATE KEY-----";
    let encrypted = format!("encrypted:{}", base58check::encode(Prefix::P256EncryptedSecretKey, &[0x42; 56]));
    for (text, expected, way_out) in [
        (encrypted.as_str(), "this is an encrypted P-256 secret key (p2esk)", "without its password"),
        (&hex, "this is hexadecimal, expected a secret key in Tezos format", "from_secret_exponent(bytes.fromhex("),
        (&format!("0x{}", hex.to_uppercase()), "this is hexadecimal", "curve=b'p2'"),
        (pem, "this is PEM", "az keyvault key import"),
        (r#"{"kty":"EC","d":"ABCDEFGHIJ"}"#, "this is JSON, expected a secret key in Tezos format", "nothing else"),
        (
            "http://127.0.0.1:6732/tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t",
            "this is a reference to a key (http:…)",
            "not the key itself",
        ),
        ("ledger://some-words/bip25519/0h/0h", "this is a reference to a key (ledger:…)", "not the key itself"),
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

/// As in the files of octez-client.
#[test]
fn an_encrypted_secret_key_with_a_scheme_is_recognized() {
    let prefix = Prefix::P256EncryptedSecretKey;
    let text = format!("encrypted:{}", base58check::encode(prefix, &[0x42; 56]));
    let error = SecretKey::from_text(&text).unwrap_err();
    assert_eq!(error, SecretKeyError::Encrypted { found: "an encrypted P-256 secret key (p2esk)" });
    assert_tells_nothing_of(&text["encrypted:".len()..], &error);
}

/// The vectors of Octez's own test (`src/lib_signer_backends/test/test_encrypted.ml`), each with its password there.
const OCTEZ_VECTORS: [[&str; 3]; 12] = [
    [
        "edsk3kMNLNdzLPbbABASDLARft8JRZ3Wpwibn8SMAb4KmuWSMJmAFd",
        "edesk1oGXxunJ5FTGpQ6o1xdop8VGKdT36Fj7LwWF9HLjzEqaCC4V6tdRVN1jaeJTfCHS8bYf7U2YhMK2yW6jSUy",
        "ahThie5H",
    ],
    [
        "edsk3Kqr8VHRx9kmR8Pj5qRGcmvQH34cForiMaMz1Ahhq5DkZp7FxJ",
        "edesk1s4xEifbUdUkghHHimbNUuyQ4eidDVJdc8JtPRUon758hBqZNZsQxadUDFRSRiUdLoFqBG35HAiLKafyczw",
        "ahThie5H",
    ],
    [
        "edsk2mBu4w9sMGhryvvXK53dXgpcNdZWi8pJQ1QL2rAgRPrE5y12az",
        "edesk1zY5jEs4QXrF9tXxFq1mfW9PkatdRxCKQ2Q598y5LLz65nQj4eWxefYFp8YLerya1haRdGe5NWckHDb5ApM",
        "ahThie5H",
    ],
    [
        "spsk24attf9uuQ7PUKFHxTm6E3TMqB6SPkFiMbXPBur7JNrvupW2xg",
        "spesk2CXQHDbzrcNatRzmg83Dto6kX6BWwpP2zGs4Zks9LDsXzaX6mAYRj5ZrrdgyZQap4DS9YRRLNSpaVC2TSsk",
        "ahThie5H",
    ],
    [
        "spsk2H32XfWL7MkW58r76q6Yu5tJg77YGgVyjwq7EvLUHhn4JmAtEG",
        "spesk1upiFp23osWSUTgHcx8DCVpTrMr9xtdqVQkQDWj5sFG7vqcWLDaNv9AKKcF27Nb266YfuAGF2hEbcyAxHmK",
        "ahThie5H",
    ],
    [
        "spsk3KQ56REAUGc6Gn87xCRnWyPwR2Un667vegQVuU16ZcgNyLCooh",
        "spesk1w7d68hzTWJusk5Xn5oz8EgDXbotDW9BXb5ksFjr8Jd94Kxnu5yKAhgRszojhMUoJ1EEt5BtPpGpkgCjELq",
        "ahThie5H",
    ],
    [
        "p2sk2YQcwF5h7qgRztocEMrfizUwZaM41f4v7zWneiig2Y5AxajqYC",
        "p2esk2JMFpR9yaSpgsaKQYLqFnv16t4gowJ4cgjj7D7iMfoaJz2vZuH7Tdi11MrX6FC2yhfs2nvy5VRxAvzH1STE",
        "ahThie5H",
    ],
    [
        "p2sk2XiSoQC9tvejVBDJyvkbHUq2kvcQHdJJ2wM8rii228DkjKV2b5",
        "p2esk1nfobVL73mY5Y18W8Ltb3Vm6Nf5Th7trN3yA3ucyyP4AH93XfyRatkh9AxxaDtnju1EtArykjroEQHDT97k",
        "ahThie5H",
    ],
    [
        "p2sk3ZsfsEaxDNn74orv91Ruu35fomzF373aT9ForA4fDo54c47o6H",
        "p2esk2Ge1jrVak7NhxksimzaQjRCTLx5vxUZ4Akgq3spGQLx6N41h6aKXeEYDgxN5eztnPwD6QiCHCfVAKXLPNm8",
        "ahThie5H",
    ],
    [
        "BLsk1o1S8oAG76r3o3aJr1gbVhNdDnAMsdy1yMfwHLWwUHfAeyEXHV",
        "BLesk1ExnCaFxVcGFvKFQrPs2AADo2KpukB6bhA8SLASRzZ58uqvSNUNyzdNdya5NPgE1BAFwcN3wtyFv76r1GJ9",
        "ahThie5H",
    ],
    [
        "BLsk1ootrVQmMBgcnXDKdyBR2M5tXwZh2TRVcinBJwMhCYVDRm3K1N",
        "BLesk1c92TTyYAbkt5Aa2g2puGZHy1M9hQVX7um7PYpxfsjbaaiYsqR2ahArH53WGSvbvzUBizgPipMyfmh8bCs5",
        "aVah7eid",
    ],
    [
        "BLsk1rgztT2EBdQ2vtyXkTzgwmEjabvZri3c7tLHQtDmgH695mcWUt",
        "BLesk1yLinYLYYxq947JSbwt4s94xZb6azZz8AD8myiU67mQpKA2bLxYwq8QhYTrsCdXTtLSLyYnVL5EQAuubYjJ",
        "Hihohh1n",
    ],
];

/// The number zero, encrypted with "correct horse", using Python's pbkdf2 and libsodium.
const BOXES_WITH_ZERO: [(Curve, &str); 3] = [
    (Curve::Secp256k1, "spesk1RpcV7vXx1PorHyuue9Yi1QUqPF887DST8o15aibKRvRnCgkVUzrKmMSTurqsoc4xtHfPoyubfuRpdfBawA"),
    (Curve::P256, "p2esk1keFKQpoVwX7bha4qe6anJ3NeuJQ9sdsc5cmgJu96U9uPVCaRJePTqH55Zj1dGCVK7W6dRwrWWfWQZd1W2M"),
    (Curve::Bls, "BLesk1DtV8Ny8Ux8DqQWtKsJq4AdCKoVByr4aKgn6HYWDvPx5iGZBAwZxSJgvtm2JegE4Q3omFJApHvQCmZDo211"),
];

#[test]
fn keys_encrypted_by_octez_are_only_decrypted_with_their_password() {
    for [plain, encrypted, password] in OCTEZ_VECTORS {
        for text in [encrypted, &format!("encrypted:{encrypted}")] {
            let key = EncryptedSecretKey::from_text(text).unwrap();
            assert_eq!(key.to_text(), encrypted);
            assert_eq!(key.decrypt(&password.into()).unwrap().to_text().as_str(), plain);
        }
        let wrong = EncryptedSecretKey::from_text(encrypted).unwrap().decrypt(&"wrong horse".into()).unwrap_err();
        assert_eq!(wrong, EncryptedKeyError::WrongPassword);
        assert_tells_nothing_of(encrypted, &wrong);
        assert_tells_nothing_of(encrypted, &SecretKey::from_text(encrypted).unwrap_err());
    }
}

#[test]
fn a_key_is_encrypted_differently_each_time_and_decrypts_again() {
    let password = SecretString::from("correct horse");
    for curve in Curve::ALL {
        let key = generate(curve);
        let [first, second] = [(), ()].map(|()| EncryptedSecretKey::encrypt(&key, &password).unwrap());
        assert_ne!(first.to_text(), second.to_text());
        for encrypted in [first, second] {
            let text = encrypted.to_text();
            assert!(text.get(2..5) == Some("esk") && text.len() == 88, "{text}");
            assert_eq!(
                EncryptedSecretKey::from_text(&text).unwrap().decrypt(&password).unwrap().to_text(),
                key.to_text()
            );
            assert!(!format!("{encrypted:?}").contains(&text[5..20]));
        }
    }
}

#[test]
fn a_decrypted_key_must_be_valid() {
    let password = SecretString::from("correct horse");
    for (curve, text) in BOXES_WITH_ZERO {
        let error = EncryptedSecretKey::from_text(text).unwrap().decrypt(&password).unwrap_err();
        assert_eq!(error, EncryptedKeyError::Key(SecretKeyError::OutOfRange { curve }));
    }
}

#[test]
fn only_encrypted_keys_are_treated_as_such() {
    let [good, public, address] = KEY;
    let short = base58check::encode(Prefix::P256EncryptedSecretKey, &[0x42; 55]);
    for text in [good, public, address, short.as_str(), "", "encrypted:", "p2esk"] {
        assert!(EncryptedSecretKey::from_text(text).is_none(), "{text}");
    }
}

/// A mistyped character may be part of the key, so the message, which is logged, omits it.
#[test]
fn the_error_about_a_mistyped_secret_key_has_only_the_position() {
    let [good, ..] = KEY;
    let error = SecretKey::from_text(&format!("{}0{}", &good[..9], &good[10..])).unwrap_err();
    assert_eq!(error.to_string(), "the character at position 9 is not base 58");
}

#[test]
fn a_secret_key_is_not_in_its_debug_output() {
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
