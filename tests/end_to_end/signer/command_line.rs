//! Commands on marks of the embedded store, and the version.

use crate::support::http;
use crate::support::payloads::{MAINNET, payload};
use crate::support::process::{Signer, command, complaint, printed, run};
use azurehsm_signer::tezos::payload::Kind;

const KEY: &str = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";

#[test]
fn raising_to_a_level_closes_all_its_rounds_unless_a_round_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let key = Signer::start(folder.path(), &[]).only_key();
    let raise = |arguments: &[&str]| {
        printed(&run(folder.path(), &[&["marks", "raise", MAINNET, &key][..], arguments].concat(), ""))
    };
    assert!(raise(&["500"]).contains("attestation: set to level 500, all rounds"));
    assert!(raise(&["600", "--round", "1", "--kind", "attestation"]).contains("to level 600, round 1"));
    let signer = Signer::start(folder.path(), &[]);
    for (kind, level, round, status) in [
        (Kind::Block, 500, 0, 409),
        (Kind::Block, 500, 7, 409),
        (Kind::Block, 501, 0, 200),
        (Kind::Attestation, 501, 0, 409),
        (Kind::Attestation, 600, 1, 409),
        (Kind::Attestation, 600, 2, 200),
    ] {
        let answer = http::sign(signer.address, &key, &payload(kind, level, round, 0)).unwrap();
        assert_eq!(answer.status, status, "{kind} at level {level}, round {round}: {answer:?}");
    }
}

#[test]
fn a_store_deleted_under_a_running_signer_is_not_created_again() {
    let folder = tempfile::tempdir().unwrap();
    let _signer = Signer::start(folder.path(), &[]);
    std::fs::remove_file(folder.path().join("marks.redb")).unwrap();
    let second = command(folder.path(), &[("SIGNER_LISTEN", "127.0.0.1:0")]).output().unwrap();
    assert!(complaint(&second).contains("in use by process "));
}

#[test]
fn a_lost_store_stops_the_start_until_marks_are_raised() {
    let folder = tempfile::tempdir().unwrap();
    let key = Signer::start(folder.path(), &[]).only_key();
    std::fs::remove_file(folder.path().join("marks.redb")).unwrap();
    let complaint = complaint(&command(folder.path(), &[("SIGNER_LISTEN", "127.0.0.1:0")]).output().unwrap());
    assert!(complaint.contains("marks.redb is gone") && complaint.contains("marks raise"), "{complaint}");
    printed(&run(folder.path(), &["marks", "raise", MAINNET, &key, "500"], ""));
    let signer = Signer::start(folder.path(), &[]);
    for (level, status) in [(500, 409), (501, 200)] {
        let answer = http::sign(signer.address, &key, &payload(Kind::Attestation, level, 0, 0)).unwrap();
        assert_eq!(answer.status, status);
    }
}

#[test]
fn all_marks_are_raised_even_if_nobody_reads_the_output() {
    let folder = tempfile::tempdir().unwrap();
    let mut raise = command(folder.path(), &[])
        .args(["marks", "raise", MAINNET, KEY, "777"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    drop(raise.stdout.take());
    assert_ne!(raise.wait().unwrap().code(), Some(101), "a panic");
    assert_eq!(printed(&run(folder.path(), &["marks", "list"], "")).matches("level 777").count(), 3);
}

#[test]
fn listing_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("mistyped");
    assert!(printed(&run(&data, &["marks", "list"], "")).contains("no marks"));
    assert!(printed(&run(&data, &["marks", "export"], "")).contains("\"marks\": []"));
    assert!(printed(&run(&data, &["keys", "list"], "")).contains("no keys"));
    assert!(!data.exists());
}

#[test]
fn the_version_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let expected = format!("azurehsm-signer {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(printed(&run(folder.path(), &["version"], "")), expected);
    assert_eq!(printed(&run(folder.path(), &["--version"], "")), expected);
}
