//! Base58Check, and everything that is read from it: keys, hashes, signatures, identifiers.
//!
//! An input is a text. One that begins with a byte 00 is bytes instead, whose text is made with the right checksum; one
//! that begins with a byte 01 has the number of a prefix next, and then a payload.

use azurehsm_signer::tezos::base58check::{self, Prefix};
use azurehsm_signer::tezos::payload::operations::Address;
use azurehsm_signer::tezos::{
    BlockHash, ChainId, Digest, EncryptedSecretKey, PublicKey, PublicKeyHash, SecretKey, Signature, SignatureText,
};
use oracle::base58 as oracle;
use std::fmt::Display;
use std::str::FromStr;

/// Compares with the oracle, and parses and prints the text as everything that it might be.
pub fn check(input: &[u8]) {
    match input {
        [0x00, bytes @ ..] => check_text(&oracle::encode(bytes)),
        [0x01, number, payload @ ..] => check_prefix(*number, payload),
        _ => {
            if let Ok(text) = str::from_utf8(input) {
                check_text(text);
                check_hexadecimal(text);
            }
        }
    }
}

fn check_prefix(number: u8, payload: &[u8]) {
    let prefix = Prefix::ALL[usize::from(number) % Prefix::ALL.len()];
    let mut payload = payload.to_vec();
    payload.resize(prefix.payload_length(), 0);
    let text = base58check::encode(prefix, &payload);
    assert_eq!(text, oracle::encode(&[prefix.bytes(), &payload].concat()));
    assert!(text.starts_with(prefix.text()), "{text} begins with {}", prefix.text());
    check_text(&text);
}

fn check_text(text: &str) {
    // Nothing that is known is longer.
    let expected = if text.len() > 160 { None } else { oracle::read(text) };
    let decoded = match base58check::decode_any(text) {
        Ok((prefix, payload)) => Some((prefix, payload.to_vec())),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            None
        }
    };
    let found = decoded.as_ref().map(|(prefix, payload)| (prefix.bytes(), payload.clone()));
    let expected = expected.map(|(prefix, payload)| (prefix.bytes, payload));
    assert_eq!(found, expected, "{text}");

    let begins = decoded.as_ref().map(|(prefix, _)| prefix.text()).unwrap_or_default();
    let all_of = |prefixes: &[&str]| prefixes.contains(&begins);
    same_text::<PublicKeyHash>(text, Some(all_of(&["tz1", "tz2", "tz3", "tz4"])));
    same_text::<Address>(text, Some(all_of(&["tz1", "tz2", "tz3", "tz4", "tz5", "KT1"])));
    same_text::<ChainId>(text, Some(begins == "Net"));
    same_text::<BlockHash>(text, Some(begins == "B"));
    // Not every number is the x of a point.
    let is_public_key = all_of(&["edpk", "sppk", "p2pk", "BLpk"]);
    same_text::<PublicKey>(text, if is_public_key { None } else { Some(false) });
    check_signature(text, all_of(&["edsig", "spsig1", "p2sig", "BLsig", "sig"]));
    check_secret_key(text);

    let Some((prefix, payload)) = decoded else { return };
    assert_eq!(base58check::encode(prefix, &payload), text);
    for other in Prefix::ALL {
        assert_eq!(base58check::decode(*other, text).is_ok(), *other == prefix, "{text} has one prefix");
    }
}

/// What is parsed prints as it was. Whether it must be parsed, if that is known.
fn same_text<T: FromStr<Err: Display> + Display>(text: &str, expected: Option<bool>) {
    let parsed = text.parse::<T>();
    if let Some(expected) = expected {
        assert_eq!(parsed.is_ok(), expected, "{text}");
    }
    match parsed {
        Ok(value) => assert_eq!(value.to_string(), text),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn check_signature(text: &str, expected: bool) {
    let parsed = text.parse::<SignatureText>();
    assert_eq!(parsed.is_ok(), expected, "{text}");
    match parsed {
        Ok(SignatureText::Known(signature)) => {
            assert_eq!(signature.to_string(), text);
            if let Signature::Secp256k1(bytes) = signature
                && let Ok(low) = Signature::secp256k1(&bytes)
            {
                let again = Signature::secp256k1(low.as_bytes().try_into().unwrap());
                assert_eq!(again, Ok(low), "the lower half stays where it is");
            }
        }
        Ok(SignatureText::Generic(bytes)) => assert_eq!(oracle::GENERIC_SIGNATURE.encode(&bytes), text),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn check_secret_key(text: &str) {
    if let Some(encrypted) = EncryptedSecretKey::from_text(text) {
        assert_eq!(encrypted.to_text(), text.strip_prefix("encrypted:").unwrap_or(text));
        assert!(SecretKey::from_text(text).is_err(), "an encrypted key is no key without its password");
    }
    match SecretKey::from_text(text) {
        Ok(key) => {
            let printed = key.to_text();
            let bare = text.trim_start_matches("un").trim_start_matches("encrypted:");
            // A key of 64 bytes is printed as its seed.
            assert!(*printed == bare || (bare.starts_with("edsk") && bare.len() == 98), "{text}");
            let again = SecretKey::from_text(&printed).unwrap();
            assert_eq!(again.public_key(), key.public_key());
        }
        Err(error) => {
            let error = error.to_string();
            assert!(!error.is_empty());
            // No word of an error is as long.
            let might_be_a_key = text.len() > 24 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
            assert!(!might_be_a_key || !error.contains(text), "a secret key is not repeated");
        }
    }
}

fn check_hexadecimal(text: &str) {
    match text.parse::<Digest>() {
        Ok(digest) => assert_eq!(digest.to_string(), text.to_ascii_lowercase()),
        Err(_) => assert!(text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit())),
    }
}
