//! How the process ends, and with which status: standalone, and under the Functions host.

use crate::support::eventually::eventually;
use crate::support::http::{self, Connection};
use crate::support::process::{HOSTED, Signer, command};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// An environment without the host's variables.
const ALONE: [(&str, &str); 0] = [];

/// The signals that end it. Programs that are started with SIGHUP ignored keep ignoring it, and so do those of tests under `nohup`.
fn signals() -> Vec<&'static str> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap().trim();
    let ignores_hangup = u64::from_str_radix(ignored, 16).unwrap() & 1 == 1;
    ["TERM", "INT", "HUP"].into_iter().filter(|name| !(ignores_hangup && *name == "HUP")).collect()
}

/// A request with half of its body: a shutdown waits for it as long as permitted.
fn half_a_request(signer: &Signer) -> Connection {
    let key = signer.only_key();
    let mut stream = http::connect(signer.address).unwrap();
    let head = format!("POST /keys/{key} HTTP/1.1\r\nhost: s\r\nexpect: 100-continue\r\ncontent-length: 90\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut go_on = [0; 12];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100", "the signer has accepted the request");
    stream
}

#[test]
fn a_signal_ends_it_with_the_status_of_a_planned_shutdown_without_waiting_for_half_a_head() {
    for (environment, status) in [(&ALONE[..], 0), (&HOSTED, 200)] {
        for name in signals() {
            let folder = tempfile::tempdir().unwrap();
            let signer = Signer::start(folder.path(), environment);
            let mut stream = http::connect(signer.address).unwrap();
            stream.write_all(b"GET /ke").unwrap();
            http::get(signer.address, "/").unwrap();
            let start = Instant::now();
            signer.signal(name);
            assert_eq!(signer.exit_status().code(), Some(status), "{name}");
            assert!(start.elapsed().as_secs() < 3, "{name}");
        }
    }
}

#[test]
fn under_the_host_a_request_in_flight_delays_the_end_by_at_most_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::start_with_one_output(folder.path(), &HOSTED);
    let _request = half_a_request(&signer);
    let start = Instant::now();
    signer.signal_termination();
    signer.wait_for_log("some requests did not end in time");
    assert_eq!(signer.exit_status().code(), Some(200));
    // Standalone, it would be five seconds: the deadline of a request, and one more.
    assert!(start.elapsed().as_secs() < 3, "{:?}", start.elapsed());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (environment, status) in [(&ALONE[..], 1), (&HOSTED, 200)] {
        let folder = tempfile::tempdir().unwrap();
        let signer = Signer::start_with_one_output(folder.path(), environment);
        let _request = half_a_request(&signer);
        signer.signal_termination();
        signer.wait_for_log("\"event\":\"shutting_down\"");
        signer.signal("INT");
        assert_eq!(signer.rest_of_log(), Vec::<String>::new(), "it did not wait for the request");
        assert_eq!(signer.exit_status().code(), Some(status));
    }
}

/// A policy file that makes the start hang: a pipe without a writer.
fn endless_policy(folder: &Path) -> String {
    let path = folder.join("policy.json");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path.to_str().unwrap().to_owned()
}

/// Whether a process has a handler for SIGTERM.
fn handles_termination(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << 14) != 0
}

#[test]
fn a_signal_ends_a_start_at_once() {
    for (environment, status) in [(&ALONE[..], 0), (&HOSTED, 200)] {
        for name in signals() {
            let folder = tempfile::tempdir().unwrap();
            let policy = endless_policy(folder.path());
            let settings = [environment, &[("POLICY_FILE", &policy)]].concat();
            let mut child = command(folder.path(), &settings).stdout(Stdio::null()).spawn().unwrap();
            eventually("the signal handler", || handles_termination(child.id()).then_some(()));
            assert!(Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap().success());
            let ended = eventually("its end", || child.try_wait().unwrap());
            assert_eq!(ended.code(), Some(status), "{name}");
        }
    }
}

/// A signer and its parent process.
struct WithParent {
    parent: Child,
    signer: String,
    log: Option<BufReader<ChildStdout>>,
}

impl WithParent {
    fn start(data: &Path, settings: &[(&str, &str)]) -> Self {
        let signer = command(data, settings);
        let mut shell = Command::new("sh");
        shell.args(["-c", "\"$0\" & echo $!; wait"]).arg(signer.get_program()).env_clear();
        shell.env("SIGNER_LISTEN", "127.0.0.1:0");
        shell.envs(signer.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut parent = shell.stdout(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(parent.stdout.take().unwrap());
        let mut signer = String::new();
        log.read_line(&mut signer).unwrap();
        Self { parent, signer: signer.trim().to_owned(), log: Some(log) }
    }

    fn wait_for_log(&mut self, text: &str) -> String {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert_ne!(self.log.as_mut().unwrap().read_line(&mut line).unwrap(), 0, "it has ended without {text}");
        }
        line
    }

    /// Kills the parent, without any signal to the signer.
    fn kill_parent(&mut self) {
        self.parent.kill().unwrap();
        self.parent.wait().unwrap();
    }

    /// Whether the signer ends within this time.
    fn ends_within(&mut self, limit: Duration) -> bool {
        let (sender, ended) = mpsc::channel();
        let mut log = self.log.take().unwrap();
        // Only the signer has the other end of the pipe. If it does not end, it is killed when this is dropped.
        thread::spawn(move || {
            drop(io::copy(&mut log, &mut io::sink()));
            let _ = sender.send(());
        });
        ended.recv_timeout(limit).is_ok()
    }
}

impl Drop for WithParent {
    fn drop(&mut self) {
        drop(self.parent.kill());
        drop(self.parent.wait());
        drop(Command::new("kill").args(["-s", "KILL", &self.signer]).stderr(Stdio::null()).status());
    }
}

/// The signer checks for its parent once a second.
const TIME_TO_NOTICE: Duration = Duration::from_secs(4);

#[test]
fn when_the_host_is_dead_it_ends_whether_serving_shutting_down_or_starting() {
    for is_ending in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let mut orphan = WithParent::start(folder.path(), &HOSTED);
        orphan.wait_for_log("\"listening\"");
        if is_ending {
            assert!(Command::new("kill").arg(&orphan.signer).status().unwrap().success());
        }
        orphan.kill_parent();
        assert!(orphan.ends_within(TIME_TO_NOTICE));
        // The store is free for the next host.
        Signer::start(folder.path(), &HOSTED);
    }
    let folder = tempfile::tempdir().unwrap();
    let policy = endless_policy(folder.path());
    let settings = [&HOSTED[..], &[("POLICY_FILE", &policy)]].concat();
    let mut orphan = WithParent::start(folder.path(), &settings);
    orphan.wait_for_log("azurehsm-signer");
    orphan.kill_parent();
    assert!(orphan.ends_within(TIME_TO_NOTICE));
}

#[test]
fn without_the_host_it_outlives_its_parent() {
    let folder = tempfile::tempdir().unwrap();
    let mut signer = WithParent::start(folder.path(), &ALONE);
    let address = crate::support::process::address_in(&signer.wait_for_log("\"listening\"")).unwrap();
    signer.kill_parent();
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(2500) {
        assert_eq!(http::get(address, "/").unwrap().status, 200);
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn under_the_host_a_failed_start_logs_its_reason_in_one_line_and_leaves_time_to_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = [("MAX_LEVEL_JUMP", "0"), ("HEAD_THRESHOLD", "x"), ("POLICY", r#"{"chains":7}"#)];
    let names = wrong.map(|(name, _)| name);
    let mut child = command(folder.path(), &[&HOSTED[..], &wrong].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    errors.read_line(&mut line).unwrap();
    let read = Instant::now();
    assert!(line.starts_with("azurehsm-signer: wrong settings: "), "{line}");
    assert!(names.iter().all(|name| line.contains(&format!("{name}: "))), "{line}");
    let mut more = String::new();
    errors.read_to_string(&mut more).unwrap();
    assert_eq!(more, "");
    assert!(read.elapsed() > Duration::from_millis(500), "it has ended after {:?}", read.elapsed());
    assert_eq!(child.wait().unwrap().code(), Some(1));

    // Standalone, each error has its own line.
    let ended = command(folder.path(), &wrong).output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(String::from_utf8(ended.stderr).unwrap().lines().count(), 1 + names.len());
}
