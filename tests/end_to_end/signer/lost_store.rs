//! An embedded store that was lost, and how an operator lets keys sign again.

use crate::support::http;
use crate::support::payloads::{MAINNET, payload};
use crate::support::process::{Signer, command, run};
use azurehsm_signer::tezos::payload::Kind;
use oracle::payload::consensus::Block;
use std::path::Path;

fn succeeds(data: &Path, arguments: &[&str]) -> String {
    let output = run(data, arguments, "");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn fails(data: &Path, arguments: &[&str]) -> String {
    let output = run(data, arguments, "");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn status(signer: &Signer, key: &str, kind: Kind, level: u32) -> u16 {
    http::sign(signer.address, key, &payload(kind, level, 0, 0)).unwrap().status
}

/// A folder with three keys that have voted, whose store is lost.
fn lost() -> (tempfile::TempDir, [String; 3]) {
    let folder = tempfile::tempdir().unwrap();
    for name in ["first", "second", "third"] {
        succeeds(folder.path(), &["keys", "generate", name]);
    }
    let signer = Signer::start(folder.path(), &[]);
    let mut keys = signer.keys();
    keys.sort();
    let keys: [String; 3] = keys.into_iter().map(|(_, hash)| hash).collect::<Vec<_>>().try_into().unwrap();
    for key in &keys {
        assert_eq!(status(&signer, key, Kind::Attestation, 500), 200);
    }
    drop(signer);
    std::fs::remove_file(folder.path().join("marks.redb")).unwrap();
    (folder, keys)
}

#[test]
fn in_a_recreated_store_each_mark_is_refused_until_it_is_raised() {
    let (folder, [first, second, third]) = lost();
    let data = folder.path();
    succeeds(data, &["marks", "raise", MAINNET, &first, "500"]);
    succeeds(data, &["marks", "raise", MAINNET, &second, "500", "--kind", "attestation"]);
    for _ in 0..2 {
        let signer = Signer::start(data, &[]);
        for kind in Kind::ALL {
            assert_eq!(status(&signer, &first, kind, 500), 409);
            assert_eq!(status(&signer, &third, kind, 501), 409, "only another key's marks were raised");
            assert_eq!(status(&signer, &third, kind, 1), 409);
        }
        assert_eq!(status(&signer, &second, Kind::Block, 501), 409, "only another kind was raised");
        let answer = http::sign(signer.address, &third, &payload(Kind::Attestation, 501, 0, 0)).unwrap();
        for words in ["was lost and recreated", "marks raise", "--new-key", &third] {
            assert!(answer.error().contains(words), "{}", answer.error());
        }
        assert!(signer.wait_for_log("was lost and recreated").contains("\"mark_lost\""));
    }
    let signer = Signer::start(data, &[]);
    for kind in Kind::ALL {
        assert_eq!(status(&signer, &first, kind, 501), 200);
    }
    assert_eq!(status(&signer, &second, Kind::Attestation, 501), 200);
    drop(signer);
    succeeds(data, &["marks", "raise", MAINNET, &third, "500"]);
    assert_eq!(status(&Signer::start(data, &[]), &third, Kind::Block, 501), 200);
}

#[test]
fn in_a_recreated_store_a_key_can_be_declared_new_on_a_chain() {
    let (folder, [first, second, third]) = lost();
    let data = folder.path();
    assert!(succeeds(data, &["marks", "raise", MAINNET, &first, "--new-key"]).contains("is new on"));
    succeeds(data, &["marks", "raise", "NetXHAoG8TyXu4i", &second, "--new-key"]);
    succeeds(data, &["marks", "raise", MAINNET, &third, "500", "--kind", "block"]);
    assert!(fails(data, &["marks", "raise", MAINNET, &third, "--new-key"]).contains("is not new on"));
    for _ in 0..2 {
        let signer = Signer::start(data, &[]);
        for kind in Kind::ALL {
            assert_eq!(status(&signer, &second, kind, 501), 409, "it is only new on another chain");
        }
        assert_eq!(status(&signer, &third, Kind::Attestation, 501), 409);
    }
    let signer = Signer::start(data, &[]);
    for kind in Kind::ALL {
        assert_eq!(status(&signer, &first, kind, 1), 200);
    }
}

#[test]
fn a_lost_store_is_recovered_with_one_command() {
    let (folder, keys) = lost();
    let data = folder.path();
    let printed = succeeds(data, &["marks", "recover", "--chain", MAINNET, "--level", "1000"]);
    let signer = Signer::start(data, &[]);
    for key in &keys {
        assert!(printed.contains(&format!("{MAINNET}:{key}:attestation: set to level 1010, all rounds")), "{printed}");
        for kind in Kind::ALL {
            assert_eq!(status(&signer, key, kind, 1010), 409);
            assert_eq!(status(&signer, key, kind, 1011), 200);
        }
    }
    let other_chain =
        http::sign(signer.address, &keys[0], &Block { chain: [1; 4], ..Block::new(7, 0) }.bytes()).unwrap();
    assert_eq!(other_chain.status, 409, "its marks may be lost, too: {other_chain:?}");
}

#[test]
fn in_a_store_that_was_never_lost_no_key_has_to_be_declared_new() {
    let folder = tempfile::tempdir().unwrap();
    let key = Signer::start(folder.path(), &[]).only_key();
    assert!(succeeds(folder.path(), &["marks", "raise", MAINNET, &key, "--new-key"]).contains("nothing to do"));
    assert_eq!(status(&Signer::start(folder.path(), &[]), &key, Kind::Block, 1), 200);
}

#[test]
fn a_new_key_has_no_level() {
    let folder = tempfile::tempdir().unwrap();
    let key = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";
    for arguments in [vec!["5", "--new-key"], vec!["--new-key", "--force"], vec![]] {
        let output =
            command(folder.path(), &[]).args(["marks", "raise", MAINNET, key]).args(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
    }
}

/// A lost store must not look empty.
#[test]
fn a_lost_store_is_not_listed_or_exported_as_empty() {
    let (folder, _) = lost();
    for what in ["list", "export"] {
        let output = run(folder.path(), &["marks", what], "");
        assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("marks.redb is gone"), "{output:?}");
    }
}
