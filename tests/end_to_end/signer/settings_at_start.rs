//! Invalid settings, and the errors at startup.

use crate::support::eventually::eventually;
use crate::support::http;
use crate::support::payloads::{MAINNET, payload};
use crate::support::process::{Signer, command, complaint};
use azurehsm_signer::tezos::payload::Kind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const KEY: &str = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";

/// The error of a program that does not start, and logs nothing.
fn complaint_without_log(data: &Path, settings: &[(&str, &str)]) -> String {
    let ended = command(data, settings).output().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert_eq!(String::from_utf8_lossy(&ended.stdout), "", "nothing is logged");
    String::from_utf8(ended.stderr).unwrap()
}

#[test]
fn a_key_file_that_others_may_read_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    assert!(command(folder.path(), &[]).args(["keys", "generate", "baker"]).output().unwrap().status.success());
    let keys = folder.path().join("keys.json");
    std::fs::set_permissions(&keys, PermissionsExt::from_mode(0o604)).unwrap();
    let log = Signer::start(folder.path(), &[]).log_until("\"event\":\"listening\"");
    let warning =
        log.lines().find(|line| line.contains("\"event\":\"key_file_exposed\"")).unwrap_or_else(|| panic!("{log}"));
    assert!(warning.contains("\"WARN\"") && warning.contains("604") && warning.contains("keys.json"), "{warning}");
}

#[test]
fn a_path_that_needs_a_shell_to_expand_it_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    for wrong in ["~/signer", "$HOME/signer"] {
        let ended = command(Path::new(wrong), &[]).current_dir(folder.path()).output().unwrap();
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        assert!(String::from_utf8_lossy(&ended.stderr).contains("LOCAL_DATA_DIR: '"), "{ended:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is created");
    }
}

#[test]
fn a_log_filter_that_would_silence_everything_stops_the_start_or_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let complaint = complaint_without_log(folder.path(), &[("RUST_LOG", "inof"), ("LOG_FORMAT", "xml")]);
    assert!(complaint.contains("RUST_LOG: 'inof' is not a level") && complaint.contains("write info"), "{complaint}");
    assert!(complaint.contains("LOG_FORMAT: 'xml': expected auto, text or json"), "{complaint}");

    let signer = Signer::start(folder.path(), &[("RUST_LOG", "azurehsm-signer=info")]);
    let log = signer.log_until("\"event\":\"listening\"");
    let warning = log.lines().find(|line| line.contains("\"RUST_LOG\"")).unwrap_or_else(|| panic!("{log}"));
    assert!(warning.contains("\"WARN\"") && warning.contains("write azurehsm_signer"), "{warning}");
}

#[test]
fn settings_that_are_not_unicode_are_errors() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    for name in ["AUTHORIZED_KEYS", "POLICY"] {
        let value = std::ffi::OsStr::from_bytes(b"{}\xff");
        let output = command(folder.path(), &[]).env(name, value).output().unwrap();
        assert!(complaint(&output).contains(name));
    }
}

#[test]
fn invalid_settings_stop_the_start_and_are_all_reported() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("SIGNER_LISTEN", "nowhere"),
        ("POLICY", r#"{"default": {"operations": ["transfer"]}}"#),
        ("HEAD_THRESHOLD", "near"),
        ("MAX_LEVEL_JUMP", "0"),
        ("COSMOS_DATABASE", "../x"),
        ("COSMOS_CONTAINER", "a/b"),
    ];
    let complaint = complaint(&command(folder.path(), &settings).output().unwrap());
    for expected in [
        "SIGNER_LISTEN: 'nowhere'",
        "POLICY: default.operations: 'transfer'",
        "transaction:stake",
        "HEAD_THRESHOLD",
        "MAX_LEVEL_JUMP: 0: expected 1 to 10000000 levels",
        "COSMOS_DATABASE: \"../x\": expected a name",
        "COSMOS_CONTAINER: \"a/b\": expected a name",
    ] {
        assert!(complaint.contains(expected), "{complaint}");
    }
}

#[test]
fn a_vault_without_a_database_stops_the_signer_and_commands_on_marks_with_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let vault = ("KEY_VAULT_URL", "https://bakery.vault.azure.net/");
    let embedded = ("MARKS", "embedded");
    let raise = ["marks", "raise", MAINNET, KEY, "500"];
    for settings in [
        vec![vault],
        vec![vault, ("COSMOS_DATABASE", "signer")],
        vec![vault, embedded, ("LOCAL_DATA_DIR", "data")],
        vec![vault, embedded, ("WEBSITE_INSTANCE_ID", "0123"), ("AZURE_FUNCTIONS_ENVIRONMENT", "Development")],
        vec![vault, embedded, ("FUNCTIONS_CUSTOMHANDLER_PORT", "7071")],
    ] {
        for arguments in [&["serve"][..], &["marks", "list"], &["marks", "export"], &raise] {
            let output = command(folder.path(), &settings).args(arguments).current_dir(folder.path()).output().unwrap();
            let complaint = complaint(&output);
            assert_eq!(complaint.lines().count(), 1, "{settings:?} {arguments:?}: {complaint}");
            for name in ["KEY_VAULT_URL", "COSMOS_ENDPOINT"] {
                assert!(complaint.contains(name), "{settings:?} {arguments:?}: {complaint}");
            }
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was created");
}

#[test]
fn a_probable_typo_stops_the_start_but_unrelated_variables_do_not() {
    let folder = tempfile::tempdir().unwrap();
    for (name, setting) in [("COSMOS_ENDPIONT", "COSMOS_ENDPOINT"), ("KEY_VAULT_URI", "KEY_VAULT_URL")] {
        for arguments in [&["serve"][..], &["marks", "list"], &["keys", "list"]] {
            let output = command(folder.path(), &[(name, "https://bakery.example/")]).args(arguments).output().unwrap();
            let complaint = complaint(&output);
            let expected = format!("{setting}: is not set, but \"{name}\" is, probably a typo");
            assert!(complaint.contains(&expected), "{complaint}");
        }
    }
    // Variables of the templates, and those that Kubernetes sets for a Service called signer.
    let others = [
        ("SIGNER_URL", "https://signer.example"),
        ("SIGNER_CLIENT_ID", "0123"),
        ("SIGNER_ALERT_EMAIL", "baker@example.com"),
        ("SIGNER_OPERATOR_ID", "0123"),
        ("SIGNER_SERVICE_HOST", "10.0.0.1"),
        ("SIGNER_SERVICE_PORT", "6732"),
        ("SIGNER_SERVICE_PORT_HTTP", "6732"),
        ("SIGNER_PORT", "tcp://10.0.0.1:6732"),
        ("SIGNER_PORT_6732_TCP", "tcp://10.0.0.1:6732"),
        ("SIGNER_PORT_6732_TCP_ADDR", "10.0.0.1"),
        ("SIGNER_PORT_6732_TCP_PORT", "6732"),
        ("SIGNER_PORT_6732_TCP_PROTO", "tcp"),
    ];
    Signer::start(folder.path(), &others).only_key();
}

#[test]
fn an_embedded_store_together_with_a_vault_is_used_if_configured() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let azure = runtime.block_on(stand_ins::Azure::start());
    azure.key_vault.add_key(stand_ins::NewKey::new("baker", stand_ins::Curve::P256));
    let environment = azure.environment();
    let of_vault = environment.iter().filter(|(name, _)| !name.starts_with("COSMOS_"));
    let mut settings: Vec<_> = of_vault.map(|(name, value)| (*name, value.as_str())).collect();
    settings.extend([("MARKS", "embedded"), ("COSMOS_DISABLE_IMDS", "1")]);
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::start(folder.path(), &settings);
    let key = eventually("the key", || signer.keys().into_iter().next()).1;
    for (digest, status) in [(0, 200), (1, 409)] {
        let vote = payload(Kind::Attestation, 7, 0, digest);
        assert_eq!(http::sign(signer.address, &key, &vote).unwrap().status, status);
    }
    assert!(folder.path().join("marks.redb").exists());
    let second = command(folder.path(), &settings).env("SIGNER_LISTEN", "127.0.0.1:0").output().unwrap();
    assert!(complaint(&second).contains("in use by process "));
}

#[test]
fn the_embedded_store_is_refused_in_azure_and_under_a_functions_host_except_for_development() {
    let folder = tempfile::tempdir().unwrap();
    let development = ("AZURE_FUNCTIONS_ENVIRONMENT", "Development");
    for hosted in [("WEBSITE_SITE_NAME", "signer"), ("FUNCTIONS_CUSTOMHANDLER_PORT", "0")] {
        for arguments in
            [&["serve"][..], &["marks", "list"], &["marks", "raise", MAINNET, KEY, "500"], &["keys", "list"]]
        {
            let complaint = complaint(&command(folder.path(), &[hosted]).args(arguments).output().unwrap());
            assert!(complaint.contains("KEY_VAULT_URL: expected in Azure and under a Functions host"), "{complaint}");
            assert!(complaint.contains("COSMOS_ENDPOINT: expected in Azure"), "{complaint}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was created");
    }
    for hosted in [("WEBSITE_SITE_NAME", "signer"), ("FUNCTIONS_CUSTOMHANDLER_PORT", "0")] {
        Signer::start(folder.path(), &[hosted, development]).only_key();
    }
}
