//! The format against the test vectors, which another implementation made, and against every change of a sealed key.

use super::{
    DataKey, InvalidPurpose, InvalidRecipients, InvalidSealedKey, OpenError, Purpose, RecipientKey, RecoveryKey,
    RecoveryKeyError, Role, RsaPublicKey, SealError, SealedKey,
};
use crate::marks::StoreIdentity;
use crate::tezos::{Curve, SecretKey};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::fmt::Debug;

fn file() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance/sealed/vectors.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A recovery key of the vectors, by its name.
fn recovery_key(name: &str) -> RecoveryKey {
    RecoveryKey::from_pem(file()["keys"][name]["private_key"].as_str().unwrap()).unwrap()
}

/// The first vector: sealed for `north`, in a vault, and `safe`.
fn sealed() -> Value {
    file()["vectors"][0]["sealed"].clone()
}

fn parse(sealed: &Value) -> Result<SealedKey, InvalidSealedKey> {
    SealedKey::from_json(sealed.to_string().as_bytes())
}

fn recipients(sealed: &SealedKey) -> Vec<RecipientKey> {
    sealed.recipients().iter().map(|recipient| recipient.key().clone()).collect()
}

#[test]
fn vectors_of_another_implementation() {
    for vector in file()["vectors"].as_array().unwrap() {
        let (inputs, name) = (&vector["inputs"], &vector["inputs"]["name"]);
        let sealed = parse(&vector["sealed"]).unwrap();
        assert_eq!(hex::encode(sealed.associated_data()), vector["associated_data"].as_str().unwrap(), "{name}");
        assert_eq!(serde_json::from_str::<Value>(&sealed.to_json()).unwrap(), vector["sealed"], "{name}");
        let data_key = DataKey::from_unwrapped(&hex::decode(inputs["data_key"].as_str().unwrap()).unwrap()).unwrap();
        let recovered =
            inputs["recipients"].as_array().unwrap().iter().map(|recipient| {
                recovery_key(recipient["recipient"].as_str().unwrap()).unwrap_data_key(&sealed).unwrap()
            });
        for data_key in recovered.chain([data_key]) {
            assert_eq!(sealed.open(&data_key).unwrap().to_text().as_str(), inputs["secret_key"], "{name}");
        }
    }
}

#[test]
fn a_sealed_key_is_opened_by_each_recipient_and_no_two_are_alike() {
    let vector = parse(&sealed()).unwrap();
    let secret = SecretKey::generate(Curve::Bls).unwrap();
    let seal = || SealedKey::seal(&secret, vector.purpose().clone(), &recipients(&vector)).unwrap();
    let (first, second) = (seal(), seal());
    for sealed in [&first, &second] {
        let read = SealedKey::from_json(sealed.to_json().as_bytes()).unwrap();
        assert_eq!(&read, sealed);
        for name in ["north", "safe"] {
            let opened = read.open(&recovery_key(name).unwrap_data_key(&read).unwrap()).unwrap();
            assert_eq!(opened.to_text(), secret.to_text(), "{name}");
        }
    }
    assert_ne!(first.nonce, second.nonce);
    let data_key_of_second = recovery_key("safe").unwrap_data_key(&second).unwrap();
    assert_eq!(first.open(&data_key_of_second).unwrap_err(), OpenError::NotAuthentic, "one data key for each");
}

/// A name, the path of a field, and another valid value for it.
fn changes(other: &Value) -> Vec<(&'static str, Vec<(&'static str, Value)>)> {
    let flipped = |pointer: &str, index: usize| {
        let mut bytes = STANDARD.decode(sealed().pointer(pointer).unwrap().as_str().unwrap()).unwrap();
        bytes[index] ^= 1;
        Value::from(STANDARD.encode(bytes))
    };
    let safe = sealed()["recipients"][1].clone();
    let north = sealed()["recipients"][0].clone();
    let of_other = |pointer: &'static str| (pointer, other.pointer(pointer).unwrap().clone());
    vec![
        ("address and public key", vec![of_other("/address"), of_other("/public_key")]),
        ("role", vec![("/role", json!("companion"))]),
        ("chain", vec![("/chain", json!("NetXnHfVqm9iesp"))]),
        ("account", vec![("/store/account", json!("bakery2"))]),
        ("database", vec![("/store/database", json!("Signer"))]),
        ("container", vec![("/store/container", json!("marks"))]),
        ("_rid", vec![("/store/rid", json!("u7kYALg2ZXq="))]),
        ("type of store", vec![("/store", json!({"store": "embedded", "id": "00112233445566778899aabbccddeeff"}))]),
        (
            "recipient's vault",
            vec![("/recipients/0/key", json!(north["key"].as_str().unwrap().replace("north", "east")))],
        ),
        ("recipient's kind", vec![("/recipients/0/key", json!(format!("release:{}", north["key"].as_str().unwrap())))]),
        ("recipient's version", vec![("/recipients/0/key", json!(format!("{}0", north["key"].as_str().unwrap())))]),
        ("recipient's public key", vec![("/recipients/0/public_key", other["recipients"][0]["public_key"].clone())]),
        (
            "other recipient's wrapped key",
            vec![("/recipients/0/wrapped_key", flipped("/recipients/0/wrapped_key", 383))],
        ),
        ("order of recipients", vec![("/recipients/0", safe.clone()), ("/recipients/1", north.clone())]),
        ("one more recipient", vec![("/recipients", json!([north, safe, other["recipients"][1]]))]),
        ("nonce", vec![("/nonce", flipped("/nonce", 0))]),
        ("ciphertext, first byte", vec![("/ciphertext", flipped("/ciphertext", 0))]),
        ("ciphertext, last byte of the tag", vec![("/ciphertext", flipped("/ciphertext", 47))]),
        ("ciphertext of another key", vec![of_other("/nonce"), of_other("/ciphertext")]),
    ]
}

#[test]
fn nothing_opens_after_any_change() {
    let rsa_key = |size| PrivateDecryptingKey::generate(size).unwrap();
    let public_key =
        |key: &PrivateDecryptingKey| RsaPublicKey::from_der(key.public_key().as_der().unwrap().as_ref()).unwrap();
    let original = parse(&sealed()).unwrap();
    let in_vault = "https://bakery-east.vault.azure.net/keys/sealing/0123".parse().unwrap();
    let elsewhere = [
        RecipientKey::new(in_vault, public_key(&rsa_key(KeySize::Rsa3072))).unwrap(),
        RecipientKey::offline(public_key(&rsa_key(KeySize::Rsa3072))),
    ];
    let secret = SecretKey::generate(Curve::Bls).unwrap();
    let other = SealedKey::seal(&secret, original.purpose().clone(), &elsewhere).unwrap();
    let other = serde_json::from_str(&other.to_json()).unwrap();
    let safe = recovery_key("safe");
    assert!(original.open(&safe.unwrap_data_key(&original).unwrap()).is_ok());
    for (name, changes) in changes(&other) {
        let mut changed = sealed();
        for (pointer, value) in changes {
            *changed.pointer_mut(pointer).unwrap() = value;
        }
        let changed = parse(&changed).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_ne!(changed, original, "{name}");
        let data_key = safe.unwrap_data_key(&changed).unwrap();
        assert_eq!(changed.open(&data_key).unwrap_err(), OpenError::NotAuthentic, "{name}");
    }
}

#[test]
fn only_its_recipients_unwrap_a_data_key() {
    let key = parse(&sealed()).unwrap();
    let not_a_recipient = recovery_key("cabinet").unwrap_data_key(&key).unwrap_err().to_string();
    let expected = format!(", but for {}", recipients(&key)[1].id());
    assert!(not_a_recipient.ends_with(&expected) && not_a_recipient.contains("(offline:"), "{not_a_recipient}");
    let mut changed = sealed();
    changed["recipients"][1]["wrapped_key"] = changed["recipients"][0]["wrapped_key"].clone();
    let error = recovery_key("safe").unwrap_data_key(&parse(&changed).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "its data key cannot be unwrapped: it was changed after it was sealed");
}

#[test]
fn a_secret_sealed_under_a_false_public_key_is_not_used() {
    let key = parse(&sealed()).unwrap();
    let data_key = recovery_key("safe").unwrap_data_key(&key).unwrap();
    let mut bytes = [7_u8; 32];
    for (last, expected) in [(0, OpenError::OtherKey), (0xff, OpenError::NotASecretKey)] {
        // Little-endian: the last byte decides whether the number is below the order of the group.
        bytes[31] = last;
        let ciphertext = data_key.encrypt(key.nonce, &key.associated_data(), &bytes).unwrap();
        let wrong = SealedKey { ciphertext: ciphertext.try_into().unwrap(), ..key.clone() };
        assert_eq!(wrong.open(&data_key).unwrap_err(), expected);
    }
}

/// Replaces a part of the JSON text.
fn with(from: &str, to: &str) -> String {
    let text = sealed().to_string();
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

#[test]
fn whatever_is_malformed_is_refused_with_its_place() {
    let text = sealed().to_string();
    let string = |pointer: &str| sealed().pointer(pointer).unwrap().as_str().unwrap().to_owned();
    let (ciphertext, nonce, fingerprint) = (string("/ciphertext"), string("/nonce"), string("/recipients/1/key"));
    let shorter = |text: &str, bytes: usize| STANDARD.encode(&STANDARD.decode(text).unwrap()[bytes..]);
    let only = |index: usize| {
        let mut sealed = sealed();
        sealed["recipients"] = json!([sealed["recipients"][index]]);
        sealed.to_string()
    };
    let mut twice = sealed();
    twice["recipients"][1] = twice["recipients"][0].clone();
    let mut short = sealed();
    let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
    short["recipients"][0]["public_key"] = STANDARD.encode(key.public_key().as_der().unwrap().as_ref()).into();
    for (text, expected) in [
        (text[..text.len() - 1].to_owned(), "not a sealed key: EOF while parsing"),
        (text.replace('{', "{\n").repeat(40), "bytes, expected at most 65536"),
        (with("sealed/1", "sealed/2"), "its format is \"sealed/2\", this release supports sealed/1"),
        (with("\"format\"", "\"Format\""), "not a sealed key: missing field `format`"),
        (with("\"nonce\"", "\"format\":\"sealed/1\",\"nonce\""), "not a sealed key: duplicate name 'format'"),
        (with("\"nonce\"", "\"note\":\"\",\"nonce\""), "not a sealed key: unknown field `note`"),
        (with("tz4E", "tz4F"), "address: expected tz4EECtMxAuJ9UDLaiMZH7G1GCFYUWsj8HZn, the address of public_key"),
        (with("BLpk1", "BLpk2"), "public_key: wrong checksum"),
        (
            with(&string("/public_key"), "p2pk66Y3178eHvgWFA4CDsgGPhbkWtwrYCVUKJnsAi41eGP7MbHKv24"),
            "public_key: a p256 key, expected BLpk…",
        ),
        (with("\"consensus\"", "\"Consensus\""), "role: \"Consensus\": expected consensus or companion"),
        (with("NetXdQ", "NetXdR"), "chain: wrong checksum"),
        (with("u7kYALg2ZXo=", ""), "store: the container has no _rid"),
        (with("\"signer\"", "\"\""), "store: a name is empty"),
        (with("\"rid\"", "\"digest\":\"\",\"rid\""), "unknown field `digest`"),
        (with("bakery-north", "Bakery-north"), "recipients[0]: expected it written as https://bakery-north."),
        (with("/0123456789abcdef0123456789abcdef", ""), "recipients[0]: expected <name>/<version> or"),
        (with("https://bakery-north", "bakery-north"), "recipients[0]: "),
        (with("https://bakery-north", "release:bakery-north"), "recipients[0]: https:// is missing"),
        (with("https://bakery-north", "Release:https://bakery-north"), "recipients[0]: "),
        (
            with("https://bakery-north.vault.azure.net/", "release:https://bakery-north.vault.azure.net:444/"),
            "recipients[0]: a vault that releases keys to confidential containers is called at port 443",
        ),
        (
            with("https://bakery-north", "release:https://Bakery-north"),
            "recipients[0]: expected it written as release:https://",
        ),
        (with(&fingerprint, &fingerprint[..71]), "recipients[1]: expected the SHA-256 of the public key"),
        (
            with(&fingerprint, &fingerprint.to_uppercase().replace("OFFLINE", "offline")),
            "recipients[1]: expected the SHA-256",
        ),
        (
            with(&fingerprint, &format!("offline:{}", "0".repeat(64))),
            "recipients[1]: the public key is not the one that",
        ),
        (with("RSA-OAEP-256", "RSA-OAEP"), "recipients[0]: algorithm: \"RSA-OAEP\", expected RSA-OAEP-256"),
        (with(&string("/recipients/0/public_key"), "MIIB"), "recipients[0]: expected an RSA public key"),
        (short.to_string(), "recipients[0]: an RSA key of 2048 bits is too short"),
        (
            with(&string("/recipients/0/wrapped_key"), &shorter(&string("/recipients/0/wrapped_key"), 1)),
            "recipients[0]: the wrapped key has 383 bytes, expected 384",
        ),
        (
            twice.to_string(),
            "recipients: https://bakery-north.vault.azure.net/keys/sealing/0123456789abcdef0123456789abcdef occurs twice",
        ),
        (only(0), "recipients: expected an offline recovery key"),
        (only(1), "recipients: expected a recipient in a vault"),
        (with(&nonce, &shorter(&nonce, 1)), "nonce: 11 bytes, expected 12"),
        (with(&ciphertext, &shorter(&ciphertext, 1)), "ciphertext: 47 bytes, expected 48"),
        (with(&ciphertext, &format!("{ciphertext}AAAA")), "ciphertext: 51 bytes, expected 48"),
        (with(&ciphertext, "?"), "ciphertext: expected base64"),
    ] {
        let error = SealedKey::from_json(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}\nexpected {expected}");
    }
}

#[test]
fn what_cannot_be_opened_again_is_not_sealed() {
    let key = parse(&sealed()).unwrap();
    let [north, safe] = &recipients(&key)[..] else { panic!("two recipients") };
    let secret = SecretKey::generate(Curve::Bls).unwrap();
    let seal = |secret: &SecretKey, recipients: &[RecipientKey]| {
        SealedKey::seal(secret, key.purpose().clone(), recipients).unwrap_err()
    };
    let twice =
        RecipientKey::new("https://bakery-west.vault.azure.net/keys/a/1".parse().unwrap(), north.public_key().clone());
    let id = |key: &RecipientKey| key.id().to_string();
    let twice = twice.unwrap();
    for (recipients, expected) in [
        (vec![north.clone()], InvalidRecipients::NoOffline),
        (vec![safe.clone()], InvalidRecipients::NoVault),
        (vec![], InvalidRecipients::NoVault),
        (vec![north.clone(), safe.clone(), north.clone()], InvalidRecipients::Repeated { id: id(north) }),
        (vec![north.clone(), twice.clone(), safe.clone()], InvalidRecipients::SameKey { id: id(&twice) }),
        (vec![safe.clone(); 17], InvalidRecipients::TooMany { found: 17 }),
    ] {
        assert_eq!(seal(&secret, &recipients), SealError::Recipients(expected));
    }
    let p256 = SecretKey::generate(Curve::P256).unwrap();
    assert_eq!(seal(&p256, &recipients(&key)), SealError::NotBls { curve: Curve::P256 });
    let container = |rid: &str| StoreIdentity::Container {
        account: "bakery".to_owned(),
        database: "signer".to_owned(),
        container: "marks".to_owned(),
        rid: rid.to_owned(),
    };
    for (store, expected) in [
        (container(""), InvalidPurpose::NoRid),
        (StoreIdentity::Embedded { id: String::new() }, InvalidPurpose::NotAnId),
        (StoreIdentity::Embedded { id: "0".repeat(31) + "A" }, InvalidPurpose::NotAnId),
    ] {
        assert_eq!(Purpose::new(Role::Consensus, key.purpose().chain(), store), Err(expected));
    }
}

#[test]
fn keys_of_another_form_are_refused_with_advice() {
    let pem = |label: &str| format!("-----BEGIN {label}-----\nMIIB\n-----END {label}-----\n");
    let private = file()["keys"]["safe"]["private_key"].as_str().unwrap().to_owned();
    for (text, expected) in [
        (String::new(), "expected an unencrypted private key in PEM"),
        (pem("PUBLIC KEY"), "expected an unencrypted private key in PEM"),
        (pem("PRIVATE KEY"), "expected an RSA private key"),
        (pem("ENCRYPTED PRIVATE KEY"), "encrypted with a password"),
        (pem("RSA PRIVATE KEY"), "the older form"),
    ] {
        let error: RecoveryKeyError = RecoveryKey::from_pem(&text).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    for (text, expected) in [
        (pem("CERTIFICATE"), "expected an RSA public key in PEM"),
        (pem("PUBLIC KEY"), "expected an RSA public key"),
        (private, "this is a private key, and only the public one is needed here"),
    ] {
        let error = RsaPublicKey::from_pem(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn nothing_secret_is_printed() {
    let key = parse(&sealed()).unwrap();
    let data_key = recovery_key("safe").unwrap_data_key(&key).unwrap();
    let secret = key.open(&data_key).unwrap();
    let private: Pkcs8V1Der<'_> = PrivateDecryptingKey::generate(KeySize::Rsa3072).unwrap().as_der().unwrap();
    let pem =
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(private.as_ref()));
    let recovery_key = RecoveryKey::from_pem(&pem).unwrap();
    let printed: [&dyn Debug; 4] = [&data_key, &secret, &recovery_key, &key];
    let expected = ["DataKey", "SecretKey(of tz4EECtMxAuJ9UDLaiMZH7G1GCFYUWsj8HZn)", "RecoveryKey(of ", "SealedKey {"];
    for (value, expected) in printed.into_iter().zip(expected) {
        let text = format!("{value:?}");
        assert!(text.starts_with(expected), "{text}");
        // As text, and as a list of numbers.
        for bytes in [data_key.as_bytes(), secret.to_bytes().as_slice()] {
            let numbers = format!("{bytes:?}").trim_matches(['[', ']']).to_owned();
            assert!(!text.contains(&numbers) && !text.contains(&hex::encode(bytes)), "{text}");
        }
    }
}
