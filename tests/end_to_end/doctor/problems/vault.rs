//! Problems with the vault and its keys.

use super::{Case, fault};
use stand_ins::{Curve, Effect, NewKey, Operation, RotationPolicy};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "the vault is down",
        change: |deployment| deployment.azure.key_vault.refuse_connections(true),
        found: ("vault.reachable", "failed", &["refused", "check that KEY_VAULT_URL is right"]),
        failed: &["vault.reachable"],
    },
    Case {
        name: "lists are denied",
        change: |deployment| deployment.azure.key_vault.deny_list(true),
        found: ("vault.list", "failed", &["vaults/keys/read", "az role assignment create", "SIGNING_KEYS"]),
        failed: &["vault.list"],
    },
    Case {
        name: "lists are denied, and not needed",
        change: |deployment| {
            deployment.azure.key_vault.deny_list(true);
            let key = deployment.key();
            deployment.set("SIGNING_KEYS", key);
        },
        found: ("vault.list", "ok", &["SIGNING_KEYS specifies 1 key version"]),
        failed: &[],
    },
    Case {
        name: "a configured key that does not exist",
        change: |deployment| deployment.set("SIGNING_KEYS", "nobody/0123456789abcdef0123456789abcdef"),
        found: (
            "vault.key",
            "failed",
            &["nobody/0123", "az keyvault key list-versions --vault-name standin -n nobody"],
        ),
        failed: &["vault.key", "vault.keys"],
    },
    Case {
        name: "the role does not sign",
        change: |deployment| {
            deployment.azure.key_vault.faults().add(fault(Operation::Sign, Effect::status(403)));
        },
        found: (
            "vault.sign",
            "failed",
            &["baker/", "Microsoft.KeyVault/vaults/keys/sign/action", "Key Vault Crypto User"],
        ),
        failed: &["vault.sign"],
    },
    Case {
        name: "the vault signs something else",
        change: |deployment| {
            let effect = Effect::BadSignature(stand_ins::BadSignature::OfOtherData);
            deployment.azure.key_vault.faults().add(fault(Operation::Sign, effect));
        },
        found: ("vault.sign", "failed", &["do not use the key"]),
        failed: &["vault.sign"],
    },
    Case {
        name: "an expired key",
        change: |deployment| {
            deployment.azure.key_vault.set_expires("baker", &deployment.key.version, Some(1_700_000_000));
        },
        found: ("vault.expiry", "failed", &["baker/", "it expired at 2023-11-14", "az keyvault key set-attributes"]),
        failed: &["vault.expiry", "vault.keys"],
    },
    Case {
        name: "a key that will expire",
        change: |deployment| {
            deployment.azure.key_vault.set_expires("baker", &deployment.key.version, Some(4_000_000_000));
        },
        found: ("vault.expiry", "warning", &["baker/", "stops signing at 2096-10-02", "--expires"]),
        failed: &[],
    },
    Case {
        name: "a configured key that is disabled",
        change: |deployment| {
            deployment.azure.key_vault.set_enabled("baker", &deployment.key.version, false);
            let key = deployment.key();
            deployment.set("SIGNING_KEYS", key);
        },
        found: ("vault.key", "failed", &["it is disabled", "--enabled true"]),
        failed: &["vault.key", "vault.keys"],
    },
    Case {
        name: "keys that do not sign here",
        change: |deployment| {
            deployment.azure.key_vault.add_key(NewKey::new("website", Curve::Rsa));
            deployment.azure.key_vault.add_key(NewKey { enabled: false, ..NewKey::new("old", Curve::P256K) });
        },
        found: ("vault.key", "skipped", &["website/", "its type is RSA"]),
        failed: &[],
    },
    Case {
        name: "a software key",
        change: |deployment| {
            deployment.azure.key_vault.add_key(NewKey::new("soft", Curve::P256K));
        },
        found: ("vault.protection", "warning", &["soft/", "by software", "--kty EC-HSM --curve P-256K"]),
        failed: &[],
    },
    Case {
        name: "a rotation policy",
        change: |deployment| {
            let policy =
                RotationPolicy { expires_after: Some("P2Y"), rotates_after: Some("P90D"), ..RotationPolicy::default() };
            deployment.azure.key_vault.rotation_policy(Some(policy));
        },
        found: (
            "vault.rotation",
            "warning",
            &[
                "P90D after its creation",
                "a new version has a new Tezos address",
                "az keyvault key rotation-policy update",
            ],
        ),
        failed: &[],
    },
    Case {
        name: "a policy by which new versions expire",
        change: |deployment| {
            let policy =
                RotationPolicy { expires_after: Some("P90D"), rotates_after: None, ..RotationPolicy::default() };
            deployment.azure.key_vault.rotation_policy(Some(policy));
        },
        found: ("vault.rotation", "warning", &["new versions expire P90D after"]),
        failed: &[],
    },
    Case {
        name: "a rotation policy that cannot be read",
        change: |deployment| deployment.azure.key_vault.rotation_policy(None),
        found: ("vault.rotation", "skipped", &["az keyvault key rotation-policy show --vault-name standin -n baker"]),
        failed: &[],
    },
    Case {
        name: "an empty vault",
        change: |deployment| deployment.azure.key_vault.delete_key("baker"),
        found: ("vault.keys", "failed", &["az keyvault key create --vault-name standin"]),
        failed: &["vault.keys"],
    },
];
