//! Problems with Cosmos DB, the container of the marks, and the role.

use super::{Case, fault};
use stand_ins::{Effect, Operation};

pub(super) const CASES: &[Case] = &[
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
];
