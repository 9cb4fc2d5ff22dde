//! `marks bind`.

use super::binding::{bind, here, here_with_rid};
use crate::azure::cloud::{self, KnownKey, add, always, baker, next, wait};
use crate::azure::instance::{command, run};
use stand_ins::{Azure, CosmosOptions, Curve, Effect, NewKey, Operation, Options, VaultKind};
use std::collections::BTreeMap;

/// Exit code, standard output and standard error.
fn bound(azure: &Azure, arguments: &[&str]) -> (bool, String, String) {
    let output = run(azure, &[&["marks", "bind"], arguments].concat());
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

fn tag(azure: &Azure, key: &KnownKey) -> Option<String> {
    azure.key_vault.tags(&key.id.name, &key.id.version).unwrap().get("signer-marks").cloned()
}

fn operator(options: Options) -> Azure {
    let azure = cloud::start_with(options);
    azure.key_vault.allow_update(true);
    azure
}

#[test]
fn keys_are_bound_to_the_container_and_keep_other_tags() {
    let azure = operator(Options::default());
    let tags = BTreeMap::from([("owner".to_owned(), "bakery".to_owned()), ("Signer-Marks".to_owned(), here(&azure))]);
    let key = add(&azure, NewKey { tags, ..NewKey::new("baker", Curve::P256) }, 1);
    let other = add(&azure, NewKey::new("other", Curve::P256K), 2);
    let expected = here_with_rid(&azure);

    let (is_done, printed, complaint) = bound(&azure, &[]);
    assert!(is_done, "{complaint}");
    let lines: Vec<_> = printed.lines().collect();
    let line = |key: &KnownKey| format!("{}/{}  {}  ", key.id.name, key.id.version, key.hash);
    let name = here(&azure);
    assert_eq!(
        lines,
        [format!("{}was {name}, now {expected}", line(&key)), format!("{}was not bound, now {expected}", line(&other))],
        "one line a key, and no word of another store"
    );
    let expected_tags =
        BTreeMap::from([("owner".to_owned(), "bakery".to_owned()), ("signer-marks".to_owned(), expected.clone())]);
    assert_eq!(azure.key_vault.tags("baker", &key.id.version), Some(expected_tags));
    assert_eq!(tag(&azure, &other), Some(expected.clone()));

    let (is_done, printed, _) = bound(&azure, &[]);
    assert!(is_done);
    assert_eq!(printed.lines().next().unwrap(), format!("{}unchanged: {expected}", line(&key)));
    assert_eq!(azure.key_vault.requests(Operation::UpdateKey), 2, "a correct tag is not written again");
    assert_eq!(wait(azure.cosmos.items()), Vec::<serde_json::Value>::new());
}

#[test]
fn rebinding_a_key_prints_the_procedure() {
    let azure = operator(Options::default());
    let key = baker(&azure);
    let elsewhere = "other.documents.azure.com/signer/marks";
    for before in [elsewhere.to_owned(), format!("{}#AAAAAAAAAAA=", here(&azure)), "marks".to_owned()] {
        bind(&azure, &key, &before);
        let (is_done, printed, complaint) = bound(&azure, &[]);
        assert!(is_done, "{complaint}");
        assert!(printed.contains(&format!("was {before}, now {}", here_with_rid(&azure))), "{printed}");
        for word in ["another mark store", "KEYS_REFRESH_SECONDS", "stop", "wait", "bind", "start", "marks raise"] {
            assert!(printed.contains(word), "{word} in {printed}");
        }
        assert_eq!(tag(&azure, &key), Some(here_with_rid(&azure)));
    }
}

#[test]
fn only_the_specified_keys_are_bound_under_all_their_names() {
    let azure = operator(Options::default());
    let [one, two, other] = [("one", 1), ("two", 1), ("other", 2)]
        .map(|(name, number)| add(&azure, NewKey::new(name, Curve::P256), number));
    assert!(bound(&azure, &["--key", &one.hash]).0);
    let expected = Some(here_with_rid(&azure));
    assert_eq!([&one, &two, &other].map(|key| tag(&azure, key)), [expected.clone(), expected.clone(), None]);

    let unknown = "tz3gXffsd2euM7pzj2uEXyfpeWXuBBsjLWM2";
    let (is_done, printed, complaint) = bound(&azure, &["--key", &other.hash, "--key", unknown]);
    assert!(!is_done && printed.is_empty());
    assert!(complaint.contains("no key was bound") && complaint.contains(unknown), "{complaint}");
    assert_eq!(tag(&azure, &other), None);

    let named = format!("{}/{}", other.id.name, other.id.version);
    azure.key_vault.deny_list(true);
    bind(&azure, &one, "marks");
    let output = command(&azure, &[("SIGNING_KEYS", &named)]).args(["marks", "bind"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!([&one, &other].map(|key| tag(&azure, key)), [Some("marks".to_owned()), expected]);
}

#[test]
fn an_identity_that_may_not_update_keys_gets_advice_on_the_role() {
    for (vault, action, role) in [
        (VaultKind::KeyVault, "Microsoft.KeyVault/vaults/keys/update/action", "Key Vault Crypto Officer"),
        (VaultKind::ManagedHsm, "Microsoft.KeyVault/managedHsm/keys/write/action", "Managed HSM Crypto User"),
    ] {
        let azure = cloud::start_with(Options { vault, ..Options::default() });
        let key = baker(&azure);
        let (is_done, printed, complaint) = bound(&azure, &[]);
        assert!(!is_done && printed.is_empty());
        for words in ["0 of 1 keys are bound", &key.hash, "403", action, role] {
            assert!(complaint.contains(words), "{words} in {complaint}");
        }
        assert_eq!(tag(&azure, &key), None);
    }
}

#[test]
fn completed_changes_are_reported_when_another_fails() {
    let azure = operator(Options::default());
    let keys = [1, 2, 3].map(|number| add(&azure, NewKey::new(format!("key-{number}"), Curve::P256), number));
    next(1, azure.key_vault.faults(), Operation::UpdateKey, Effect::status(400));
    let (is_done, printed, complaint) = bound(&azure, &[]);
    assert!(!is_done);
    assert!(complaint.contains("2 of 3 keys are bound") && complaint.contains(&keys[0].hash), "{complaint}");
    assert_eq!(printed.lines().count(), 2, "{printed}");
    let expected = Some(here_with_rid(&azure));
    assert_eq!(keys.each_ref().map(|key| tag(&azure, key)), [None, expected.clone(), expected.clone()]);

    next(2, azure.key_vault.faults(), Operation::UpdateKey, Effect::status(503));
    let (is_done, _, complaint) = bound(&azure, &[]);
    assert!(is_done, "a short trouble is waited out: {complaint}");
    assert_eq!(tag(&azure, &keys[0]), expected);
}

#[test]
fn no_key_is_bound_to_a_container_that_is_unsuitable_or_unreadable() {
    let weak = CosmosOptions { consistency: "Session".to_owned(), ..CosmosOptions::default() };
    let azure = operator(Options { cosmos: weak, ..Options::default() });
    let key = baker(&azure);
    let (is_done, _, complaint) = bound(&azure, &[]);
    assert!(!is_done && complaint.contains("its consistency is Session, expected Strong"), "{complaint}");
    assert_eq!(tag(&azure, &key), None);

    let azure = operator(Options::default());
    let key = baker(&azure);
    add(&azure, NewKey::new("other", Curve::P256), 2);
    always(azure.key_vault.faults(), Operation::ListVersions, Effect::status(500));
    let (is_done, _, complaint) = bound(&azure, &["--key", &key.hash]);
    assert!(!is_done, "another name of this key may be unreadable");
    assert!(complaint.contains("no key was bound"), "{complaint}");
    assert_eq!(tag(&azure, &key), None);
}

#[test]
fn only_keys_in_key_vault_can_be_bound_and_only_to_cosmos_db() {
    let azure = operator(Options::default());
    for missing in ["KEY_VAULT_URL", "COSMOS_ENDPOINT"] {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = vec![(missing, ""), ("LOCAL_DATA_DIR", folder.path().to_str().unwrap())];
        if missing == "COSMOS_ENDPOINT" {
            settings.extend([("MARKS", "embedded"), ("COSMOS_DATABASE", ""), ("COSMOS_CONTAINER", "")]);
        }
        let output = command(&azure, &settings).args(["marks", "bind"]).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && complaint.contains("set KEY_VAULT_URL and COSMOS_ENDPOINT"), "{complaint}");
    }
}
