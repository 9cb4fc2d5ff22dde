//! Differences under the Functions host: the streams of the log, hints, and the envelope of a host that does not proxy.

use crate::support::eventually::eventually;
use crate::support::http;
use crate::support::payloads::{bls_attestation, payload};
use crate::support::process::{command, printed, run};
use azurehsm_signer::tezos::authentication::request_to_authenticate;
use azurehsm_signer::tezos::payload::Kind;
use azurehsm_signer::tezos::{BlsScheme, Curve, SecretKey};
use serde_json::Value;
use std::io::{Read, pipe};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command};

/// A free port.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The program, configured to start under the Functions host and to fail every vote.
fn under_host(data: &Path, address: SocketAddr) -> Command {
    let nobody = format!("http://{}", free_address());
    let mut command = command(data, &[("AZURE_FUNCTIONS_ENVIRONMENT", "Development"), ("NODE_URLS", &nobody)]);
    command.env("FUNCTIONS_CUSTOMHANDLER_PORT", address.port().to_string());
    command
}

/// Standard output and standard error of a process that has ended.
struct Written {
    output: String,
    errors: String,
}

/// Starts the program, ends it after `ask`, and returns its output.
fn written(mut command: Command, address: SocketAddr, ask: impl FnOnce(SocketAddr)) -> Written {
    let (mut output, to_output) = pipe().unwrap();
    let (mut errors, to_errors) = pipe().unwrap();
    let mut child = command.stdout(to_output).stderr(to_errors).spawn().unwrap();
    drop(command);
    eventually("an answer", || http::get(address, "/health").ok());
    ask(address);
    terminate(&child);
    let mut written = Written { output: String::new(), errors: String::new() };
    output.read_to_string(&mut written.output).unwrap();
    errors.read_to_string(&mut written.errors).unwrap();
    child.wait().unwrap();
    written
}

/// Causes a line at INFO, one at WARN and one at ERROR, of which the latter two have a field that contains "warn".
fn log_each_level(address: SocketAddr) {
    let key = http::get(address, "/keys").unwrap().json()[0]["public_key_hash"].as_str().unwrap().to_owned();
    for (path, payload) in [(format!("/keys/{key}"), payload(Kind::Block, 7, 0, 0)), (format!("/keys/{key}"), vec![9])]
    {
        let body = format!("\"{}\"", hex::encode(payload));
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: s\r\nconnection: close\r\nx-azure-functions-invocationid: ForeWarned\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        assert_ne!(http::send(address, request.as_bytes()).unwrap().status, 200);
    }
}

fn terminate(child: &Child) {
    assert!(Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status().unwrap().success());
}

fn parsed(lines: &str) -> Vec<(&str, Value)> {
    assert!(lines.is_empty() || lines.ends_with('\n'), "the last line is complete");
    let whole = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    lines.lines().map(|line| (line, whole(line))).collect()
}

/// A signer that listens on this address, under the host or standalone.
fn serving(folder: &Path, address: SocketAddr, is_under_host: bool) -> Command {
    let mut command = under_host(folder, address);
    if !is_under_host {
        command.env_remove("FUNCTIONS_CUSTOMHANDLER_PORT").env("SIGNER_LISTEN", address.to_string());
    }
    command
}

#[test]
fn warnings_and_errors_go_to_standard_error_only_under_the_functions_host() {
    for is_under_host in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let address = free_address();
        let command = serving(folder.path(), address, is_under_host);
        let Written { output: on_output, errors: on_errors } = written(command, address, log_each_level);
        let levels = |lines: &str, level: &str| parsed(lines).iter().filter(|(_, line)| line["level"] == level).count();
        if !is_under_host {
            assert_eq!(on_errors, "");
            assert!(["INFO", "WARN", "ERROR"].iter().all(|level| levels(&on_output, level) > 0), "{on_output}");
            continue;
        }
        assert!(parsed(&on_output).iter().all(|(_, line)| line["level"] == "INFO"), "{on_output}");
        assert!(levels(&on_output, "INFO") > 0 && levels(&on_errors, "WARN") > 0 && levels(&on_errors, "ERROR") > 0);
        let mut forewarned = 0;
        for (text, line) in parsed(&on_errors) {
            // This makes the host log it as a warning.
            let is_warning = text.to_ascii_lowercase().contains("warn");
            assert_eq!(line["level"], if is_warning { "WARN" } else { "ERROR" }, "{text}");
            forewarned += usize::from(line["fields"]["invocation"] == "ForeWarned");
        }
        assert_eq!(forewarned, 2, "{on_errors}");
    }
}

/// Both streams are one pipe, which is not read before a line is written that does not fit into it.
#[test]
fn lines_are_whole_even_if_both_streams_are_one_and_a_line_is_longer_than_the_pipe() {
    const LONGER_THAN_A_PIPE: usize = 70_000;
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    let mut command = under_host(folder.path(), address);
    command.env("RUST_LOG", format!("{}=info", "x".repeat(LONGER_THAN_A_PIPE)));
    let (mut output, to_output) = pipe().unwrap();
    let mut child = command.stdout(to_output.try_clone().unwrap()).stderr(to_output).spawn().unwrap();
    drop(command);
    eventually("an answer", || http::get(address, "/health").ok());
    log_each_level(address);
    let lines = std::thread::spawn(move || {
        let mut lines = String::new();
        output.read_to_string(&mut lines).unwrap();
        lines
    });
    terminate(&child);
    child.wait().unwrap();
    let lines = lines.join().unwrap();
    let lines = parsed(&lines);
    assert!(lines.iter().any(|(line, _)| line.len() > LONGER_THAN_A_PIPE));
    for level in ["INFO", "WARN", "ERROR"] {
        assert!(lines.iter().any(|(_, line)| line["level"] == level), "{level}: {lines:?}");
    }
}

#[test]
fn hints_contain_the_address_that_clients_of_the_host_use_or_none() {
    for (hostname, base) in [
        (Some("signer.azurewebsites.net"), Some("https://signer.azurewebsites.net/")),
        (Some("localhost:7071"), Some("http://localhost:7071/")),
        (None, None),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let address = free_address();
        let mut command = under_host(folder.path(), address);
        command.envs(hostname.map(|name| ("WEBSITE_HOSTNAME", name)));
        let lines = written(command, address, |_| {}).output;
        let lines = parsed(&lines);
        let hints: Vec<_> = lines.iter().filter_map(|(_, line)| line["fields"]["command"].as_str()).collect();
        assert_eq!(hints.len(), if base.is_some() { 2 } else { 0 }, "{lines:?}");

        let mut list = under_host(folder.path(), address);
        let listed =
            list.envs(hostname.map(|name| ("WEBSITE_HOSTNAME", name))).args(["keys", "list"]).output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        assert!(listed.contains("tz3") && listed.contains("octez-client") == base.is_some(), "{listed}");
        for hint in hints.into_iter().chain(listed.lines().filter(|line| line.contains("octez-client"))) {
            assert!(base.is_some_and(|base| hint.contains(&format!(" {base}"))), "{hint}");
        }
    }
}

#[test]
fn the_envelope_of_a_host_that_does_not_proxy_is_logged_once_with_the_remedy() {
    for is_under_host in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let address = free_address();
        let command = serving(folder.path(), address, is_under_host);
        let Written { output, errors } = written(command, address, |address| {
            for (path, status) in [("/sign", 404), ("/keys", 405), ("/health", 405), ("/sign", 404)] {
                let answer = http::post(address, path, br#"{"Data":{},"Metadata":{}}"#).unwrap();
                assert_eq!(answer.status, status, "{path}");
                assert_eq!(answer.error().contains("enableProxyingHttpRequest"), is_under_host, "{path}");
            }
        });
        let lines = parsed(&output).into_iter().chain(parsed(&errors)).map(|(_, line)| line);
        let lines: Vec<_> = lines.filter(|line| line["level"] == "ERROR").collect();
        assert_eq!(lines.len(), usize::from(is_under_host), "{lines:?}");
        for line in lines {
            assert_eq!(line["fields"]["event"], "host_does_not_proxy");
            let reason = line["fields"]["reason"].as_str().unwrap();
            assert!(reason.contains("FUNCTIONS_EXTENSION_VERSION=~4") && reason.contains("Core Tools"), "{reason}");
        }
    }
}

/// The workspace bills by size, and the host stores each line twice.
#[test]
fn the_line_of_a_signature_has_less_than_450_bytes() {
    const MAX_BYTES: usize = 450;
    /// Numbers with as many digits as in years to come.
    const LEVEL: u32 = 10_000_000;
    const ROUND: u32 = 100;
    const INVOCATION: &str = "00112233-4455-6677-8899-aabbccddeeff";
    let folder = tempfile::tempdir().unwrap();
    for curve in ["ed25519", "secp256k1", "p256", "bls"] {
        printed(&run(folder.path(), &["keys", "generate", curve, "--curve", curve], ""));
    }
    let client = SecretKey::generate(Curve::Bls).unwrap();
    let address = free_address();
    let settings =
        [("AZURE_FUNCTIONS_ENVIRONMENT", "Development"), ("AUTHORIZED_KEYS", &client.public_key().to_string())];
    let mut command = command(folder.path(), &settings);
    command.env("FUNCTIONS_CUSTOMHANDLER_PORT", address.port().to_string());
    let mut keys = 0;
    let written = written(command, address, |address| {
        for key in http::get(address, "/keys").unwrap().json().as_array().unwrap() {
            let hash = key["public_key_hash"].as_str().unwrap();
            let vote = |level, kind| match key["curve"].as_str() {
                Some("bls") if kind != Kind::Block => bls_attestation(level, ROUND, 0),
                _ => payload(kind, level, ROUND, 0),
            };
            // The first version of a mark has no digest of another one.
            let levels = [LEVEL, LEVEL + 1].into_iter();
            for payload in levels.flat_map(|level| Kind::ALL.map(|kind| vote(level, kind))) {
                let signed = request_to_authenticate(&hash.parse().unwrap(), &payload);
                let authentication = client.sign(&signed, BlsScheme::default()).unwrap();
                let body = format!("\"{}\"", hex::encode(payload));
                let request = format!(
                    "POST /keys/{hash}?authentication={authentication} HTTP/1.1\r\nhost: s\r\nconnection: close\r\n\
                     x-azure-functions-invocationid: {INVOCATION}\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                http::send(address, request.as_bytes()).unwrap().signature();
            }
            keys += 1;
        }
    });
    let lines: Vec<_> =
        parsed(&written.output).into_iter().filter(|(_, line)| line["fields"]["event"] == "signed").collect();
    assert_eq!((keys, lines.len()), (4, 24), "{}", written.output);
    for (text, line) in lines {
        assert_eq!(line["fields"]["invocation"], INVOCATION);
        assert!(line["fields"]["requester"].as_str().unwrap().starts_with("tz4"), "{text}");
        assert!(text.len() < MAX_BYTES, "{} bytes: {text}", text.len());
    }
}
