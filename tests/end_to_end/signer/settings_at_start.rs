//! Settings as people misspell them, and what the start says.

use crate::support::process::{Signer, command};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What the program says when it does not start.
fn complaint(data: &Path, settings: &[(&str, &str)]) -> String {
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
fn a_folder_that_only_a_shell_would_find_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    for wrong in ["~/signer", "$HOME/signer"] {
        let ended = command(Path::new(wrong), &[]).current_dir(folder.path()).output().unwrap();
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        assert!(String::from_utf8_lossy(&ended.stderr).contains("LOCAL_DATA_DIR: '"), "{ended:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is made");
    }
}

#[test]
fn a_log_filter_that_would_silence_everything_stops_the_start_or_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let complaint = complaint(folder.path(), &[("RUST_LOG", "inof"), ("LOG_FORMAT", "xml")]);
    assert!(complaint.contains("RUST_LOG: 'inof' is not a level") && complaint.contains("write info"), "{complaint}");
    assert!(complaint.contains("LOG_FORMAT: 'xml': expected auto, text or json"), "{complaint}");

    let signer = Signer::start(folder.path(), &[("RUST_LOG", "azurehsm-signer=info")]);
    let log = signer.log_until("\"event\":\"listening\"");
    let warning = log.lines().find(|line| line.contains("\"RUST_LOG\"")).unwrap_or_else(|| panic!("{log}"));
    assert!(warning.contains("\"WARN\"") && warning.contains("write azurehsm_signer"), "{warning}");
}
