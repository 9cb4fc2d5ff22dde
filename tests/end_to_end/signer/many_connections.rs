//! Slow, silent or too many clients affect only their own connections.

use crate::support::http::{self, Connection};
use crate::support::payloads::payload;
use crate::support::process::Signer;
use azurehsm_signer::tezos::payload::Kind;
use std::io::Write;

/// The signer's limit of open files: connections, and 64 others.
const FILES: u32 = 1024;

/// More connections than it can keep open.
const NUISANCES: u64 = 2500;

#[test]
fn thousands_of_silent_and_slow_clients_block_no_request() {
    let files = rlimit::increase_nofile_limit(3 * NUISANCES).unwrap();
    assert!(files > NUISANCES + 200, "this test opens {NUISANCES} files, and the system allows {files} (ulimit -Hn)");
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::start_with_files(folder.path(), FILES);
    let key = signer.only_key();
    let slow_body = format!("POST /keys/{key} HTTP/1.1\r\nhost: s\r\ncontent-length: 200\r\n\r\n\"13");
    let large_body =
        format!("POST /keys/{key} HTTP/1.1\r\nhost: s\r\ncontent-length: 130000\r\n\r\n\"{}", "0".repeat(10_000));
    let mut level = 0;
    for (name, sends) in [
        ("silence", ""),
        ("half a head", "GET /keys HTT"),
        ("half a body", slow_body.as_str()),
        ("part of a large body", large_body.as_str()),
        ("an answer that is not read", "GET /keys HTTP/1.1\r\nhost: s\r\n\r\n"),
    ] {
        let mut keep_alive = http::connect(signer.address).unwrap();
        let mut clients = Vec::new();
        for number in 0..NUISANCES {
            let mut client = http::connect(signer.address).unwrap();
            client.write_all(sends.as_bytes()).unwrap();
            clients.push(client);
            if number % 100 == 0 {
                level += 1;
                let vote = payload(Kind::Attestation, level, 0, 0);
                let answer = http::sign(signer.address, &key, &vote).unwrap_or_else(|error| panic!("{name}: {error}"));
                answer.signature();
                // A connection in use is not closed to make room.
                request_root(&mut keep_alive).unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        }
    }
}

fn request_root(connection: &mut Connection) -> std::io::Result<()> {
    connection.write_all(
        b"GET / HTTP/1.1
host: s

",
    )?;
    assert_eq!(connection.read_answer()?.status, 200);
    Ok(())
}
