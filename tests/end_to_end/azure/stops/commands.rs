//! What the commands print and do, one at a time.

use super::{SHORT, done, refused, stops_in};
use crate::azure::cloud::{self, add, baker, stored};
use crate::azure::instance::{Instance, command};
use crate::support::node::Node;
use crate::support::payloads::{MAINNET, payload};
use crate::support::process;
use azurehsm_signer::answer::header;
use azurehsm_signer::tezos::ChainId;
use azurehsm_signer::tezos::payload::Kind;
use oracle::payload::consensus::Block;
use stand_ins::{Azure, Curve, NewKey};

#[test]
fn a_stopped_key_signs_no_block_or_vote_says_why_and_is_resumed_above_the_head() {
    let azure = cloud::start();
    let (key, other) = (baker(&azure), add(&azure, NewKey::new("other", Curve::P256), 2));
    let signer = Instance::start_ready(&azure, &[]);
    // One kind has no mark yet.
    for kind in [Kind::Block, Kind::Attestation] {
        signer.sign(&key.hash, &payload(kind, 7, 0, 0)).signature();
    }
    let printed = done(&azure, &["stop", &key.hash, "--reason", "moving house"]);
    for words in [
        "block: stopped at level 7, round 0",
        "preattestation: created, and stopped",
        "covered: mainnet",
        "every signature of a block or vote from now on has a mark from before the stop",
        &format!(
            "az keyvault key set-attributes --vault-name standin --name baker --version {} --enabled false",
            key.id.version
        ),
    ] {
        assert!(printed.contains(words), "{words} in {printed}");
    }
    let fresh = Instance::start_ready(&azure, &[]);
    for (signer, kind) in [&signer, &fresh].into_iter().flat_map(|signer| Kind::ALL.map(|kind| (signer, kind))) {
        for level in [7, 8, 1000] {
            let answer = signer.sign(&key.hash, &payload(kind, level, 0, 0));
            assert_eq!((answer.status, answer.header(header::REASON)), (409, "stopped"), "{answer:?}");
            assert!(answer.error().contains("moving house"), "{answer:?}");
        }
    }
    let elsewhere = Block { chain: [1; 4], ..Block::new(7, 0) }.bytes();
    assert_eq!(fresh.sign(&key.hash, &elsewhere).status, 409, "a chain without marks when the key was stopped");
    signer.sign(&other.hash, &payload(Kind::Block, 8, 0, 0)).signature();

    let again = done(&azure, &["stop", &key.hash, "--reason", "moving house"]);
    assert_eq!(stops_in(&again), stops_in(&printed), "a repeat continues the same stop");

    let refusal = refused(&azure, &["resume", &key.hash]);
    assert!(refusal.contains("nothing was lifted") && refusal.contains("--nothing-signed-elsewhere"), "{refusal}");
    let node = Node::start(Some((MAINNET, 1000)));
    let resume = |arguments: &[&str]| {
        let mut command = command(&azure, &[&SHORT[..], &[("NODE_URLS", &node.url())]].concat());
        command.args(["marks", "resume", &key.hash]).args(arguments).output().unwrap()
    };
    let shown = process::printed(&resume(&["--dry-run"]));
    assert!(shown.contains("moving house") && shown.contains("nothing was changed"), "{shown}");
    assert_eq!(fresh.sign(&key.hash, &payload(Kind::Block, 1011, 0, 0)).status, 409);
    process::printed(&resume(&[]));
    for kind in Kind::ALL {
        for signer in [&signer, &fresh] {
            assert_eq!(signer.sign(&key.hash, &payload(kind, 1010, 5, 0)).status, 409);
        }
        signer.sign(&key.hash, &payload(kind, 1011, 0, 0)).signature();
        fresh.sign(&key.hash, &payload(kind, 1012, 0, 0)).signature();
    }
    assert!(done(&azure, &["resume", &key.hash]).contains("is not stopped"));
}

#[test]
fn a_key_that_signed_nowhere_else_goes_on_at_its_marks() {
    let azure = cloud::start();
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[]);
    let signature = signer.sign(&key.hash, &payload(Kind::Block, 7, 0, 0)).signature();
    done(&azure, &["stop", &key.hash, "--reason", "maintenance"]);
    assert_eq!(signer.sign(&key.hash, &payload(Kind::Block, 7, 0, 0)).status, 409);
    done(&azure, &["resume", &key.hash, "--nothing-signed-elsewhere"]);
    assert_eq!(signer.sign(&key.hash, &payload(Kind::Block, 7, 0, 0)).signature(), signature);
    assert_eq!(signer.sign(&key.hash, &payload(Kind::Block, 7, 0, 1)).status, 409);
    signer.sign(&key.hash, &payload(Kind::Block, 8, 0, 0)).signature();
}

#[test]
fn several_stops_are_lifted_only_if_all_are_named() {
    let azure = cloud::start();
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[]);
    signer.sign(&key.hash, &payload(Kind::Block, 7, 0, 0)).signature();
    let [first, second] =
        ["one", "two"].map(|reason| stops_in(&done(&azure, &["stop", &key.hash, "--reason", reason])).remove(0));
    let with = ["resume", &key.hash, "--nothing-signed-elsewhere"];
    for named in [&[][..], &["--stop", &first], &["--stop", &second]] {
        let refusal = refused(&azure, &[&with[..], named].concat());
        assert!(
            refusal.contains(&format!("--stop {first}")) && refusal.contains(&format!("--stop {second}")),
            "{refusal}"
        );
        assert_eq!(signer.sign(&key.hash, &payload(Kind::Block, 8, 0, 0)).status, 409);
    }
    assert!(
        refused(&azure, &[&with[..], &["--stop", "00ff"]].concat())
            .contains("has no stop 000000000000000000000000000000ff")
    );
    done(&azure, &[&with[..], &["--stop", &first, "--stop", &second]].concat());
    signer.sign(&key.hash, &payload(Kind::Block, 8, 0, 0)).signature();
}

#[test]
fn a_long_reason_is_cut_off_and_a_repeat_is_still_the_same_stop() {
    let azure = cloud::start();
    let key = baker(&azure);
    let reason = "x".repeat(500);
    let stop = ["stop", &key.hash, "--reason", &reason];
    let printed = [done(&azure, &stop), done(&azure, &stop)];
    assert_eq!(stops_in(&printed[0]), stops_in(&printed[1]));
    assert!(printed[0].contains(&format!(": {} (stop ", "x".repeat(400))), "{}", printed[0]);
}

/// The resume is suspended when it is about to write, so the stop comes in between.
#[test]
fn a_stop_that_races_with_a_resume_holds_and_the_resume_says_so() {
    for after in 0..super::WRITES {
        let azure = cloud::start();
        let key = baker(&azure);
        let signer = Instance::start_ready(&azure, &[]);
        for kind in Kind::ALL {
            signer.sign(&key.hash, &payload(kind, 7, 0, 0)).signature();
        }
        done(&azure, &["stop", &key.hash, "--reason", "first"]);
        let resume = ["resume", &key.hash, "--nothing-signed-elsewhere"];
        let resuming = super::suspend(&azure, &resume, after);
        done(&azure, &["stop", &key.hash, "--reason", "second"]);
        process::signal(&resuming, "CONT");
        let complaint = process::complaint(&resuming.wait_with_output().unwrap());
        assert!(
            complaint.contains("another stop came in between") && complaint.contains("second"),
            "after {after} writes: {complaint}"
        );
        for kind in Kind::ALL {
            assert_eq!(signer.sign(&key.hash, &payload(kind, 100, 0, 0)).status, 409, "{kind}, after {after} writes");
            assert!(stored(&azure, &key, kind).unwrap().to_string().contains("second"));
        }
        let listed = all_stops(&azure, &key.hash);
        let named: Vec<_> = listed.iter().flat_map(|id| ["--stop", id]).collect();
        done(&azure, &[&resume[..], &named[..]].concat());
        signer.sign(&key.hash, &payload(Kind::Block, 100, 0, 0)).signature();
    }
}

/// A mark that did not exist when the resume looked gets the stop before the resume lifts it.
#[test]
fn a_resume_reports_marks_that_the_stop_reached_meanwhile() {
    let azure = cloud::start();
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[]);
    signer.sign(&key.hash, &payload(Kind::Block, 7, 0, 0)).signature();
    done(&azure, &["stop", &key.hash, "--reason", "maintenance"]);
    let resume = ["resume", &key.hash, "--nothing-signed-elsewhere"];
    let resuming = super::suspend(&azure, &resume, 1);
    let ghostnet: ChainId = "NetXnHfVqm9iesp".parse().unwrap();
    let on_another_chain = Block { chain: *ghostnet.as_bytes(), ..Block::new(7, 0) }.bytes();
    assert_eq!(signer.sign(&key.hash, &on_another_chain).status, 409);
    process::signal(&resuming, "CONT");
    let complaint = process::complaint(&resuming.wait_with_output().unwrap());
    assert!(complaint.contains("still stopped: repeat the command"), "{complaint}");
    signer.sign(&key.hash, &payload(Kind::Block, 8, 0, 0)).signature();
    done(&azure, &resume);
    signer.sign(&key.hash, &on_another_chain).signature();
}

/// The identifiers of all stops of a key.
fn all_stops(azure: &Azure, key: &str) -> Vec<String> {
    let output = super::marks(azure, &["resume", key, "--nothing-signed-elsewhere", "--dry-run"]).output().unwrap();
    stops_in(&String::from_utf8(output.stdout).unwrap())
}
