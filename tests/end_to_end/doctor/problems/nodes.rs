//! Problems with Tezos nodes and clocks.

use super::Case;
use crate::doctor::node::{self, OTHER_CHAIN, Says};

pub(super) const CASES: &[Case] = &[
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
            // A request to a proxy differs only in its first line, which has the whole URL.
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
        name: "a node whose sync state is not accessible",
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
