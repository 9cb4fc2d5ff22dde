//! Marks that are ahead of the chain, and missing marks.

use crate::doctor::deployment::{Deployment, Examined, run};
use crate::doctor::node::MAINNET;
use redb::{Database, TableDefinition};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

const KEY: &str = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";

/// Stores a mark of the deployment's key.
async fn put(deployment: &Deployment, level: u32) {
    put_with(deployment, level, json!({})).await;
}

/// The same, with further fields.
async fn put_with(deployment: &Deployment, level: u32, fields: Value) {
    let keys = deployment.examine(&[]).json["findings"].clone();
    let key = keys.as_array().unwrap().iter().find(|finding| finding["check"] == "vault.key").unwrap();
    let hash = key["text"].as_str().unwrap().split_whitespace().next().unwrap().trim_end_matches(',').to_owned();
    let id = format!("{MAINNET}:{hash}:block");
    let attempt = "0123456789abcdef0123456789abcdef";
    let mut item = json!({"id": id, "pkh": hash, "level": level, "round": 0, "attempt": attempt});
    item.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    deployment.azure.cosmos.put_item(&hash, &item).await;
}

#[tokio::test]
async fn marks_ahead_of_the_head_cause_a_warning() {
    let deployment = Deployment::start().await;
    put(&deployment, 1121).await;
    assert_eq!(deployment.examine(&[]).checks("warning"), Vec::<String>::new());
    put(&deployment, 1122).await;
    let examined = deployment.examine(&[]);
    examined.assert_finds("marks.level", "warning", &[":block", "level 1122", "head is at level 1001"]);
    assert_eq!(examined.status, 0);
}

#[tokio::test]
async fn a_stopped_mark_causes_a_warning_and_is_compared_with_the_head_by_its_true_position() {
    let deployment = Deployment::start().await;
    let stop = json!({"id": "2a", "reason": "moved", "by": "alice", "at": "2026-01-02T03:04:05Z"});
    let stopped = json!({"level": 1000, "round": 0, "origin": "2b", "stops": [stop]});
    put_with(&deployment, 2_147_483_647, json!({ "stop": stopped })).await;
    let examined = deployment.examine(&[]);
    examined.assert_finds("marks.stopped", "warning", &[":block", "stopped by alice at 2026-01-02T03:04:05Z: moved"]);
    assert_eq!((examined.checks("warning"), examined.status), (vec!["marks.stopped".to_owned()], 0));
}

#[tokio::test]
async fn without_nodes_marks_are_compared_with_the_clock() {
    let mut deployment = Deployment::start().await;
    deployment.set("NODE_URLS", "");
    put(&deployment, 15_000_000).await;
    assert!(!deployment.examine(&[]).checks("warning").contains(&"marks.level".to_owned()));
    put(&deployment, 158_600_000).await;
    deployment.examine(&[]).assert_finds("marks.level", "warning", &[":block", "158600000", "by this machine's clock"]);
}

fn command(data: &Path, arguments: &[&str]) -> (String, String, i32) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_azurehsm-signer"))
        .env_clear()
        .env("LOCAL_DATA_DIR", data)
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

fn examine(data: &Path) -> Examined {
    let variables = BTreeMap::from([("LOCAL_DATA_DIR", data.to_str().unwrap().to_owned())]);
    let (printed, _, status) = run(&variables, &["--json"]);
    Examined::new(&printed, status)
}

#[test]
fn marks_of_an_embedded_store_are_checked_too() {
    let folder = tempfile::tempdir().unwrap();
    let raise = |level: &str| {
        let raised = command(folder.path(), &["marks", "raise", MAINNET, KEY, level, "--kind", "block", "--force"]);
        assert_eq!(raised.2, 0, "{raised:?}");
    };
    raise("1000");
    assert!(!examine(folder.path()).checks("warning").contains(&"marks.level".to_owned()));
    raise("158600000");
    examine(folder.path()).assert_finds("marks.level", "warning", &[":block", "158600000"]);
}

#[test]
fn a_lost_or_damaged_embedded_store_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let raise = |kind: &str| command(folder.path(), &["marks", "raise", MAINNET, KEY, "7", "--kind", kind]);
    assert_eq!(raise("block").2, 0);
    assert!(!examine(folder.path()).checks("warning").contains(&"marks.recreated".to_owned()));
    let path = folder.path().join("marks.redb");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(raise("block").2, 0);
    examine(folder.path()).assert_finds("marks.recreated", "warning", &["marks.redb", "a lost store"]);

    let marks: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("marks");
    let database = Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(marks).unwrap().insert(format!("{MAINNET}:{KEY}:attestation").as_str(), &b"{}"[..]).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let examined = examine(folder.path());
    examined.assert_finds("marks.file", "failed", &["1 mark, and 1 unreadable", ":attestation"]);
}
