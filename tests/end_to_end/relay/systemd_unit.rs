//! The systemd unit of the relay, as `systemd-analyze` judges it.

use azurehsm_signer::settings::NAMES;
use std::fs;
use std::process::Command;

const UNIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/systemd/azurehsm-signer-relay.service");

#[test]
fn the_unit_is_valid_hardened_and_sets_what_the_relay_reads() {
    let text = fs::read_to_string(UNIT).unwrap();
    assert!(text.contains("ExecStart=/usr/local/bin/azurehsm-signer relay\n"), "{text}");
    for setting in text.lines().filter_map(|line| line.strip_prefix("Environment=")?.split('=').next()) {
        assert!(NAMES.contains(&setting), "{setting}");
    }
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("systemd-analyze is not installed: the unit is not verified");
        return;
    }
    // The program is not installed here.
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("azurehsm-signer-relay.service");
    fs::write(&copy, text.replace("/usr/local/bin/azurehsm-signer", env!("CARGO_BIN_EXE_azurehsm-signer"))).unwrap();
    // The exposure is in tenths: 2.0 of 10.
    for arguments in [vec!["verify"], vec!["security", "--offline=true", "--threshold=20"]] {
        let output = Command::new("systemd-analyze").args(&arguments).arg(&copy).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
}
