//! `doctor --peer`: signers that should be alike, and that are not.

use super::deployment::{Deployment, Examined, run};
use crate::azure::instance::Instance;
use crate::support::http::{self, Answer};
use crate::support::process::Signer;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};

/// The function key that the platform before a signer requires.
const KEY: &str = "functionkeyofthepeer";

const CHECKS: [&str; 6] =
    ["peer.reachable", "peer.addresses", "peer.store", "peer.policy", "peer.authorized_keys", "peer.version"];

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// A platform before a signer, which requires [`KEY`] and changes the answers. Returns its address.
fn platform(signer: SocketAddr, change: impl Fn(&mut Answer) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
            let Some(path) = head.first().and_then(|line| line.split(' ').nth(1)) else { continue };
            let mut answer = http::get(signer, path).unwrap();
            change(&mut answer);
            if !head.iter().any(|line| *line == format!("x-functions-key: {KEY}")) {
                answer = Answer { status: 401, ..Answer::default() };
            }
            let identity = answer.headers.iter().filter(|(name, _)| name.starts_with("x-signer-"));
            let identity: Vec<_> = identity.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let identity = identity.concat();
            let (status, length) = (answer.status, answer.body.len());
            let head =
                format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {length}\r\n{identity}\r\n");
            drop(stream.write_all((head + &answer.body).as_bytes()));
        }
    });
    url(address)
}

/// Runs `doctor` with these peers, and with settings of a machine without a signer.
fn examine(settings: &[(&'static str, &str)], peers: &[&str]) -> Examined {
    let folder = tempfile::tempdir().unwrap();
    let mut variables: BTreeMap<_, _> = settings.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    variables.insert("LOCAL_DATA_DIR", folder.path().to_str().unwrap().to_owned());
    let arguments = [vec!["--json"], peers.iter().flat_map(|peer| ["--peer", peer]).collect()].concat();
    let (printed, complaint, status) = run(&variables, &arguments);
    assert!(!printed.contains(KEY) && !complaint.contains(KEY), "{printed}\n{complaint}");
    Examined::new(&printed, status)
}

fn of_peers(examined: &Examined, outcome: &str) -> Vec<String> {
    examined.checks(outcome).into_iter().filter(|check| check.starts_with("peer")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_peer_is_compared_with_this_deployment() {
    const AUTHORIZED: &str = "p2pk66Y3178eHvgWFA4CDsgGPhbkWtwrYCVUKJnsAi41eGP7MbHKv24";
    let deployment = Deployment::start().await;
    for (settings, differing, words) in [
        (vec![], vec![], ""),
        (vec![("POLICY", r#"{"default": {"kinds": ["block"]}}"#)], vec!["peer.policy"], "set POLICY"),
        // Where the policy leaves it open, authorized keys require authentication.
        (
            vec![("AUTHORIZED_KEYS", AUTHORIZED)],
            vec!["peer.policy", "peer.authorized_keys"],
            "only at http://127.0.0.1:",
        ),
    ] {
        let peer = Instance::start_ready(&deployment.azure, &settings);
        let examined = deployment.examine(&["--peer", &url(peer.address)]);
        assert_eq!(of_peers(&examined, "failed"), differing, "{examined}");
        let same: Vec<_> = CHECKS.into_iter().filter(|check| !differing.contains(check)).collect();
        assert_eq!(of_peers(&examined, "ok"), same, "{examined}");
        differing.last().inspect(|check| examined.assert_finds(check, "failed", &[words]));
    }
}

#[test]
fn several_peers_are_compared_with_each_other() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [first, second] = folders.each_ref().map(|folder| Signer::start(folder.path(), &[]));
    let (first_url, second_url) = (url(first.address), url(second.address));
    let other =
        platform(first.address, |answer| drop(answer.headers.insert("x-signer-version".into(), "9.9.9".into())));
    let examined = examine(&[("RELAY_FUNCTION_KEYS", KEY)], &[&first_url, &second_url, &other]);
    assert_eq!(of_peers(&examined, "failed"), ["peer.addresses", "peer.store"], "{examined}");
    assert_eq!(of_peers(&examined, "warning"), ["peer.version"], "{examined}");
    let only = |signer: &Signer, url| format!("only at {url}: {}", signer.only_key());
    let words = [second_url.clone(), only(&first, &first_url), only(&second, &second_url)];
    examined.assert_finds("peer.addresses", "failed", &words.each_ref().map(String::as_str));
    examined.assert_finds("peer.store", "failed", &[&second_url, "stop one of the two now"]);
    examined.assert_finds("peer.version", "warning", &[&other, "9.9.9", env!("CARGO_PKG_VERSION")]);
    examined.assert_finds("peer.addresses", "ok", &[&other, &first.only_key()]);
}

#[test]
fn an_answer_that_is_not_the_signers_is_reported_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::start(folder.path(), &[]);
    let answers = |status| platform(signer.address, move |answer| *answer = Answer { status, ..Answer::default() });
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let right = platform(signer.address, |_| {});
    let file = folder.path().join("function-key");
    std::fs::write(&file, KEY).unwrap();
    let of_file = ("RELAY_FUNCTION_KEYS_FILE", file.to_str().unwrap());
    for (settings, peer, check, words) in [
        (vec![of_file], answers(403), "peer.reachable", ["status 403", "access restrictions"]),
        (vec![of_file], answers(404), "peer.reachable", ["status 404", "deploy the program"]),
        (vec![of_file], answers(503), "peer.reachable", ["status 503", "log"]),
        (vec![of_file], answers(200), "peer.reachable", ["status 200 without", "not from the signer"]),
        (vec![], right.clone(), "peer.reachable", ["status 401", "RELAY_FUNCTION_KEYS_FILE"]),
        (
            vec![("RELAY_FUNCTION_KEYS", "wrong")],
            right.clone(),
            "peer.reachable",
            ["status 401", "functionapp keys list"],
        ),
        (vec![], url(refused), "peer.reachable", ["onnect", "app is running"]),
        (vec![], "http://signer.example".to_owned(), "peer", ["--peer", "expected https://"]),
    ] {
        let examined = examine(&settings, &[&peer]);
        assert_eq!(of_peers(&examined, "failed"), [check], "{peer}: {examined}");
        examined.assert_finds(check, "failed", &words);
    }
    // With the key, the same platform lets the request through. The keys are in the signer's folder, not in that of `doctor`.
    let examined = examine(&[of_file], &[&right]);
    examined.assert_finds("peer.reachable", "ok", &[&right]);
}
