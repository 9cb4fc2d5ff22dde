//! The embedded store is used by one process at a time: others name that process, and a start under the Functions host waits.

use crate::support::http;
use crate::support::payloads::payload;
use crate::support::process::{HOSTED, Signer, address_in, command, complaint};
use azurehsm_signer::tezos::payload::Kind;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Starts a signer like the Functions host, and reads its log until it waits for the store.
fn waiting(data: &Path) -> (Child, BufReader<ChildStdout>, String) {
    let mut child = command(data, &HOSTED).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stdout.take().unwrap());
    let line = line_with(&mut log, "store_lock_wait");
    (child, log, line)
}

fn line_with(log: &mut impl BufRead, text: &str) -> String {
    log.lines().map(Result::unwrap).find(|line| line.contains(text)).expect("the line should be logged")
}

/// This process, as in messages.
fn this_process() -> String {
    let name = std::fs::read_to_string("/proc/self/comm").unwrap();
    format!("process {} ({})", std::process::id(), name.trim())
}

#[test]
fn a_process_that_finds_the_embedded_store_in_use_fails_at_once_and_names_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::start(folder.path(), &[]);
    let name = signer.system_says("comm");
    let id = signer.system_says("stat").split_once(' ').unwrap().0.to_owned();
    let holder = format!("marks.redb is in use by process {id} ({})", name.trim());
    let lock = std::fs::read(folder.path().join("marks.lock")).unwrap();
    let raise = ["marks", "raise", "NetXdQprcVkpaWU", "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t", "5"];
    for (settings, arguments) in [
        (&[][..], &["serve"][..]),
        (&[], &["marks", "list"]),
        (&[], &["marks", "export"]),
        (&[], &raise),
        (&HOSTED, &["marks", "list"]),
        (&HOSTED, &raise),
    ] {
        let output = command(folder.path(), settings).env("SIGNER_LISTEN", "127.0.0.1:0").args(arguments).output();
        let complaint = complaint(&output.unwrap());
        assert!(complaint.contains(&holder), "{arguments:?}: {complaint}");
    }
    assert_eq!(std::fs::read(folder.path().join("marks.lock")).unwrap(), lock);
}

#[test]
fn under_the_functions_host_a_start_waits_until_the_previous_process_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let first = Signer::start(folder.path(), &HOSTED);
    let key = first.only_key();
    assert_eq!(http::sign(first.address, &key, &payload(Kind::Block, 7, 0, 0)).unwrap().status, 200);
    let id = first.system_says("stat").split_once(' ').unwrap().0.to_owned();
    let (mut second, mut log, line) = waiting(folder.path());
    assert!(line.contains(&format!("process {id} (")), "{line}");
    // The store is not opened before the other process is gone.
    assert_eq!(http::sign(first.address, &key, &payload(Kind::Block, 8, 0, 0)).unwrap().status, 200);
    first.kill();
    line_with(&mut log, "store_lock_acquired");
    let address = address_in(&line_with(&mut log, "\"listening\"")).unwrap();
    for (level, digest, status) in [(8, 1, 409), (8, 0, 200), (9, 1, 200)] {
        let answer = http::sign(address, &key, &payload(Kind::Block, level, 0, digest)).unwrap();
        assert_eq!(answer.status, status, "{answer:?}");
    }
    second.kill().unwrap();
    second.wait().unwrap();
}

#[test]
fn under_the_functions_host_a_start_gives_up_after_a_while_and_names_the_other_process() {
    let folder = tempfile::tempdir().unwrap();
    let lock = File::create(folder.path().join("marks.lock")).unwrap();
    lock.lock().unwrap();
    let start = Instant::now();
    let (child, log, line) = waiting(folder.path());
    let logged = std::thread::spawn(|| log.lines().map_while(Result::ok).collect::<Vec<_>>());
    let complaint = complaint(&child.wait_with_output().unwrap());
    let waited = start.elapsed();
    assert!((17..27).contains(&waited.as_secs()), "{waited:?}");
    assert!(line.contains(&this_process()), "{line}");
    for words in [&this_process(), "marks.redb is still in use by", "after 17 s", "Stop that process"] {
        assert!(complaint.contains(words), "{words}: {complaint}");
    }
    assert_eq!(logged.join().unwrap().iter().filter(|line| line.contains("store_lock")).count(), 0);
    assert_eq!(lock.metadata().unwrap().len(), 0);
    assert!(!folder.path().join("marks.redb").exists() && !folder.path().join("keys.json").exists());
}

#[test]
fn a_signal_ends_a_start_that_waits_for_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let lock = File::create(folder.path().join("marks.lock")).unwrap();
    lock.lock().unwrap();
    let (mut child, _log, _) = waiting(folder.path());
    let start = Instant::now();
    assert!(Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(200));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}
