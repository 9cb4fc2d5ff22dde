//! Commands that are killed between any two of their writes.

use super::{WRITES, done, refused, suspend};
use crate::azure::cloud::{self, baker};
use crate::azure::instance::Instance;
use crate::support::payloads::{MAINNET, payload};
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::Azure;

/// Runs a command, and kills it when it has written this often and wants to write again.
fn crash(azure: &Azure, arguments: &[&str], after: u32) {
    let mut command = suspend(azure, arguments, after);
    command.kill().unwrap();
    command.wait().unwrap();
}

#[test]
fn a_stop_or_a_resume_that_crashes_is_repeated() {
    for after in 0..WRITES {
        let azure = cloud::start();
        let key = baker(&azure);
        let signer = Instance::start_ready(&azure, &[]);
        for kind in Kind::ALL {
            signer.sign(&key.hash, &payload(kind, 7, 0, 0)).signature();
        }
        let stop = ["stop", &key.hash, "--reason", "maintenance"];
        crash(&azure, &stop, after);
        done(&azure, &stop);
        for kind in Kind::ALL {
            let answer = signer.sign(&key.hash, &payload(kind, 8, 0, 0));
            assert_eq!(answer.status, 409, "after {after} writes: {answer:?}");
            assert_eq!(answer.error().matches("(stop ").count(), 1, "a repeat is the same stop: {answer:?}");
        }
        let resume = ["resume", &key.hash, "--level", "100", "--chain", MAINNET];
        crash(&azure, &resume, after);
        for kind in Kind::ALL {
            let answer = signer.sign(&key.hash, &payload(kind, 110, 0, 0));
            assert_eq!(answer.status, 409, "either stopped or raised: {answer:?}");
        }
        done(&azure, &resume);
        for kind in Kind::ALL {
            signer.sign(&key.hash, &payload(kind, 111, 0, 0)).signature();
        }
    }
}

#[test]
fn a_handover_that_crashes_leaves_the_key_stopped_and_no_file() {
    let azure = cloud::start();
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[]);
    signer.sign(&key.hash, &payload(Kind::Block, 7, 0, 0)).signature();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("marks.json");
    let handover = ["handover", &key.hash, "--output", file.to_str().unwrap()];
    for after in 1..WRITES {
        crash(&azure, &handover, after);
        assert!(!file.exists(), "after {after} writes");
        // Whatever it has written, a new process finds the stop.
        let answer = Instance::start_ready(&azure, &[]).sign(&key.hash, &payload(Kind::Attestation, 8, 0, 0));
        assert_eq!(answer.status, 409, "after {after} writes: {answer:?}");
        done(&azure, &["resume", &key.hash, "--nothing-signed-elsewhere", "--chain", MAINNET]);
    }
    // The export fails.
    let refusal = refused(&azure, &["handover", &key.hash, "--output", "/nonexistent/marks.json"]);
    assert!(refusal.contains("Repeat the command"), "{refusal}");
    assert_eq!(signer.sign(&key.hash, &payload(Kind::Block, 8, 0, 0)).status, 409);
    done(&azure, &handover);
    assert!(std::fs::read_to_string(&file).unwrap().contains("\"level\": 7"));
}
