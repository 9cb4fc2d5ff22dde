//! Invalid settings, and an identity without tokens.

use super::Case;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a setting that cannot be read",
        change: |deployment| deployment.set("HEAD_THRESHOLD", "near"),
        found: ("settings", "failed", &["HEAD_THRESHOLD", "'near'", "expected a whole number of levels"]),
        failed: &["settings"],
    },
    Case {
        name: "a setting that all checks need",
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
];
