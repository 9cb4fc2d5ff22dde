//! The changes, and what becomes of each key.

use crate::support::tz4;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const CHANGED: &str = "it was changed after it was sealed";
const ELSEWHERE: &str = "it is sealed for another mark store";

/// What was changed in a file.
pub(super) enum Change {
    /// Each of these fields, given the same field in the file of another key.
    Fields(&'static [&'static str], fn(&mut Value, &Value)),
    /// These fields of the whole file.
    File(&'static [&'static str], fn(&mut Value)),
    /// The bytes of the file.
    Bytes(fn(&[u8]) -> Vec<u8>),
}
use Change::{Bytes, Fields, File};

impl Change {
    /// The fields that it changes.
    pub(super) fn fields(&self) -> &'static [&'static str] {
        match self {
            Fields(fields, _) | File(fields, _) => fields,
            Bytes(_) => &[],
        }
    }

    /// The changed file, given that of another key.
    pub(super) fn applied(&self, original: &[u8], other: &Value) -> Vec<u8> {
        let before: Value = serde_json::from_slice(original).unwrap();
        let mut file = before.clone();
        match self {
            Fields(fields, change) => {
                for field in *fields {
                    change(file.pointer_mut(field).unwrap(), other.pointer(field).unwrap_or(&Value::Null));
                }
            }
            File(_, change) => change(&mut file),
            Bytes(change) => return change(original),
        }
        assert!(self.fields().iter().all(|field| before.pointer(field) != file.pointer(field)), "{:?}", self.fields());
        file.to_string().into_bytes()
    }
}

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

/// Changes the bytes that a string encodes.
fn change_bytes(field: &mut Value, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = STANDARD.decode(field.as_str().unwrap()).unwrap();
    change(&mut bytes);
    *field = STANDARD.encode(bytes).into();
}

fn flip(field: &mut Value, index: usize) {
    change_bytes(field, |bytes| bytes[index] ^= 1);
}

fn cut(field: &mut Value) {
    change_bytes(field, |bytes| bytes.truncate(bytes.len() - 1));
}

fn replace(field: &mut Value, from: &str, to: &str) {
    let text = field.as_str().unwrap();
    assert!(text.contains(from), "{text}");
    *field = text.replacen(from, to, 1).into();
}

fn take(field: &mut Value, other: &Value) {
    *field = other.clone();
}

/// Recipient 0 cannot be reached, recipient 1 is in the vault, recipient 2 is the recovery key.
pub(super) const CHANGES: &[Row] = &[
    ("format", Fields(&["/format"], |field, _| *field = json!("sealed/2")), Unknown, "its format is \"sealed/2\""),
    ("address", Fields(&["/address"], take), Unknown, "address: expected tz4"),
    ("public-key", Fields(&["/public_key"], take), Unknown, "address: expected tz4"),
    // A key of that address is served already, and has two files then; so the address is that of a key without a file.
    (
        "address-and-public-key",
        File(&["/address", "/public_key"], |file| {
            file["address"] = json!(tz4::ADDRESS);
            file["public_key"] = json!("BLpk1yUiLJ7RezbyViD5ZvWTfQndM3TRRYmvYWkUfH2EJqsLFnzzvpJss6pbuz3U1DDMpk8v16nV");
        }),
        Unknown,
        CHANGED,
    ),
    ("role", Fields(&["/role"], |field, _| *field = json!("companion")), Unusable, CHANGED),
    ("role-of-no-key", Fields(&["/role"], |field, _| *field = json!("baker")), Unknown, "role: \"baker\""),
    ("chain", Fields(&["/chain"], |field, _| *field = json!("NetXnHfVqm9iesp")), Unusable, CHANGED),
    ("type-of-store", Fields(&["/store/store"], |field, _| *field = json!("embedded")), Unknown, "store"),
    (
        "embedded-store",
        Fields(&["/store"], |field, _| {
            *field = json!({"store": "embedded", "id": "00112233445566778899aabbccddeeff"});
        }),
        Unusable,
        ELSEWHERE,
    ),
    ("account", Fields(&["/store/account"], |field, _| *field = json!("other")), Unusable, ELSEWHERE),
    ("database", Fields(&["/store/database"], |field, _| *field = json!("other")), Unusable, ELSEWHERE),
    ("container", Fields(&["/store/container"], |field, _| *field = json!("o")), Unusable, ELSEWHERE),
    ("rid", Fields(&["/store/rid"], |field, _| *field = json!("u7kYALg2ZXo=")), Unusable, ELSEWHERE),
    ("no-rid", Fields(&["/store/rid"], |field, _| *field = json!("")), Unknown, "the container has no _rid"),
    (
        "vault-of-a-recipient",
        Fields(&["/recipients/0/key"], |field, _| replace(field, "lost", "found")),
        Unusable,
        CHANGED,
    ),
    (
        "version-of-the-recipient",
        Fields(&["/recipients/1/key"], |field, _| {
            *field = json!(format!("{}0", field.as_str().unwrap()));
        }),
        Failed,
        "KeyNotFound",
    ),
    (
        "identifier-of-the-recovery-key",
        Fields(&["/recipients/2/key"], |field, _| {
            *field = json!(format!("offline:{}", "0".repeat(64)));
        }),
        Unknown,
        "recipients[2]: the public key is not the one",
    ),
    (
        "algorithms",
        Fields(&["/recipients/0/algorithm", "/recipients/1/algorithm", "/recipients/2/algorithm"], |field, _| {
            *field = json!("RSA1_5");
        }),
        Unknown,
        "recipients[0]: algorithm: \"RSA1_5\"",
    ),
    (
        "public-key-of-a-recipient",
        Fields(&["/recipients/0/public_key"], |field, _| flip(field, 100)),
        Unusable,
        CHANGED,
    ),
    (
        "public-key-of-the-recipient",
        Fields(&["/recipients/1/public_key"], |field, _| flip(field, 100)),
        Unusable,
        CHANGED,
    ),
    (
        "public-key-of-the-recovery-key",
        Fields(&["/recipients/2/public_key"], |field, _| flip(field, 100)),
        Unknown,
        "recipients[2]: the public key is not the one",
    ),
    (
        "wrapped-key-of-a-recipient",
        Fields(&["/recipients/0/wrapped_key"], |field, _| flip(field, 9)),
        Unusable,
        CHANGED,
    ),
    (
        "wrapped-key-of-the-recipient",
        Fields(&["/recipients/1/wrapped_key"], |field, _| flip(field, 9)),
        Failed,
        "could not be decrypted",
    ),
    (
        "wrapped-key-of-the-recovery-key",
        Fields(&["/recipients/2/wrapped_key"], |field, _| flip(field, 9)),
        Unusable,
        CHANGED,
    ),
    (
        "wrapped-key-of-another-key",
        Fields(&["/recipients/1/wrapped_key"], take),
        Unusable,
        "the data key belongs to another sealed key",
    ),
    ("recipients-of-another-key", Fields(&["/recipients"], take), Unusable, CHANGED),
    (
        "order-of-recipients",
        Fields(&["/recipients"], |field, _| field.as_array_mut().unwrap().rotate_left(1)),
        Unusable,
        CHANGED,
    ),
    (
        "one-recipient-less",
        Fields(&["/recipients"], |field, _| drop(field.as_array_mut().unwrap().remove(0))),
        Unusable,
        CHANGED,
    ),
    (
        "no-recovery-key",
        Fields(&["/recipients"], |field, _| drop(field.as_array_mut().unwrap().pop())),
        Unknown,
        "expected an offline recovery key",
    ),
    ("nonce", Fields(&["/nonce"], |field, _| flip(field, 11)), Unusable, CHANGED),
    ("shorter-nonce", Fields(&["/nonce"], |field, _| cut(field)), Unknown, "nonce: 11 bytes"),
    ("ciphertext", Fields(&["/ciphertext"], |field, _| flip(field, 0)), Unusable, CHANGED),
    ("tag", Fields(&["/ciphertext"], |field, _| flip(field, 47)), Unusable, CHANGED),
    ("shorter-ciphertext", Fields(&["/ciphertext"], |field, _| cut(field)), Unknown, "ciphertext: 47 bytes"),
    ("secret-of-another-key", Fields(&["/nonce", "/ciphertext", "/recipients"], take), Unusable, CHANGED),
    ("one-field-more", File(&[], |file| file["note"] = json!("")), Unknown, "unknown field `note`"),
    ("empty", Bytes(|_| Vec::new()), Unknown, "not a sealed key: EOF"),
    ("half", Bytes(|bytes| bytes[..bytes.len() / 2].to_vec()), Unknown, "not a sealed key: EOF"),
    // The line break after the last brace may be missing.
    ("without-the-last-brace", Bytes(|bytes| bytes[..bytes.len() - 2].to_vec()), Unknown, "not a sealed key: EOF"),
    ("twice", Bytes(|bytes| bytes.repeat(2)), Unknown, "not a sealed key: trailing characters"),
    ("zeros-after-a-power-failure", Bytes(|bytes| vec![0; bytes.len()]), Unknown, "not a sealed key: expected value"),
    ("not-utf-8", Bytes(|bytes| [bytes, &[0xff]].concat()), Unknown, "UTF-8"),
];
