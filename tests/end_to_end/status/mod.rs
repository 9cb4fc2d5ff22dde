//! `azurehsm-signer status`, as the shipped binary, with healthy and with broken deployments.

use crate::azure::instance::Instance;
use crate::doctor::deployment::Deployment;
use crate::doctor::node::{self, Says};
use crate::support::eventually::eventually;
use crate::support::payloads::payload;
use azurehsm_signer::tezos::payload::Kind;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

/// A deployment with an instance that has signed an attestation at level 999, where the highest head is 1001.
struct Running {
    deployment: Deployment,
    instance: Instance,
    /// The address of the instance's metrics.
    metrics: String,
    key: String,
}

impl Running {
    async fn start() -> Self {
        let deployment = Deployment::start().await;
        let nodes = deployment.variables["NODE_URLS"].clone();
        let settings = [("METRICS_LISTEN", "127.0.0.1:0"), ("NODE_URLS", nodes.as_str())];
        let instance = Instance::start_ready(&deployment.azure, &settings);
        let line: Value = serde_json::from_str(&instance.logged("metrics_listening")).unwrap();
        let metrics = line["fields"]["address"].as_str().unwrap().to_owned();
        let key = instance.keys().remove(0);
        instance.eventually_signs(&key, &payload(Kind::Attestation, 999, 0, 0));
        Self { deployment, instance, metrics, key }
    }

    /// The output with these arguments and that of the instance.
    fn status(&self, arguments: &[&str]) -> Output {
        run(&self.deployment.variables, &[&["--instance", &self.metrics], arguments].concat())
    }

    /// The parsed JSON, and the exit status.
    fn json(&self, arguments: &[&str]) -> (Value, i32) {
        let output = self.status(&[&["--json"], arguments].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        (serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")), output.status.code().unwrap())
    }
}

fn command(variables: &BTreeMap<&str, String>, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azurehsm-signer"));
    command.arg("status").args(arguments).env_clear().envs(variables);
    command
}

fn run(variables: &BTreeMap<&str, String>, arguments: &[&str]) -> Output {
    command(variables, arguments).output().unwrap()
}

#[tokio::test]
async fn if_all_is_well_everything_is_shown() {
    let running = Running::start().await;
    let (read, status) = running.json(&[]);
    assert_eq!(status, 0, "{read:#}");
    for (pointer, expected) in [
        ("/vault/state", json!("ok")),
        ("/vault/usable_keys", json!(1)),
        ("/store/state", json!("ok")),
        ("/store/consistency", json!("Strong")),
        ("/nodes/0/level", json!(1000)),
        ("/nodes/0/levels_behind", json!(1)),
        ("/nodes/1/levels_behind", json!(0)),
        ("/instances/0/state", json!("ok")),
        ("/instances/0/signed", json!(1)),
        ("/instances/0/service", json!("azurehsm-signer")),
        ("/marks/list/0/key", json!(running.key)),
        ("/marks/list/0/kind", json!("attestation")),
        ("/marks/list/0/level", json!(999)),
        ("/marks/list/0/levels_behind_head", json!(2)),
        ("/marks/list/0/written_by", read["instances"][0]["name"].clone()),
        ("/marks/list/1", Value::Null),
    ] {
        assert_eq!(read.pointer(pointer).unwrap_or(&Value::Null), &expected, "{pointer} in {read:#}");
    }
    for measured in ["p99_seconds_at_most", "last_signature_seconds_ago"] {
        assert!(read["instances"][0][measured].as_f64().unwrap() > 0.0, "{measured} in {read:#}");
    }

    let screen = String::from_utf8(running.status(&[]).stdout).unwrap();
    let attestation = format!("  ok       {} attestation  mainnet level 999, 2 behind the head, ", running.key);
    for line in ["  all ok", "1 key can sign", "Strong consistency, writes in West Europe", &attestation] {
        assert!(screen.contains(line), "{line} in\n{screen}");
    }
    assert!(!screen.contains('\x1b'), "{screen:?}");
    assert_eq!(running.deployment.azure.cosmos.items().await.len(), 1, "nothing is written");
}

#[tokio::test]
async fn what_cannot_be_read_is_unknown_with_the_reason() {
    let mut running = Running::start().await;
    let reason = |read: &Value, of: &str| read[of]["reason"].as_str().unwrap_or_default().to_owned();

    running.deployment.azure.key_vault.refuse_connections(true);
    let (read, status) = running.json(&[]);
    assert_eq!((status, &read["vault"]["state"], &read["vault"]["usable_keys"]), (4, &json!("unknown"), &Value::Null));
    assert!(!reason(&read, "vault").is_empty() && reason(&read, "marks").contains("vault"), "{read:#}");
    assert_eq!((&read["store"]["state"], &read["instances"][0]["state"]), (&json!("ok"), &json!("ok")));
    running.deployment.azure.key_vault.refuse_connections(false);

    running.deployment.azure.cosmos.refuse_connections(true);
    let (read, status) = running.json(&[]);
    assert_eq!((status, &read["store"]["state"], &read["marks"]["state"]), (4, &json!("unknown"), &json!("unknown")));
    running.deployment.azure.cosmos.refuse_connections(false);

    // A second instance that is gone, and a node that is.
    let gone = "127.0.0.1:9";
    running.deployment.set("NODE_URLS", format!("{},http://{gone}", node::url(Says::default())));
    let (read, status) = running.json(&["--instance", gone]);
    let states = |of: &str| [0, 1].map(|index| read[of][index]["state"].as_str().unwrap().to_owned());
    assert_eq!(
        (status, states("instances"), states("nodes")),
        (4, ["ok", "unknown"].map(str::to_owned), ["ok", "unknown"].map(str::to_owned))
    );
    let screen = String::from_utf8(running.status(&["--instance", gone]).stdout).unwrap();
    assert!(screen.contains("  2 unknown\n") && screen.contains(&format!("  unknown  {gone}  ")), "{screen}");
    drop(running.instance);
}

#[tokio::test]
async fn a_node_that_is_behind_or_whose_head_is_old_is_a_problem() {
    let mut deployment = Deployment::start().await;
    let nodes = [node::url(Says { level: 900, ..Says::default() }), node::url(Says { age: 90, ..Says::default() })];
    deployment.set("NODE_URLS", nodes.join(","));
    let output = run(&deployment.variables, &[]);
    let screen = String::from_utf8(output.stdout).unwrap();
    for (url, line) in
        nodes.iter().zip(["100 levels behind another node, level 900", "its head is old, level 1000, head 90 s old"])
    {
        assert!(screen.contains(&format!("  WARNING  {url}  {line}")), "{line} in\n{screen}");
    }
    assert!(screen.contains("  2 PROBLEMS\n") && screen.contains("none yet"), "{screen}");
    assert_eq!(output.status.code(), Some(3));
}

#[tokio::test]
async fn with_watch_everything_is_read_again_until_ctrl_c() {
    let running = Running::start().await;
    let mut watching = command(&running.deployment.variables, &["--watch", "--json", "--instance", &running.metrics])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["marks"]["list"][0]["level"], 999);
    running.instance.eventually_signs(&running.key, &payload(Kind::Attestation, 1000, 0, 0));
    eventually("a later level", || (next()["marks"]["list"][0]["level"] == 1000).then_some(()));
    let interrupt = Command::new("kill").args(["-INT", &watching.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    assert_eq!(watching.wait().unwrap().code(), Some(0));
}

#[test]
fn a_running_signer_with_an_embedded_store_is_seen_by_its_metrics() {
    let data = tempfile::tempdir().unwrap();
    let signer = crate::support::process::Signer::start(data.path(), &[("METRICS_LISTEN", "127.0.0.1:0")]);
    let line: Value = serde_json::from_str(&signer.wait_for_log("metrics_listening")).unwrap();
    let variables = BTreeMap::from([
        ("LOCAL_DATA_DIR", data.path().display().to_string()),
        ("METRICS_LISTEN", line["fields"]["address"].as_str().unwrap().to_owned()),
    ]);
    let screen = |arguments: &[&str]| String::from_utf8(run(&variables, arguments).stdout).unwrap();
    let shown = screen(&[]);
    for part in [
        "1 key can sign",
        "the embedded store is in use by",
        "0 signed",
        "no block or vote yet",
        "NODE_URLS is not set",
    ] {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
    drop(signer);
    let shown = screen(&[]);
    assert!(shown.contains("none yet") && shown.contains("  1 unknown\n"), "only the instance is unknown:\n{shown}");
}
