//! What keeps secret keys out of files: no core dumps, locked memory. [`crate::azure::canary`] searches for copies.

use crate::support::http;
use crate::support::payloads::payload;
use crate::support::process::{Signer, command, printed, signal};
use azurehsm_signer::tezos::payload::Kind;
use rlimit::{INFINITY, Resource, prlimit};
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::Command;

/// A user without any rights.
const NOBODY: u32 = 65534;

fn owner(path: &str) -> u32 {
    fs::metadata(path).unwrap().uid()
}

/// Lets a process dump its memory, which takes root.
fn allow_dump(process: u32) -> std::io::Result<()> {
    prlimit(process.cast_signed(), Resource::CORE, Some((INFINITY, INFINITY)), None)
}

#[test]
fn core_dumps_are_disabled_for_good_even_if_root_raises_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::start_as({
        let mut command = command(folder.path(), &[]);
        command.current_dir(folder.path());
        command
    });
    let limits = signer.system_says("limits");
    let of_core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    assert_eq!(of_core.split_whitespace().collect::<Vec<_>>(), ["0", "0", "bytes"]);

    let mut other = Command::new("sleep").arg("60").current_dir(folder.path()).spawn().unwrap();
    let allowed = allow_dump(other.id()).and_then(|()| allow_dump(signer.id()));
    signal(&other, "ABRT");
    let is_dumped = other.wait().unwrap().core_dumped();
    signer.signal("ABRT");
    let ended = signer.exit_status();
    assert_eq!(ended.signal(), Some(6));
    assert!(!ended.core_dumped());
    if allowed.is_err() || !is_dumped {
        // Root in a container may lack the right. The next test then shows that the kernel would write none.
        eprintln!(
            "SKIPPED: the limit of core dumps cannot be raised here, or no program dumps its memory: {allowed:?}"
        );
    }
}

#[test]
fn a_refused_lock_is_logged_once_and_other_processes_of_the_user_cannot_read_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let is_root = owner("/proc/self") == 0;
    let limited = |data: &Path, arguments: &str| {
        let mut limited = Command::new("sh");
        let script = format!("ulimit -l 0 && exec '{}' {arguments}", env!("CARGO_BIN_EXE_azurehsm-signer"));
        limited.args(["-c", &script]).current_dir(data).env_clear().env("LOCAL_DATA_DIR", data);
        if is_root {
            // Root may lock any memory.
            limited.uid(NOBODY).gid(NOBODY);
        }
        limited
    };
    if is_root {
        chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    for curve in ["bls", "p256"] {
        printed(&limited(folder.path(), &format!("keys generate {curve} --curve {curve}")).output().unwrap());
    }
    let signer = Signer::start_as(limited(folder.path(), "2>&1"));
    let keys = signer.keys();
    assert_eq!(keys.len(), 2);
    for (_, key) in keys {
        assert_eq!(http::sign(signer.address, &key, &payload(Kind::Block, 10, 0, 0)).unwrap().status, 200);
    }
    assert_eq!(owner(&format!("/proc/{}/mem", signer.id())), 0, "only root may read it");
    signer.signal_termination();
    let log = signer.log_until("\"event\":\"shutting_down\"");
    let warnings: Vec<_> = log.lines().filter(|line| line.contains("memory_not_locked")).collect();
    assert_eq!(warnings.len(), 1, "{log}");
    assert!(warnings[0].contains("mlock"), "{}", warnings[0]);
}
