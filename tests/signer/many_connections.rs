//! Clients that are slow, silent, or too many hold nothing but their own connections.

use crate::support::http;
use crate::support::payloads::payload;
use crate::support::process::Signer;
use azurehsm_signer::tezos::payload::Kind;
use std::io::Write;

/// More than the signer keeps open at one time.
const IDLE: usize = 2500;

#[test]
fn thousands_of_silent_and_slow_clients_keep_nobody_from_signing() {
    // Each connection is a file on both sides.
    if rlimit::increase_nofile_limit(10_000).unwrap() < 6_000 {
        panic!("this test needs 6000 open files: raise the hard limit (ulimit -n)");
    }
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::start(folder.path(), &[]);
    let key = signer.only_key();
    let mut keep_alive = http::connect(signer.address).unwrap();
    let mut clients = Vec::new();
    for number in 0..IDLE {
        let mut client = http::connect(signer.address).unwrap();
        match number % 4 {
            0 => {}
            1 => client.write_all(b"GET /keys HTT").unwrap(),
            2 => write!(client, "POST /keys/{key} HTTP/1.1\r\nhost: s\r\ncontent-length: 200\r\n\r\n\"13").unwrap(),
            _ => client.write_all(b"GET /keys HTTP/1.1\r\nhost: s\r\n\r\n").unwrap(),
        }
        clients.push(client);
        if number % 100 == 0 {
            let level = u32::try_from(number).unwrap();
            let vote = payload(Kind::Attestation, level, 0, 0);
            http::sign(signer.address, &key, &vote).unwrap().signature();
            // A connection that is used is not the one that is closed to make room.
            write!(keep_alive, "GET / HTTP/1.1\r\nhost: s\r\n\r\n").unwrap();
            let mut answer = [0; 15];
            std::io::Read::read_exact(&mut keep_alive, &mut answer).unwrap();
            drain_one_answer(&mut keep_alive);
            assert_eq!(&answer, b"HTTP/1.1 200 OK");
        }
    }
}

fn drain_one_answer(stream: &mut std::net::TcpStream) {
    let mut end = Vec::new();
    let mut byte = [0];
    while !end.ends_with(b"\r\n\r\n") {
        std::io::Read::read_exact(stream, &mut byte).unwrap();
        end.push(byte[0]);
    }
}
