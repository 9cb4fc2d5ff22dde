//! The files of sealed keys: one key in two places, and a folder that cannot be read.

use super::{Bakery, Sealed, sealing};
use crate::azure::ANY_OPERATION;
use crate::azure::cloud::{always, baker};
use crate::azure::instance::command;
use crate::support::eventually::eventually;
use crate::support::package;
use crate::support::payloads::{block, bls_attestation, payload, transfer};
use crate::support::process::{printed, with_input};
use crate::support::tz4::SECRET_KEY;
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::{Effect, Operation};

#[test]
fn a_key_in_two_files_signs_with_neither_and_again_after_one_is_removed() {
    let bakery = Bakery::new();
    let key = bakery.create("baker", "companion");
    let other = bakery.create("other", "consensus");
    let signer = bakery.start(&[]);
    let vote = bls_attestation(5, 0, 0);
    signer.eventually_signs(&key.hash, &vote);
    std::fs::copy(bakery.path("sealed/baker.json"), bakery.path("sealed/copy.json")).unwrap();
    let refused = eventually("a refusal", || Some(signer.sign(&key.hash, &vote)).filter(|answer| answer.status != 200));
    assert_eq!(refused.status, 404, "{refused:?}");
    assert!(refused.error().contains("remove one"), "{refused:?}");
    let log = signer.log();
    for name in ["\"baker\"", "\"copy\""] {
        assert!(log.iter().any(|line| line.contains("remove one") && line.contains(name)), "{name} in {log:?}");
    }
    signer.eventually_signs(&other.hash, &vote);
    std::fs::remove_file(bakery.path("sealed/copy.json")).unwrap();
    key.verify(&vote, &signer.eventually_signs_again(&key.hash, &vote));
    let is_opened = |line: &&String| line.contains("sealed_key_opened") && line.contains(&other.hash);
    assert_eq!(signer.log().iter().filter(is_opened).count(), 1, "an unchanged key is not opened again");
}

#[test]
fn a_key_that_is_sealed_for_another_role_signs_by_the_old_one_no_more() {
    let bakery = Bakery::new();
    let recipient = format!("{}=north.pem", bakery.recipient);
    let seal = |role: &str, folder: &str| {
        let options = sealing("baker", role, &[&recipient, "safe.pem"]);
        Sealed::printed(&bakery.run_with_input(&format!("import {options} --folder {folder}"), SECRET_KEY))
    };
    let key = seal("consensus", "sealed");
    let signer = bakery.start(&[]);
    key.verify(&block(5, 0, 0), &signer.eventually_signs(&key.hash, &block(5, 0, 0)));
    seal("companion", "elsewhere");
    always(bakery.faults(), Operation::UnwrapKey, Effect::Hang);
    std::fs::rename(bakery.path("elsewhere/baker.json"), bakery.path("sealed/baker.json")).unwrap();
    eventually("the end of the old role", || (signer.sign(&key.hash, &block(5, 0, 0)).status != 200).then_some(()));
    bakery.faults().clear();
    let vote = bls_attestation(6, 0, 0);
    key.verify(&vote, &signer.eventually_signs(&key.hash, &vote));
    assert_eq!(signer.sign(&key.hash, &block(5, 0, 0)).status, 403);
}

#[test]
fn a_copy_in_the_vault_signs_nothing_that_the_sealed_key_does_not() {
    if package::zip().is_some() {
        // There, the only vault with tz4 keys is refused.
        return;
    }
    let bakery = Bakery::new();
    let data = bakery.path("data");
    let settings = [("KEY_VAULT_URL", ""), ("LOCAL_DATA_DIR", data.to_str().unwrap())];
    // Of two names, the first would sign.
    let mut import = command(&bakery.azure, &settings);
    printed(&with_input(import.args(["keys", "import", "a-copy"]), SECRET_KEY));
    let recipient = format!("{}=north.pem", bakery.recipient);
    let options = sealing("baker", "companion", &[&recipient, "safe.pem"]);
    let key = Sealed::printed(&bakery.run_with_input(&format!("import {options}"), SECRET_KEY));
    always(bakery.faults(), Operation::UnwrapKey, Effect::Hang);
    let signer = bakery.start(&[&settings[..], &[ANY_OPERATION]].concat());
    // A complete search has found the copy, and could not open the sealed key.
    signer.logged("keys_unreadable");
    for payload in [transfer(1, 1), bls_attestation(5, 0, 0)] {
        let answer = signer.sign(&key.hash, &payload);
        assert_eq!(answer.status, 500, "before the sealed key is open: {answer:?}");
    }
    bakery.faults().clear();
    let vote = bls_attestation(5, 0, 0);
    key.verify(&vote, &signer.eventually_signs(&key.hash, &vote));
    assert_eq!(signer.sign(&key.hash, &transfer(1, 1)).status, 403);
    // Unusable, which its copy is not.
    let path = bakery.path("sealed/baker.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, text.replace("\"container\": \"", "\"container\": \"other-")).unwrap();
    eventually("the change", || (signer.sign(&key.hash, &vote).status == 404).then_some(()));
}

#[test]
fn while_the_folder_cannot_be_read_open_keys_stay_open_and_others_are_unknown() {
    let bakery = Bakery::new();
    let tz3 = baker(&bakery.azure);
    let key = bakery.create("baker", "consensus");
    let (folder, away) = (bakery.path("sealed"), bakery.path("away"));
    let signer = bakery.start(&[]);
    let vote = |level| bls_attestation(level, 0, 0);
    signer.eventually_signs(&key.hash, &vote(5));
    std::fs::rename(&folder, &away).unwrap();
    let line = signer.logged("keys_unreadable");
    assert!(line.contains("No such file"), "{line}");
    signer.sign(&key.hash, &vote(6)).signature();
    // An instance that starts now has never seen it.
    let late = bakery.start(&[]);
    late.logged("keys_unreadable");
    tz3.verify(
        &payload(Kind::Attestation, 5, 0, 0),
        &late.eventually_signs(&tz3.hash, &payload(Kind::Attestation, 5, 0, 0)),
    );
    let failed = late.sign(&key.hash, &vote(7));
    assert_eq!(failed.status, 500, "{failed:?}");
    std::fs::rename(&away, &folder).unwrap();
    late.eventually_signs(&key.hash, &vote(7));
    signer.sign(&key.hash, &vote(8)).signature();
}
