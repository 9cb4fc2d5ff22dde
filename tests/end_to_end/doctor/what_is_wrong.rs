//! One thing is wrong, and is found, and what to do about it is told.

use crate::doctor::deployment::Deployment;
use crate::doctor::node::{self, OTHER_CHAIN, Says};
use stand_ins::{CosmosOptions, Curve, Effect, Fault, NewKey, Operation, Options, RotationPolicy, Times, VaultKind};

fn fault(on: Operation, effect: Effect) -> Fault {
    Fault { on, times: Times::Forever, effect }
}

/// What is done to a deployment, and what is then found.
struct Case {
    name: &'static str,
    change: fn(&mut Deployment),
    /// Check, outcome, and words.
    found: (&'static str, &'static str, &'static [&'static str]),
    /// All checks that then fail, beside warnings.
    failed: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        name: "a setting that cannot be read",
        change: |deployment| deployment.set("HEAD_THRESHOLD", "near"),
        found: ("settings", "failed", &["HEAD_THRESHOLD", "'near'", "expected a whole number of levels"]),
        failed: &["settings"],
    },
    Case {
        name: "a setting without which nothing can be checked",
        change: |deployment| deployment.set("KEY_VAULT_URL", "bakery"),
        found: ("settings", "failed", &["KEY_VAULT_URL", "expected https://<name>.vault.azure.net/"]),
        failed: &["settings"],
    },
    Case {
        name: "a misspelt setting",
        change: |deployment| deployment.set("COSMOS_DATABSE", "signer"),
        found: ("settings.unknown", "warning", &["COSMOS_DATABSE", "no effect"]),
        failed: &[],
    },
    Case {
        name: "a setting that is probably misspelt",
        change: |deployment| {
            let container = deployment.variables.remove("COSMOS_CONTAINER").unwrap();
            deployment.set("COSMOS_CONTIANER", container);
        },
        found: ("settings.unknown", "failed", &["COSMOS_CONTIANER", "typo of COSMOS_CONTAINER", "does not start"]),
        failed: &["settings.unknown"],
    },
    Case {
        name: "the identity endpoint is down",
        change: |deployment| deployment.azure.identity.refuse_connections(true),
        found: ("identity.token", "failed", &["https://vault.localhost", "az functionapp identity assign"]),
        failed: &["identity.token", "identity.token"],
    },
    Case {
        name: "a wrong IDENTITY_HEADER",
        change: |deployment| deployment.set("IDENTITY_HEADER", "wrong"),
        found: ("identity.token", "failed", &["IDENTITY_HEADER are set by the platform", "restart the app"]),
        failed: &["identity.token", "identity.token"],
    },
    Case {
        name: "the identity is user-assigned",
        change: |deployment| deployment.set("AZURE_CLIENT_ID", "11111111-2222"),
        found: ("identity", "ok", &["client id 11111111-2222"]),
        failed: &[],
    },
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
        name: "a key that is named and not there",
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
        name: "a disabled key that is named",
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
        name: "a rotation policy that may not be read",
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
    Case {
        name: "Cosmos DB is down",
        change: |deployment| deployment.azure.cosmos.refuse_connections(true),
        found: ("marks.reachable", "failed", &["refused", "check that COSMOS_ENDPOINT is right"]),
        failed: &["marks.reachable"],
    },
    Case {
        name: "weak consistency",
        change: |deployment| deployment.azure.cosmos.set_consistency("Session"),
        found: ("marks.consistency", "failed", &["Session, expected Strong", "--default-consistency-level Strong"]),
        failed: &["marks.consistency"],
    },
    Case {
        name: "weak consistency that is allowed",
        change: |deployment| {
            deployment.azure.cosmos.set_consistency("Session");
            deployment.set("ALLOW_WEAK_CONSISTENCY", "true");
        },
        found: ("marks.consistency", "warning", &["Session", "ALLOW_WEAK_CONSISTENCY", "double-sign"]),
        failed: &[],
    },
    Case {
        name: "several write regions",
        change: |deployment| deployment.azure.cosmos.set_multiple_write_locations(true),
        found: ("marks.regions", "failed", &["several regions", "--enable-multiple-write-locations false"]),
        failed: &["marks.regions"],
    },
    Case {
        name: "another container",
        change: |deployment| deployment.set("COSMOS_CONTAINER", "mark"),
        found: ("marks.container", "failed", &["signer/mark", "404", "az cosmosdb sql container create"]),
        failed: &["marks.container", "marks.binding"],
    },
    Case {
        name: "another database",
        change: |deployment| deployment.set("COSMOS_DATABASE", "nobody"),
        found: (
            "marks.container",
            "failed",
            &[
                "nobody/marks",
                "404",
                "az cosmosdb sql database create -g <group> -a localhost -n nobody",
                "az cosmosdb sql container create -g <group> -a localhost -d nobody -n marks --partition-key-path /pkh \
                 --partition-key-version 2",
            ],
        ),
        failed: &["marks.container", "marks.binding"],
    },
    Case {
        name: "the role reads no metadata",
        change: |deployment| {
            deployment.azure.cosmos.faults().add(fault(Operation::Account, Effect::status(403)));
        },
        found: ("marks.account", "failed", &["403", "readMetadata", "az cosmosdb sql role assignment create"]),
        failed: &["marks.account"],
    },
    Case {
        name: "the role does not create",
        change: |deployment| {
            deployment.azure.cosmos.faults().add(fault(Operation::CreateItem, Effect::status(403)));
        },
        found: ("marks.create", "failed", &["403", "containers/items/create", "--scope /dbs/signer/colls/marks"]),
        failed: &["marks.create"],
    },
    Case {
        name: "the role does not replace",
        change: |deployment| {
            deployment.azure.cosmos.faults().add(fault(Operation::ReplaceItem, Effect::status(403)));
        },
        found: ("marks.replace", "failed", &["403", "items/replace"]),
        failed: &["marks.replace"],
    },
    Case {
        name: "the role deletes",
        change: |deployment| deployment.azure.cosmos.allow_delete(true),
        found: ("marks.delete", "failed", &["double-sign", "az cosmosdb sql role assignment delete"]),
        failed: &["marks.delete"],
    },
    Case {
        name: "no nodes",
        change: |deployment| drop(deployment.variables.remove("NODE_URLS")),
        found: ("nodes.configured", "warning", &["against marks only", "set NODE_URLS"]),
        failed: &[],
    },
    Case {
        name: "a dead node",
        change: |deployment| {
            let nodes = format!("{},http://user:secret@127.0.0.1:1/path", deployment.variables["NODE_URLS"]);
            deployment.set("NODE_URLS", nodes);
        },
        found: ("nodes.head", "failed", &["http://127.0.0.1:1", "that NODE_URLS is right"]),
        failed: &["nodes.head"],
    },
    Case {
        name: "a node behind a proxy",
        change: |deployment| {
            // To a proxy, a question is the same with a whole address in its first line.
            let proxy = node::url(Says::default()).replace("http://", "http://user:secret@");
            deployment.set("NODE_URLS", "http://node.invalid:8732");
            deployment.set("HTTP_PROXY", proxy);
        },
        found: ("nodes.proxy", "ok", &["http://node.invalid:8732", "reached through http://127.0.0.1:"]),
        failed: &[],
    },
    Case {
        name: "a node on another chain",
        change: |deployment| {
            let other = node::url(Says { chain: OTHER_CHAIN, ..Says::default() });
            deployment.set("NODE_URLS", format!("{},{other}", deployment.variables["NODE_URLS"]));
        },
        found: ("nodes.chain", "failed", &["different chains", OTHER_CHAIN]),
        failed: &["nodes.chain"],
    },
    Case {
        name: "a node that is not synced",
        change: |deployment| {
            deployment.set("NODE_URLS", node::url(Says { sync_state: "unsynced", ..Says::default() }));
        },
        found: ("nodes.synced", "failed", &["bootstrapped: false, sync_state: unsynced", "snapshot"]),
        failed: &["nodes.synced"],
    },
    Case {
        name: "a node that does not say whether it is synced",
        change: |deployment| deployment.set("NODE_URLS", node::url(Says { is_open: false, ..Says::default() })),
        found: ("nodes.synced", "warning", &["401", "access rules"]),
        failed: &[],
    },
    Case {
        name: "an old head",
        change: |deployment| deployment.set("NODE_URLS", node::url(Says { age: 90, ..Says::default() })),
        found: ("nodes.head", "warning", &["level 1000, 90 s old", "lost its peers"]),
        failed: &[],
    },
    Case {
        name: "a very old head",
        change: |deployment| deployment.set("NODE_URLS", node::url(Says { age: 9000, ..Says::default() })),
        found: ("nodes.head", "failed", &["9000 s old"]),
        failed: &["nodes.head"],
    },
    Case {
        name: "nodes far apart",
        change: |deployment| {
            let ahead = node::url(Says { level: 1500, ..Says::default() });
            deployment.set("NODE_URLS", format!("{},{ahead}", deployment.variables["NODE_URLS"]));
        },
        found: ("nodes.level", "failed", &["1000 to 1500", "HEAD_THRESHOLD (120)"]),
        failed: &["nodes.level"],
    },
    Case {
        name: "one clock of many is wrong",
        change: |deployment| deployment.set("NODE_URLS", node::url(Says { behind: 5000, ..Says::default() })),
        found: ("clock", "ok", &["median"]),
        failed: &[],
    },
    Case {
        name: "this clock is wrong",
        change: |deployment| {
            let behind = || node::url(Says { behind: 90, ..Says::default() });
            deployment.set("NODE_URLS", [behind(), behind(), behind()].join(","));
        },
        found: ("clock", "failed", &["s ahead of the median", "timedatectl"]),
        failed: &["clock"],
    },
];

#[tokio::test]
async fn what_is_wrong_is_found_and_nothing_else_fails() {
    let mut wrong = Vec::new();
    for case in CASES {
        let mut deployment = Deployment::start().await;
        (case.change)(&mut deployment);
        let examined = deployment.examine(&["--sign"]);
        let (check, outcome, words) = case.found;
        let is_found = examined.finds(check, outcome, words);
        let tells_secrets = examined.to_string().contains("secret");
        if !is_found || tells_secrets || examined.checks("failed") != case.failed {
            wrong.push(format!("{}: expected {outcome} {check} with {words:?} in\n{examined}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn an_unsuitable_container_is_found() {
    for (cosmos, words) in [
        (CosmosOptions { default_ttl: Some(3600), ..CosmosOptions::default() }, ["time to live", "Off"]),
        (CosmosOptions { default_ttl: Some(-1), ..CosmosOptions::default() }, ["time to live", "Off"]),
        (
            CosmosOptions { partition_key_version: 1, ..CosmosOptions::default() },
            ["version 1, expected 2", "--partition-key-version 2"],
        ),
        (
            CosmosOptions { partition_key_path: "/id".to_owned(), ..CosmosOptions::default() },
            ["/id, expected /pkh", "--partition-key-path /pkh"],
        ),
    ] {
        let deployment = Deployment::start_with(Options { cosmos, ..Options::default() }).await;
        let examined = deployment.examine(&[]);
        examined.assert_finds("marks.container", "failed", &words);
        assert_eq!(examined.checks("failed"), ["marks.container"], "{examined}");
    }
}

#[tokio::test]
async fn commands_are_those_of_a_managed_hsm_where_it_is_one() {
    let deployment = Deployment::start_with(Options { vault: VaultKind::ManagedHsm, ..Options::default() }).await;
    assert_eq!(deployment.examine(&["--sign"]).checks("failed"), Vec::<String>::new());
    deployment.azure.key_vault.deny_list(true);
    let words = ["Managed HSM Crypto User", "--hsm-name standin", "managedHsm/keys/sign/action"];
    deployment.examine(&[]).assert_finds("vault.list", "failed", &words);
}
