//! The shipped program on loopback, with the local vault and the durable embedded store: latency of one baker, requests a
//! second of many, and resident memory.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark")]

#[path = "../tests/support/payloads.rs"]
#[allow(dead_code, reason = "not all payloads are measured")]
mod payloads;

use azurehsm_signer::tezos::payload::Kind;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const ONE_BAKER: u32 = 5_000;
const MANY_BAKERS: usize = 32;
const OF_EACH: u32 = 1_000;
const CURVES: [&str; 3] = ["ed25519", "secp256k1", "p256"];

fn program(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azurehsm-signer"));
    command.env("LOCAL_DATA_DIR", data).env("SIGNER_LISTEN", "127.0.0.1:0").env("RUST_LOG", "info");
    command
}

/// A connection that is kept.
struct Client {
    stream: BufReader<TcpStream>,
    path: String,
}

impl Client {
    fn new(address: &str, key: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream), path: format!("/keys/{key}?version=3") }
    }

    /// Asks for the signature of a vote, and says how long that took.
    fn sign(&mut self, level: u32) -> Duration {
        let body = format!("\"{}\"\n", hex::encode(payloads::payload(Kind::Attestation, level, 0, 0)));
        let request =
            format!("POST {} HTTP/1.1\r\nhost: signer\r\ncontent-length: {}\r\n\r\n{body}", self.path, body.len());
        let start = Instant::now();
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        assert!(line.starts_with("HTTP/1.1 200"), "{line}");
        let mut length = 0;
        while line != "\r\n" {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = text.trim().parse().unwrap();
            }
        }
        self.stream.read_exact(&mut vec![0; length]).unwrap();
        start.elapsed()
    }
}

fn resident_megabytes(child: &Child) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

fn main() {
    let folder = tempfile::tempdir_in(".").unwrap();
    for number in 0..MANY_BAKERS {
        let curve = CURVES[number % CURVES.len()];
        let made = program(folder.path()).args(["keys", "generate", &format!("k{number}"), "--curve", curve]).output();
        assert!(made.unwrap().status.success());
    }
    let mut child = program(folder.path()).stdout(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut keys = Vec::new();
    let address = loop {
        let line: serde_json::Value = serde_json::from_str(&log.next().unwrap()).unwrap();
        let event = &line["fields"];
        match event["message"].as_str() {
            Some("this key can sign") => {
                keys.push((event["curve"].as_str().unwrap().to_owned(), event["key"].as_str().unwrap().to_owned()));
            }
            Some("listening") => break event["address"].as_str().unwrap().to_owned(),
            _ => {}
        }
    };
    std::thread::spawn(move || log.for_each(drop));
    println!("resident memory at start: {:.1} MB", resident_megabytes(&child));

    println!("\none baker, one vote after the other");
    println!("{:<10} {:>9} {:>9} {:>9}", "curve", "p50 µs", "p99 µs", "votes");
    for curve in CURVES {
        let key = &keys.iter().find(|(of, _)| of == curve).unwrap().1;
        let mut client = Client::new(&address, key);
        let mut took: Vec<_> = (1..=ONE_BAKER).map(|level| client.sign(level)).collect();
        took.sort();
        let at = |percent: usize| took[took.len() * percent / 100].as_secs_f64() * 1e6;
        println!("{curve:<10} {:>9.0} {:>9.0} {:>9}", at(50), at(99), took.len());
    }

    let start = Instant::now();
    std::thread::scope(|scope| {
        for (_, key) in &keys {
            let address = &address;
            scope.spawn(move || {
                let mut client = Client::new(address, key);
                for level in 0..OF_EACH {
                    client.sign(ONE_BAKER + 1 + level);
                }
            });
        }
    });
    let signed = f64::from(OF_EACH) * f64::from(u32::try_from(keys.len()).unwrap());
    let seconds = start.elapsed().as_secs_f64();
    println!("\n{MANY_BAKERS} bakers at once: {:.0} votes a second", signed / seconds);
    println!("resident memory afterwards: {:.1} MB", resident_megabytes(&child));
    child.kill().unwrap();
    child.wait().unwrap();
}
