//! `relay check`: what it finds when all is well, and what it says when it is not.

use super::front::{Front, KEY};
use super::setup::{Setup, trust};
use crate::azure::cloud;
use crate::support::process::command;
use std::process::Output;

fn check(setup: &Setup, fronts: &[&Front], upstreams: &str, key: &str) -> Output {
    let mut command = command(setup.folder.path(), &[("RELAY_UPSTREAMS", upstreams), ("RELAY_FUNCTION_KEYS", key)]);
    command.args(["relay", "check"]).env("RELAY_STATE_DIR", setup.folder.path().join("relay"));
    command.env("SSL_CERT_FILE", trust(setup.folder.path(), fronts)).output().unwrap()
}

#[test]
fn each_upstream_is_checked_and_what_is_wrong_is_said() {
    let (setup, other) = (Setup::start(), Setup::start());
    let (own, foreign) = (setup.front(), other.front());
    let output = check(&setup, &[&own], &own.url(), KEY);
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && !report.contains("FAIL"), "{report}");
    for check in
        ["connection: answered in ", "credential: accepted", "version: ", "clock: ", "store: ", "policy: ", &setup.key]
    {
        assert!(report.contains(check), "{check}: {report}");
    }
    assert_eq!(own.signing_requests(), 0);
    assert!(!setup.folder.path().join("relay").exists(), "nothing is written");

    let gone = "http://127.0.0.1:9";
    for (upstreams, key, expected) in [
        (own.url(), "wrong", "credential: status 401 without a signer's headers: the function key is missing or wrong"),
        (gone.to_owned(), KEY, "connection: "),
        (format!("{},{}", own.url(), foreign.url()), KEY, "all upstreams must use one mark store"),
    ] {
        let output = check(&setup, &[&own, &foreign], &upstreams, key);
        let report = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{report}");
        let failed: Vec<_> = report.lines().filter(|line| line.starts_with("FAIL")).collect();
        assert!(failed.len() == 1 && failed[0].contains(expected) && !report.contains(KEY), "{report}");
    }
}

#[test]
fn the_certificate_of_an_upstream_must_be_trusted() {
    let azure = cloud::start();
    let environment = azure.environment();
    let variable = |name: &str| environment.iter().find(|(other, _)| *other == name).unwrap().1.clone();
    // It speaks TLS and is no signer.
    let (upstream, authority) = (variable("KEY_VAULT_URL"), variable("SSL_CERT_FILE"));
    let folder = tempfile::tempdir().unwrap();
    for (settings, expected) in [
        (vec![("SSL_CERT_FILE", authority.as_str())], "credential: status 401 without a signer's headers"),
        (vec![], "certificate"),
    ] {
        let mut command = command(folder.path(), &settings);
        command.args(["relay", "check"]).env("RELAY_UPSTREAMS", &upstream).env("RELAY_STATE_DIR", folder.path());
        let report = String::from_utf8(command.output().unwrap().stdout).unwrap();
        let failed: Vec<_> = report.lines().filter(|line| line.starts_with("FAIL")).collect();
        assert!(failed.len() == 1 && failed[0].contains(expected), "{report}");
    }
}
