//! How the host forwards requests and responses.

use crate::app::{Answer, ECHO_HANDLER, LONG, TestApp, get, options, post, send};
use functions_host::{FunctionsHost, InstanceState, Keys, LogEntry, Options};
use serde_json::json;
use std::cell::Cell;
use std::fs;

/// Whether this is a response by the host itself, whose bodies are empty.
fn is_empty(answer: &Answer, status: u16) -> bool {
    answer.status == status && answer.body.is_empty()
}

#[test]
fn a_request_needs_a_function_and_its_key() {
    let app = TestApp::new();
    let host = app.run(Options { keys: Keys::with_host_key("host/key=="), ..options([]) });
    let key = &["x-functions-key: host/key=="][..];
    let wrong_key = &["x-functions-key: wrong"][..];
    for (request, headers, expected) in [
        ("GET /echo", &[][..], 200),
        ("GET /Echo/", &[], 200),
        ("GET /%65cho/x?code=wrong", wrong_key, 200),
        ("GET /echo/x/y", &[], 404),
        ("GET /echoes", &[], 404),
        ("GET //echo", &[], 404),
        ("PUT /echo", &[], 404),
        ("OPTIONS /echo", &[], 404),
        ("GET /guarded/x", &[], 401),
        ("GET /guarded/x", key, 200),
        ("GET /guarded/x", wrong_key, 401),
        ("GET /GUARDED/%2F?a=b&code=host%2Fkey%3D%3D", &[], 200),
        ("GET /guarded/x?code=wrong", &[], 401),
        ("GET /guarded/x?code=", &[], 401),
        // The header takes precedence.
        ("GET /guarded/x?code=host%2Fkey%3D%3D", wrong_key, 401),
        ("GET /guarded", key, 404),
        ("GET /guarded//", key, 404),
        ("POST /guarded/x", key, 404),
        ("HEAD /guarded/x", key, 404),
        ("GET /admin/host/status", key, 401),
    ] {
        let answer = send(host.address(), request, headers, "");
        let is_as_expected = if expected == 200 { answer.status == 200 } else { is_empty(&answer, expected) };
        assert!(is_as_expected, "{request} {headers:?}: {answer:?}");
    }
    assert_eq!(get(&host, "/").status, 200);
    let host = app.run(Options { development: true, ..options([("AzureWebJobsDisableHomepage", "true")]) });
    assert_eq!((get(&host, "/guarded/x").status, get(&host, "/").status), (200, 204));
}

#[test]
fn the_app_of_this_repository_can_be_loaded() {
    let handler = ("AzureFunctionsJobHost__customHandler__description__defaultExecutablePath", ECHO_HANDLER);
    let host = FunctionsHost::start(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."), options([handler])).unwrap();
    for (path, status) in [("/health", 200), ("/keys", 401), ("/keys/tz4/x", 404), ("/sign", 404)] {
        assert_eq!(get(&host, path).status, status, "{path}");
    }
}

#[test]
fn the_handler_gets_the_request_with_the_host_s_headers() {
    let app = TestApp::new();
    let host = app.run(options([]));
    let headers = [
        "X-Functions-Key: key",
        "Keep-Alive: 5",
        "TE: gzip",
        "X-Forwarded-For: 10.1.2.3",
        "X-Azure-Functions-InvocationId: forged",
        "Content-Length: 6",
    ];
    let answer = send(host.address(), "POST /echo/%74%2F%7E+%C3%A4?b=%74&b=2&code=k%3D", &headers, "a body");
    let got = answer.json();
    assert_eq!((&got["method"], &got["body"]), (&json!("POST"), &json!("a body")));
    assert_eq!(got["path"], "/echo/t%252F~+%C3%A4?b=%74&b=2&code=k%3D");
    let handler = format!("127.0.0.1:{}", host.instances()[0].port);
    let id = got["headers"]["x-azure-functions-invocationid"].as_str().unwrap();
    for (name, expected) in [
        ("host", handler.as_str()),
        ("x-functions-key", "key"),
        ("content-length", "6"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-host", "app.example"),
        ("x-ms-invocation-id", id),
    ] {
        assert_eq!(got["headers"][name], expected, "{name}");
    }
    for gone in ["connection", "keep-alive", "te"] {
        assert!(got["headers"].get(gone).is_none(), "{gone}");
    }
    assert_eq!(["x-own", "server"].map(|name| answer.header(name)), ["kept", "Kestrel"]);
    for (header, is_there) in [("date", true), ("keep-alive", false)] {
        assert_eq!(answer.headers.contains_key(header), is_there, "{header}: {answer:?}");
    }
    assert_eq!(answer.header("connection"), "close");
    let executed = format!("Executed 'Functions.open' (Succeeded, Id={id})");
    assert!(host.log().wait_for(LONG, |entry| entry.message == executed).is_some());
}

#[test]
fn bodies_reach_the_handler_unchanged_and_head_gets_the_headers_of_get() {
    let app = TestApp::new();
    let host = app.run(options([]));
    let chunks = "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n";
    let got = send(host.address(), "POST /echo", &["Transfer-Encoding: chunked"], chunks).json();
    assert_eq!((&got["body"], &got["headers"]["transfer-encoding"]), (&json!("abcdef"), &json!("chunked")));
    let large = "x".repeat(1 << 20);
    assert_eq!(post(&host, "/echo", &large).json()["body"], large);
    assert!(is_empty(&send(host.address(), "POST /echo", &["Content-Length: 104857601"], ""), 500));
    let head = send(host.address(), "HEAD /echo", &[], "");
    assert!(is_empty(&head, 200) && head.header("x-own") == "kept", "{head:?}");
}

#[test]
fn a_request_that_times_out_fails_and_its_handler_is_replaced_once() {
    let app = TestApp::new();
    let host = app.run(options([("AzureFunctionsJobHost__functionTimeout", "00:00:00.5")]));
    let before = host.instances()[0].process;
    std::thread::scope(|scope| {
        for answer in [0, 1, 2].map(|_| scope.spawn(|| get(&host, "/hang"))) {
            assert!(is_empty(&answer.join().unwrap(), 500));
        }
    });
    let killed = |entry: &LogEntry| entry.message == "request timed out: handler killed";
    assert!(host.log().wait_for(LONG, killed).is_some());
    assert_ne!(get(&host, "/echo").json()["process"], json!(before));
    assert_eq!((host.log().count(killed), host.instances()[0].handlers), (1, 2));
}

const RETRY: &str = "Failed to proxy request to the worker. Retrying in ";

/// Delays before the retries, in milliseconds.
fn retries(host: &FunctionsHost) -> Vec<u64> {
    let entries = host.log().entries();
    let delay = |entry: &LogEntry| entry.message.strip_prefix(RETRY)?.split_once("ms")?.0.parse().ok();
    entries.iter().filter_map(delay).collect()
}

#[test]
fn a_request_whose_body_was_sent_is_retried_only_if_resend_is_set() {
    for (resend, request, is_repeated) in
        [(true, "POST /die-once", true), (false, "POST /die-once", false), (false, "GET /die-once", true)]
    {
        let app = TestApp::new();
        let died = app.outside("died");
        let host = app.run(Options { resend, ..options([("DIED", &died)]) });
        let body = if request.starts_with("POST") { "sign this" } else { "" };
        let answer = send(host.address(), request, &[&format!("Content-Length: {}", body.len())], body);
        assert_eq!(fs::read_to_string(&died).unwrap(), body);
        assert_eq!(!retries(&host).is_empty(), is_repeated, "{request}: {answer:?}");
        assert!(if is_repeated { answer.json()["body"] == body } else { is_empty(&answer, 500) }, "{answer:?}");
    }
}

#[test]
fn a_request_that_cannot_be_sent_is_tried_ten_times() {
    let app = TestApp::new();
    let speaks = app.outside("speaks");
    fs::write(&speaks, "").unwrap();
    let host = app.run(Options { resend: false, ..options([("SILENT_UNTIL", &speaks)]) });
    // The next handler does not listen.
    fs::remove_file(&speaks).unwrap();
    assert!(host.kill(0));
    assert_eq!(host.instances()[0].state, InstanceState::Restarting);
    assert!(is_empty(&post(&host, "/echo", "a body"), 500));
    assert_eq!(retries(&host), [50, 100, 200, 250, 250, 250, 250, 250, 250]);
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| post(&host, "/echo", "a body"));
        let seen = Cell::new(0);
        let tenth = |entry: &LogEntry| {
            seen.set(seen.get() + usize::from(entry.message.starts_with(RETRY)));
            seen.get() == 10
        };
        assert!(host.log().wait_for(LONG, tenth).is_some());
        fs::write(&speaks, "").unwrap();
        assert_eq!(answer.join().unwrap().json()["body"], "a body");
    });
}
