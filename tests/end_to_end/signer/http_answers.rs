//! Statuses and bodies, as documented in `docs/architecture.md`.

use crate::support::http;
use crate::support::node::Node;
use crate::support::payloads::{MAINNET, block, payload, transfer};
use crate::support::process::{self, Signer};
use azurehsm_signer::tezos::payload::Kind;
use azurehsm_signer::tezos::{BlsScheme, SecretKey, authentication::request_to_authenticate};
use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;

const UNKNOWN: &str = "tz1cG2jx3W4bZFeVGBjsTxUAG8tdpTXtE8PT";

fn start(settings: &[(&str, &str)]) -> (tempfile::TempDir, Signer, String) {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::start(folder.path(), settings);
    let key = signer.only_key();
    (folder, signer, key)
}

#[test]
fn answers_without_a_body() {
    let (_folder, signer, key) = start(&[]);
    let get = |path: &str| http::get(signer.address, path).unwrap();
    let root = get("/");
    assert_eq!((root.status, root.body.as_str()), (200, ""));
    assert_eq!(get("/authorized_keys").body, "{}");
    assert_eq!(get("/health").status, 200);
    let listed = get("/keys").json();
    for (field, expected) in [("name", "first"), ("curve", "p256"), ("public_key_hash", key.as_str())] {
        assert_eq!(listed[0][field], expected);
    }
    let public_key = get(&format!("/keys/{key}"));
    assert_eq!(public_key.json(), serde_json::json!({"public_key": listed[0]["public_key"]}));
    assert!(public_key.header("content-type").starts_with("application/json"));
    for path in ["//keys//", "/keys/", &format!("//keys/{key}/")] {
        assert_eq!(get(path).status, 200, "{path}");
    }
    for (path, status, expected) in [
        (format!("/keys/{UNKNOWN}"), 404, "no key tz1"),
        ("/keys/tz1".to_owned(), 404, "is not a public key hash"),
        ("/keys/%ff".to_owned(), 404, "UTF-8"),
        ("/nowhere".to_owned(), 404, "unknown route"),
        ("/known_keys".to_owned(), 403, "ALLOW_LIST_KNOWN_KEYS"),
        (format!("/bls_prove_possession/{key}"), 403, "does not allow this key to prove possession"),
    ] {
        let answer = get(&path);
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.error().contains(expected), "{path}: {}", answer.error());
    }
    for path in [format!("/{key}"), format!("/bakery/keys/{key}?version=3")] {
        let answer = http::post(signer.address, &path, b"\"03\"").unwrap();
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.error().contains(&format!("POST /keys/{key} signs with it")), "{path}: {}", answer.error());
    }
    for path in ["/", "/health", "/keys", &format!("/keys/{key}"), "/authorized_keys", "/nowhere"] {
        let request = format!("HEAD {path} HTTP/1.1\r\nhost: s\r\nconnection: close\r\n\r\n");
        let (head, get) = (http::send(signer.address, request.as_bytes()).unwrap(), get(path));
        assert_eq!((head.status, head.body.as_str()), (get.status, ""), "{path}");
        let length = get.body.len().to_string();
        assert_eq!([&head, &get].map(|answer| answer.header("content-length")), [&length; 2], "{path}");
    }
    let wrong_method =
        http::send(signer.address, b"PUT /keys HTTP/1.1\r\nhost: s\r\nconnection: close\r\n\r\n").unwrap();
    assert_eq!(wrong_method.status, 405);
    wrong_method.error();
}

#[test]
fn known_keys_are_listed_if_allowed() {
    let (_folder, signer, key) = start(&[("ALLOW_LIST_KNOWN_KEYS", "true")]);
    assert_eq!(http::get(signer.address, "/known_keys").unwrap().json(), serde_json::json!({"known_keys": [key]}));
}

#[test]
fn verdicts_have_their_statuses() {
    let (_folder, signer, key) = start(&[]);
    let sign = |payload: &[u8]| http::sign(signer.address, &key, payload).unwrap();
    let vote = payload(Kind::Attestation, 10, 0, 0);
    let signed = sign(&vote).json();
    assert_eq!(signed.as_object().unwrap().keys().collect::<Vec<_>>(), ["signature"]);
    for (payload, status, expected) in [
        (payload(Kind::Attestation, 10, 0, 1), 409, "already signed with different data"),
        (payload(Kind::Attestation, 9, 5, 0), 409, "below the high watermark"),
        (payload(Kind::Attestation, 200_000, 0, 0), 409, "more than 100000 levels above"),
        (transfer(1, 1), 403, "policy does not allow this key to sign transaction"),
        (vec![], 403, "byte 0: the payload is empty"),
        (vec![0x01; 100], 403, "byte 0: watermark byte 01 is not supported"),
        (vote[..79].to_vec(), 403, "byte 48: the block payload hash needs 32 bytes, but only 31 remain"),
    ] {
        let answer = sign(&payload);
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.error().contains(expected), "{answer:?}");
    }
    let unknown = http::sign(signer.address, UNKNOWN, &vote).unwrap();
    assert_eq!(unknown.status, 404);
    let body = format!(r#"[{{"kind":"temporary","id":"failure","msg":"no key {UNKNOWN} in the vault"}}]"#);
    assert_eq!(unknown.body, body);
}

#[test]
fn bodies_that_are_not_requests() {
    let (_folder, signer, key) = start(&[]);
    let post = |body: &[u8]| http::post(signer.address, &format!("/keys/{key}"), body).unwrap();
    for body in [&b""[..], b"{}", b"17", b"\"", b"\"0\"", b"\"0g\"", b"\"00\" \"00\"", b"\xff\xfe", b"[\"00\"]"] {
        let answer = post(body);
        assert_eq!(answer.status, 400, "{}", String::from_utf8_lossy(body));
        assert!(answer.error().contains("the body is not a payload"));
    }
    let of_length = |length: usize| [&b"\""[..], &b"0".repeat(length - 2), b"\""].concat();
    assert_eq!(post(&of_length(128 * 1024)).status, 403);
    for length in [128 * 1024 + 2, 1024 * 1024] {
        let answer = post(&of_length(length));
        assert_eq!(answer.status, 413, "{length}");
        assert!(answer.error().contains("longer than 131072 bytes"));
    }
}

#[test]
fn a_client_that_half_closes_the_connection_is_answered() {
    let (_folder, signer, key) = start(&[]);
    let body = format!("\"{}\"", hex::encode(payload(Kind::Attestation, 10, 0, 0)));
    let mut stream = http::connect(signer.address).unwrap();
    write!(stream, "POST /keys/{key} HTTP/1.1\r\nhost: s\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    http::read_answer(stream).unwrap().signature();
}

#[test]
fn a_block_keeps_its_signature_after_a_restart() {
    let (folder, signer, key) = start(&[]);
    let header = block(10, 1, 0);
    let first = http::sign(signer.address, &key, &header).unwrap().signature();
    signer.kill();
    let signer = Signer::start(folder.path(), &[]);
    assert_eq!(http::sign(signer.address, &key, &header).unwrap().signature(), first);
    assert_eq!(http::sign(signer.address, &key, &block(10, 1, 1)).unwrap().status, 409);
}

#[test]
fn invariant_9_nothing_secret_is_logged_at_any_level() {
    let baker = SecretKey::generate(azurehsm_signer::tezos::Curve::Ed25519).unwrap();
    let listening = Node::start(Some((MAINNET, 10)));
    let node = listening.url().replace("http://", "http://user:nodepassword@") + "/nodetoken?key=nodekey";
    let settings = [
        ("AUTHORIZED_KEYS", &*baker.public_key().to_string()),
        ("RUST_LOG", "trace"),
        ("LOCAL_VAULT_PASSPHRASE", "correct horse"),
        ("NODE_URLS", &node),
        ("HEAD_REFRESH_MS", "50"),
    ];
    let (folder, signer, key) = start(&settings);
    let vote = payload(Kind::Attestation, 10, 0, 0);
    let signed = request_to_authenticate(&key.parse().unwrap(), &vote);
    let authentication = baker.sign(&signed, BlsScheme::default()).unwrap().to_string();
    let body = format!("\"{}\"", hex::encode(&vote));
    let request = format!(
        "POST /keys/{key}?authentication={authentication}&code=functionkeyinquery HTTP/1.1\r\nhost: s\r\n\
         x-functions-key: functionkeyinheader\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    http::send(signer.address, request.as_bytes()).unwrap().signature();
    let log = signer.log_until("\"verdict\":\"signed\"");
    for secret in [
        authentication.as_str(),
        "functionkeyinquery",
        "functionkeyinheader",
        "correct horse",
        "nodepassword",
        "nodetoken",
        "nodekey",
        "edsk",
        "p2sk",
    ] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
    drop(folder);
}

#[test]
fn log_lines_have_a_severity_and_the_level_of_the_block() {
    let (_folder, signer, key) = start(&[]);
    http::sign(signer.address, &key, &payload(Kind::Attestation, 10, 3, 0)).unwrap().signature();
    let line: serde_json::Value = serde_json::from_str(&signer.wait_for_log("\"event\":\"signed\"")).unwrap();
    assert_eq!(line["level"], "INFO");
    let fields = &line["fields"];
    assert_eq!((&fields["level"], &fields["round"]), (&10.into(), &3.into()), "{line}");
    assert_eq!((&fields["key"], &fields["kind"]), (&key.as_str().into(), &"attestation".into()));
    assert_eq!((&fields["verdict"], &fields["chain"]), (&"signed".into(), &"NetXdQprcVkpaWU".into()));
    assert!(fields["ms"].as_f64().unwrap() > 0.0);
    http::sign(signer.address, &key, &payload(Kind::Attestation, 9, 0, 0)).unwrap();
    let line = signer.wait_for_log("\"event\":\"refused\"");
    assert!(line.contains("\"level\":\"WARN\"") && line.contains("below the high watermark"), "{line}");
    http::get(signer.address, "/nowhere").unwrap();
    assert!(signer.wait_for_log("\"event\":\"request_invalid\"").contains("\"status\":404"));
}

#[test]
fn a_web_page_cannot_request_signatures() {
    let (_folder, signer, key) = start(&[]);
    let body = format!("\"{}\"", hex::encode(payload(Kind::Attestation, 10, 0, 0)));
    let request = format!(
        "POST /keys/{key} HTTP/1.1\r\nhost: s\r\norigin: https://page.example\r\ncontent-type: text/plain\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = http::send(signer.address, request.as_bytes()).unwrap();
    assert_eq!(answer.status, 403);
    assert!(answer.error().contains("web pages"));
}

#[test]
fn a_log_that_nobody_reads_delays_no_request() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = process::command(folder.path(), &[("SIGNER_LISTEN", "127.0.0.1:0")])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stdout.take().unwrap());
    let address = loop {
        let mut line = String::new();
        log.read_line(&mut line).unwrap();
        if let Some(address) = process::address_in(&line) {
            break address;
        }
    };
    let keys = http::get(address, "/keys").unwrap().json();
    let key = keys[0]["public_key_hash"].as_str().unwrap();
    // A pipe buffers 64 KiB, and a line has more than 200 bytes.
    for level in 0..600 {
        http::sign(address, key, &payload(Kind::Attestation, level, 0, 0)).unwrap().signature();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    drop(log);
}

#[test]
fn closing_the_terminal_does_not_end_a_signer_started_with_nohup() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::start_ignoring_hangup(folder.path());
    signer.signal("HUP");
    assert_eq!(http::get(signer.address, "/keys").unwrap().status, 200);
    assert_eq!(signer.terminate().code(), Some(0));
}

#[test]
fn requests_in_flight_are_finished_after_a_signal() {
    let (_folder, signer, key) = start(&[]);
    let address = signer.address;
    let mut stream = http::connect(address).unwrap();
    let body = format!("\"{}\"", hex::encode(payload(Kind::Attestation, 10, 0, 0)));
    let (first, second) = body.split_at(30);
    write!(
        stream,
        "POST /keys/{key} HTTP/1.1\r\nhost: s\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .unwrap();
    // The signer has accepted the request once it requests the body.
    let mut go_on = [0; 25];
    std::io::Read::read_exact(&mut stream, &mut go_on).unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100"));
    stream.write_all(first.as_bytes()).unwrap();
    signer.signal_termination();
    signer.wait_for_log("\"event\":\"shutting_down\"");
    assert!(http::connect(address).is_err(), "no new connections");
    stream.write_all(second.as_bytes()).unwrap();
    http::read_answer(stream).unwrap().signature();
    assert_eq!(signer.exit_status().code(), Some(0));
}

#[test]
fn malformed_requests_are_answered_and_have_no_effect() {
    let (_folder, signer, key) = start(&[]);
    for request in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"GET /keys/\x00 HTTP/1.1\r\n\r\n",
        b"\r\n\r\n\r\n",
    ] {
        let mut stream = http::connect(signer.address).unwrap();
        stream.write_all(request).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        if let Ok(answer) = http::read_answer(stream) {
            assert_eq!(answer.status, 400, "{answer:?}");
        }
    }
    http::sign(signer.address, &key, &payload(Kind::Attestation, 1, 0, 0)).unwrap().signature();
    let huge = format!("GET / HTTP/1.1\r\nhost: s\r\nx: {}\r\n\r\n", "a".repeat(1_000_000));
    if let Ok(answer) = http::send(signer.address, huge.as_bytes()) {
        assert_eq!(answer.status, 431);
    }
    assert_eq!(http::get(signer.address, "/").unwrap().status, 200);
}
