//! A process of the shipped program, and a baker's connection to it.

use crate::payloads;
use azurehsm_signer::tezos::payload::Kind;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use test_support::http::{Connection, request};

/// The signer to measure: `SIGNER_BIN`, e.g. the packaged one, or else the one of this build.
pub(crate) fn program() -> OsString {
    std::env::var_os("SIGNER_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_azurehsm-signer").into())
}

/// A running signer. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
    log: mpsc::Receiver<serde_json::Value>,
}

impl Process {
    /// Starts one on a free port, and waits until it listens.
    pub(crate) fn start(environment: &[(&str, String)], settings: &[(&str, &str)]) -> Self {
        Self::start_as(Command::new(program()), environment, settings)
    }

    /// The same by a command that runs the program somewhere else, or as a relay.
    pub(crate) fn start_as(mut command: Command, environment: &[(&str, String)], settings: &[(&str, &str)]) -> Self {
        let mut child = command
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .envs(settings.iter().copied())
            .env("SIGNER_LISTEN", "127.0.0.1:0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let (sender, log) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines {
                // Lines about requests are discarded, so that the process never waits for its reader.
                if !line.contains("\"verdict\"") {
                    drop(sender.send(serde_json::from_str(&line).unwrap()));
                }
            }
        });
        let address = loop {
            let event: serde_json::Value = log.recv_timeout(Duration::from_secs(30)).unwrap();
            if event["fields"]["event"] == "listening" {
                break event["fields"]["address"].as_str().unwrap().parse().unwrap();
            }
        };
        Self { child, address, log }
    }

    /// The hashes of its keys, once it has found this many.
    pub(crate) fn keys(&self, number: usize) -> Vec<String> {
        let mut keys = Vec::new();
        while keys.len() < number {
            let event = self.log.recv_timeout(Duration::from_secs(30)).unwrap();
            if event["fields"]["event"] == "key_added" {
                keys.push(event["fields"]["key"].as_str().unwrap().to_owned());
            }
        }
        keys
    }

    /// Resident memory, which includes the pages of the program's file that it has used.
    #[allow(dead_code, reason = "not used by every benchmark")]
    pub(crate) fn resident_megabytes(&self) -> f64 {
        self.megabytes("VmRSS:")
    }

    /// The part of it that is no file's: the kernel cannot drop it and read it again.
    #[allow(dead_code, reason = "not used by every benchmark")]
    pub(crate) fn private_megabytes(&self) -> f64 {
        self.megabytes("RssAnon:")
    }

    fn megabytes(&self, field: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }
}

impl Process {
    /// Its processor time in microseconds (`proc_pid_stat`(5): fields 14 and 15, in hundredths of a second).
    #[allow(dead_code, reason = "not used by every benchmark")]
    pub(crate) fn processor_microseconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let after_name = stat.rsplit_once(')').unwrap().1;
        let ticks = after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap());
        ticks.sum::<f64>() * 1e4
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A persistent connection.
pub(crate) struct Client {
    connection: Connection,
    path: String,
}

impl Client {
    pub(crate) fn new(address: SocketAddr, key: &str) -> Self {
        Self { connection: Connection::open(address).unwrap(), path: format!("/keys/{key}?version=3") }
    }

    /// Requests a signature for round 0, and returns how long it took.
    pub(crate) fn sign(&mut self, kind: Kind, level: u32) -> Duration {
        self.sign_at(kind, level, 0)
    }

    /// Requests a signature, and returns how long it took.
    pub(crate) fn sign_at(&mut self, kind: Kind, level: u32, round: u32) -> Duration {
        let body = format!("\"{}\"\n", hex::encode(payloads::payload(kind, level, round, 0)));
        let request = request("POST", &self.path, &["host: signer"], &body);
        let start = Instant::now();
        self.connection.write_all(request.as_bytes()).unwrap();
        let answer = self.connection.read_answer().unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        start.elapsed()
    }
}
