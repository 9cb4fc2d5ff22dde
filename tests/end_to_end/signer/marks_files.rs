//! Files of marks: the records of other signers, and this program's exports, can be imported and take effect.

use crate::support::http;
use crate::support::payloads::{MAINNET, block, payload};
use crate::support::process::{Signer, complaint, printed, run};
use azurehsm_signer::tezos::Digest;
use azurehsm_signer::tezos::payload::Kind;
use serde_json::{Value, json};
use std::path::Path;

const KEY: &str = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";
const SECRET_KEY: &str = "p2sk2g5Btw8MK7fnhQg9d7DaE8QYX8A89BLWaqWTQcHuATYY3ABjD9";

#[test]
fn marks_of_octez_signer_are_imported_and_take_effect() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    printed(&run(&data, &["keys", "import", "baker"], SECRET_KEY));
    let signed = block(100, 2, 7);
    let secret = azurehsm_signer::tezos::SecretKey::from_text(SECRET_KEY).unwrap();
    let signature = secret.sign(&signed, azurehsm_signer::tezos::BlsScheme::default()).unwrap().to_string();
    let vote = payload(Kind::Attestation, 100, 0, 7);
    for (name, payload) in [("block", &signed), ("attestation", &vote)] {
        let mark = json!({
            MAINNET: {KEY: {"level": 100, "round": if name == "block" { 2 } else { 0 },
                "hash": Digest::of(payload).to_string(), "signature": signature}}
        });
        std::fs::write(folder.path().join(format!("{name}_high_watermarks")), mark.to_string()).unwrap();
    }
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let files = [file("block_high_watermarks"), file("attestation_high_watermarks")];
    let arguments = ["marks", "import", &files[0], &files[1]];
    assert!(printed(&run(&data, &arguments, "")).contains("block: set to level 100, round 2"));
    assert!(printed(&run(&data, &arguments, "")).contains("block: kept at level 100, round 2"));

    let signer = Signer::start(&data, &[]);
    assert_eq!(http::sign(signer.address, KEY, &signed).unwrap().signature(), signature);
    for (payload, status) in [
        (block(100, 2, 8), 409),
        (block(100, 1, 7), 409),
        (vote.clone(), 200),
        (payload(Kind::Attestation, 100, 0, 8), 409),
        (payload(Kind::Attestation, 99, 0, 7), 409),
        (payload(Kind::Preattestation, 1, 0, 7), 200),
        (block(101, 0, 7), 200),
    ] {
        assert_eq!(http::sign(signer.address, KEY, &payload).unwrap().status, status);
    }
}

/// A hash in Signatory's format.
fn block_payload_hash(payload: &[u8]) -> String {
    oracle::base58::encode(&[&[0x01, 0x6a, 0xf2], Digest::of(payload).as_bytes().as_slice()].concat())
}

#[test]
fn marks_of_signatory_are_imported() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let path = folder.path().join(format!("{MAINNET}.json"));
    let vote = payload(Kind::Attestation, 100, 1, 7);
    let marks = json!({KEY: {
        "block": {"level": 100, "round": 0, "hash": null},
        "preendorsement": {"level": 101, "round": 0},
        "endorsement": {"level": 100, "round": 1, "hash": block_payload_hash(&vote)},
    }});
    std::fs::write(&path, marks.to_string()).unwrap();
    printed(&run(&data, &["marks", "import", path.to_str().unwrap()], ""));
    let list = printed(&run(&data, &["marks", "list"], ""));
    for expected in [
        format!("{MAINNET}  {KEY}  block  level 100, all rounds  raised by hand"),
        format!("{MAINNET}  {KEY}  preattestation  level 101, round 0  raised by hand"),
        format!("{MAINNET}  {KEY}  attestation  level 100, round 1  {}", Digest::of(&vote)),
    ] {
        assert!(list.contains(&expected), "{expected} is not in:\n{list}");
    }
}

/// Some records have several marks of one kind, and files can be imported in any order.
#[test]
fn the_highest_of_several_marks_of_one_kind_counts_in_any_order() {
    let vote = |level, round, variant| payload(Kind::Attestation, level, round, variant);
    let record =
        |level: u32, round: u32, hash: &[u8]| json!({"level": level, "round": round, "hash": block_payload_hash(hash)});
    let signatory = |marks: Value| (format!("{MAINNET}.json"), json!({KEY: marks}).to_string());
    let octez = |record: Value| ("attestation_high_watermarks".to_owned(), json!({MAINNET: {KEY: record}}).to_string());
    for (what, files, expected) in [
        (
            "a DAL baker who votes with DAL content last",
            vec![signatory(json!({
                "attestation": record(100, 1, &vote(100, 1, 7)),
                "attestation_with_dal": record(101, 0, &vote(101, 0, 7)),
            }))],
            vec![(vote(101, 0, 8), 409), (vote(100, 1, 7), 409), (vote(101, 0, 7), 200), (vote(101, 1, 8), 200)],
        ),
        (
            "a DAL baker who votes without DAL content last",
            vec![signatory(json!({
                "attestation": record(102, 0, &vote(102, 0, 7)),
                "attestation_with_dal": record(101, 3, &vote(101, 3, 7)),
            }))],
            vec![(vote(101, 3, 7), 409), (vote(101, 4, 7), 409), (vote(102, 0, 7), 200), (vote(102, 1, 7), 200)],
        ),
        (
            "two votes of one slot, so that neither may be repeated",
            vec![signatory(json!({
                "attestation": record(100, 1, &vote(100, 1, 7)),
                "attestation_with_dal": record(100, 1, &vote(100, 1, 8)),
            }))],
            vec![(vote(100, 1, 7), 409), (vote(100, 1, 8), 409), (vote(100, 2, 7), 200)],
        ),
        (
            "a record without a round covers the whole level",
            vec![octez(json!({"level": 100, "hash": Digest::of(&vote(100, 0, 7)).to_string()}))],
            vec![(vote(100, 0, 7), 409), (vote(100, 5, 7), 409), (vote(101, 0, 7), 200)],
        ),
        (
            "files of two signers",
            vec![
                signatory(json!({"attestation": record(100, 4, &vote(100, 4, 7))})),
                octez(json!({"level": 101, "round": 0, "hash": Digest::of(&vote(101, 0, 7)).to_string()})),
            ],
            vec![(vote(100, 5, 7), 409), (vote(101, 0, 8), 409), (vote(101, 0, 7), 200), (vote(101, 1, 7), 200)],
        ),
    ] {
        for is_reversed in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let data = folder.path().join("data");
            printed(&run(&data, &["keys", "import", "baker"], SECRET_KEY));
            let mut paths: Vec<_> = files.iter().map(|(name, contents)| write(folder.path(), name, contents)).collect();
            if is_reversed {
                paths.reverse();
            }
            let arguments: Vec<_> = ["marks", "import"].into_iter().chain(paths.iter().map(String::as_str)).collect();
            let lines = printed(&run(&data, &arguments, ""));
            assert_eq!(lines.matches("attestation: ").count(), 1, "{what}: {lines}");
            let signer = Signer::start(&data, &[]);
            for (payload, status) in &expected {
                let answer = http::sign(signer.address, KEY, payload).unwrap();
                assert_eq!(answer.status, *status, "{what}, reversed: {is_reversed}: {answer:?}");
            }
        }
    }
}

/// Writes a file, and returns its path.
fn write(folder: &Path, name: &str, contents: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::write(&path, contents).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn an_export_is_imported_elsewhere_and_never_lowers_a_mark() {
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    let raise = |data: &Path, level: &str, kind: &str| {
        printed(&run(data, &["marks", "raise", MAINNET, KEY, level, "--round", "1", "--kind", kind], ""))
    };
    raise(&here, "100", "block");
    raise(&here, "200", "attestation");
    raise(&there, "150", "block");
    raise(&there, "150", "attestation");
    assert!(raise(&there, "149", "block").contains("kept at level 150, round 1"));
    let export = folder.path().join("marks.json");
    std::fs::write(&export, printed(&run(&here, &["marks", "export"], ""))).unwrap();
    printed(&run(&there, &["marks", "import", export.to_str().unwrap()], ""));
    let list = printed(&run(&there, &["marks", "list"], ""));
    assert!(list.contains("block  level 150, round 1") && list.contains("attestation  level 200, round 1"), "{list}");
}

#[test]
fn files_that_are_not_marks_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let path = folder.path().join("file.json");
    let good = json!({"level": 1, "round": 0});
    for (contents, expected) in [
        ("nonsense".to_owned(), "not JSON"),
        ("[]".to_owned(), "not a file of marks"),
        ("{}".to_owned(), "contains no marks"),
        (json!({MAINNET: {KEY: good}}).to_string(), "set it with --kind"),
        (json!({KEY: {"block": good}}).to_string(), "set it with --chain"),
        (json!({MAINNET: {"tz1": {"block": good}}}).to_string(), "tz1"),
        (json!({MAINNET: {KEY: {"blocks": good}}}).to_string(), "'blocks' is not a kind"),
        (json!({MAINNET: {KEY: {"block": {"level": -1}}}}).to_string(), "level is -1"),
        (json!({MAINNET: {KEY: {"block": {"level": 1, "hash": "xx"}}}}).to_string(), "the hash is neither"),
        (r#"{"format": "azurehsm-signer marks", "version": 2, "marks": []}"#.to_owned(), "format version 2"),
        (r#"{"format": "something else"}"#.to_owned(), "not a file of marks"),
    ] {
        std::fs::write(&path, &contents).unwrap();
        let complaint = complaint(&run(&data, &["marks", "import", path.to_str().unwrap()], ""));
        assert!(complaint.contains(expected), "{contents}: {complaint}");
    }
    assert!(!data.exists());
}
