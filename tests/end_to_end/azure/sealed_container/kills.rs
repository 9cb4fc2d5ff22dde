//! Commands that are killed: the item has either its old or its new content, and either opens.

use super::Bakery;
use crate::azure::cloud::always;
use crate::support::eventually::eventually;
use crate::support::payloads::bls_attestation;
use crate::support::process::printed;
use stand_ins::{Delay, Effect, Operation};
use std::process::{Child, Stdio};
use std::time::Duration;

const REWRAP: &str = "rewrap baker --recovery-key safe-private.pem";

fn spawn(bakery: &Bakery, options: &str) -> Child {
    bakery.command(options).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn kill(mut process: Child) {
    process.kill().unwrap();
    process.wait().unwrap();
}

#[test]
fn a_killed_rewrap_in_the_container_leaves_the_old_key_or_the_new_one() {
    let late = Delay::Fixed(Duration::from_millis(300));
    for (operation, effect, is_new) in [
        (Operation::ReadItem, Effect::Hang, false),
        (Operation::ReplaceItem, Effect::Hang, false),
        (Operation::ReplaceItem, Effect::HangAfterWork, true),
        (Operation::ReplaceItem, Effect::LateWork(late), true),
    ] {
        let bakery = Bakery::new();
        let key = bakery.create_in("--cosmos", "baker", "consensus");
        let signer = bakery.start_with_container(&[]);
        signer.eventually_signs(&key.hash, &bls_attestation(5, 0, 0));
        let before = bakery.item("baker");
        bakery.azure.cosmos.allow_write_of_keys(true);
        let calls = bakery.azure.cosmos.requests(operation);
        // Only those of the operator: the signer needs neither for its key.
        always(bakery.azure.cosmos.faults(), operation, effect);
        let process = spawn(&bakery, &format!("{REWRAP} --cosmos"));
        eventually("the call", || (bakery.azure.cosmos.requests(operation) > calls).then_some(()));
        kill(process);
        if is_new {
            eventually("the new key", || (bakery.item("baker") != before).then_some(()));
        }
        bakery.azure.cosmos.faults().clear();
        assert_eq!(bakery.item("baker") != before, is_new, "{operation:?} {effect:?}");
        for way in ["--recovery-key safe-private.pem", "--unwrap"] {
            printed(&bakery.output(&format!("check baker {way} --cosmos")));
        }
        signer.sign(&key.hash, &bls_attestation(6, 0, 0)).signature();
        drop(signer);
        let restarted = bakery.start_with_container(&[]);
        restarted.eventually_signs(&key.hash, &bls_attestation(7, 0, 0));
        printed(&bakery.as_operator(&format!("{REWRAP} --cosmos")));
    }
}
