//! Sealed keys whose files were changed, one part at a time: such a key does not sign, the log says why, and the others sign.

mod changes;

use super::instance::Instance;
use super::sealed::{Bakery, Sealed};
use crate::support::eventually::eventually;
use crate::support::payloads::{block, bls_attestation};
use changes::Answer::{self, Failed, Unknown, Unusable};
use changes::{CHANGES, Row};
use serde_json::Value;
use std::collections::BTreeSet;
use std::{fs, thread};

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
            fs::write(self.bakery.path(&format!("sealed/{name}.json")), change.applied(original, &other)).unwrap();
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
    let changed = CHANGES.iter().flat_map(|(_, change, _, _)| change.fields());
    let changed: BTreeSet<_> = changed.map(|field| (*field).to_owned()).collect();
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
    assert_eq!(signer.sign(&companion.hash, &block(7, 0, 0)).status, 403);
    signer.sign(&consensus.hash, &block(7, 0, 0)).signature();
}
