//! The program: its output, and its control API.

#![cfg(test)]

mod support;

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use support::status;

struct Program {
    process: Child,
    control: String,
    node: String,
    environment: String,
}

impl Program {
    fn start(folder: &std::path::Path) -> Self {
        let file = folder.join("stand-ins.env");
        let mut process = Command::new(env!("CARGO_BIN_EXE_stand-ins"))
            .args(["--key-vault-port=0", "--cosmos-port=0", "--identity-port=0", "--control-port=0"])
            .arg("--tezos-node-port=0")
            .arg("--environment-file")
            .arg(&file)
            .env("TMPDIR", folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let node = lines.find_map(|line| Some(line.split_once("NODE_URLS=")?.1.split_once(',')?.0.to_owned())).unwrap();
        let line = lines.find(|line| line.contains("curl")).unwrap();
        let control = line.trim().strip_prefix("curl ").unwrap().to_owned();
        Self { process, control, node, environment: std::fs::read_to_string(file).unwrap() }
    }

    fn request(&self, method: &str, path: &str, body: &str) -> reqwest::RequestBuilder {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
        client.request(method.parse().unwrap(), format!("{}{path}", self.control)).body(body.to_owned())
    }

    async fn json(&self, method: &str, path: &str, body: &str) -> Value {
        support::json(self.request(method, path, body).send().await.unwrap()).await
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[tokio::test]
async fn it_is_controlled_over_http() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path());
    let variables: Vec<_> = program
        .environment
        .lines()
        .map(|line| line.strip_prefix("export ").unwrap().split_once('=').unwrap())
        .collect();
    let value = |name| variables.iter().find(|(other, _)| *other == name).unwrap().1.trim_matches('\'').to_owned();
    assert!(value("KEY_VAULT_URL").starts_with("https://standin.vault.localhost:"));
    assert!(std::fs::read_to_string(value("SSL_CERT_FILE")).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    assert!(program.request("GET", "", "").send().await.unwrap().text().await.unwrap().contains("/faults/SERVICE"));

    let fault = r#"{"on":"token","times":{"next":1},"effect":{"status":{"status":503}}}"#;
    assert_eq!(status(program.request("POST", "faults/identity", fault)).await, 200);
    let listed = program.json("GET", "faults/identity", "").await;
    assert_eq!(listed[0]["effect"]["status"]["status"], 503);
    let request = || {
        let url = format!("{}?api-version=2019-08-01&resource=x", value("IDENTITY_ENDPOINT"));
        let request = reqwest::Client::new().get(url).header("metadata", "true");
        request.header("x-identity-header", value("IDENTITY_HEADER"))
    };
    assert_eq!(status(request()).await, 503);
    assert_eq!(status(request()).await, 200);
    assert_eq!(program.json("GET", "requests", "").await["identity"], json!({ "token": 2 }));
    assert_eq!(status(program.request("DELETE", "requests", "")).await, 200);
    assert_eq!(program.json("GET", "requests", "").await["identity"], json!({}));

    let key = program.json("POST", "key-vault/keys", r#"{"name":"another","curve":"P-256K"}"#).await;
    assert_eq!((key["name"].as_str(), key["version"].as_str().map(str::len)), (Some("another"), Some(32)));
    assert_eq!(status(program.request("POST", "freeze/cosmos", "")).await, 200);
    assert_eq!(status(program.request("POST", "refuse/identity", r#"{"refuse":true}"#)).await, 200);
    assert!(request().send().await.unwrap_err().is_connect());
    assert_eq!(status(program.request("POST", "refuse/identity", r#"{"refuse":false}"#)).await, 200);
    assert_eq!(status(request()).await, 200);
    assert_eq!(program.json("GET", "cosmos/items", "").await, json!([]));
    assert_eq!(status(program.request("POST", "cosmos/recreate", "")).await, 200);
    assert_eq!(status(program.request("POST", "key-vault/allow-update", r#"{"allow":true}"#)).await, 200);
}

#[tokio::test]
async fn the_nodes_chain_is_extended_over_http() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path());
    let chain = async |path: &str| {
        let answer = reqwest::get(format!("{}/chains/main/blocks/head/{path}", program.node)).await.unwrap();
        support::json(answer).await
    };
    let absent = program.json("GET", "tezos-node/payloads", "").await[0].clone();
    let level = u32::from_str_radix(&absent["attestation"].as_str().unwrap()[80..88], 16).unwrap();
    let body = json!({ "blocks": 2, "without": [absent["address"]] }).to_string();
    let hash = program.json("POST", "tezos-node/bake", &body).await["head"].clone();
    assert_eq!(chain("hash").await, hash);
    assert_eq!(chain("header/shell").await["level"], level + 2);
    assert_eq!(chain("operations/0").await.as_array().map(Vec::len), Some(2), "the votes of two of three bakers");
    assert_ne!(program.json("POST", "tezos-node/again", r#"{"round":1}"#).await["head"], hash);
    assert_eq!(chain("header/shell").await["fitness"][4], "00000001");
    assert_eq!(status(program.request("POST", "tezos-node/mode", r#"{"behind":1}"#)).await, 200);
    assert_eq!(chain("header/shell").await["level"], level + 1);
    assert_eq!(status(program.request("POST", "tezos-node/again", r#"{"round":0}"#)).await, 400, "not a later round");
}

#[tokio::test]
async fn invalid_requests_are_explained() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path());
    for (path, body, expected) in [
        ("faults/key-vault", r#"{"on":"sing","effect":"hang"}"#, "unknown variant `sing`"),
        ("faults/key-vault", r#"{"on":"sign","effect":{"delay":{"fixed_ms":-1}}}"#, "-1"),
        ("faults/key-vault", "", "GET / shows examples"),
        ("key-vault/keys", r#"{"name":"a b","curve":"P-256"}"#, "letters, digits or dashes"),
        ("key-vault/keys", r#"{"name":"a","curve":"P-257"}"#, "unknown variant `P-257`"),
        ("refuse/cosmos", "{}", "missing field `refuse`"),
    ] {
        let answer = program.request("POST", path, body).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{path} {body}");
        let error = support::json(answer).await["error"].as_str().unwrap().to_owned();
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(status(program.request("POST", "faults/nowhere", "{}")).await, 404);
    assert_eq!(status(program.request("GET", "nowhere", "")).await, 404);
}
