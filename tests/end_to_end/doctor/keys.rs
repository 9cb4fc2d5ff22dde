//! Findings about the keys in the vault, with advice that matches the cause.

use crate::doctor::deployment::Deployment;
use stand_ins::{Curve, Effect, Fault, NewKey, Operation, RotationPolicy, Times};
use std::collections::BTreeMap;

const LONG_AGO: Option<u64> = Some(1_700_000_000);

/// A change of a deployment, and the resulting finding.
struct Case {
    name: &'static str,
    change: fn(&Deployment),
    settings: &'static [(&'static str, &'static str)],
    /// Check, outcome, and words in the finding.
    found: (&'static str, &'static str, &'static [&'static str]),
    /// Words that must not occur in the report.
    nowhere: &'static [&'static str],
    /// All checks that fail.
    failed: &'static [&'static str],
}

const ROLE: &[&str] = &["az role assignment create"];

fn always(deployment: &Deployment, on: Operation, status: u16) {
    let effect = Effect::status(status);
    deployment.azure.key_vault.faults().add(Fault { on, times: Times::Forever, effect });
}

fn rotates(deployment: &Deployment, spelling: &'static str) {
    let policy = RotationPolicy { rotates_after: Some("P90D"), spelling: Some(spelling), ..RotationPolicy::default() };
    deployment.azure.key_vault.rotation_policy(Some(policy));
}

/// Adds a key with the private key 7.
fn seven(deployment: &Deployment, key: NewKey) {
    let mut private_key = [0; 32];
    private_key[31] = 7;
    deployment.azure.key_vault.add_key(NewKey { hsm: true, private_key: Some(private_key), ..key });
}

/// Adds a tag to the baker's key.
fn tag_baker(deployment: &Deployment) {
    let vault = &deployment.azure.key_vault;
    let mut tags = vault.tags("baker", &deployment.key.version).unwrap();
    tags.insert("tezos".to_owned(), "baker".to_owned());
    assert!(vault.set_tags("baker", &deployment.key.version, tags));
}

const NONE: Case = Case { name: "", change: |_| {}, settings: &[], found: ("", "", &[]), nowhere: &[], failed: &[] };

const CASES: &[Case] = &[
    Case {
        name: "rotate, as emulators write it",
        change: |deployment| rotates(deployment, "rotate"),
        found: ("vault.rotation", "warning", &["P90D after its creation", "a new version has a new Tezos address"]),
        ..NONE
    },
    Case {
        name: "rotation in capitals",
        change: |deployment| rotates(deployment, "ROTATE"),
        found: ("vault.rotation", "warning", &["P90D after its creation"]),
        ..NONE
    },
    Case {
        name: "a rotation policy that takes another role",
        change: |deployment| deployment.azure.key_vault.rotation_policy(None),
        found: ("vault.rotation", "skipped", &["Microsoft.KeyVault/vaults/keyrotationpolicies/read"]),
        ..NONE
    },
    Case {
        name: "a rotation policy that was never set, in an emulator",
        change: |deployment| always(deployment, Operation::RotationPolicy, 500),
        found: ("vault.rotation", "warning", &["cannot read the rotation policy", "500", "rotation-policy show"]),
        ..NONE
    },
    Case {
        name: "no such rotation policy",
        change: |deployment| always(deployment, Operation::RotationPolicy, 404),
        found: ("vault.rotation", "warning", &["cannot read the rotation policy", "404"]),
        nowhere: ROLE,
        ..NONE
    },
    Case {
        name: "a vault that does not understand lists",
        change: |deployment| always(deployment, Operation::ListKeys, 400),
        found: ("vault.list", "failed", &["400", "rejected the request"]),
        nowhere: ROLE,
        failed: &["vault.list"],
        ..NONE
    },
    Case {
        name: "a server that is not a vault",
        change: |deployment| always(deployment, Operation::ListKeys, 404),
        found: ("vault.list", "failed", &["404", "the address of the vault itself"]),
        nowhere: ROLE,
        failed: &["vault.list"],
        ..NONE
    },
    Case {
        name: "a vault that does not understand signatures",
        change: |deployment| always(deployment, Operation::Sign, 400),
        found: ("vault.sign", "failed", &["400", "rejected the request"]),
        nowhere: ROLE,
        failed: &["vault.sign"],
        ..NONE
    },
    Case {
        name: "a key that does not understand",
        change: |deployment| always(deployment, Operation::GetKey, 400),
        found: ("vault.key", "failed", &["400", "rejected the request"]),
        nowhere: ROLE,
        failed: &["vault.key", "vault.keys"],
        ..NONE
    },
    Case {
        name: "a key that may not be read",
        change: |deployment| always(deployment, Operation::GetKey, 403),
        found: ("vault.key", "failed", ROLE),
        failed: &["vault.key", "vault.keys"],
        ..NONE
    },
    Case {
        name: "expired keys of no concern",
        change: |deployment| {
            for (name, curve) in [("website", Curve::Rsa), ("documents", Curve::P384)] {
                deployment.azure.key_vault.add_key(NewKey { expires: LONG_AGO, ..NewKey::new(name, curve) });
            }
        },
        found: ("vault.key", "skipped", &["website/", "its type is RSA"]),
        nowhere: &["expired at"],
        ..NONE
    },
    Case {
        name: "an expired key without the tag that selects keys",
        change: |deployment| {
            tag_baker(deployment);
            seven(deployment, NewKey { expires: LONG_AGO, ..NewKey::new("untagged", Curve::P256) });
        },
        settings: &[("SIGNING_KEY_TAG", "tezos")],
        found: ("vault.key", "skipped", &["untagged/", "it lacks the required tag tezos"]),
        nowhere: &["expired at"],
        ..NONE
    },
    Case {
        name: "an expired key with the tag that selects keys",
        change: |deployment| {
            tag_baker(deployment);
            let tags = BTreeMap::from([("tezos".to_owned(), String::new())]);
            seven(deployment, NewKey { expires: LONG_AGO, tags, ..NewKey::new("tagged", Curve::P256) });
        },
        settings: &[("SIGNING_KEY_TAG", "tezos")],
        found: ("vault.expiry", "failed", &["tagged/", "tz3", "it expired at 2023-11-14"]),
        failed: &["vault.expiry"],
        ..NONE
    },
    Case {
        name: "the key of a certificate",
        change: |deployment| seven(deployment, NewKey { managed: true, ..NewKey::new("website", Curve::P256) }),
        found: ("vault.key", "skipped", &["website/", "it is the key of a certificate"]),
        ..NONE
    },
    Case {
        name: "an invalid public key",
        change: |deployment| seven(deployment, NewKey { off_curve: true, ..NewKey::new("damaged", Curve::P256K) }),
        found: ("vault.key", "warning", &["damaged/", "the point (x, y) is not on the curve secp256k1", "support"]),
        ..NONE
    },
    Case {
        name: "one private key under two names",
        change: |deployment| {
            let tags = deployment.azure.key_vault.tags("baker", &deployment.key.version).unwrap();
            seven(deployment, NewKey { tags: tags.clone(), ..NewKey::new("two", Curve::P256) });
            seven(deployment, NewKey { tags, ..NewKey::new("one", Curve::P256) });
        },
        found: ("vault.names", "warning", &["one/", "signs, and two/", "tz3"]),
        ..NONE
    },
    Case {
        name: "one private key under two names, of which one is disabled and bound elsewhere",
        change: |deployment| {
            let tags = deployment.azure.key_vault.tags("baker", &deployment.key.version).unwrap();
            let elsewhere = BTreeMap::from([("signer-marks".to_owned(), "other/signer/marks".to_owned())]);
            seven(deployment, NewKey { tags, ..NewKey::new("two", Curve::P256) });
            seven(deployment, NewKey { enabled: false, tags: elsewhere, ..NewKey::new("one", Curve::P256) });
        },
        found: ("vault.names", "warning", &["two/", "signs, and one/"]),
        failed: &["marks.binding"],
        ..NONE
    },
];

#[tokio::test]
async fn each_problem_with_a_key_has_its_own_cause_and_advice() {
    let mut wrong = Vec::new();
    for case in CASES {
        let mut deployment = Deployment::start().await;
        (case.change)(&deployment);
        for (name, value) in case.settings {
            deployment.set(name, *value);
        }
        let examined = deployment.examine(&["--sign"]);
        let (check, outcome, words) = case.found;
        let text = examined.to_string();
        let is_said = case.nowhere.iter().any(|words| text.contains(words));
        if !examined.finds(check, outcome, words) || is_said || examined.checks("failed") != case.failed {
            wrong.push(format!("{}: expected {outcome} {check} with {words:?} in\n{text}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_vault_that_requests_tokens_for_another_service_gets_no_advice_on_roles() {
    let mut deployment = Deployment::start().await;
    // The name is that of a Managed HSM, but the challenge is for Key Vault.
    let url = deployment.azure.key_vault.url().replace("standin.vault.localhost", "standin.managedhsm.localhost");
    deployment.set("KEY_VAULT_URL", url);
    let examined = deployment.examine(&[]);
    examined.assert_finds("vault.list", "failed", &["challenge", "check KEY_VAULT_URL"]);
    assert!(!examined.to_string().contains("role assignment create"), "{examined}");
}
