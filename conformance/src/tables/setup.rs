//! Generates signer configurations for the test keys.

use super::keys::held;
use super::named;
use crate::crypto::Curve;
use crate::payload::operations::{KT1, TZ3};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Signer configurations with the keys and permissions of `keys.json`: paths below `setup/`, and contents.
pub fn files() -> Vec<(&'static str, String)> {
    vec![
        ("azurehsm-signer/policy.json", pretty(&policy())),
        ("signatory/signatory.yaml", signatory()),
        ("signatory/secret.json", pretty(&signatory_secrets())),
    ]
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn hash(name: &str) -> String {
    named(name).1.hash
}

/// The default permits blocks and votes only.
fn policy() -> Value {
    let mut keys = serde_json::Map::new();
    for curve in Curve::ALL {
        let operations = ["any", "update_consensus_key", "update_companion_key", "drain_delegate"];
        let rules = json!({"kinds": [], "operations": operations, "packed_data": true});
        keys.insert(hash(&format!("payer-{}", curve.name())), rules);
    }
    for (name, rules) in [
        (
            "staker-p256",
            json!({
                "operations": [
                    "reveal", "transaction:stake", "transaction:unstake", "transaction:finalize_unstake",
                    "transaction:set_delegate_parameters", "ballot",
                ],
                "max_fee": 10_000,
            }),
        ),
        (
            "limited-ed25519",
            json!({
                "kinds": [],
                "operations": ["transaction", "origination", "transfer_ticket"],
                "destinations": [TZ3.text(), KT1.text()],
                "max_amount": 1_000_000,
                "max_fee": 5_000,
            }),
        ),
        ("open-secp256k1", json!({"operations": ["any"]})),
        (
            "spender-p256",
            json!({
                "kinds": [],
                "operations": ["any"],
                "destinations": [TZ3.text(), KT1.text()],
                "max_amount": 1_000_000,
            }),
        ),
        ("drainer-p256", json!({"operations": ["drain_delegate"]})),
        ("attester-bls", json!({"kinds": ["attestation"]})),
        ("bound-p256", json!({"chains": ["NetXdQprcVkpaWU"]})),
        ("prover-bls", json!({"proof_of_possession": true})),
    ] {
        keys.insert(hash(name), rules);
    }
    json!({
        "default": {"kinds": ["block", "preattestation", "attestation"]},
        "keys": keys,
    })
}

/// Signatory's names for the operation kinds (`docs/start.md` and `tezt` of Octez, `Signatory.generic`).
const GENERIC: [&str; 30] = [
    "activate_account",
    "ballot",
    "dal_publish_commitment",
    "delegation",
    "drain_delegate",
    "failing_noop",
    "finalize_unstake",
    "increase_paid_storage",
    "origination",
    "proposals",
    "register_global_constant",
    "reveal",
    "seed_nonce_revelation",
    "set_delegate_parameters",
    "set_deposits_limit",
    "smart_rollup_add_messages",
    "smart_rollup_cement",
    "smart_rollup_execute_outbox_message",
    "smart_rollup_originate",
    "smart_rollup_publish",
    "smart_rollup_recover_bond",
    "smart_rollup_refute",
    "smart_rollup_timeout",
    "stake",
    "transaction",
    "transfer_ticket",
    "unstake",
    "update_companion_key",
    "update_consensus_key",
    "vdf_revelation",
];

/// Signatory cannot limit amounts or destinations: roles with such limits get the closest approximation.
fn signatory() -> String {
    let mut text = "# Keys of ../../cases/keys.json, FOR TESTS ONLY. Run with Signatory 1.4.0: signatory serve -c signatory.yaml\n\
                    # Signatory limits neither amounts nor destinations: --profile signatory leaves out the cases about them.\n\
                    server:\n  address: 127.0.0.1:6732\n  utility_address: 127.0.0.1:9583\n\n\
                    watermark:\n  driver: file\n\n\
                    vaults:\n  test_keys:\n    driver: file\n    config:\n      file: secret.json\n\ntezos:\n"
        .to_owned();
    // Signatory has no wildcard: each kind must be named.
    let by_name = ["update_consensus_key", "update_companion_key", "drain_delegate"];
    let any: Vec<_> = GENERIC.into_iter().filter(|kind| !by_name.contains(kind)).collect();
    for key in held() {
        let (consensus, generic): (&[&str], &[&str]) = match key.role.as_str() {
            "payer" => (&[], &GENERIC),
            "spender" => (&[], &any),
            "staker" => {
                (&CONSENSUS, &["reveal", "ballot", "stake", "unstake", "finalize_unstake", "set_delegate_parameters"])
            }
            "limited" => (&[], &["transaction", "origination", "transfer_ticket"]),
            "open" => (&CONSENSUS, &any),
            "drainer" => (&CONSENSUS, &["drain_delegate"]),
            "attester" => (&["attestation"], &[]),
            _ => (&CONSENSUS, &[]),
        };
        let _ = writeln!(text, "  # {}\n  {}:\n    allow:", key.name, key.hash);
        for kind in consensus {
            let _ = writeln!(text, "      {kind}:");
        }
        // Signatory has a separate name for tag 23, which tz4 keys do not sign.
        if consensus.contains(&"preattestation") && key.curve != Curve::Bls {
            let _ = writeln!(text, "      attestation_with_dal:");
        }
        if key.role == "payer" {
            let _ = writeln!(text, "      pack:");
        }
        if !generic.is_empty() {
            let _ = writeln!(text, "      generic:");
        }
        for kind in generic {
            let _ = writeln!(text, "        - {kind}");
        }
        if key.role == "bound" {
            let _ = writeln!(text, "    allowed_chains:\n      - NetXdQprcVkpaWU");
        }
        if key.role == "prover" {
            let _ = writeln!(text, "    allow_proof_of_possession: true");
        }
    }
    text
}

const CONSENSUS: [&str; 3] = ["block", "preattestation", "attestation"];

fn signatory_secrets() -> Value {
    let secrets =
        held().into_iter().map(|key| json!({"name": key.name, "value": format!("unencrypted:{}", key.secret_key)}));
    Value::Array(secrets.collect())
}
