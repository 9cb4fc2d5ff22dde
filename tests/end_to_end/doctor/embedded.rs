//! The embedded vault and mark store, as on a laptop.

use crate::doctor::deployment::{Examined, run};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

fn examine(data: &Path, settings: &[(&'static str, &str)], arguments: &[&str]) -> Examined {
    let mut variables: BTreeMap<_, _> = settings.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    variables.insert("LOCAL_DATA_DIR", data.to_str().unwrap().to_owned());
    let (printed, complaint, status) = run(&variables, &[arguments, &["--json"]].concat());
    assert!(!(printed + &complaint).contains("correct horse"));
    let (printed, _, _) = run(&variables, &[arguments, &["--json"]].concat());
    Examined::new(&printed, status)
}

fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azurehsm-signer"));
    command.env_clear().env("LOCAL_DATA_DIR", data).args(arguments).stdout(Stdio::piped());
    command
}

#[test]
fn checking_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let examined = examine(&data, &[], &[]);
    examined.assert_finds("vault.file", "ok", &["no keys yet"]);
    examined.assert_finds("marks.file", "ok", &["does not exist yet"]);
    assert_eq!(examined.status, 0);
    assert!(!data.exists());
}

#[test]
fn keys_are_listed_and_tested_and_a_plain_file_stays_plain() {
    let folder = tempfile::tempdir().unwrap();
    for curve in ["p256", "secp256k1", "ed25519", "bls"] {
        assert!(command(folder.path(), &["keys", "generate", curve, "--curve", curve]).status().unwrap().success());
    }
    let examined = examine(folder.path(), &[("LOCAL_VAULT_PASSPHRASE", "correct horse")], &["--sign"]);
    assert_eq!(examined.checks("failed"), Vec::<String>::new());
    for (name, address) in [("p256", "tz3"), ("secp256k1", "tz2"), ("ed25519", "tz1"), ("bls", "tz4")] {
        examined.assert_finds("vault.key", "ok", &[name, address]);
        examined.assert_finds("vault.sign", "ok", &[name, "valid"]);
    }
    examined.assert_finds("vault.protection", "warning", &["without a passphrase", "KEY_VAULT_URL"]);
    assert!(!std::fs::read_to_string(folder.path().join("keys.json")).unwrap().contains("esk"));
}

#[test]
fn required_authentication_is_reported() {
    const KEY: &str = "tz1cG2jx3W4bZFeVGBjsTxUAG8tdpTXtE8PT";
    const AUTHORIZED: &str = "p2pk66Y3178eHvgWFA4CDsgGPhbkWtwrYCVUKJnsAi41eGP7MbHKv24";
    let key = |require: bool| format!(r#""keys": {{"{KEY}": {{"require_authentication": {require}}}}}"#);
    let lax = r#""default": {"require_authentication": false}"#;
    for (policy, outcome, words) in [
        ("{}".to_owned(), "ok", vec!["every signing request", "one of 1 authorized keys"]),
        (format!("{{{}}}", key(false)), "ok", vec!["where the policy requires it: default"]),
        (format!("{{{lax}, {}}}", key(true)), "ok", vec!["where the policy requires it: keys.", KEY]),
        (format!("{{{lax}}}"), "warning", vec!["AUTHORIZED_KEYS has no effect"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let settings = [("AUTHORIZED_KEYS", AUTHORIZED), ("POLICY", policy.as_str())];
        examine(folder.path(), &settings, &[]).assert_finds("settings.authentication", outcome, &words);
        if outcome == "ok" && policy.contains("true") {
            let nobody = examine(folder.path(), &[("POLICY", policy.as_str())], &[]);
            nobody.assert_finds("settings", "failed", &["AUTHORIZED_KEYS", "could be signed"]);
        }
    }
}

#[test]
fn a_running_signer_does_not_interfere() {
    let folder = tempfile::tempdir().unwrap();
    let mut signer = command(folder.path(), &[]).env("SIGNER_LISTEN", "127.0.0.1:0").spawn().unwrap();
    let log = BufReader::new(signer.stdout.take().unwrap()).lines();
    let listening = log.map_while(Result::ok).any(|line| line.contains("\"listening\""));
    let examined = examine(folder.path(), &[], &[]);
    signer.kill().unwrap();
    signer.wait().unwrap();
    assert!(listening);
    examined.assert_finds("marks.file", "ok", &[&format!("in use by process {} (", signer.id())]);
    examine(folder.path(), &[], &[]).assert_finds("marks.file", "ok", &["0 marks"]);
}

#[test]
fn a_key_file_that_others_may_read_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    assert!(command(folder.path(), &["keys", "generate", "baker"]).status().unwrap().success());
    let keys = folder.path().join("keys.json");
    examine(folder.path(), &[], &[]).assert_finds("vault.file", "ok", &["readable"]);
    std::fs::set_permissions(&keys, PermissionsExt::from_mode(0o640)).unwrap();
    examine(folder.path(), &[], &[]).assert_finds("vault.file", "warning", &["mode 640", "chmod 600"]);
}

#[test]
fn log_settings_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    for (name, value, expected) in [
        ("RUST_LOG", "Information", ("settings", "failed", "write info")),
        ("LOG_FORMAT", "JSON", ("settings", "failed", "expected auto, text or json")),
        ("RUST_LOG", "azurehsm-signer=info", ("settings.log", "warning", "write azurehsm_signer")),
        ("RUST_LOG", " INFO\n", ("settings", "ok", "all valid")),
    ] {
        let examined = examine(folder.path(), &[(name, value)], &[]);
        let (check, outcome, text) = expected;
        examined.assert_finds(check, outcome, &[text]);
    }
}

#[test]
fn unusable_files_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("keys.json"), "nonsense").unwrap();
    std::fs::write(folder.path().join("marks.lock"), "used").unwrap();
    let examined = examine(folder.path(), &[], &[]);
    examined.assert_finds("vault.file", "failed", &["not valid at line 1"]);
    examined.assert_finds("marks.file", "failed", &["marks.redb is gone", "marks raise"]);
    assert_eq!(examined.status, 1);
}
