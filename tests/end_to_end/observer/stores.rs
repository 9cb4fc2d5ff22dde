//! A store of an observer never serves a signer, and a store of a signer never an observer.

use super::OBSERVE;
use crate::support::http;
use crate::support::payloads::{MAINNET, payload};
use crate::support::process::{Signer, command, complaint, printed};
use azurehsm_signer::tezos::payload::Kind;
use std::path::Path;
use std::process::Output;

const SIGN: (&str, &str) = ("OBSERVE", "false");

fn runs(data: &Path, role: (&str, &str), arguments: &[&str]) -> Output {
    command(data, &[role]).args(arguments).output().unwrap()
}

#[test]
fn a_file_serves_the_role_that_created_it_and_no_other() {
    for (role, other, words) in [(OBSERVE, SIGN, "of an observer"), (SIGN, OBSERVE, "of a signer")] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        let signer = Signer::start(data, &[role]);
        let key = signer.only_key();
        http::sign(signer.address, &key, &payload(Kind::Block, 7, 0, 0)).unwrap();
        drop(signer);

        let serve = command(data, &[other, ("SIGNER_LISTEN", "127.0.0.1:0")]).output().unwrap();
        let raise = runs(data, other, &["marks", "raise", MAINNET, &key, "8"]);
        for output in [serve, raise] {
            let complaint = complaint(&output);
            assert!(complaint.contains(words) && complaint.contains("LOCAL_DATA_DIR"), "{complaint}");
        }
        let doctor = runs(data, other, &["doctor"]);
        let report = String::from_utf8(doctor.stdout).unwrap();
        assert!(!doctor.status.success() && report.contains(words), "{report}");

        // Nothing has changed, and reading is not restricted.
        for role in [role, other] {
            let listed = printed(&runs(data, role, &["marks", "list"]));
            assert!(listed.contains("block") && !listed.contains("  8  "), "{listed}");
        }
        printed(&runs(data, role, &["marks", "raise", MAINNET, &key, "8"]));
        drop(Signer::start(data, &[role]));
    }
}
