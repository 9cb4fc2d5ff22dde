//! The changes, and what becomes of each key.

use crate::support::tz4;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const CHANGED: &str = "it was changed after it was sealed";
const ELSEWHERE: &str = "it is sealed for another mark store";

/// What was changed in a file.
pub(super) enum Change {
    /// These fields, each to a value that is computed from the file and that of another key.
    Fields(&'static [&'static str], fn(&mut Value, &Value)),
    /// The bytes of the file.
    Bytes(fn(&[u8]) -> Vec<u8>),
}
use Change::{Bytes, Fields};

/// How a request for the key ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// 404, with the reason.
    Unusable,
    /// 404: a file that is not a sealed key has no address.
    Unknown,
    /// 500: the vault does not unwrap the data key, and might later.
    Failed,
}
use Answer::{Failed, Unknown, Unusable};

/// The name of the file, what is changed in it, how a request for its key ends, and the reason that is logged.
pub(super) type Row = (&'static str, Change, Answer, &'static str);

/// Changes the bytes that the string at `pointer` encodes.
fn change_bytes(file: &mut Value, pointer: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let field = file.pointer_mut(pointer).unwrap();
    let mut bytes = STANDARD.decode(field.as_str().unwrap()).unwrap();
    change(&mut bytes);
    *field = STANDARD.encode(bytes).into();
}

fn flip(file: &mut Value, pointer: &str, index: usize) {
    change_bytes(file, pointer, |bytes| bytes[index] ^= 1);
}

fn cut(file: &mut Value, pointer: &str) {
    change_bytes(file, pointer, |bytes| bytes.truncate(bytes.len() - 1));
}

fn replace(file: &mut Value, pointer: &str, from: &str, to: &str) {
    let field = file.pointer_mut(pointer).unwrap();
    let text = field.as_str().unwrap();
    assert!(text.contains(from), "{text}");
    *field = text.replacen(from, to, 1).into();
}

fn take(file: &mut Value, other: &Value, pointers: &[&str]) {
    for pointer in pointers {
        *file.pointer_mut(pointer).unwrap() = other.pointer(pointer).unwrap().clone();
    }
}

/// Recipient 0 cannot be reached, recipient 1 is in the vault, recipient 2 is the recovery key.
pub(super) const CHANGES: &[Row] = &[
    (
        "format",
        Fields(&["/format"], |file, _| file["format"] = json!("sealed/2")),
        Unknown,
        "its format is \"sealed/2\"",
    ),
    (
        "address",
        Fields(&["/address"], |file, other| take(file, other, &["/address"])),
        Unknown,
        "address: expected tz4",
    ),
    (
        "public-key",
        Fields(&["/public_key"], |file, other| take(file, other, &["/public_key"])),
        Unknown,
        "address: expected tz4",
    ),
    // A key of that address is served already, and has two files then; so the address is that of a key without a file.
    (
        "address-and-public-key",
        Fields(&["/address", "/public_key"], |file, _| {
            file["address"] = json!(tz4::ADDRESS);
            file["public_key"] = json!("BLpk1yUiLJ7RezbyViD5ZvWTfQndM3TRRYmvYWkUfH2EJqsLFnzzvpJss6pbuz3U1DDMpk8v16nV");
        }),
        Unknown,
        CHANGED,
    ),
    ("role", Fields(&["/role"], |file, _| file["role"] = json!("companion")), Unusable, CHANGED),
    ("role-of-no-key", Fields(&["/role"], |file, _| file["role"] = json!("baker")), Unknown, "role: \"baker\""),
    ("chain", Fields(&["/chain"], |file, _| file["chain"] = json!("NetXnHfVqm9iesp")), Unusable, CHANGED),
    (
        "type-of-store",
        Fields(&["/store/store"], |file, _| file["store"]["store"] = json!("embedded")),
        Unknown,
        "store",
    ),
    (
        "embedded-store",
        Fields(&["/store"], |file, _| {
            file["store"] = json!({"store": "embedded", "id": "00112233445566778899aabbccddeeff"});
        }),
        Unusable,
        ELSEWHERE,
    ),
    ("account", Fields(&["/store/account"], |file, _| file["store"]["account"] = json!("other")), Unusable, ELSEWHERE),
    (
        "database",
        Fields(&["/store/database"], |file, _| file["store"]["database"] = json!("other")),
        Unusable,
        ELSEWHERE,
    ),
    (
        "container",
        Fields(&["/store/container"], |file, _| file["store"]["container"] = json!("o")),
        Unusable,
        ELSEWHERE,
    ),
    ("rid", Fields(&["/store/rid"], |file, _| file["store"]["rid"] = json!("u7kYALg2ZXo=")), Unusable, ELSEWHERE),
    (
        "no-rid",
        Fields(&["/store/rid"], |file, _| file["store"]["rid"] = json!("")),
        Unknown,
        "the container has no _rid",
    ),
    (
        "vault-of-a-recipient",
        Fields(&["/recipients/0/key"], |file, _| replace(file, "/recipients/0/key", "lost", "found")),
        Unusable,
        CHANGED,
    ),
    (
        "version-of-the-recipient",
        Fields(&["/recipients/1/key"], |file, _| {
            let key = file["recipients"][1]["key"].as_str().unwrap();
            file["recipients"][1]["key"] = json!(format!("{key}0"));
        }),
        Failed,
        "KeyNotFound",
    ),
    (
        "identifier-of-the-recovery-key",
        Fields(&["/recipients/2/key"], |file, _| {
            file["recipients"][2]["key"] = json!(format!("offline:{}", "0".repeat(64)));
        }),
        Unknown,
        "recipients[2]: the public key is not the one",
    ),
    (
        "algorithms",
        Fields(&["/recipients/0/algorithm", "/recipients/1/algorithm", "/recipients/2/algorithm"], |file, _| {
            for recipient in file["recipients"].as_array_mut().unwrap() {
                recipient["algorithm"] = json!("RSA1_5");
            }
        }),
        Unknown,
        "recipients[0]: algorithm: \"RSA1_5\"",
    ),
    (
        "public-key-of-a-recipient",
        Fields(&["/recipients/0/public_key"], |file, _| flip(file, "/recipients/0/public_key", 100)),
        Unusable,
        CHANGED,
    ),
    (
        "public-key-of-the-recipient",
        Fields(&["/recipients/1/public_key"], |file, _| flip(file, "/recipients/1/public_key", 100)),
        Unusable,
        CHANGED,
    ),
    (
        "public-key-of-the-recovery-key",
        Fields(&["/recipients/2/public_key"], |file, _| flip(file, "/recipients/2/public_key", 100)),
        Unknown,
        "recipients[2]: the public key is not the one",
    ),
    (
        "wrapped-key-of-a-recipient",
        Fields(&["/recipients/0/wrapped_key"], |file, _| flip(file, "/recipients/0/wrapped_key", 9)),
        Unusable,
        CHANGED,
    ),
    (
        "wrapped-key-of-the-recipient",
        Fields(&["/recipients/1/wrapped_key"], |file, _| flip(file, "/recipients/1/wrapped_key", 9)),
        Failed,
        "could not be decrypted",
    ),
    (
        "wrapped-key-of-the-recovery-key",
        Fields(&["/recipients/2/wrapped_key"], |file, _| flip(file, "/recipients/2/wrapped_key", 9)),
        Unusable,
        CHANGED,
    ),
    (
        "wrapped-key-of-another-key",
        Fields(&["/recipients/1/wrapped_key"], |file, other| take(file, other, &["/recipients/1/wrapped_key"])),
        Unusable,
        "the data key belongs to another sealed key",
    ),
    (
        "recipients-of-another-key",
        Fields(&["/recipients"], |file, other| take(file, other, &["/recipients"])),
        Unusable,
        CHANGED,
    ),
    (
        "order-of-recipients",
        Fields(&["/recipients"], |file, _| file["recipients"].as_array_mut().unwrap().rotate_left(1)),
        Unusable,
        CHANGED,
    ),
    (
        "one-recipient-less",
        Fields(&["/recipients"], |file, _| drop(file["recipients"].as_array_mut().unwrap().remove(0))),
        Unusable,
        CHANGED,
    ),
    (
        "no-recovery-key",
        Fields(&["/recipients"], |file, _| drop(file["recipients"].as_array_mut().unwrap().pop())),
        Unknown,
        "expected an offline recovery key",
    ),
    ("nonce", Fields(&["/nonce"], |file, _| flip(file, "/nonce", 11)), Unusable, CHANGED),
    ("shorter-nonce", Fields(&["/nonce"], |file, _| cut(file, "/nonce")), Unknown, "nonce: 11 bytes"),
    ("ciphertext", Fields(&["/ciphertext"], |file, _| flip(file, "/ciphertext", 0)), Unusable, CHANGED),
    ("tag", Fields(&["/ciphertext"], |file, _| flip(file, "/ciphertext", 47)), Unusable, CHANGED),
    (
        "shorter-ciphertext",
        Fields(&["/ciphertext"], |file, _| cut(file, "/ciphertext")),
        Unknown,
        "ciphertext: 47 bytes",
    ),
    (
        "secret-of-another-key",
        Fields(&["/nonce", "/ciphertext", "/recipients"], |file, other| {
            take(file, other, &["/nonce", "/ciphertext", "/recipients"]);
        }),
        Unusable,
        CHANGED,
    ),
    ("one-field-more", Fields(&[], |file, _| file["note"] = json!("")), Unknown, "unknown field `note`"),
    ("empty", Bytes(|_| Vec::new()), Unknown, "not a sealed key: EOF"),
    ("half", Bytes(|bytes| bytes[..bytes.len() / 2].to_vec()), Unknown, "not a sealed key: EOF"),
    // The line break after the last brace may be missing.
    ("without-the-last-brace", Bytes(|bytes| bytes[..bytes.len() - 2].to_vec()), Unknown, "not a sealed key: EOF"),
    ("twice", Bytes(|bytes| bytes.repeat(2)), Unknown, "not a sealed key: trailing characters"),
    ("zeros-after-a-power-failure", Bytes(|bytes| vec![0; bytes.len()]), Unknown, "not a sealed key: expected value"),
    ("not-utf-8", Bytes(|bytes| [bytes, &[0xff]].concat()), Unknown, "UTF-8"),
];
