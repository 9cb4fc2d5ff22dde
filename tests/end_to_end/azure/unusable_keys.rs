//! Keys that cannot sign: the answer to a client, and the log, as their state changes.

use super::{ANY_OPERATION, binding};
use crate::azure::cloud::{self, add, always, baker};
use crate::azure::instance::Instance;
use crate::support::eventually::eventually;
use crate::support::payloads::payload;
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::{Azure, Curve, Delay, Effect, NewKey, Operation, Options};
use std::time::Duration;

const EVERY_SECOND: (&str, &str) = ("KEYS_REFRESH_SECONDS", "1");
const LONG_AGO: u64 = 1_700_000_000;

fn vote(level: u32) -> Vec<u8> {
    payload(Kind::Attestation, level, 0, 0)
}

/// Waits for this many complete searches.
fn searches(azure: &Azure, number: u64) {
    let before = azure.key_vault.requests(Operation::ListKeys);
    eventually("the searches", || (azure.key_vault.requests(Operation::ListKeys) > before + number).then_some(()));
}

fn count(signer: &Instance, words: &[&str]) -> usize {
    signer.log().iter().filter(|line| words.iter().all(|words| line.contains(words))).count()
}

#[test]
fn requests_for_a_key_that_cannot_sign_get_its_state() {
    let azure = cloud::start();
    baker(&azure);
    let new = |name: &str| NewKey::new(name, Curve::P256);
    let keys = [
        (add(&azure, NewKey { enabled: false, ..new("off") }, 2), "it is disabled"),
        (add(&azure, NewKey { expires: Some(LONG_AGO), ..new("old") }, 3), "it expired at 2023-11-14T22:13:20Z"),
        (
            add(&azure, NewKey { not_before: Some(4_000_000_000), ..new("young") }, 4),
            "it is not valid before 2096-10-02T07:06:40Z",
        ),
        (add(&azure, NewKey { key_ops: vec!["verify".to_owned()], ..new("checker") }, 5), "'sign' is not among"),
    ];
    let signer = Instance::start_ready(&azure, &[EVERY_SECOND]);
    for (key, state) in &keys {
        for answer in [signer.sign(&key.hash, &vote(7)), signer.get(&format!("/keys/{}", key.hash))] {
            let error = answer.error();
            assert_eq!(answer.status, 404, "{error}");
            assert!(error.contains(&key.hash) && error.contains(state) && !error.contains("no key"), "{error}");
            assert!(!error.contains(&key.id.version), "{error}");
        }
    }
    assert!(signer.logged("\"cause\":\"unusable_key\"").contains("it is disabled"));
    // A correction takes effect with the next request.
    let [off, old, young, _] = keys.each_ref().map(|(key, _)| key);
    assert!(azure.key_vault.set_enabled("off", &off.id.version, true));
    assert!(azure.key_vault.set_expires("old", &old.id.version, None));
    assert!(azure.key_vault.set_not_before("young", &young.id.version, None));
    for key in [off, old, young] {
        key.verify(&vote(8), &signer.eventually_signs_again(&key.hash, &vote(8)));
    }
    // The vault refuses immediately, and the signer knows the state soon after.
    assert!(azure.key_vault.set_enabled("off", &off.id.version, false));
    eventually("the state of the key", || {
        let answer = signer.sign(&off.hash, &vote(9));
        let error = answer.error();
        assert!(error.contains("is disabled"), "{error}");
        (answer.status == 404 && error.contains("it is disabled")).then_some(())
    });
}

#[test]
fn a_refusal_for_a_disabled_key_triggers_another_search() {
    let azure = cloud::start();
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[("KEYS_REFRESH_SECONDS", "3600")]);
    signer.sign(&key.hash, &vote(1)).signature();
    assert!(azure.key_vault.set_enabled("baker", &key.id.version, false));
    eventually("the state of the key", || {
        let error = signer.sign(&key.hash, &vote(2)).error();
        assert!(error.contains("is disabled"), "{error}");
        error.contains("is in the vault and cannot sign").then_some(())
    });
}

#[test]
fn a_disabled_key_that_cannot_be_read_affects_no_other() {
    let azure = cloud::start();
    azure.key_vault.hide_disabled(true);
    let key = baker(&azure);
    let hidden = add(&azure, NewKey { enabled: false, ..NewKey::new("hidden", Curve::P256) }, 2);
    let signer = Instance::start_ready(&azure, &[EVERY_SECOND]);
    assert!(signer.logged(&hidden.id.version).contains("it is disabled"));
    key.verify(&vote(7), &signer.sign(&key.hash, &vote(7)).signature());
    assert_eq!(signer.sign(&hidden.hash, &vote(7)).status, 404);
    // Once seen while it could sign, its address is known.
    assert!(azure.key_vault.set_enabled("hidden", &hidden.id.version, true));
    signer.eventually_signs_again(&hidden.hash, &vote(8));
    assert!(azure.key_vault.set_enabled("hidden", &hidden.id.version, false));
    eventually("the state of the key", || {
        signer.sign(&hidden.hash, &vote(9)).error().contains("it is disabled").then_some(())
    });
}

#[test]
fn the_reason_why_a_key_is_left_out_is_logged_at_each_change() {
    let azure = cloud::start();
    baker(&azure);
    let key = add(&azure, NewKey { enabled: false, ..NewKey::new("changing", Curve::P256) }, 2);
    let (name, version) = ("changing", &key.id.version);
    let left_out = ["\"event\":\"key_left_out\"", version.as_str()];
    let signer = Instance::start_ready(&azure, &[EVERY_SECOND]);
    let mut expected = 0;
    let mut says = |signer: &Instance, reason: &str| {
        expected += 1;
        eventually(reason, || (count(signer, &left_out) == expected).then_some(()));
        assert!(signer.log().iter().rfind(|line| line.contains(left_out[0])).unwrap().contains(reason));
    };
    says(&signer, "it is disabled");
    assert!(
        azure.key_vault.set_expires(name, version, Some(LONG_AGO)) && azure.key_vault.set_enabled(name, version, true)
    );
    says(&signer, "it expired at 2023-11-14");
    // Only the date differs.
    assert!(azure.key_vault.set_expires(name, version, Some(LONG_AGO + 1)));
    searches(&azure, 4);
    assert!(azure.key_vault.set_expires(name, version, None));
    assert!(signer.logged("\"event\":\"key_no_longer_left_out\"").contains(version));
    eventually("the key in the list", || signer.keys().contains(&key.hash).then_some(()));
    assert!(azure.key_vault.set_enabled(name, version, false));
    says(&signer, "it is disabled");
    searches(&azure, 4);
    assert_eq!(count(&signer, &left_out), 3);
    assert_eq!(count(&signer, &["\"event\":\"key_no_longer_left_out\""]), 1);
}

#[test]
fn reasons_that_differ_only_in_request_ids_are_logged_once() {
    let azure = cloud::start();
    let key = baker(&azure);
    always(azure.key_vault.faults(), Operation::GetKey, Effect::status(403));
    let signer = Instance::start(&azure, &[EVERY_SECOND]);
    assert!(signer.logged("\"event\":\"key_left_out\"").contains("Request id"));
    searches(&azure, 4);
    assert_eq!(count(&signer, &["\"event\":\"key_left_out\"", &key.id.version]), 1);
    assert_eq!(count(&signer, &["\"event\":\"keys_unreadable\""]), 1);
    // Another reason is logged again.
    azure.key_vault.faults().clear();
    always(azure.key_vault.faults(), Operation::GetKey, Effect::status(400));
    eventually("another reason", || {
        (count(&signer, &["\"event\":\"key_left_out\"", "400", &key.id.version]) == 1).then_some(())
    });
}

#[test]
fn of_several_names_of_a_private_key_the_first_that_can_sign_is_used() {
    let azure = cloud::start();
    let beta = add(&azure, NewKey::new("beta", Curve::P256), 1);
    let alpha = add(&azure, NewKey::new("alpha", Curve::P256), 1);
    let signer = Instance::start_ready(&azure, &[EVERY_SECOND]);
    let name = || signer.get("/keys").json()[0]["name"].as_str().unwrap().to_owned();
    assert_eq!((signer.keys().len(), name()), (1, "alpha".to_owned()));
    let warning = "\"event\":\"key_duplicated\"";
    let line = signer.logged(warning);
    assert!([&alpha, &beta].iter().all(|key| line.contains(&format!("{}/{}", key.id.name, key.id.version))), "{line}");
    searches(&azure, 4);
    assert_eq!(count(&signer, &[warning]), 1);

    alpha.verify(&vote(1), &signer.sign(&alpha.hash, &vote(1)).signature());
    assert!(azure.key_vault.set_enabled("alpha", &alpha.id.version, false));
    eventually("the other name", || (name() == "beta").then_some(()));
    beta.verify(&vote(2), &signer.sign(&beta.hash, &vote(2)).signature());
    assert!(azure.key_vault.set_enabled("alpha", &alpha.id.version, true));
    eventually("the first name", || (name() == "alpha").then_some(()));
    assert!(azure.key_vault.set_enabled("beta", &beta.id.version, false));
    searches(&azure, 4);
    assert_eq!(name(), "alpha");
}

#[test]
fn the_tag_of_a_name_that_cannot_sign_applies_too() {
    let azure = cloud::start();
    let bound = add(&azure, NewKey { enabled: false, ..NewKey::new("bound", Curve::P256) }, 1);
    let unbound = add(&azure, NewKey::new("unbound", Curve::P256), 1);
    binding::bind(&azure, &bound, "other.documents.azure.com/signer/marks");
    let signer = Instance::start(&azure, &[ANY_OPERATION]);
    eventually("the keys", || (!signer.keys().is_empty()).then_some(()));
    let answer = signer.sign(&unbound.hash, &vote(7));
    assert_eq!(answer.status, 500, "{answer:?}");
    assert!(answer.error().contains("bound to another mark store"), "{}", answer.error());
}

#[test]
fn a_long_search_continues_and_publishes_keys_as_it_finds_them() {
    const KEYS: u32 = 200;
    let azure = cloud::start_with(Options { page_size: 25, ..Options::default() });
    let key = add(&azure, NewKey::new("baker", Curve::P256), 1);
    for number in 0..KEYS {
        azure.key_vault.add_key(NewKey::new(format!("key-{number:03}"), Curve::P256));
    }
    // More than twenty seconds in total, eight at a time.
    azure.key_vault.latency(Delay::Fixed(Duration::from_millis(400)));
    let signer = Instance::start(&azure, &[]);
    let answer = signer.sign(&key.hash, &vote(7));
    assert_eq!(answer.status, 500, "{answer:?}");
    let error = answer.error();
    assert!(error.contains("has been searched for") && error.contains("SIGNING_KEYS"), "{error}");
    key.verify(&vote(7), &signer.eventually_signs(&key.hash, &vote(7)));
    assert!(signer.keys().len() < 200, "the search is still running");
    assert!(signer.logged("\"event\":\"key_search_slow\"").contains("SIGNING_KEYS"));
    let read = azure.key_vault.requests(Operation::GetKey);
    assert!(read <= u64::from(KEYS) + 1, "each is read once, but there were {read} reads");
}
