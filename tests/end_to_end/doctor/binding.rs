//! Keys that are bound to the mark store in use, to another, or not at all.

use crate::doctor::deployment::{Deployment, bound_here, run};
use stand_ins::{Curve, NewKey, Operation};
use std::collections::BTreeMap;

const CHECK: &str = "marks.binding";

fn tags(value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("signer-marks".to_owned(), value.to_owned())])
}

/// Sets the binding tag of a deployment's key, or removes it.
fn bind(deployment: &Deployment, value: Option<&str>) {
    let tags = value.map(tags).unwrap_or_default();
    assert!(deployment.azure.key_vault.set_tags(&deployment.key.name, &deployment.key.version, tags));
}

#[tokio::test]
async fn bindings_to_this_store_another_or_none_are_reported() {
    let deployment = Deployment::start().await;
    let key = deployment.key();
    let with_rid = bound_here(&deployment.azure).await;
    let by_name = with_rid.split_once('#').unwrap().0.to_owned();
    let bind_it = "azurehsm-signer marks bind --key tz3";
    for (tag, outcome, words) in [
        (Some(with_rid.clone()), "ok", vec!["bound to localhost:", &with_rid]),
        (Some(by_name.clone()), "ok", vec![&by_name, "by name", bind_it]),
        (None, "warning", vec!["not bound to a mark store", bind_it]),
        (
            Some(format!("{by_name}#AAAAAAAAAAA=")),
            "failed",
            vec!["another mark store", &with_rid, "AAAAAAAAAAA=", bind_it],
        ),
        (
            Some("other.documents.azure.com/signer/marks".to_owned()),
            "failed",
            vec![
                "other.documents.azure.com/signer/marks",
                &with_rid,
                "stop all its signers",
                "KEYS_REFRESH_SECONDS",
                bind_it,
            ],
        ),
        (
            Some("marks".to_owned()),
            "failed",
            vec!["another mark store", "expected <cosmos host>/<database>/<container>"],
        ),
    ] {
        bind(&deployment, tag.as_deref());
        let examined = deployment.examine(&[]);
        examined.assert_finds(CHECK, outcome, &[&[key.as_str()], words.as_slice()].concat());
        let failed: Vec<_> = (outcome == "failed").then_some(CHECK.to_owned()).into_iter().collect();
        assert_eq!(examined.checks("failed"), failed, "{examined}");
    }
    assert_eq!(deployment.azure.key_vault.requests(Operation::Other), 0);
}

#[tokio::test]
async fn without_access_to_the_container_only_its_name_is_compared() {
    let deployment = Deployment::start().await;
    deployment.azure.cosmos.refuse_connections(true);
    deployment.examine(&[]).assert_finds(CHECK, "skipped", &["bound to localhost:", "_rid"]);
    bind(&deployment, Some("other.documents.azure.com/signer/marks#AAAAAAAAAAA="));
    deployment.examine(&[]).assert_finds(CHECK, "failed", &["another mark store"]);
}

#[tokio::test]
async fn the_tags_of_both_names_of_a_key_apply() {
    let deployment = Deployment::start().await;
    let mut secret = [0; 32];
    secret[31] = 7;
    let here = bound_here(&deployment.azure).await;
    for (name, tag) in [("one", here.as_str()), ("two", "other.documents.azure.com/signer/marks")] {
        let key = NewKey { hsm: true, tags: tags(tag), private_key: Some(secret), ..NewKey::new(name, Curve::P256) };
        deployment.azure.key_vault.add_key(key);
    }
    let examined = deployment.examine(&[]);
    for name in ["one/", "two/"] {
        examined.assert_finds(CHECK, "failed", &[name, &here, "other.documents.azure.com"]);
    }
    examined.assert_finds(CHECK, "ok", &["baker/"]);
}

#[tokio::test]
async fn no_key_can_be_bound_to_an_embedded_store() {
    let mut deployment = Deployment::start().await;
    let folder = tempfile::tempdir().unwrap();
    deployment.variables.retain(|name, _| !name.starts_with("COSMOS_"));
    deployment.set("MARKS", "embedded");
    deployment.set("LOCAL_DATA_DIR", folder.path().to_str().unwrap());
    let examine = |deployment: &Deployment| {
        let (printed, _, status) = run(&deployment.variables, &["--json"]);
        crate::doctor::deployment::Examined::new(&printed, status)
    };
    examine(&deployment).assert_finds(CHECK, "failed", &["another mark store", "localhost:", "the embedded store"]);
    bind(&deployment, None);
    examine(&deployment).assert_finds(CHECK, "warning", &["not bound to a mark store", "COSMOS_ENDPOINT"]);
}
