//! Levels are checked against the head of the chain, which nodes report over HTTP.

use crate::support::eventually::eventually;
use crate::support::http;
use crate::support::node::Node;
use crate::support::payloads::{MAINNET, payload, transfer};
use crate::support::process::{Signer, command};
use azurehsm_signer::tezos::payload::Kind;

use stand_ins::{Operation, TezosNode};

const OTHER_CHAIN: &str = "NetXnHfVqm9iesp";

fn start(nodes: &[&Node], settings: &[(&str, &str)]) -> (tempfile::TempDir, Signer, String) {
    let folder = tempfile::tempdir().unwrap();
    let urls = nodes.iter().map(|node| node.url()).collect::<Vec<_>>().join(",");
    let mut all = vec![("NODE_URLS", urls.as_str()), ("HEAD_REFRESH_MS", "50"), ("HEAD_MAX_AGE_MS", "1000")];
    all.extend_from_slice(settings);
    let signer = Signer::start(folder.path(), &all);
    let key = signer.only_key();
    (folder, signer, key)
}

fn request(signer: &Signer, key: &str, level: u32) -> http::Answer {
    http::sign(signer.address, key, &payload(Kind::Attestation, level, 0, 0)).unwrap()
}

#[test]
fn a_level_must_be_near_the_head() {
    let node = Node::start(Some((MAINNET, 1000)));
    let (_folder, signer, key) = start(&[&node], &[("HEAD_THRESHOLD", "10")]);
    for (level, status) in [(989, 409), (990, 200), (1011, 409), (2_000_000_000, 409), (1010, 200), (1000, 409)] {
        assert_eq!(request(&signer, &key, level).status, status, "level {level}");
    }
    let error = request(&signer, &key, 1011).error();
    assert!(error.contains("level 1011 is not within 10 levels of the head") && error.contains("1000"), "{error}");
}

#[test]
fn the_highest_head_of_several_nodes_counts_and_is_followed() {
    let (stuck, working) = (Node::start(Some((MAINNET, 500))), Node::start(Some((MAINNET, 1000))));
    let (_folder, signer, key) = start(&[&stuck, &working], &[("HEAD_THRESHOLD", "10")]);
    eventually("the higher head", || (request(&signer, &key, 500).status == 409).then_some(()));
    working.says(Some((MAINNET, 2000)));
    eventually("the new head", || (request(&signer, &key, 2000).status == 200).then_some(()));
}

#[test]
fn a_request_for_another_chain_than_the_nodes_is_refused() {
    let node = Node::start(Some((OTHER_CHAIN, 1000)));
    let (_folder, signer, key) = start(&[&node], &[]);
    let answer = request(&signer, &key, 1000);
    assert_eq!(answer.status, 409);
    assert!(answer.error().contains(&format!("the configured nodes follow {OTHER_CHAIN}, not {MAINNET}")));
}

#[test]
fn invariant_6_without_a_head_nothing_is_signed_and_the_answer_is_failed() {
    let node = Node::start(Some((MAINNET, 1000)));
    let (_folder, signer, key) = start(&[&node], &[("POLICY", r#"{"default": {"operations": ["any"]}}"#)]);
    assert_eq!(request(&signer, &key, 1000).status, 200);
    assert_eq!(http::get(signer.address, "/health").unwrap().status, 200);
    node.says(None);
    let failed =
        eventually("an outdated head", || Some(request(&signer, &key, 1000)).filter(|answer| answer.status != 200));
    assert_eq!(failed.status, 500);
    assert!(failed.error().contains("the head of NetXdQprcVkpaWU is unknown"), "{}", failed.error());
    assert_eq!(http::get(signer.address, "/health").unwrap().status, 503);
    assert_eq!(http::sign(signer.address, &key, &transfer(1, 1)).unwrap().status, 200, "operations have no level");
}

#[test]
fn a_setting_lets_the_marks_decide_when_no_node_answers() {
    let node = Node::start(None);
    let (_folder, signer, key) = start(&[&node], &[("WHEN_HEAD_UNKNOWN", "sign"), ("MAX_LEVEL_JUMP", "5")]);
    for (level, status) in [(1000, 200), (1005, 200), (1011, 409), (1006, 200)] {
        assert_eq!(request(&signer, &key, level).status, status, "level {level}");
    }
}

#[test]
fn a_node_that_changes_its_chain_is_noticed() {
    let node = Node::start(Some((MAINNET, 1000)));
    let (_folder, signer, key) = start(&[&node], &[]);
    assert_eq!(request(&signer, &key, 1000).status, 200);
    node.says(Some((OTHER_CHAIN, 1000)));
    let refused =
        eventually("the new chain", || Some(request(&signer, &key, 1000)).filter(|answer| answer.status != 200));
    assert!(refused.error().contains(&format!("the configured nodes follow {OTHER_CHAIN}")), "{}", refused.error());
}

#[test]
fn a_silent_connection_to_a_node_is_replaced_while_the_head_is_still_valid() {
    let node = TezosNode::start(MAINNET, 1000).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let authority = node.authority_file();
    let settings = [
        ("NODE_URLS", node.url()),
        ("SSL_CERT_FILE", authority.display().to_string()),
        // A query times out after a second, so a new connection is used long before the head is outdated.
        ("HEAD_REFRESH_MS", "50".to_owned()),
        ("HEAD_MAX_AGE_MS", "5000".to_owned()),
    ];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let signer = Signer::start(folder.path(), &settings);
    let key = signer.only_key();
    assert_eq!(request(&signer, &key, 1000).status, 200);
    for level in [1500, 2000] {
        node.freeze_connections();
        node.reset_requests();
        node.set_level(level);
        let queried = eventually("a query over another connection", || {
            assert_eq!(http::get(signer.address, "/health").unwrap().status, 200, "the head is unknown");
            Some(node.requests(Operation::Head)).filter(|requested| *requested > 1)
        });
        assert!(queried > 1);
        eventually("the new head", || (request(&signer, &key, level).status == 200).then_some(()));
    }
}

#[test]
fn a_remote_node_is_queried_through_the_proxy_which_is_logged_without_its_password() {
    // A request to a proxy differs only in its first line, which has the whole URL.
    let proxy = Node::start(Some((MAINNET, 1000)));
    let folder = tempfile::tempdir().unwrap();
    let with_password = proxy.url().replace("http://", "http://user:hunter2@");
    let settings = [("NODE_URLS", "http://node.invalid:8732"), ("HTTP_PROXY", with_password.as_str())];
    let signer = Signer::start(folder.path(), &settings);
    let key = signer.only_key();
    assert_eq!(request(&signer, &key, 1000).status, 200);
    let log = signer.log_until("\"verdict\":\"signed\"");
    let line = log.lines().find(|line| line.contains("\"event\":\"node_proxy\"")).expect("a line about the proxy");
    assert!(line.contains(&format!("\"proxy\":\"{}\"", proxy.url())), "{line}");
    assert!(line.contains("\"node\":\"http://node.invalid:8732\"") && !log.contains("hunter2"), "{log}");
}

#[test]
fn a_node_on_this_machine_is_queried_without_a_proxy() {
    let node = Node::start(Some((MAINNET, 1000)));
    let nothing_listens = ("HTTP_PROXY", "http://127.0.0.1:1");
    let (_folder, signer, key) = start(&[&node], &[nothing_listens, ("ALL_PROXY", "socks5://127.0.0.1:1")]);
    assert_eq!(request(&signer, &key, 1000).status, 200);
    let by_name = node.url().replace("127.0.0.1", "node.localhost");
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::start(folder.path(), &[("NODE_URLS", by_name.as_str()), nothing_listens]);
    assert_eq!(request(&signer, &signer.only_key(), 1000).status, 200);
}

#[test]
fn a_proxy_that_cannot_be_used_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("NODE_URLS", "https://node.invalid"), ("ALL_PROXY", "socks5://user:secret@127.0.0.1:1")];
    let output = command(folder.path(), &settings).output().unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && !complaint.contains("secret"), "{complaint}");
    assert!(
        complaint.contains("ALL_PROXY: https://node.invalid is queried through it: expected a proxy"),
        "{complaint}"
    );
}

#[test]
fn an_endless_answer_of_a_node_is_cut_off() {
    let node = Node::start(Some((MAINNET, 1000)));
    node.pads(100_000);
    let (_folder, signer, key) = start(&[&node], &[]);
    assert_eq!(request(&signer, &key, 1000).status, 500);
    node.pads(0);
    eventually("the next answer", || (request(&signer, &key, 1000).status == 200).then_some(()));
}
