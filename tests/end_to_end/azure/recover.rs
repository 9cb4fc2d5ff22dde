//! `marks recover`: keys sign again after their marks were restored from an older copy, or lost.

use super::binding::{EVERY_SECOND, here_with_rid};
use crate::azure::cloud::{self, KnownKey, add, always, wait};
use crate::azure::instance::{Instance, command, run};
use crate::support::eventually::eventually;
use crate::support::node::Node;
use crate::support::payloads::{MAINNET, payload};
use crate::support::process::{complaint, printed};
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::{Azure, Curve, Effect, NewKey, Operation};
use std::collections::BTreeMap;
use std::process::Output;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

const SHADOWNET: &str = "NetXsqzbfFenSTS";

/// Two bound keys that have signed up to level 120, with marks from level 100.
struct Restored {
    azure: Azure,
    keys: [KnownKey; 2],
    /// It has seen the marks that are gone.
    running: Instance,
}

impl Restored {
    fn new() -> Self {
        let azure = cloud::start();
        azure.key_vault.allow_update(true);
        let keys = [("one", Curve::P256), ("two", Curve::P256K)].map(|(name, curve)| NewKey::new(name, curve));
        let [one, two] = keys;
        let keys = [add(&azure, one, 1), add(&azure, two, 2)];
        assert!(run(&azure, &["marks", "bind"]).status.success());
        let running = Instance::start_ready(&azure, &[EVERY_SECOND]);
        sign_all(&running, &keys, 100);
        let backup = wait(azure.cosmos.items());
        sign_all(&running, &keys, 120);
        wait(azure.cosmos.restore_container(&backup));
        Self { azure, keys, running }
    }

    fn recover(&self, settings: &[(&str, &str)], arguments: &[&str]) -> Output {
        command(&self.azure, settings).args(["marks", "recover"]).args(arguments).output().unwrap()
    }

    /// Whether no mark and no tag has changed.
    fn is_unchanged(&self) -> bool {
        let marks = wait(self.azure.cosmos.items());
        marks.iter().all(|mark| mark["level"] == 100)
            && self.keys.iter().all(|key| tag(&self.azure, key).is_some_and(|tag| tag != here_with_rid(&self.azure)))
    }
}

fn sign_all(signer: &Instance, keys: &[KnownKey], level: u32) {
    // One kind is never signed, so its mark has to be created.
    for kind in [Kind::Block, Kind::Attestation] {
        for key in keys {
            signer.sign(&key.hash, &payload(kind, level, 0, 0)).signature();
        }
    }
}

fn tag(azure: &Azure, key: &KnownKey) -> Option<String> {
    azure.key_vault.tags(&key.id.name, &key.id.version).unwrap().get("signer-marks").cloned()
}

#[test]
fn after_a_restore_all_keys_sign_again_above_the_head() {
    let restored = Restored::new();
    let Restored { azure, keys, running } = &restored;
    let fresh = Instance::start(azure, &[EVERY_SECOND]);
    eventually("the keys", || (fresh.keys().len() == 2).then_some(()));
    for key in keys {
        // Below what was signed, which a new process cannot know, and above.
        for (signer, level) in [(&fresh, 110), (&fresh, 130), (running, 130)] {
            let answer = signer.sign(&key.hash, &payload(Kind::Attestation, level, 0, 1));
            assert_eq!(answer.status, 500, "{answer:?}");
        }
    }
    let (behind, node) = (Node::start(Some((MAINNET, 990))), Node::start(Some((MAINNET, 1000))));
    node.says_time(&OffsetDateTime::now_utc().format(&Rfc3339).unwrap());
    let printed = printed(&restored.recover(&[("NODE_URLS", &format!("{},{}", behind.url(), node.url()))], &[]));
    for key in keys {
        let raised = format!("{MAINNET}:{}:block: raised from level 100, round 0 to level 1010, all rounds", key.hash);
        let created = format!("{MAINNET}:{}:preattestation: set to level 1010, all rounds", key.hash);
        for line in [raised, created, format!("now {}", here_with_rid(azure))] {
            assert!(printed.contains(&line), "{line} in {printed}");
        }
        assert_eq!(tag(azure, key), Some(here_with_rid(azure)));
    }
    assert_eq!(wait(azure.cosmos.items()).len(), 6);
    for (signer, level) in [(running, 1011), (&fresh, 1012)] {
        for (key, kind) in keys.iter().flat_map(|key| Kind::ALL.map(|kind| (key, kind))) {
            let next = payload(kind, level, 0, 0);
            key.verify(&next, &signer.eventually_signs_again(&key.hash, &next));
            assert_eq!(signer.sign(&key.hash, &payload(kind, 1010, 7, 0)).status, 409);
        }
    }
}

#[test]
fn a_dry_run_prints_the_same_targets_and_changes_nothing() {
    let restored = Restored::new();
    let node = Node::start(Some((MAINNET, 1000)));
    let printed = printed(&restored.recover(&[("NODE_URLS", &node.url())], &["--dry-run"]));
    for words in ["mainnet", "head 1000", "level 1010, all rounds", "one", "two", &here_with_rid(&restored.azure)] {
        assert!(printed.contains(words), "{words} in {printed}");
    }
    assert!(restored.is_unchanged());
}

#[test]
fn nothing_changes_without_a_trustworthy_head() {
    let restored = Restored::new();
    let ago = |age: Duration| (OffsetDateTime::now_utc() - age).format(&Rfc3339).unwrap();
    let (silent, stuck, other) =
        (Node::start(None), Node::start(Some((MAINNET, 1000))), Node::start(Some((SHADOWNET, 7))));
    stuck.says_time(&ago(Duration::seconds(40)));
    let both = format!("{},{}", stuck.url(), other.url());
    for (nodes, arguments, expected) in [
        ("", &[][..], "NODE_URLS is not set: name the chain and the level of its head with --chain and --level"),
        ("", &["--chain", MAINNET], "no node has reported a head of mainnet"),
        ("", &["--level", "1000"], "--chain and --level"),
        (&silent.url(), &[], "no node has reported its head"),
        (&stuck.url(), &[], " s old: the node may not be synchronized"),
        (&other.url(), &["--chain", MAINNET], "no node has reported a head of mainnet"),
        (&both, &["--level", "1000"], "--level is for one chain"),
        ("", &["--chain", MAINNET, "--level", "2147483640"], "is too high"),
        ("", &["--chain", MAINNET, "--level", "2000000000"], "by this machine's clock"),
    ] {
        let settings = [("NODE_URLS", nodes), ("REQUEST_DEADLINE_MS", "1500"), ("HEAD_REFRESH_MS", "1000")];
        let complaint = complaint(&restored.recover(&settings, arguments));
        assert!(complaint.contains(expected), "{arguments:?}: {complaint}");
        assert!(restored.is_unchanged(), "{arguments:?}");
    }
    printed(&restored.recover(&[("NODE_URLS", &stuck.url())], &["--force"]));
    assert!(!restored.is_unchanged());
}

#[test]
fn a_key_is_bound_only_after_all_marks_are_raised() {
    let restored = Restored::new();
    let Restored { azure, keys, .. } = &restored;
    let arguments = ["--chain", MAINNET, "--level", "1000"];
    let short = [("REQUEST_DEADLINE_MS", "1000")];
    let expected = here_with_rid(azure);

    always(azure.cosmos.faults(), Operation::CreateItem, Effect::status(503));
    let output = restored.recover(&short, &arguments);
    assert!(complaint(&output).contains("Repeat the command"), "{output:?}");
    assert!(keys.iter().all(|key| tag(azure, key) != Some(expected.clone())));
    azure.cosmos.faults().clear();

    azure.key_vault.allow_update(false);
    let output = restored.recover(&[], &arguments);
    assert!(complaint(&output).contains("0 of 2 keys are bound"), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("to level 1010"), "{output:?}");
    azure.key_vault.allow_update(true);

    printed(&restored.recover(&[], &arguments));
    assert!(keys.iter().all(|key| tag(azure, key) == Some(expected.clone())));
}

#[test]
fn a_key_that_cannot_sign_now_is_raised_but_not_bound() {
    let restored = Restored::new();
    let Restored { azure, keys: [one, two], .. } = &restored;
    let before = tag(azure, two);
    azure.key_vault.set_enabled(&two.id.name, &two.id.version, false);
    let printed = printed(&restored.recover(&[], &["--chain", MAINNET, "--level", "1000"]));
    assert!(printed.contains(&format!("{} cannot sign now and is not bound", two.hash)), "{printed}");
    assert!(printed.contains(&format!("{}:block: raised", two.hash)), "{printed}");
    assert_eq!([tag(azure, one), tag(azure, two)], [Some(here_with_rid(azure)), before]);
}

#[test]
fn marks_on_other_chains_are_reported() {
    let restored = Restored::new();
    restored.azure.cosmos.allow_query(true);
    let output = restored.recover(&[], &["--chain", SHADOWNET, "--level", "1000"]);
    printed(&output);
    let warning = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(warning.contains(&format!("repeat the command with --chain {MAINNET}")), "{warning}");
}

/// Then it has no tag that could name another store.
#[test]
fn an_unbound_key_is_bound_and_marks_in_a_file_are_only_raised() {
    let azure = cloud::start();
    azure.key_vault.allow_update(true);
    let key = cloud::baker(&azure);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let in_file = [
        ("MARKS", "embedded"),
        ("LOCAL_DATA_DIR", data),
        ("COSMOS_ENDPOINT", ""),
        ("COSMOS_DATABASE", ""),
        ("COSMOS_CONTAINER", ""),
    ];
    let arguments = ["marks", "recover", "--chain", MAINNET, "--level", "1000"];
    let to_file = printed(&command(&azure, &in_file).args(arguments).output().unwrap());
    assert!(to_file.contains(&format!("{}:attestation: set to level 1010", key.hash)), "{to_file}");
    assert_eq!(tag(&azure, &key), None);
    assert_eq!(azure.key_vault.tags(&key.id.name, &key.id.version), Some(BTreeMap::new()));

    printed(&run(&azure, &arguments));
    assert_eq!(tag(&azure, &key), Some(here_with_rid(&azure)));
}
