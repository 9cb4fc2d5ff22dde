//! Which keys of the vault are found and sign.

use super::ANY_OPERATION;
use crate::azure::cloud::{self, KnownKey, add, always, baker, next, told_by};
use crate::azure::instance::Instance;
use crate::support::eventually::eventually;
use crate::support::payloads::{block, payload, transfer};
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::{Azure, Curve, Effect, NewKey, Operation, Options, VaultKind};
use std::collections::BTreeMap;

const EVERY_SECOND: (&str, &str) = ("KEYS_REFRESH_SECONDS", "1");

fn vote(level: u32) -> Vec<u8> {
    payload(Kind::Attestation, level, 0, 0)
}

fn sorted<'a>(keys: impl IntoIterator<Item = &'a KnownKey>) -> Vec<String> {
    let mut hashes: Vec<_> = keys.into_iter().map(|key| key.hash.clone()).collect();
    hashes.sort();
    hashes
}

/// Keys that can sign for Tezos: both curves, in hardware or not, and two versions of one key.
fn usable_keys(azure: &Azure) -> Vec<KnownKey> {
    let key = |name: &str, curve, hsm| NewKey { hsm, ..NewKey::new(name, curve) };
    vec![
        add(azure, key("tz3", Curve::P256, false), 1),
        add(azure, key("tz3-in-hardware", Curve::P256, true), 2),
        add(azure, key("tz2", Curve::P256K, false), 3),
        add(azure, key("tz2-in-hardware", Curve::P256K, true), 4),
        add(azure, key("rotated", Curve::P256, false), 5),
        add(azure, key("rotated", Curve::P256, false), 6),
    ]
}

/// Keys that cannot sign, with the reason in the log.
fn unusable_keys(azure: &Azure) -> [(String, &'static str); 9] {
    let key = |name: &str, curve| NewKey::new(name, curve);
    [
        (NewKey { enabled: false, ..key("off", Curve::P256) }, "it is disabled"),
        (NewKey { expires: Some(1_700_000_000), ..key("old", Curve::P256K) }, "it expired at 2023-11-14T22:13:20Z"),
        (NewKey { not_before: Some(4_000_000_000), ..key("young", Curve::P256) }, "it is not valid before 2096-10-02"),
        (key("p-384", Curve::P384), "its curve is P-384, expected P-256 (tz3) or P-256K (tz2)"),
        (key("rsa", Curve::Rsa), "its type is RSA, expected EC or EC-HSM"),
        (NewKey { key_ops: vec!["verify".to_owned()], ..key("checker", Curve::P256) }, "'sign' is not among"),
        (NewKey { managed: true, ..key("website", Curve::P256) }, "it is the key of a certificate"),
        (NewKey { off_curve: true, ..key("damaged-tz3", Curve::P256) }, "(x, y) is not on the curve p256"),
        (NewKey { off_curve: true, ..key("damaged-tz2", Curve::P256K) }, "(x, y) is not on the curve secp256k1"),
    ]
    .map(|(key, reason)| (azure.key_vault.add_key(key).version, reason))
}

#[test]
fn every_usable_key_is_found_and_signs_and_the_others_are_logged_once_with_the_reason() {
    let azure = cloud::start();
    let usable = usable_keys(&azure);
    let unusable = unusable_keys(&azure);
    let signer = Instance::start_ready(&azure, &[ANY_OPERATION, EVERY_SECOND]);
    assert_eq!(signer.keys(), sorted(&usable));
    for (number, key) in (1..).zip(&usable) {
        for payload in [vote(7), payload(Kind::Preattestation, 7, 0, 0), block(7, 0, 0), transfer(number, 1)] {
            key.verify(&payload, &signer.sign(&key.hash, &payload).signature());
        }
    }
    let searched = azure.key_vault.requests(Operation::ListKeys);
    eventually("two more searches", || (azure.key_vault.requests(Operation::ListKeys) >= 3 * searched).then_some(()));
    let log = signer.log();
    for (version, reason) in unusable {
        let lines: Vec<_> = log.iter().filter(|line| line.contains(&version)).collect();
        assert!(lines.len() == 1 && lines[0].contains(reason), "{reason}: {lines:?}");
    }
    assert!(searched >= 5, "14 keys are 5 pages of 3");
    assert_eq!(azure.key_vault.requests(Operation::Other) + azure.cosmos.requests(Operation::Other), 0);
    assert_eq!(azure.key_vault.requests(Operation::Unauthorized), 1, "only the initial challenge");
}

#[test]
fn coordinates_with_leading_zeros_omitted_are_accepted() {
    let azure = cloud::start();
    for (name, curve) in [("tz3", Curve::P256), ("tz2", Curve::P256K)] {
        let id = azure.key_vault.add_key(NewKey { short_coordinates: true, ..NewKey::new(name, curve) });
        let signer = Instance::start_ready(&azure, &[]);
        let listed = signer.get("/keys").json();
        let listed = listed.as_array().unwrap().iter().find(|key| key["name"] == name).unwrap();
        let key = told_by(id, listed["public_key"].as_str().unwrap());
        // This would fail if the signer had misread the public key.
        key.verify(&vote(7), &signer.sign(&key.hash, &vote(7)).signature());
    }
}

#[test]
fn a_high_s_is_normalized_only_for_tz2() {
    let azure = cloud::start();
    azure.key_vault.high_s(true);
    let tz2 = add(&azure, NewKey::new("tz2", Curve::P256K), 1);
    let tz3 = add(&azure, NewKey::new("tz3", Curve::P256), 2);
    let signer = Instance::start_ready(&azure, &[]);
    for level in 1..6 {
        for key in [&tz2, &tz3] {
            key.verify(&vote(level), &signer.sign(&key.hash, &vote(level)).signature());
        }
    }
}

#[test]
fn a_managed_hsm_is_a_vault_too() {
    let azure = cloud::start_with(Options { vault: VaultKind::ManagedHsm, ..Options::default() });
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[]);
    key.verify(&vote(7), &signer.sign(&key.hash, &vote(7)).signature());
}

#[test]
fn configured_keys_need_no_permission_to_list() {
    let azure = cloud::start();
    azure.key_vault.deny_list(true);
    let keys = usable_keys(&azure);
    let named = [
        format!("{}/{}", keys[0].id.name, keys[0].id.version),
        format!("{}keys/{}/{}", azure.key_vault.url(), keys[4].id.name, keys[4].id.version),
        format!("missing/{}", keys[0].id.version),
    ];
    let signer = Instance::start_ready(&azure, &[("SIGNING_KEYS", &named.join(","))]);
    assert_eq!(signer.keys(), sorted([&keys[0], &keys[4]]));
    assert!(signer.logged("\"event\":\"key_left_out\"").contains("missing"));
    for key in [&keys[0], &keys[4]] {
        key.verify(&vote(7), &signer.sign(&key.hash, &vote(7)).signature());
    }
    assert_eq!(azure.key_vault.requests(Operation::ListKeys), 0);

    let signer = Instance::start(&azure, &[]);
    let answer = signer.sign(&keys[0].hash, &vote(8));
    assert_eq!(answer.status, 500, "the key may exist");
    assert!(answer.error().contains("the vault cannot do this"), "{}", answer.error());
    signer.logged("\"event\":\"keys_unreadable\"");
}

#[test]
fn only_keys_with_the_configured_tag_are_used() {
    let azure = cloud::start();
    let tagged = |name: &str, tag: &str, value: &str| {
        let tags = BTreeMap::from([(tag.to_owned(), value.to_owned())]);
        NewKey { tags, ..NewKey::new(name, Curve::P256) }
    };
    let mainnet = add(&azure, tagged("mainnet", "tezos", "mainnet"), 1);
    let testnet = add(&azure, tagged("testnet", "tezos", "testnet"), 2);
    add(&azure, tagged("other", "purpose", "tezos"), 3);
    add(&azure, NewKey::new("plain", Curve::P256), 4);
    for (tag, expected) in [("tezos=mainnet", vec![&mainnet]), ("tezos", vec![&mainnet, &testnet])] {
        let signer = Instance::start_ready(&azure, &[("SIGNING_KEY_TAG", tag)]);
        assert_eq!(signer.keys(), sorted(expected), "{tag}");
        assert!(signer.logged("\"plain\"").contains(&format!("it lacks the required tag {tag}")));
    }
}

#[test]
fn a_key_added_later_is_found_when_it_is_requested() {
    let azure = cloud::start();
    baker(&azure);
    let signer = Instance::start_ready(&azure, &[]);
    let late = add(&azure, NewKey::new("late", Curve::P256K), 2);
    // The first request waits for the next search.
    late.verify(&vote(7), &signer.sign(&late.hash, &vote(7)).signature());
    assert!(azure.key_vault.requests(Operation::ListKeys) <= 3, "guessed keys cause no load on the vault");
}

#[test]
fn a_request_for_a_key_that_no_search_could_have_found_is_failed_not_refused() {
    let azure = cloud::start();
    baker(&azure);
    let signer = Instance::start_ready(&azure, &[("REQUEST_DEADLINE_MS", "500")]);
    // The deadline is too short to wait for the next search.
    let late = add(&azure, NewKey::new("late", Curve::P256K), 2);
    let answer = signer.sign(&late.hash, &vote(7));
    assert_eq!(answer.status, 500, "{answer:?}");
    assert!(answer.error().contains("the next search can start in"), "{}", answer.error());
    late.verify(&vote(7), &signer.eventually_signs(&late.hash, &vote(7)));
    assert!(azure.key_vault.requests(Operation::ListKeys) <= 3, "guessed keys cause no load on the vault");
}

#[test]
fn a_key_disabled_later_is_gone_after_the_next_refresh() {
    let azure = cloud::start();
    let (key, other) = (baker(&azure), add(&azure, NewKey::new("other", Curve::P256), 2));
    let signer = Instance::start_ready(&azure, &[EVERY_SECOND]);
    signer.sign(&key.hash, &vote(7)).signature();
    assert!(azure.key_vault.set_enabled(&key.id.name, &key.id.version, false));
    eventually("the list without the key", || (signer.keys() == sorted([&other])).then_some(()));
    assert!(signer.logged("\"event\":\"key_lost\"").contains(&key.hash));
    assert_eq!(signer.sign(&key.hash, &vote(8)).status, 404);
    signer.sign(&other.hash, &vote(8)).signature();
}

#[test]
fn a_read_that_fails_or_hangs_drops_no_known_key() {
    let throttled = Effect::status(429);
    for (on, effect) in [
        (Operation::GetKey, throttled),
        (Operation::GetKey, Effect::Hang),
        (Operation::ListVersions, throttled),
        (Operation::ListVersions, Effect::Hang),
        (Operation::ListKeys, throttled),
    ] {
        let azure = cloud::start();
        let known = [baker(&azure), add(&azure, NewKey::new("other", Curve::P256), 2)];
        let signer = Instance::start_ready(&azure, &[EVERY_SECOND]);
        // At first fewer faults than attempts, then a permanent fault.
        next(1, azure.key_vault.faults(), on, effect);
        let before = azure.key_vault.requests(on);
        eventually("the next search", || (azure.key_vault.requests(on) > before + 1).then_some(()));
        assert_eq!(signer.keys(), sorted(&known));
        always(azure.key_vault.faults(), on, effect);
        let new = add(&azure, NewKey::new("new", Curve::P256), 3);
        signer.logged("\"event\":\"keys_unreadable\"");
        assert_eq!(signer.keys(), sorted(&known), "{on:?} {effect:?}");
        signer.sign(&known[0].hash, &vote(7)).signature();
        let answer = signer.sign(&new.hash, &vote(7));
        assert_eq!(answer.status, 500, "it may be one that could not be read: {answer:?}");
        azure.key_vault.faults().clear();
        eventually("a signature of the new key", || (signer.sign(&new.hash, &vote(7)).status == 200).then_some(()));
    }
}

#[test]
fn a_vault_that_temporarily_forbids_everything_drops_no_known_key() {
    let azure = cloud::start();
    let key = baker(&azure);
    let named = key.id.name.clone() + "/" + &key.id.version;
    for settings in [vec![EVERY_SECOND], vec![EVERY_SECOND, ("SIGNING_KEYS", named.as_str())]] {
        azure.key_vault.faults().clear();
        let signer = Instance::start_ready(&azure, &settings);
        always(azure.key_vault.faults(), Operation::GetKey, Effect::status(403));
        let before = azure.key_vault.requests(Operation::GetKey);
        eventually("two searches", || (azure.key_vault.requests(Operation::GetKey) > before + 1).then_some(()));
        assert_eq!(signer.keys(), sorted([&key]));
        signer.sign(&key.hash, &vote(7)).signature();

        let late = Instance::start(&azure, &settings);
        let answer = late.sign(&key.hash, &vote(7));
        assert_eq!(answer.status, 500, "the key may exist: {answer:?}");
        azure.key_vault.faults().clear();
        eventually("a signature", || (late.sign(&key.hash, &vote(7)).status == 200).then_some(()));
    }
}
