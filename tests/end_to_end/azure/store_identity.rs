//! The identity of a container, in answers and for an operator.

use crate::azure::cloud::{self, baker, wait};
use crate::azure::instance::{Instance, run};
use crate::support::eventually::eventually;
use azurehsm_signer::answer::{UNKNOWN, header};
use serde_json::Value;
use stand_ins::Azure;

fn printed(azure: &Azure) -> Value {
    let output = run(azure, &["marks", "store", "--json"]);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn named_by(signer: &Instance) -> String {
    signer.get("/authorized_keys").header(header::STORE).to_owned()
}

#[test]
fn answers_identify_the_container_once_known_and_a_recreated_one_differs() {
    let azure = cloud::start();
    baker(&azure);
    azure.cosmos.refuse_connections(true);
    let cold = Instance::start(&azure, &[]);
    assert_eq!(named_by(&cold), UNKNOWN);
    azure.cosmos.refuse_connections(false);
    cold.wait_until_ready();

    let identity = printed(&azure);
    let rid = wait(azure.cosmos.container_rid()).unwrap();
    let parts = ["store", "database", "container", "rid"].map(|name| identity[name].as_str().unwrap());
    assert_eq!(parts, ["cosmos", "signer", "marks", &rid]);
    assert!(!identity["account"].as_str().unwrap().contains("localhost"), "{identity}");
    let digest = identity["digest"].as_str().unwrap();
    for signer in [cold, Instance::start_ready(&azure, &[])] {
        assert_eq!(named_by(&signer), digest);
    }
    let other = cloud::start();
    assert_ne!(printed(&other)["digest"], digest, "another account");

    wait(azure.cosmos.recreate_container());
    let signer = Instance::start_ready(&azure, &[]);
    let recreated = printed(&azure)["digest"].as_str().unwrap().to_owned();
    assert_eq!(named_by(&signer), recreated);
    assert_ne!(recreated, digest);
}

#[test]
fn a_running_signer_reports_a_recreated_container_as_soon_as_it_has_noticed() {
    let azure = cloud::start();
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[]);
    let before = named_by(&signer);
    wait(azure.cosmos.recreate_container());
    eventually("the identity of the new container", || {
        signer
            .sign(&key.hash, &crate::support::payloads::payload(azurehsm_signer::tezos::payload::Kind::Block, 7, 0, 0));
        (named_by(&signer) != before).then_some(())
    });
}
