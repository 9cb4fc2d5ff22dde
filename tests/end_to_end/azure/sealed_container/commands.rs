//! Commands on the container, by an operator.

use super::Bakery;
use crate::azure::ANY_OPERATION;
use crate::azure::cloud::{baker, next};
use crate::azure::instance::Instance;
use crate::support::eventually::eventually;
use crate::support::payloads::transfer;
use crate::support::process::{complaint, printed, with_input};
use crate::support::tz4::SECRET_KEY;
use serde_json::{Value, json};
use stand_ins::{Curve, Effect, NewKey, Operation};
use std::io::Write;
use std::process::Stdio;

const OPEN: &str = "--recovery-key safe-private.pem";

#[test]
fn every_command_works_on_the_container() {
    let bakery = Bakery::new();
    let key = bakery.create_in("--cosmos", "baker", "consensus");
    let first = bakery.item("baker");
    assert_eq!(first["sealed"]["address"], key.hash.as_str());
    assert!(printed(&bakery.output("list --cosmos")).contains(&key.hash));
    assert!(printed(&bakery.output(&format!("check baker {OPEN} --cosmos"))).contains("opened: "));
    assert!(printed(&bakery.output("check baker --unwrap --cosmos")).contains("opened: "));
    let proof = printed(&bakery.output(&format!("prove baker {OPEN} --cosmos")));
    assert_eq!(printed(&bakery.output("prove baker --unwrap --cosmos")), proof);
    let west = "https://west.vault.localhost:1/keys/sealing/0123";
    let changed = printed(&bakery.as_operator(&format!("rewrap baker --unwrap --add {west}=west.pem --cosmos")));
    assert!(changed.contains(west), "{changed}");
    let second = bakery.item("baker");
    assert!(first["sealed"]["nonce"] != second["sealed"]["nonce"] && second["sealed"]["recipients"][2]["key"] == west);
    let recovered = bakery.as_operator(&format!(
        "recover baker {OPEN} --store store.json --recipient {west}=west.pem --recipient safe.pem --cosmos"
    ));
    assert!(!printed(&recovered).contains(&bakery.recipient));
    assert!(String::from_utf8(recovered.stderr).unwrap().contains("marks raise"));
    assert_eq!(bakery.item("baker")["sealed"]["address"], key.hash.as_str());
}

#[test]
fn a_name_or_a_key_that_is_there_is_not_overwritten() {
    let bakery = Bakery::new();
    let key = bakery.create_in("--cosmos", "baker", "consensus");
    let before = bakery.item("baker");
    let taken = complaint(&bakery.as_operator(&bakery.creation("baker", "consensus", "--cosmos")));
    assert!(taken.contains("baker in the container keys already exists"), "{taken}");
    assert_eq!(bakery.item("baker"), before);
    let import = |name: &str| {
        bakery.azure.cosmos.allow_write_of_keys(true);
        let options = bakery.creation(name, "consensus", "--cosmos").replacen("create", "import", 1);
        with_input(&mut bakery.command(&options), SECRET_KEY)
    };
    let imported = printed(&import("first"));
    assert!(!imported.contains(&key.hash), "{imported}");
    let there = complaint(&import("second"));
    assert!(there.contains("is already sealed in first in the container keys"), "{there}");
    let absent = complaint(&bakery.output("check nobody --cosmos"));
    assert!(absent.contains("nobody in the container keys does not exist"), "{absent}");
}

#[test]
fn after_a_lost_answer_the_command_finds_out_what_is_there() {
    let bakery = Bakery::new();
    for (number, effect) in [
        Effect::CloseAfterWork,
        Effect::status_after_work(503),
        Effect::HangAfterWork,
        Effect::CloseBeforeAnswer,
        Effect::status(503),
        Effect::status(429),
        Effect::Hang,
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("baker-{number}");
        next(1, bakery.azure.cosmos.faults(), Operation::CreateItem, effect);
        let created = bakery.create_in("--cosmos", &name, "consensus");
        let first = bakery.item(&name);
        assert_eq!(first["sealed"]["address"], created.hash.as_str(), "{effect:?}");
        next(1, bakery.azure.cosmos.faults(), Operation::ReplaceItem, effect);
        printed(&bakery.as_operator(&format!("rewrap {name} {OPEN} --cosmos")));
        assert_ne!(bakery.item(&name)["sealed"], first["sealed"], "{effect:?}");
        printed(&bakery.output(&format!("check {name} {OPEN} --cosmos")));
    }
}

#[test]
fn a_change_by_another_operator_is_not_overwritten() {
    let bakery = Bakery::new();
    bakery.create_in("--cosmos", "baker", "consensus");
    bakery.azure.cosmos.allow_write_of_keys(true);
    let reads = bakery.azure.cosmos.requests(Operation::ReadItem);
    let mut command = bakery.command("rewrap baker --recovery-key - --cosmos");
    let mut rewrap = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("a read", || (bakery.azure.cosmos.requests(Operation::ReadItem) > reads).then_some(()));
    printed(&bakery.output(&format!("rewrap baker {OPEN} --cosmos")));
    let by_the_other = bakery.item("baker");
    let private_key = std::fs::read(bakery.path("safe-private.pem")).unwrap();
    rewrap.stdin.take().unwrap().write_all(&private_key).unwrap();
    let error = complaint(&rewrap.wait_with_output().unwrap());
    assert!(error.contains("was changed by another process in the meantime"), "{error}");
    assert_eq!(bakery.item("baker"), by_the_other);
}

#[test]
fn the_public_key_of_a_recipient_is_read_from_its_vault() {
    let bakery = Bakery::new();
    let created = bakery.as_operator(&bakery.creation("baker", "consensus", "--cosmos").replace("=north.pem", ""));
    printed(&created);
    printed(&bakery.output("check baker --unwrap --cosmos"));
    let vault = bakery.azure.key_vault.url();
    let software = bakery.azure.key_vault.add_key(NewKey::new("software", Curve::Rsa));
    let elliptic = bakery.azure.key_vault.add_key(NewKey::new("elliptic", Curve::P256));
    for (id, reason) in [
        (format!("{vault}keys/software/{}", software.version), "in software"),
        (format!("{vault}keys/elliptic/{}", elliptic.version), "not an RSA key"),
        (format!("{vault}keys/sealing/0123"), "404"),
    ] {
        let options =
            bakery.creation("other", "consensus", "--cosmos").replace(&format!("{}=north.pem", bakery.recipient), &id);
        let error = complaint(&bakery.as_operator(&options));
        assert!(error.contains(&id) && error.contains(reason), "{error}");
    }
}

#[test]
fn the_container_needs_its_setting_and_is_not_that_of_the_marks() {
    let bakery = Bakery::new();
    let mut without = bakery.command("list --cosmos");
    let error = complaint(&without.env_remove("SEALED_KEYS_CONTAINER").output().unwrap());
    assert!(error.contains("SEALED_KEYS_CONTAINER: expected"), "{error}");
    let error = complaint(&bakery.command("list --cosmos").env("SEALED_KEYS_CONTAINER", "marks").output().unwrap());
    assert!(error.contains("expected another container than that of the marks"), "{error}");
}

#[test]
fn a_container_that_does_not_exist_is_named_and_the_keys_of_the_vault_are_served() {
    let bakery = Bakery::new();
    let error = complaint(&bakery.command("list --cosmos").env("SEALED_KEYS_CONTAINER", "absent").output().unwrap());
    assert!(error.contains("absent") && error.contains("404"), "{error}");
    let key = baker(&bakery.azure);
    let signer = Instance::start(&bakery.azure, &[("SEALED_KEYS_CONTAINER", "absent"), ANY_OPERATION]);
    key.verify(&transfer(1, 1), &signer.eventually_signs(&key.hash, &transfer(1, 1)));
    signer.logged("the container absent of sealed keys cannot be read");
}

#[test]
fn a_list_reports_an_item_that_is_not_a_sealed_key() {
    let bakery = Bakery::new();
    bakery.put(&json!({ "id": "empty", "type": "sealed_key" }));
    let error = complaint(&bakery.output("list --cosmos"));
    assert!(error.contains("1 sealed key cannot be used") && error.contains("empty in the container keys"), "{error}");
}

#[test]
fn an_item_has_its_name_its_type_and_the_sealed_key_and_nothing_else() {
    let bakery = Bakery::new();
    bakery.create_in("--cosmos", "baker", "consensus");
    let Value::Object(item) = bakery.item("baker") else { panic!("an object") };
    let ours: Vec<_> = item.keys().filter(|name| !name.starts_with('_')).collect();
    assert_eq!(ours, ["id", "sealed", "type"]);
}
