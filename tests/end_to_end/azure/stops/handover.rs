//! A key that is handed over to a signer with another store, and back.

use super::{SHORT, done};
use crate::azure::cloud::{self, KnownKey, baker};
use crate::azure::instance::{Instance, command};
use crate::support::node::Node;
use crate::support::payloads::{MAINNET, payload};
use crate::support::process::printed;
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::Azure;
use std::path::Path;

/// Hands the key over from one account to another with the printed commands, at this level of the head.
fn hand_over(from: &Azure, to: &Azure, key: &KnownKey, folder: &Path, level: u32, is_stopped_there: bool) {
    let node = Node::start(Some((MAINNET, level)));
    let file = folder.join(format!("{level}.json"));
    let nodes = node.url();
    let settings = [&SHORT[..], &[("NODE_URLS", &nodes)]].concat();
    let output = command(from, &settings)
        .args(["marks", "handover", &key.hash, "--output", file.to_str().unwrap()])
        .output()
        .unwrap();
    let printed = printed(&output);
    let commands = printed.lines().filter_map(|line| line.strip_prefix("azurehsm-signer marks "));
    for line in commands {
        let arguments: Vec<_> = line.split(' ').collect();
        match arguments[0] {
            "import" | "raise" => drop(done(to, &arguments)),
            "resume" if is_stopped_there => drop(done(to, &arguments)),
            "bind" | "resume" => {}
            other => panic!("{other}"),
        }
    }
}

#[test]
fn there_and_back_nothing_is_signed_twice() {
    let (here, there) = (cloud::start(), cloud::start());
    let (key, folder) = (baker(&here), tempfile::tempdir().unwrap());
    assert_eq!(baker(&there).hash, key.hash);
    let (ours, theirs) = (Instance::start_ready(&here, &[]), Instance::start_ready(&there, &[]));
    let signs = |signer: &Instance, level: u32| {
        Kind::ALL.map(|kind| signer.sign(&key.hash, &payload(kind, level, 0, 0)).status)
    };
    assert_eq!(signs(&ours, 1000), [200; 3]);
    hand_over(&here, &there, &key, folder.path(), 1000, false);
    for level in [1000, 1005, 1010] {
        assert_eq!([signs(&ours, level), signs(&theirs, level)], [[409; 3]; 2], "{level}");
    }
    assert_eq!([signs(&ours, 1011), signs(&theirs, 1011)], [[409; 3], [200; 3]]);

    hand_over(&there, &here, &key, folder.path(), 1100, true);
    for level in [1011, 1100, 1110] {
        assert_eq!([signs(&ours, level), signs(&theirs, level)], [[409; 3]; 2], "{level}");
    }
    assert_eq!([signs(&ours, 1111), signs(&theirs, 1111)], [[200; 3], [409; 3]]);
}
