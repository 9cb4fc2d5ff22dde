//! `keys list`, and `marks list`, `raise`, `export` and `import`, with the marks in Cosmos DB.

use crate::cloud::{self, KnownKey, baker, stored};
use crate::instance::{Instance, run};
use crate::support::payloads::{MAINNET, payload};
use azurehsm_signer::tezos::Digest;
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::{Azure, Operation};

/// What a command prints; it must succeed.
fn prints(azure: &Azure, arguments: &[&str]) -> String {
    let output = run(azure, arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// An account in which something of each kind has been signed, at level 7.
fn signed() -> (Azure, KnownKey, [String; 3]) {
    let azure = cloud::start();
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[]);
    let signatures = Kind::ALL.map(|kind| signer.sign(&key.hash, &payload(kind, 7, 1, 0)).signature());
    (azure, key, signatures)
}

#[test]
fn keys_of_the_vault_are_listed_and_made_elsewhere() {
    let azure = cloud::start();
    let key = baker(&azure);
    let listed = prints(&azure, &["keys", "list"]);
    assert!(listed.contains(&format!("octez-client import secret key {} http://", key.id.name)), "{listed}");
    assert!(listed.contains(&key.hash), "{listed}");
    for arguments in [["keys", "generate", "other"], ["keys", "import", "other"]] {
        let output = run(&azure, &arguments);
        assert!(!output.status.success());
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(complaint.contains("KEY_VAULT_URL is set: make keys in"), "{complaint}");
    }
}

#[test]
fn marks_are_listed() {
    let (azure, key, _) = signed();
    for arguments in [
        vec!["marks", "list"],
        vec!["marks", "list", "--key", &key.hash],
        vec!["marks", "list", "--chain", MAINNET, "--key", &key.hash],
    ] {
        let listed = prints(&azure, &arguments);
        assert_eq!(listed.lines().count(), 3, "{listed}");
        for kind in Kind::ALL {
            let digest = Digest::of(&payload(kind, 7, 1, 0)).to_string();
            let line = listed.lines().find(|line| line.contains(&digest)).unwrap();
            assert!(line.starts_with(&format!("{MAINNET}  {}  {kind}  ", key.hash)), "{line}");
        }
    }
    assert_eq!(prints(&azure, &["marks", "list", "--chain", "NetXnHfVqm9iesp"]).trim(), "");
    assert_eq!(azure.cosmos.requests(Operation::Other), 0, "the role needs no query");
}

#[test]
fn marks_are_raised_and_never_lowered() {
    let (azure, key, _) = signed();
    let raise = |level: &str| prints(&azure, &["marks", "raise", MAINNET, &key.hash, level, "--kind", "attestation"]);
    let raised = raise("100");
    assert!(raised.contains("raised from"), "{raised}");
    assert_eq!(stored(&azure, &key, Kind::Attestation).unwrap()["level"], 100);
    assert_eq!(stored(&azure, &key, Kind::Attestation).unwrap().get("digest"), None);
    for level in ["100", "99", "1"] {
        assert!(raise(level).contains("kept at"), "{level}");
    }
    assert_eq!(stored(&azure, &key, Kind::Block).unwrap()["level"], 7, "the others are as they were");
    let signer = Instance::start(&azure, &[]);
    for (level, status) in [(7, 409), (99, 409), (100, 409), (101, 200)] {
        assert_eq!(signer.sign(&key.hash, &payload(Kind::Attestation, level, 0, 0)).status, status, "{level}");
    }
}

#[test]
fn a_mark_that_is_raised_stops_a_signer_that_runs() {
    let (azure, key, _) = signed();
    let signer = Instance::start_ready(&azure, &[]);
    signer.sign(&key.hash, &payload(Kind::Attestation, 8, 0, 0)).signature();
    assert!(prints(&azure, &["marks", "raise", MAINNET, &key.hash, "50"]).contains("raised from"));
    for kind in Kind::ALL {
        let answer = signer.sign(&key.hash, &payload(kind, 50, 0, 0));
        assert_eq!(answer.status, 409, "{answer:?}");
        signer.sign(&key.hash, &payload(kind, 51, 0, 0)).signature();
    }
}

#[test]
fn an_export_of_one_account_is_imported_into_another() {
    let (azure, key, signatures) = signed();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("marks.json");
    std::fs::write(&file, prints(&azure, &["marks", "export"])).unwrap();

    let other = cloud::start();
    let same_key = baker(&other);
    assert_eq!(key.hash, same_key.hash);
    let import = |azure: &Azure| prints(azure, &["marks", "import", file.to_str().unwrap()]);
    assert_eq!(import(&other).matches(": set to ").count(), 3);
    assert_eq!(import(&other).matches(": kept at ").count(), 3, "twice is as good as once");
    let signer = Instance::start(&other, &[]);
    for (kind, signature) in Kind::ALL.into_iter().zip(signatures) {
        assert_eq!(signer.sign(&key.hash, &payload(kind, 7, 1, 1)).status, 409, "a conflict");
        assert_eq!(signer.sign(&key.hash, &payload(kind, 7, 0, 0)).status, 409, "below");
        let again = signer.sign(&key.hash, &payload(kind, 7, 1, 0)).signature();
        assert!(kind != Kind::Block || again == signature, "the one signature moved with the mark");
        signer.sign(&key.hash, &payload(kind, 8, 0, 0)).signature();
    }
    assert!(import(&azure).contains(": kept at "));
}

#[test]
fn a_command_without_azure_fails_in_time_and_says_why() {
    let azure = cloud::start();
    baker(&azure);
    azure.cosmos.refuse_connections(true);
    for arguments in [vec!["marks", "list"], vec!["marks", "export"]] {
        let output = run(&azure, &arguments);
        assert!(!output.status.success() && output.stdout.is_empty(), "an empty export would be a lie");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains("the mark store cannot be used"), "{error}");
    }
}
