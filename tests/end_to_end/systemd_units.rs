//! The systemd units of the signer and the relay, as `systemd-analyze` judges them.

use azurehsm_signer::settings::NAMES;
use std::fs;
use std::path::Path;
use std::process::Command;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/systemd");

const UNITS: [(&str, &str); 2] = [
    ("azurehsm-signer", "serve"),
    ("azurehsm-signer-relay", "relay --config /etc/azurehsm-signer/relay.env\nExecReload=/bin/kill -HUP $MAINPID"),
];

#[test]
fn the_units_are_valid_hardened_and_set_what_the_program_reads() {
    let folder = tempfile::tempdir().unwrap();
    for (name, command) in UNITS {
        let text = fs::read_to_string(Path::new(FOLDER).join(format!("{name}.service"))).unwrap();
        assert!(text.contains(&format!("ExecStart=/usr/local/bin/azurehsm-signer {command}\n")), "{text}");
        for setting in text.lines().filter_map(|line| line.strip_prefix("Environment=")?.split('=').next()) {
            assert!(NAMES.contains(&setting), "{setting}");
        }
        if Command::new("systemd-analyze").arg("--version").output().is_err() {
            eprintln!("systemd-analyze is not installed: the units are not verified");
            return;
        }
        // The program is not installed here.
        let copy = folder.path().join(format!("{name}.service"));
        fs::write(&copy, text.replace("/usr/local/bin/azurehsm-signer", env!("CARGO_BIN_EXE_azurehsm-signer")))
            .unwrap();
        // The exposure is in tenths: 2.0 of 10.
        for arguments in [vec!["verify"], vec!["security", "--offline=true", "--threshold=20"]] {
            let output = Command::new("systemd-analyze").args(&arguments).arg(&copy).output().unwrap();
            // Unknown settings are not errors, but are printed.
            let is_named = String::from_utf8_lossy(&output.stderr).contains(&format!("{name}.service:"));
            assert!(output.status.success() && !is_named, "{arguments:?}: {output:?}");
        }
    }
}
