//! Sealed keys in a container of Cosmos DB, where the signer may read and list, and nothing else.

mod commands;
mod kills;
mod shown;

use super::ANY_OPERATION;
use super::sealed::{Bakery, EVERY_SECOND, Sealed, sealing};
use crate::azure::cloud::{self, always, baker};
use crate::azure::instance::{Instance, command};
use crate::support::eventually::eventually;
use crate::support::payloads::{bls_attestation, transfer};
use crate::support::process::{printed, with_input};
use serde_json::{Value, json};
use stand_ins::{Effect, Operation};
use std::process::{Command, Output};

const CONTAINER: (&str, &str) = ("SEALED_KEYS_CONTAINER", "keys");

/// With the container.
impl Bakery {
    /// A command on sealed keys, without any right to write.
    fn command(&self, options: &str) -> Command {
        let mut command = command(&self.azure, &[CONTAINER]);
        command.arg("sealed").args(options.split_whitespace()).current_dir(self.path(""));
        command
    }

    fn output(&self, options: &str) -> Output {
        with_input(&mut self.command(options), "")
    }

    /// Runs a command with an operator's role.
    fn as_operator(&self, options: &str) -> Output {
        self.azure.cosmos.allow_write_of_keys(true);
        let output = self.output(options);
        self.azure.cosmos.allow_write_of_keys(false);
        output
    }

    /// The options that create a key; `place` is `--cosmos`, or `--folder` and a folder.
    fn creation(&self, name: &str, role: &str, place: &str) -> String {
        let recipients = [&format!("{}=north.pem", self.recipient), "safe.pem"];
        format!("create {} {place}", sealing(name, role, &recipients))
    }

    fn create_in(&self, place: &str, name: &str, role: &str) -> Sealed {
        Sealed::printed(&printed(&self.as_operator(&self.creation(name, role, place))))
    }

    fn item(&self, name: &str) -> Value {
        cloud::wait(self.azure.cosmos.sealed_key(name)).unwrap_or_else(|| panic!("{name}"))
    }

    fn put(&self, item: &Value) {
        cloud::wait(self.azure.cosmos.put_sealed_key(item));
    }

    /// Starts a signer that serves the container.
    fn start_with_container(&self, settings: &[(&str, &str)]) -> Instance {
        Instance::start(&self.azure, &[&[CONTAINER, EVERY_SECOND], settings].concat())
    }

    /// Starts a signer that serves the container and the folder `sealed`, which need not exist.
    fn start_with_both(&self, settings: &[(&str, &str)]) -> Instance {
        self.start(&[&[CONTAINER], settings].concat())
    }
}

#[test]
fn keys_of_the_container_and_of_a_folder_are_served_with_a_role_that_only_reads() {
    let bakery = Bakery::new();
    let refused = bakery.output(&bakery.creation("baker", "consensus", "--cosmos"));
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && error.contains("containers/items/create"), "{error}");
    let vault_key = baker(&bakery.azure);
    let consensus = bakery.create_in("--cosmos", "consensus", "consensus");
    let companion = bakery.create_in("--folder sealed", "companion", "companion");
    bakery.azure.cosmos.reset_requests();
    let signers = [bakery.start_with_both(&[ANY_OPERATION]), bakery.start_with_both(&[ANY_OPERATION])];
    let vote = bls_attestation(5, 0, 0);
    for key in [&consensus, &companion] {
        for signer in &signers {
            key.verify(&vote, &signer.eventually_signs(&key.hash, &vote));
            assert_eq!(signer.sign(&key.hash, &bls_attestation(5, 0, 1)).status, 409);
        }
    }
    vault_key.verify(&transfer(1, 1), &signers[0].eventually_signs(&vault_key.hash, &transfer(1, 1)));
    for signer in signers {
        let log = signer.stop().join("\n");
        assert!(log.contains("consensus in the container keys") && log.contains("companion.json"), "{log}");
    }
    let restarted = bakery.start_with_container(&[]);
    restarted.eventually_signs(&consensus.hash, &bls_attestation(6, 0, 0));
    assert_eq!(bakery.azure.cosmos.requests(Operation::Other), 0, "a call that the role does not allow");
}

#[test]
fn an_item_that_cannot_be_used_disables_only_itself() {
    let bakery = Bakery::new();
    let place = "--cosmos";
    let good = bakery.create_in(place, "good", "consensus");
    let twice = bakery.create_in(place, "twice", "consensus");
    let in_both = bakery.create_in("--folder sealed", "in-both", "companion");
    let changed = bakery.create_in(place, "changed", "companion");
    let elsewhere = bakery.create_in(place, "elsewhere", "consensus");
    let edited = |from: &str, to: &str, edit: &dyn Fn(&mut Value)| {
        let mut item = bakery.item(from);
        edit(&mut item["sealed"]);
        bakery.put(&json!({ "id": to, "type": "sealed_key", "sealed": item["sealed"] }));
    };
    edited("twice", "again", &|_| {});
    edited("changed", "changed", &|sealed| sealed["role"] = "consensus".into());
    edited("elsewhere", "elsewhere", &|sealed| sealed["store"]["container"] = "other".into());
    edited("good", "not base64", &|_| {});
    edited("elsewhere", "broken", &|sealed| sealed["nonce"] = "?".into());
    bakery.put(&json!({ "id": "empty", "type": "sealed_key" }));
    let in_folder: Value =
        serde_json::from_str(&std::fs::read_to_string(bakery.path("sealed/in-both.json")).unwrap()).unwrap();
    bakery.put(&json!({ "id": "in-both", "type": "sealed_key", "sealed": in_folder }));
    let signer = bakery.start_with_both(&[]);
    let vote = bls_attestation(5, 0, 0);
    good.verify(&vote, &signer.eventually_signs(&good.hash, &vote));
    for (name, key, reason) in [
        ("twice in the container keys", Some(&twice), "it is sealed twice"),
        ("again in the container keys", Some(&twice), "it is sealed twice"),
        ("in-both.json", Some(&in_both), "it is sealed twice"),
        ("in-both in the container keys", Some(&in_both), "it is sealed twice"),
        ("changed", Some(&changed), "it was changed after it was sealed"),
        ("elsewhere", Some(&elsewhere), "it is sealed for another mark store"),
        ("broken", None, "nonce"),
        ("empty", None, "no field `sealed`"),
        ("not base64", None, "expected 1 to 127 letters"),
    ] {
        let log = signer.log();
        let is_it = |line: &&String| line.contains("sealed_key_unusable") && line.contains(name);
        let line = log.iter().find(is_it).unwrap_or_else(|| panic!("{name} in {log:#?}"));
        assert!(line.contains(reason), "{reason}: {line}");
        if let Some(key) = key {
            let refused = signer.eventually_answers(&key.hash, &vote);
            assert_eq!(refused.status, 404, "{refused:?}");
            assert!(refused.error().contains(reason), "{refused:?}");
        }
    }
    assert_eq!(signer.keys(), std::slice::from_ref(&good.hash));
    // Without its copy, a key is served again.
    cloud::wait(bakery.azure.cosmos.delete_sealed_key("again"));
    signer.eventually_signs_again(&twice.hash, &vote);
}

#[test]
fn no_key_of_the_vault_waits_for_sealed_keys_to_be_listed_or_opened() {
    let bakery = Bakery::new();
    let vault_key = baker(&bakery.azure);
    bakery.create_in("--folder sealed", "south", "consensus");
    always(bakery.azure.cosmos.faults(), Operation::Query, Effect::Hang);
    always(bakery.azure.key_vault.faults(), Operation::UnwrapKey, Effect::Hang);
    // Less than both take together.
    let signer = bakery.start_with_both(&[ANY_OPERATION, ("REQUEST_DEADLINE_MS", "8000")]);
    vault_key.verify(&transfer(1, 1), &signer.sign(&vault_key.hash, &transfer(1, 1)).signature());
}

#[test]
fn while_the_container_cannot_be_read_other_keys_are_served_and_open_ones_stay_open() {
    let bakery = Bakery::new();
    let vault_key = baker(&bakery.azure);
    let in_container = bakery.create_in("--cosmos", "north", "consensus");
    let in_folder = bakery.create_in("--folder sealed", "south", "consensus");
    let late = bakery.create_in("--cosmos", "late", "consensus");
    let item = bakery.item("late");
    cloud::wait(bakery.azure.cosmos.delete_sealed_key("late"));
    for (level, effect) in [(5, Effect::status(503)), (6, Effect::Hang), (7, Effect::status(403))] {
        let vote = bls_attestation(level, 0, 0);
        always(bakery.azure.cosmos.faults(), Operation::Query, effect);
        let signer = bakery.start_with_both(&[ANY_OPERATION]);
        signer.eventually_signs(&in_folder.hash, &vote);
        signer.eventually_signs(&vault_key.hash, &transfer(1, 1));
        let failed = signer.sign(&in_container.hash, &vote);
        assert_eq!(failed.status, 500, "{effect:?}: {failed:?}");
        bakery.azure.cosmos.faults().clear();
        in_container.verify(&vote, &signer.eventually_signs(&in_container.hash, &vote));
        // A new key cannot be found now, and the open ones still sign.
        always(bakery.azure.cosmos.faults(), Operation::Query, effect);
        bakery.put(&item);
        let queries = bakery.azure.cosmos.requests(Operation::Query);
        eventually("two more searches", || {
            (bakery.azure.cosmos.requests(Operation::Query) > queries + 8).then_some(())
        });
        signer.sign(&in_container.hash, &bls_attestation(level, 1, 0)).signature();
        assert_eq!(signer.sign(&late.hash, &vote).status, 500, "{effect:?}");
        bakery.azure.cosmos.faults().clear();
        late.verify(&vote, &signer.eventually_signs(&late.hash, &vote));
        cloud::wait(bakery.azure.cosmos.delete_sealed_key("late"));
        eventually("the end of a key that is gone", || (signer.sign(&late.hash, &vote).status == 404).then_some(()));
    }
}
