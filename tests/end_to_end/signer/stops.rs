//! `marks stop` and `marks resume` with an embedded store, while no signer uses it.

use crate::support::http;
use crate::support::payloads::{MAINNET, payload};
use crate::support::process::{Signer, complaint, printed, run};
use azurehsm_signer::tezos::payload::Kind;

#[test]
fn a_key_of_an_embedded_store_is_stopped_handed_over_and_resumed() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let data = folder.path();
    let signer = Signer::start(data, &[]);
    let key = signer.only_key();
    let statuses = |signer: &Signer, level: u32| {
        Kind::ALL.map(|kind| http::sign(signer.address, &key, &payload(kind, level, 0, 0)).unwrap().status)
    };
    assert_eq!(statuses(&signer, 7), [200; 3]);
    let stop = ["marks", "stop", &key, "--reason", "moving house"];
    assert!(complaint(&run(data, &stop, "")).contains("in use by process"));
    drop(signer);

    let text = printed(&run(data, &stop, ""));
    assert!(text.contains("block: stopped at level 7, round 0") && text.contains("covered: mainnet"), "{text}");
    let signer = Signer::start(data, &[]);
    assert_eq!(statuses(&signer, 8), [409; 3]);
    let answer = http::sign(signer.address, &key, &payload(Kind::Block, 8, 0, 0)).unwrap();
    assert!(answer.error().contains("moving house"), "{answer:?}");
    drop(signer);
    assert!(printed(&run(data, &["marks", "list"], "")).contains("moving house"));

    let file = other.path().join("marks.json");
    printed(&run(data, &["marks", "handover", &key, "--output", file.to_str().unwrap()], ""));
    printed(&run(other.path(), &["marks", "import", file.to_str().unwrap()], ""));
    let refusal = complaint(&run(data, &["marks", "resume", &key, "--nothing-signed-elsewhere"], ""));
    assert_eq!(refusal.matches("--stop ").count(), 2, "{refusal}");
    let named: Vec<_> = refusal.split("--stop ").skip(1).map(|rest| rest.split_whitespace().next().unwrap()).collect();
    let resume =
        ["marks", "resume", &key, "--chain", MAINNET, "--level", "100", "--stop", named[0], "--stop", named[1]];
    printed(&run(data, &resume, ""));
    let signer = Signer::start(data, &[]);
    assert_eq!([statuses(&signer, 110), statuses(&signer, 111)], [[409; 3], [200; 3]]);
}
