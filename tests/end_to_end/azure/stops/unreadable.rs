//! Items that are neither a mark nor a stop item: nothing is released, and no command claims what it cannot know.

use super::{done, refused, suspend};
use crate::azure::cloud::{self, KnownKey, baker, wait};
use crate::azure::instance::Instance;
use crate::support::payloads::{MAINNET, payload};
use crate::support::process::{complaint, signal};
use azurehsm_signer::tezos::payload::Kind;
use serde_json::json;
use stand_ins::Azure;

/// An item that another program may have written.
fn damage(azure: &Azure, key: &KnownKey, item: &str) {
    let contents = json!({"id": item, "pkh": key.hash, "stops": "nonsense", "level": "nonsense"});
    wait(azure.cosmos.put_item(&key.hash, &contents));
}

#[test]
fn a_stop_item_that_cannot_be_read_permits_nothing() {
    let azure = cloud::start();
    let key = baker(&azure);
    damage(&azure, &key, &format!("{}:stop", key.hash));
    let signer = Instance::start_ready(&azure, &[]);
    for (arguments, expected) in [
        (&["stop", &key.hash, "--reason", "maintenance"][..], "it is unknown whether the key is stopped"),
        (&["resume", &key.hash, "--nothing-signed-elsewhere"], "not a mark"),
        (&["handover", &key.hash], "it is unknown whether the key is stopped"),
    ] {
        let complaint = refused(&azure, arguments);
        assert!(complaint.contains(expected), "{arguments:?}: {complaint}");
    }
    for kind in Kind::ALL {
        // The mark is written, but whether it is stopped cannot be read.
        for _ in 0..2 {
            let answer = signer.sign(&key.hash, &payload(kind, 7, 0, 0));
            assert_eq!(answer.status, 500, "{answer:?}");
        }
    }
}

#[test]
fn a_mark_that_cannot_be_read_is_reported_and_the_others_are_stopped() {
    let azure = cloud::start();
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[]);
    signer.sign(&key.hash, &payload(Kind::Block, 7, 0, 0)).signature();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("marks.json");
    let mark = key.mark(Kind::Attestation);
    damage(&azure, &key, &mark);

    let stop = ["stop", &key.hash, "--reason", "maintenance", "--chain", MAINNET];
    let handover = ["handover", &key.hash, "--chain", MAINNET, "--output", file.to_str().unwrap()];
    for arguments in [&stop[..], &handover] {
        let complaint = refused(&azure, arguments);
        assert!(
            complaint.contains("the key is not stopped for these marks") && complaint.contains(&mark),
            "{complaint}"
        );
    }
    assert!(!file.exists());
    assert_eq!(signer.sign(&key.hash, &payload(Kind::Block, 8, 0, 0)).status, 409);
    assert_eq!(signer.sign(&key.hash, &payload(Kind::Attestation, 8, 0, 0)).status, 500);
    let resume = ["resume", &key.hash, "--nothing-signed-elsewhere"];
    let complaint = refused(&azure, &resume);
    assert!(complaint.contains("nothing was lifted, since some marks could not be read"), "{complaint}");
    assert!(complaint.contains(&format!("{mark} is not a mark")), "{complaint}");
    assert_eq!(signer.sign(&key.hash, &payload(Kind::Block, 8, 0, 0)).status, 409);
}

/// What stands in place of the mark may hide one that the stop has reached.
#[test]
fn a_mark_that_becomes_unreadable_during_a_resume_is_reported() {
    let azure = cloud::start();
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[]);
    signer.sign(&key.hash, &payload(Kind::Block, 7, 0, 0)).signature();
    done(&azure, &["stop", &key.hash, "--reason", "maintenance"]);
    let resuming = suspend(&azure, &["resume", &key.hash, "--nothing-signed-elsewhere"], 1);
    let elsewhere = key.mark(Kind::Block).replace(MAINNET, "NetXnHfVqm9iesp");
    damage(&azure, &key, &elsewhere);
    signal(&resuming, "CONT");
    let complaint = complaint(&resuming.wait_with_output().unwrap());
    assert!(complaint.contains("whether it reached other marks is unknown"), "{complaint}");
    assert!(complaint.contains(&format!("{elsewhere} is not a mark")), "{complaint}");
}
