//! Sealed keys whose files were changed, one part at a time: such a key does not sign, the log says why, and the others sign.

use super::instance::Instance;
use super::sealed::{Bakery, Sealed};
use crate::support::eventually::eventually;
use crate::support::payloads::bls_attestation;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::{fs, thread};

const CHANGED: &str = "it was changed after it was sealed";
const ELSEWHERE: &str = "it is sealed for another mark store";

/// What was changed in a file.
enum Change {
    /// These fields, each to a value that is computed from the file and that of another key.
    Fields(&'static [&'static str], fn(&mut Value, &Value)),
    /// The bytes of the file.
    Bytes(fn(&[u8]) -> Vec<u8>),
}
use Change::{Bytes, Fields};

/// Where a request for the key ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// 404, with the reason.
    Unusable,
    /// 404: a file that is not a sealed key has no address.
    Unknown,
    /// 500: the vault does not unwrap the data key, and might later.
    Failed,
}
use Answer::{Failed, Unknown, Unusable};

type Row = (&'static str, Change, Answer, &'static str);

/// The string at `pointer`, with one bit of the bytes that it encodes flipped.
fn flip(file: &mut Value, pointer: &str, index: usize) {
    let field = file.pointer_mut(pointer).unwrap();
    let mut bytes = STANDARD.decode(field.as_str().unwrap()).unwrap();
    bytes[index] ^= 1;
    *field = STANDARD.encode(bytes).into();
}

fn cut(file: &mut Value, pointer: &str) {
    let field = file.pointer_mut(pointer).unwrap();
    let mut bytes = STANDARD.decode(field.as_str().unwrap()).unwrap();
    bytes.pop();
    *field = STANDARD.encode(bytes).into();
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
const CHANGES: &[Row] = &[
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
            file["address"] = json!("tz4EECtMxAuJ9UDLaiMZH7G1GCFYUWsj8HZn");
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

/// The pointers of all values in the file that are not objects or lists.
fn leaves(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| leaves(value, &format!("{path}/{name}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| leaves(value, &format!("{path}/{index}"), found));
        }
        _ => drop(found.insert(path.to_owned())),
    }
}

/// Sealed keys, one for each change, and two that stay as they are.
struct Tampering<'a> {
    bakery: &'a Bakery,
    rows: Vec<(&'a Row, Sealed, Vec<u8>)>,
    good: [Sealed; 2],
}

impl<'a> Tampering<'a> {
    fn new(bakery: &'a Bakery, answers: &[Answer]) -> Self {
        let rows = CHANGES.iter().filter(|(_, _, answer, _)| answers.contains(answer));
        let rows = rows.map(|row| {
            let key = bakery.create(row.0, "consensus");
            (row, key, fs::read(bakery.path(&format!("sealed/{}.json", row.0))).unwrap())
        });
        let rows = rows.collect();
        Self { bakery, rows, good: [bakery.create("good", "consensus"), bakery.create("other", "companion")] }
    }

    fn tamper(&self) {
        let other: Value = serde_json::from_slice(&fs::read(self.bakery.path("sealed/other.json")).unwrap()).unwrap();
        for ((name, change, _, _), _, original) in &self.rows {
            let changed = match change {
                Fields(fields, change) => {
                    let mut file: Value = serde_json::from_slice(original).unwrap();
                    let before = file.clone();
                    change(&mut file, &other);
                    assert!(fields.iter().all(|field| before.pointer(field) != file.pointer(field)), "{name}");
                    file.to_string().into_bytes()
                }
                Bytes(change) => change(original),
            };
            fs::write(self.bakery.path(&format!("sealed/{name}.json")), changed).unwrap();
        }
    }

    fn restore(&self) {
        for ((name, ..), _, original) in &self.rows {
            fs::write(self.bakery.path(&format!("sealed/{name}.json")), original).unwrap();
        }
    }

    /// The signer serves the keys that were not changed, and says why not the others.
    fn assert_disabled(&self, signer: &Instance, level: u32) {
        let mut served: Vec<_> = self.good.iter().map(|key| key.hash.clone()).collect();
        served.sort();
        eventually("the end of the others", || (signer.keys() == served).then_some(()));
        let vote = bls_attestation(level, 0, 0);
        for key in &self.good {
            key.verify(&vote, &signer.eventually_signs(&key.hash, &vote));
        }
        for ((name, _, _, reason), _, _) in &self.rows {
            eventually(name, || reasons(signer, name).iter().any(|logged| logged.contains(reason)).then_some(()));
        }
        // All at once, because each waits for a search.
        thread::scope(|scope| {
            for ((name, _, answer, reason), key, _) in &self.rows {
                let vote = &vote;
                scope.spawn(move || {
                    let sign = || signer.sign(&key.hash, vote);
                    let answered = match answer {
                        Failed => sign(),
                        // 500 until a search that begins after the request.
                        Unusable | Unknown => eventually(name, || Some(sign()).filter(|answer| answer.status != 500)),
                    };
                    let expected = if *answer == Failed { 500 } else { 404 };
                    assert_eq!(answered.status, expected, "{name}: {answered:?}");
                    if *answer == Unusable {
                        assert!(answered.error().contains(reason), "{name}: {answered:?}");
                    }
                });
            }
        });
    }
}

/// Why this file does not sign, as logged so far.
fn reasons(signer: &Instance, name: &str) -> Vec<String> {
    let lines = signer.log();
    let fields = lines.iter().filter_map(|line| Some(serde_json::from_str::<Value>(line).ok()?.get("fields")?.clone()));
    let of_file = fields.filter(|fields| fields["event"] == "sealed_key_unusable" && fields["name"] == name);
    of_file.map(|fields| fields["reason"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_changed_file_disables_its_key_only_even_while_it_is_open_and_the_log_says_why() {
    let bakery = Bakery::new();
    let tampering = Tampering::new(&bakery, &[Unusable, Unknown]);
    let running = bakery.start(&[]);
    let all = tampering.rows.len() + tampering.good.len();
    eventually("all keys", || (running.keys().len() == all).then_some(()));
    tampering.tamper();
    tampering.assert_disabled(&running, 5);
    let restarted = bakery.start(&[]);
    tampering.assert_disabled(&restarted, 6);
    tampering.restore();
    for (row, key, _) in &tampering.rows {
        let signature = restarted.eventually_signs_again(&key.hash, &bls_attestation(7, 0, 0));
        key.verify(&bls_attestation(7, 0, 0), &signature);
        assert_eq!(restarted.sign(&key.hash, &bls_attestation(7, 0, 1)).status, 409, "{}", row.0);
    }
}

#[test]
fn what_the_vault_does_not_unwrap_is_not_opened_and_fails() {
    let bakery = Bakery::new();
    let tampering = Tampering::new(&bakery, &[Failed]);
    tampering.tamper();
    tampering.assert_disabled(&bakery.start(&[]), 5);
}

#[test]
fn each_field_of_a_file_is_among_the_changes() {
    let bakery = Bakery::new();
    bakery.create("baker", "consensus");
    let file = serde_json::from_slice(&fs::read(bakery.path("sealed/baker.json")).unwrap()).unwrap();
    let mut expected = BTreeSet::new();
    leaves(&file, "", &mut expected);
    let mut changed = BTreeSet::new();
    for (_, change, _, _) in CHANGES {
        if let Fields(fields, _) = change {
            changed.extend(fields.iter().map(|field| (*field).to_owned()));
        }
    }
    let missing: Vec<_> = expected.difference(&changed).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn files_that_have_exchanged_their_names_are_the_same_keys() {
    let bakery = Bakery::new();
    let (consensus, companion) = (bakery.create("a", "consensus"), bakery.create("b", "companion"));
    let [a, b, between] = ["sealed/a.json", "sealed/b.json", "between"].map(|name| bakery.path(name));
    let signer = bakery.start(&[]);
    signer.eventually_signs(&consensus.hash, &bls_attestation(5, 0, 0));
    signer.eventually_signs(&companion.hash, &bls_attestation(5, 0, 0));
    for (from, to) in [(&a, &between), (&b, &a), (&between, &b)] {
        fs::rename(from, to).unwrap();
    }
    eventually("the new names", || {
        let keys = signer.get("/keys").json();
        let named = |name: &str, key: &Sealed| {
            keys.as_array().unwrap().iter().any(|found| found["name"] == name && found["public_key_hash"] == *key.hash)
        };
        (named("a", &companion) && named("b", &consensus)).then_some(())
    });
    for key in [&consensus, &companion] {
        key.verify(&bls_attestation(6, 0, 0), &signer.eventually_signs(&key.hash, &bls_attestation(6, 0, 0)));
        assert_eq!(signer.sign(&key.hash, &bls_attestation(5, 0, 1)).status, 409);
    }
    // The roles have not moved with the names.
    assert_eq!(signer.sign(&companion.hash, &crate::support::payloads::block(7, 0, 0)).status, 403);
    signer.sign(&consensus.hash, &crate::support::payloads::block(7, 0, 0)).signature();
}
