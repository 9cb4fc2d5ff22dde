//! Invalid requests are refused, and never count as failures of the signer.

use crate::support::http::{self, Answer};
use crate::support::payloads::{bls_attestation, payload};
use crate::support::process::{Signer, run};
use azurehsm_signer::tezos::payload::Kind;
use azurehsm_signer::tezos::{BlsScheme, Curve, PublicKey, SecretKey, SignatureText};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::Instant;

/// A signer with a P-256 and a tz4 key, whose policy allows proofs of possession.
struct Setup {
    _folder: tempfile::TempDir,
    signer: Signer,
    p256: String,
    tz4: String,
}

impl Setup {
    fn new(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for curve in ["p256", "bls"] {
            assert!(run(folder.path(), &["keys", "generate", curve, "--curve", curve], "").status.success());
        }
        let policy = r#"{"default":{"kinds":["attestation"],"proof_of_possession":true}}"#;
        let signer = Signer::start(folder.path(), &[&[("POLICY", policy)], settings].concat());
        let keys = signer.keys();
        let named = |wanted| keys.iter().find(|(name, _)| name == wanted).unwrap().1.clone();
        Self { _folder: folder, p256: named("p256"), tz4: named("bls"), signer }
    }

    fn public_key(&self, hash: &str) -> PublicKey {
        let answer = http::get(self.signer.address, &format!("/keys/{hash}")).unwrap().json();
        answer["public_key"].as_str().unwrap().parse().unwrap()
    }

    fn sign(&self, key: &str, query: &str, payload: &[u8]) -> Answer {
        let body = format!("\"{}\"", hex::encode(payload));
        http::post(self.signer.address, &format!("/keys/{key}{query}"), body.as_bytes()).unwrap()
    }

    /// Sends these bytes, and closes the sending side.
    fn send_and_shut(&self, request: &str) -> Option<Answer> {
        let mut stream = http::connect(self.signer.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        http::read_answer(stream).ok()
    }
}

#[test]
fn only_tz4_keys_have_proofs_of_possession() {
    let setup = Setup::new(&[]);
    let ask = |key: &str, query: &str| {
        http::get(setup.signer.address, &format!("/bls_prove_possession/{key}{query}")).unwrap()
    };
    assert_eq!(ask(&setup.tz4, "").status, 200);
    let other = SecretKey::generate(Curve::Bls).unwrap().public_key().to_string();
    assert_eq!(ask(&setup.tz4, &format!("?bls_pk={other}")).status, 200);
    let of = |curve| format!("?bls_pk={}", SecretKey::generate(curve).unwrap().public_key());
    for (key, query, status, expected) in [
        (
            &setup.tz4,
            of(Curve::P256),
            400,
            "bls_pk: this is a P-256 public key (p2pk), expected the public key of a tz4 key",
        ),
        (&setup.tz4, of(Curve::Ed25519), 400, "bls_pk: this is an Ed25519 public key"),
        (&setup.tz4, of(Curve::Secp256k1), 400, "bls_pk: this is a secp256k1 public key"),
        (&setup.tz4, format!("?bls_pk={}", setup.tz4), 400, "bls_pk: this is a BLS12-381 public key hash"),
        (&setup.tz4, "?bls_pk=".to_owned(), 400, "bls_pk: "),
        (&setup.tz4, format!("?bls_pk={other}&bls_pk={other}"), 400, "duplicate field `bls_pk`"),
        (&setup.p256, String::new(), 403, "only tz4 keys prove possession"),
        (&setup.p256, of(Curve::P256), 403, "only tz4 keys prove possession"),
    ] {
        let answer = ask(key, &query);
        assert_eq!(answer.status, status, "{query}: {answer:?}");
        assert!(answer.error().contains(expected), "{query}: {}", answer.error());
    }
}

#[test]
fn an_unknown_signature_version_is_answered_like_the_newest_known_one() {
    let setup = Setup::new(&[]);
    let verifies = |key: &str, payload: &[u8], answer: &Answer| {
        let Ok(SignatureText::Known(signature)) = answer.signature().parse() else { panic!("{answer:?}") };
        setup.public_key(key).verify(payload, BlsScheme::ProofOfPossession, &signature).is_ok()
    };
    let (vote, of_tz4) = (payload(Kind::Attestation, 10, 0, 0), bls_attestation(10, 0, 0));
    for version in ["4", "5", "4", "18446744073709551615"] {
        let query = format!("?version={version}");
        for (key, vote) in [(&setup.p256, &vote), (&setup.tz4, &of_tz4)] {
            assert!(verifies(key, vote, &setup.sign(key, &query, vote)), "{version}");
        }
    }
    for query in [
        "?version=",
        "?version=-1",
        "?version=04",
        "?version=4.0",
        "?version=secret",
        "?version=18446744073709551616",
        "?version=4&version=4",
        "?version=3&version=4",
    ] {
        let answer = setup.sign(&setup.p256, query, &vote);
        assert_eq!(answer.status, 400, "{query}");
        let error = answer.error();
        assert!(error.contains("version") && !error.contains("secret"), "{query}: {error}");
    }
}

#[test]
fn unknown_versions_are_logged_once_each_up_to_a_limit() {
    let setup = Setup::new(&[]);
    let vote = payload(Kind::Attestation, 10, 0, 0);
    for version in (4..40).chain(4..40) {
        setup.sign(&setup.p256, &format!("?version={version}"), &vote).signature();
    }
    http::get(setup.signer.address, "/the-end").unwrap();
    let log = setup.signer.log_until("unknown route");
    let lines: Vec<_> = log.lines().filter(|line| line.contains("\"newer_version\"")).collect();
    assert_eq!(lines.len(), 17, "{lines:#?}");
    for (line, version) in lines.iter().zip(4..20) {
        assert!(line.contains(&format!("\"version\":{version}}}")) && line.contains("\"WARN\""), "{line}");
    }
    assert!(lines[16].contains("not logging further ones"), "{}", lines[16]);
}

#[test]
fn a_body_that_does_not_arrive_is_answered_with_408_at_the_deadline() {
    let setup = Setup::new(&[("REQUEST_DEADLINE_MS", "300")]);
    for framing in ["content-length: 100", "transfer-encoding: chunked"] {
        for begun in ["", "3\r\n\"00"] {
            let start = Instant::now();
            let mut stream = http::connect(setup.signer.address).unwrap();
            write!(stream, "POST /keys/{} HTTP/1.1\r\nhost: s\r\n{framing}\r\n\r\n{begun}", setup.p256).unwrap();
            // This reads until the connection is closed.
            let answer = http::read_answer(stream).unwrap();
            assert_eq!((answer.status, answer.header("x-signer-reason")), (408, "request"), "{framing}: {answer:?}");
            assert!(answer.error().contains("did not arrive within 300 ms"));
            assert_eq!(answer.header("connection"), "close");
            assert!((250..3000).contains(&start.elapsed().as_millis()));
        }
    }
    let line = setup.signer.wait_for_log("\"event\":\"request_invalid\"");
    assert!(line.contains("\"status\":408") && !line.contains("failed"), "{line}");
}

#[test]
fn a_body_that_is_too_long_is_413_even_if_incomplete() {
    let setup = Setup::new(&[("REQUEST_DEADLINE_MS", "300")]);
    let mut stream = http::connect(setup.signer.address).unwrap();
    let head = format!("POST /keys/{} HTTP/1.1\r\nhost: s\r\ncontent-length: 2000000\r\n\r\n", setup.p256);
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&vec![b'0'; 200_000]).unwrap();
    let answer = http::read_answer(stream).unwrap();
    assert_eq!(answer.status, 413);
    assert!(answer.error().contains("longer than 131072 bytes"));
}

#[test]
fn requests_blocked_by_large_bodies_are_failed() {
    let setup = Setup::new(&[("REQUEST_DEADLINE_MS", "3000")]);
    let head = format!("POST /keys/{} HTTP/1.1\r\nhost: s\r\ncontent-length: 130000\r\n\r\n", setup.p256);
    let part = format!("{head}\"{}", "0".repeat(10_000));
    let mut holding: Vec<_> = (0..65).map(|_| http::connect(setup.signer.address).unwrap()).collect();
    for stream in &mut holding {
        stream.write_all(part.as_bytes()).unwrap();
    }
    let mut statuses: Vec<_> = holding.into_iter().map(|stream| http::read_answer(stream).unwrap()).collect();
    statuses.sort_by_key(|answer| answer.status);
    let of = |status| statuses.iter().filter(|answer| answer.status == status).collect::<Vec<_>>();
    assert_eq!((of(408).len(), of(500).len()), (64, 1));
    assert!(of(500)[0].error().contains("64 large request bodies are being received"));
    assert_eq!(of(500)[0].header("x-signer-reason"), "large_bodies");
    let log = setup.signer.log_until("\"cause\":\"large_bodies\"");
    assert!(log.lines().last().unwrap().contains("\"verdict\":\"failed\""), "{log}");
}

#[test]
fn a_request_that_is_not_http_is_400_and_the_next_client_is_served() {
    let setup = Setup::new(&[]);
    let vote = format!("\"{}\"", hex::encode(payload(Kind::Attestation, 10, 0, 0)));
    let post =
        |headers: &str, body: &str| format!("POST /keys/{} HTTP/1.1\r\nhost: s\r\n{headers}\r\n\r\n{body}", setup.p256);
    let (length, chunked) = (vote.len(), "transfer-encoding: chunked");
    let in_chunks = |end: &str| format!("{length:x}\r\n{vote}\r\n{end}");
    // An empty text means that hyper answers, without a body.
    for (request, expected) in [
        (post(&format!("content-length: {}", length + 1), &vote), "the connection ended before the body did"),
        (post(chunked, &in_chunks("")), "the connection ended before the body did"),
        (post(chunked, &in_chunks("0")), "the connection ended before the body did"),
        (post(chunked, &in_chunks("xyz\r\n")), "a chunk is not well-formed"),
        (post(chunked, &in_chunks("fffffffffffffffff\r\n")), "a chunk is not well-formed"),
        (post(chunked, &format!("-1\r\n{vote}")), "a chunk is not well-formed"),
        (post(&format!("connection: close\r\ncontent-length: {}", length - 1), &vote), "EOF while parsing a string"),
        (post("content-length: 0", ""), "the body is not a payload"),
        (post("", ""), "the body is not a payload"),
        (post("content-length: -1", &vote), ""),
        (post("content-length: 1e3", &vote), ""),
        (post("content-length: 10\r\ncontent-length: 11", &vote), ""),
        (post("transfer-encoding: gzip", &vote), ""),
    ] {
        let answer = setup.send_and_shut(&request).unwrap_or_else(|| panic!("no answer to {request}"));
        assert_eq!(answer.status, 400, "{request}\n{answer:?}");
        if !expected.is_empty() {
            assert!(answer.error().contains(expected), "{request}\n{}", answer.error());
        }
    }
    for headers in [
        format!("content-length: {length}\r\nexpect: 100-continue"),
        format!("content-length: {length}\r\nexpect: something-else"),
        format!("content-length: {length}\r\ncontent-length: {length}"),
    ] {
        let mut stream = http::connect(setup.signer.address).unwrap();
        stream.write_all(post(&format!("{headers}\r\nconnection: close"), &vote).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("HTTP/1.1 200 OK") && answer.contains("p2sig"), "{headers}\n{answer}");
    }
}
